"""Reports on networks of every kind of output: what stands beside a picture, against NumPy."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from openvino import opset13 as op

from nets.tiny_classifier import LABELS, build, draw_picture, form_name
from omz.report import command

from .test_report import Page


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


def two(scores):
    return [*softmax(scores), *sigmoid(scores)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(8):
        cv2.imwrite(str(folder / f"p{number}.png"), draw_picture(number))
    return folder


@pytest.fixture
def report(tmp_path, pictures):
    """Build a net and write the report; returns the page, its HTML and the net."""

    def call(*options, **form):
        net = build(tmp_path / "net.xml", **form)
        arguments = ["-m", str(net.xml), "-i", str(pictures), "-o", str(tmp_path / "r.html"), "-time", "0.05"]
        assert command.main([*arguments, "--infer_precision", "f32", "--quiet", *map(str, options)]) == 0
        text = (tmp_path / "r.html").read_text()
        return Page(text), text, net

    return call


def beside(page):
    """Return what is said of each picture, in the words for those who do not see it."""
    return [re.sub(r"^Picture p\d\.png: ", "", image["alt"]) for image in page.all("img")]


@pytest.mark.parametrize("ends", [softmax, plain])
def test_one_class_among_several(report, ends):
    page, _, net = report(ends=ends)
    for number, words in enumerate(beside(page)):
        expected = net.probabilities(draw_picture(number))
        assert words == f"{LABELS[expected.argmax()]}, {100 * expected.max():.1f} %"


def test_independent_scores(report):
    page, text, net = report(ends=sigmoid)
    for number, words in enumerate(beside(page)):
        scores = net.scores(draw_picture(number))
        held = [int(index) for index in np.argsort(-scores, kind="stable") if scores[index] > 0.5]
        said = [f"{LABELS[index]}, {100 * scores[index]:.1f} %" for index in held]
        assert words == ("; ".join(said) or "none above 0.5")
    assert "none above 0.5" in text
    assert any("independent" in text for text in page.texts)


def test_a_single_number_has_no_bar(report):
    page, text, net = report(ends=tall, classes=1, labels=("age",))
    for number, words in enumerate(beside(page)):
        value = 30 * net.of(draw_picture(number))[0]
        assert float(words.removeprefix("age, ")) == pytest.approx(value, rel=1e-4)
    assert 'class="share"' not in text


def test_classes_without_scores(report):
    page, text, net = report(ends=arg_max)
    assert beside(page) == [f"{LABELS[net.ranking(draw_picture(number))[0]]}, -" for number in range(8)]
    assert 'class="share"' not in text


def test_one_of_several_outputs_and_a_shape(report):
    page, _, net = report("--output_name", "prob", ends=two)
    assert beside(page)[0].startswith(LABELS[net.ranking(draw_picture(0))[0]])
    form = {"shape": (-1, 3, -1, -1), "height": 30, "width": 28}
    page, _, net = report("--input_shape", "[1,3,30,28]", **form)
    assert beside(page)[3].startswith(LABELS[net.ranking(draw_picture(3))[0]])


@pytest.mark.parametrize(
    "form", [{"channels": 1}, {"channels": 4, "layout": "NHWC"}, {"batch": 3}], ids=form_name
)
def test_other_inputs(report, form):
    page, _, _ = report(**form)
    assert len(beside(page)) == 8


def test_mean_average_precision(report, pictures, tmp_path):
    from sklearn.metrics import average_precision_score

    held = np.random.default_rng(4).random((8, 6)) < 0.5
    rows = [
        f"p{number}.png {','.join(map(str, np.flatnonzero(row)))}".strip() for number, row in enumerate(held)
    ]
    (tmp_path / "truth.txt").write_text("\n".join(rows))
    page, _, net = report("-s", pictures, "-a", tmp_path / "truth.txt", ends=sigmoid)
    scores = np.array([net.scores(draw_picture(number)) for number in range(8)])
    there = held.any(0)
    expected = average_precision_score(held[:, there], scores[:, there], average="macro")
    words = " | ".join(page.texts)
    assert f"Mean average precision | {100 * expected:.2f}\N{NARROW NO-BREAK SPACE}%" in words
    assert "mAP, FP32" in words
    assert "confidence interval" not in words


def test_networks_without_a_top_5(report, tmp_path, pictures):
    (tmp_path / "truth.txt").write_text("\n".join(f"p{number}.png {number % 6}" for number in range(8)))
    page, _, _ = report("-s", pictures, "-a", tmp_path / "truth.txt", ends=arg_max)
    words = " | ".join(page.texts)
    assert "Top-1" in words
    assert "| Top-5" not in words
    assert "top-5 is not measured" in words
