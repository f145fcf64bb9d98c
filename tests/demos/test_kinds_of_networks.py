"""Both demos with every kind of output and input: text, JSON and pictures, against NumPy."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest
from openvino import opset13 as op

from nets.tiny_classifier import LABELS, build, draw_picture, form_name
from omz.demos.classification_benchmark_demo import command as benchmark_demo
from omz.demos.classification_demo import command as demo

PICTURE = draw_picture(1)
EXACT = ("--infer_precision", "f32", "--no_show")


def sigmoid(scores):
    return [op.sigmoid(scores).output(0)]


def softmax(scores):
    return [op.softmax(scores, 1).output(0)]


def plain(scores):
    return [scores.output(0)]


def tall(scores):
    return [op.multiply(scores, np.float32(30)).output(0)]


def arg_max(scores):
    return [op.topk(scores, op.constant(np.array(1)), 1, "max", "value", "i64").output(1)]


def pairs(scores):
    """Caffe's ArgMax with ``out_max_val``: three numbers of classes, then their scores."""
    top = op.topk(op.softmax(scores, 1), op.constant(np.array(3)), 1, "max", "value")
    both = op.concat([op.convert(top.output(1), "f32"), top.output(0)], 1)
    return [op.reshape(both, np.array([1, 2, 3]), False).output(0)]


def two(scores):
    return [op.softmax(scores, 1).output(0), op.sigmoid(scores).output(0)]


OTHER_INPUTS = [{"channels": 1}, {"channels": 4}, {"batch": 7}, {"layout": "NHWC", "channels": 1}]
KINDS = [
    (softmax, "probabilities"),
    (plain, "logits"),
    (sigmoid, "independent"),
    (arg_max, "classes"),
    (pairs, "classes"),
]


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"p{number}.png"), draw_picture(number))
    return folder


@pytest.fixture
def run(tmp_path, capfd, pictures):
    """Build a net and run the demo on the pictures; returns (status, stdout, stderr, net)."""

    def call(*options, main=demo.main, **form):
        net = build(tmp_path / "net.xml", **form)
        status = main(["-m", str(net.xml), "-i", str(pictures), *EXACT, *map(str, options)])
        captured = capfd.readouterr()
        return status, captured.out, captured.err, net

    return call


def tops(out):
    """Return the classes of each picture in the JSON, and what the network is said to give."""
    images = json.loads(out)["images"]
    return [[(one["index"], one["score"]) for one in image["top"]] for image in images], {
        image["output"] for image in images
    }


def rows(out, name):
    """Return the lines of the text below the name of a picture."""
    lines = out.splitlines()
    start = next(place for place, line in enumerate(lines) if line.endswith(name))
    below = lines[start + 1 :]
    return below[: next(place for place, line in enumerate(below) if not line.startswith("  "))]


class TestClassificationDemo:
    @pytest.mark.parametrize(("ends", "kind"), [(softmax, "probabilities"), (plain, "logits")])
    def test_one_class_among_several(self, run, ends, kind):
        status, out, _, net = run("--json", "-", "-topk", 6, ends=ends)
        found, kinds = tops(out)
        assert (status, kinds) == (0, {kind})
        for number, top in enumerate(found):
            expected = net.probabilities(draw_picture(number))
            assert [index for index, _ in top] == net.ranking(draw_picture(number))
            assert [score for _, score in top] == pytest.approx(
                [expected[index] for index, _ in top], abs=1e-5
            )

    def test_scores_of_their_own_are_listed_above_the_threshold(self, run):
        status, out, _, net = run("--json", "-", ends=sigmoid, classes=30, labels=None)
        found, kinds = tops(out)
        assert (status, kinds, json.loads(out)["threshold"]) == (0, {"independent"}, 0.5)
        for number, top in enumerate(found):
            scores = net.scores(draw_picture(number))
            order = [int(index) for index in np.argsort(-scores, kind="stable") if scores[index] > 0.5]
            assert [index for index, _ in top] == order
            assert [score for _, score in top] == pytest.approx(scores[order], abs=1e-5)

    def test_the_number_of_classes_bounds_the_list(self, run):
        found, _ = tops(run("--json", "-", "-topk", 2, "--threshold", "0.01", ends=sigmoid)[1])
        assert [len(top) for top in found] == [2, 2, 2]

    def test_text_of_scores_of_their_own(self, run):
        _, out, _, net = run(ends=sigmoid)
        scores = net.scores(PICTURE)
        order = [int(index) for index in np.argsort(-scores, kind="stable") if scores[index] > 0.5]
        lines = rows(out, "p1.png")
        assert len(lines) == len(order) > 0
        for line, index in zip(lines, order, strict=True):
            assert line.endswith(LABELS[index])
            assert f"{100 * scores[index]:.1f}"[:-1] in line
            assert "█" in line

    def test_none_above_the_threshold_is_said(self, run, tmp_path):
        status, out, _, _ = run("--threshold", "0.9999", "-o", tmp_path / "out", ends=sigmoid)
        assert status == 0
        assert rows(out, "p1.png") == ["  none above 0.9999"]
        found, _ = tops(run("--threshold", "0.9999", "--json", "-", ends=sigmoid)[1])
        assert found == [[], [], []]
        written = cv2.imread(str(tmp_path / "out" / "p1.png"))
        shown = cv2.resize(PICTURE, (written.shape[1], written.shape[0]), interpolation=cv2.INTER_CUBIC)
        top, rest = np.abs(written.astype(int) - shown)[:40], np.abs(written.astype(int) - shown)[60:]
        assert top.mean() > 5 > rest.mean()  # a line stands in the picture

    def test_a_single_share_is_a_percentage(self, run):
        _, out, _, net = run(ends=sigmoid, classes=1, labels=("defect",))
        (line,) = rows(out, "p1.png")
        assert f"{100 * net.scores(PICTURE)[0]:.2f} %" in line
        assert "█" in line or "▏" in line or net.scores(PICTURE)[0] < 0.01

    def test_a_single_number_is_no_percentage(self, run, tmp_path):
        options = ("-o", tmp_path / "out")
        _, out, _, net = run(*options, ends=tall, classes=1, labels=("age",))
        (line,) = rows(out, "p1.png")
        value = 30 * net.of(PICTURE)[0]
        assert "%" not in line
        assert "█" not in line
        assert float(line.split()[1]) == pytest.approx(value, abs=1e-3)
        found, kinds = tops(run("--json", "-", ends=tall, classes=1, labels=("age",))[1])
        assert kinds == {"logits"}
        assert found[1][0][1] == pytest.approx(value, abs=1e-3)

    def test_classes_without_scores(self, run, tmp_path):
        _, out, _, net = run("-o", tmp_path / "out", ends=arg_max)
        best = net.ranking(PICTURE)[0]
        (line,) = rows(out, "p1.png")
        assert line.split() == ["1", "-", *LABELS[best].split()]
        found, kinds = tops(run("--json", "-", ends=arg_max)[1])
        assert kinds == {"classes"}
        assert found[1] == [(best, None)]
        assert re.search(rf"#{best}\b", run("-r", ends=arg_max)[1])

    def test_classes_with_their_scores(self, run):
        _, out, _, net = run("--json", "-", ends=pairs)
        found, kinds = tops(out)
        assert kinds == {"classes"}
        order = net.ranking(PICTURE)[:3]
        assert [index for index, _ in found[1]] == order
        assert [score for _, score in found[1]] == pytest.approx(net.probabilities(PICTURE)[order], abs=1e-5)

    def test_a_threshold_is_for_scores_from_0_to_1(self, run):
        for ends in (tall, arg_max):
            labels = ("age",) if ends is tall else LABELS
            status, out, err, _ = run("--threshold", "0.5", ends=ends, classes=len(labels), labels=labels)
            assert (status, out) == (2, "")
            assert "--threshold 0.5: the network" in err
        assert run("--threshold", "1.5")[0] == 2
        found, _ = tops(run("--json", "-", "--threshold", "0.3", ends=softmax)[1])
        assert all(score > 0.3 for top in found for _, score in top)

    def test_several_outputs(self, run):
        status, out, err, _ = run(ends=two)
        assert (status, out) == (1, "")
        assert "has 2 outputs: prob [1,6], prob1 [1,6]" in err
        assert "--output_name" in err
        _, out, _, net = run("--json", "-", "--output_name", "prob1", "--threshold", 0, ends=two)
        found, kinds = tops(out)
        assert kinds == {"independent"}
        assert found[1][0][1] == pytest.approx(net.scores(PICTURE).max(), abs=1e-5)

    def test_pictures_of_any_size_need_a_shape(self, run):
        open_ = {"shape": (-1, 3, -1, -1), "height": 30, "width": 40}
        status, _, err, _ = run(**open_)
        assert status == 1
        assert "--input_shape [1,3,224,224]" in err
        _, out, _, net = run("--json", "-", "--input_shape", "[1,3,30,40]", "-topk", 6, **open_)
        found, _ = tops(out)
        assert [index for index, _ in found[1]] == net.ranking(PICTURE)
        assert run("--input_shape", "3,30,40", **open_)[0] == 2

    @pytest.mark.parametrize("form", OTHER_INPUTS, ids=form_name)
    def test_pictures_of_other_channels_are_drawn_all_the_same(self, run, tmp_path, form):
        status, out, _, _ = run("-o", tmp_path / "out", **form)
        assert status == 0
        assert len(rows(out, "p1.png")) == 5
        written = cv2.imread(str(tmp_path / "out" / "p1.png"))
        grey = written[100:, :, 0].astype(int) - written[100:, :, 2]
        assert (np.abs(grey).max() == 0) == (form.get("channels") == 1)  # what the network sees

    def test_classes_of_a_video_that_may_be_several_are_all_counted(self, tmp_path, capfd, video):
        net = build(tmp_path / "net.xml", ends=sigmoid)
        capture, held = cv2.VideoCapture(str(video)), np.zeros(len(LABELS), int)
        while (read := capture.read())[0]:
            held += net.scores(read[1]) > 0.2
        assert demo.main(["-m", str(net.xml), "-i", str(video), "--threshold", "0.2", *EXACT]) == 0
        out = capfd.readouterr().out
        assert sum(count > 0 for count in held) > 1
        for label, count in zip(LABELS, held, strict=True):
            assert not count or re.search(rf"^ +{count} frames .* {label}$", out, re.MULTILINE)


class TestBenchmarkDemo:
    @pytest.mark.parametrize(
        ("ends", "kind"),
        KINDS,
    )
    def test_report_and_grid_of_every_kind(self, run, tmp_path, ends, kind):
        options = ("-time", 1, "-o", tmp_path / "grid.png", "--json", "-")
        status, out, err, _ = run(*options, main=benchmark_demo.main, ends=ends)
        assert status == 0, err
        assert json.loads(out)["output"] == kind
        assert cv2.imread(str(tmp_path / "grid.png")).std() > 10

    def test_a_grid_of_single_numbers_and_of_none_above(self, run, tmp_path):
        for name, form in (
            ("age", {"ends": tall, "classes": 1, "labels": ("age",)}),
            ("none", {"ends": sigmoid}),
            ("grey", {"channels": 1}),
            ("alpha", {"channels": 4, "layout": "NHWC"}),
        ):
            options = ["-time", 1, "-o", tmp_path / f"{name}.png"]
            options += ["--threshold", "0.9999"] if name == "none" else []
            status, out, err, _ = run(*options, main=benchmark_demo.main, **form)
            assert status == 0, err
            assert "end to end" in out
            assert (tmp_path / f"{name}.png").is_file()

    @pytest.mark.parametrize("ends", [sigmoid, arg_max, plain])
    def test_accuracy_counts_the_best_class_whatever_its_score(self, run, tmp_path, ends):
        truth = tmp_path / "truth.txt"
        best = [build(tmp_path / "x.xml").ranking(draw_picture(number))[0] for number in range(3)]
        truth.write_text(f"p0.png {best[0]}\np1.png {(best[1] + 1) % 6}\np2.png {best[2]}\n")
        options = ("-time", 1, "-gt", truth, "--json", "-")
        status, out, err, _ = run(*options, main=benchmark_demo.main, ends=ends)
        assert status == 0, err
        accuracy = json.loads(out)["accuracy"]
        assert accuracy["top1"] == pytest.approx(2 / 3)
        assert ("top5" in accuracy) == (ends is not arg_max)  # the network names one class

    def test_a_list_of_several_classes_is_for_accuracy_check(self, run, tmp_path):
        truth = tmp_path / "truth.txt"
        truth.write_text("p0.png 1,2\np1.png\n")
        status, _, err, _ = run("-time", 1, "-gt", truth, main=benchmark_demo.main, ends=sigmoid)
        assert status == 1
        assert "accuracy_check measures with such a list" in err
