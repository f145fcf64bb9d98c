"""Pictures with several classes each: their lists, and the mean average precision, against scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omz
from nets.tiny_classifier import LABELS, build, draw_picture
from omz.accuracy.datasets import open_pictures
from omz.accuracy.evaluation import evaluate, input_shape
from omz.accuracy.figures import figures_of
from omz.accuracy.metrics import average_precision
from omz.accuracy.output import Result, predictions_csv, results_csv, to_json
from omz.accuracy.text import print_results
from omz.errors import ClassError, InferenceError, UsageError
from omz.inference.classes import network_classes
from omz.inference.preparation import preprocessing_of
from omz.zoo.class_list import ClassList
from omz.zoo.metrics import Accuracy, MeanAveragePrecision
from omz.zoo.multi_label import is_multi_label, read_multi_label
from omz.zoo.steps import PictureSteps

STEPS = PictureSteps(preprocessing=({"type": "auto_resize"},))
NETWORK = ClassList.of_network(LABELS, 6)


def sigmoid(scores):
    from openvino import opset13 as op

    return [op.sigmoid(scores).output(0)]


def plain(scores):
    return [scores.output(0)]


@st.composite
def judged(draw):
    """Whether a class holds, for one picture at least, and scores of which some are equal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 80))
    held = rng.random(count) < draw(st.floats(0, 1))
    held[rng.integers(count)] = True
    return held, np.round(rng.random(count), draw(st.integers(0, 3)))


@given(judged())
@settings(deadline=None)
def test_average_precision_is_that_of_scikit_learn(case):
    from sklearn.metrics import average_precision_score

    assert average_precision(*case) == pytest.approx(average_precision_score(*case), abs=1e-12)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Forty pictures, of which each has some classes by lot; returns the folder and the truth."""
    folder = tmp_path_factory.mktemp("several")
    held = np.random.default_rng(3).random((40, 6)) < 0.3
    held[:, 5] = False  # a class that holds for none
    lines = []
    for number in range(40):
        cv2.imwrite(str(folder / f"p{number}.png"), draw_picture(number))
        indexes = ",".join(map(str, np.flatnonzero(held[number])))
        lines.append(f"./p{number}.png {indexes}".strip())
    (folder / "val.txt").write_text("# all classes of each\n" + "\n".join(lines) + "\n")
    rows = [f"p{number}.png," + ",".join("01"[int(one)] for one in held[number]) for number in range(40)]
    (folder / "table.csv").write_text("image," + ",".join(LABELS) + "\n" + "\n".join(rows) + "\n")
    return folder, held


def measured(xml, folder, metrics=(), annotations=None, **options):
    dataset = open_pictures(folder, network_classes(xml), annotations=annotations)
    report = evaluate(xml, dataset, preprocessing_of(STEPS, input_shape(xml)), precision="f32", **options)
    return Result("net", "FP32", report, figures_of(metrics, report))


@pytest.mark.parametrize("ends", [sigmoid, plain])
@pytest.mark.parametrize("annotations", [None, "table.csv"])
def test_the_mean_is_over_the_classes_that_hold_for_a_picture(data, tmp_path, ends, annotations):
    from sklearn.metrics import average_precision_score

    folder, held = data
    net = build(tmp_path / "net.xml", ends=ends)
    scores = np.array([net.of(draw_picture(number)) for number in range(40)])  # a sigmoid keeps their order
    expected = [average_precision_score(held[:, index], scores[:, index]) for index in range(5)]
    (figure,) = measured(net.xml, folder, annotations=annotations and folder / annotations).figures
    assert figure.value == pytest.approx(np.mean(expected), abs=1e-9)
    assert figure.value == pytest.approx(
        average_precision_score(held[:, :5], scores[:, :5], average="macro"), abs=1e-9
    )
    assert [part.value for part in figure.parts] == pytest.approx(expected, abs=1e-9)
    assert [part.images for part in figure.parts] == held[:, :5].sum(0).tolist()
    assert [part.label for part in figure.parts] == list(LABELS[:5])
    assert "1 of 6 classes hold for no picture" in figure.note


def test_in_python_there_is_no_top_1_of_several_classes(data, tmp_path):
    from sklearn.metrics import average_precision_score

    folder, held = data
    net = build(tmp_path / "net.xml", ends=sigmoid)
    scores = np.array([net.of(draw_picture(number)) for number in range(40)])
    found = omz.accuracy(net.xml, folder, infer_precision="f32")
    assert (found.top1, found.top5, found.interval) == (None, None, None)
    expected = average_precision_score(held[:, :5], scores[:, :5], average="macro")
    assert found.mean_average_precision == pytest.approx(expected, abs=1e-9)


def test_every_form_of_the_result(data, tmp_path, capsys):
    folder, held = data
    net = build(tmp_path / "net.xml", ends=sigmoid)
    result = measured(net.xml, folder, [Accuracy(), MeanAveragePrecision(reference=0.99)])
    content = json.loads(json.dumps(to_json(result)))
    (metric,) = content["metrics"]
    assert (metric["name"], metric["reference"]) == ("mean_average_precision", 0.99)
    assert (content["classes"], content["confusions"], content["advice"]) == ([], [], "")
    assert any("not measured" in note and "accuracy" in note for note in content["notes"])
    assert results_csv([result]).splitlines()[1].startswith("net,FP32,")
    lines = predictions_csv([result]).splitlines()
    assert len(lines) == 41
    first = lines[1].split(",")
    assert first[1].endswith("p0.png") or first[2].endswith("p0.png")
    assert " ".join(map(str, np.flatnonzero(held[0]))) in first
    from omz.console import console

    print_results(console(), [result])
    out = capsys.readouterr().out
    assert "mAP" in out
    assert "worst classes" not in out
    assert result.is_below(0.01)


def test_resumed_scores_are_the_same(data, tmp_path):
    folder, _ = data
    net = build(tmp_path / "net.xml", ends=sigmoid)
    whole = measured(net.xml, folder).figures
    seen = []

    def stop(done, total):
        seen.append(done)
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured(net.xml, folder, resume=tmp_path / "kept.jsonl", progress=stop)
    again = measured(net.xml, folder, resume=tmp_path / "kept.jsonl")
    assert again.report.measured < 40
    assert again.figures == whole


def test_networks_that_name_classes_cannot_be_measured_so(data, tmp_path):
    from openvino import opset13 as op

    net = build(
        tmp_path / "net.xml", ends=lambda scores: [op.topk(scores, np.int64(1), 1, "max", "value").output(1)]
    )
    with pytest.raises(InferenceError, match="has no score for each"):
        measured(net.xml, data[0])


def test_a_network_of_one_class(data, tmp_path):
    from sklearn.metrics import average_precision_score

    folder, held = data
    net = build(tmp_path / "net.xml", ends=sigmoid, classes=1, labels=("defect",))
    scores = np.array([net.of(draw_picture(number))[0] for number in range(40)])
    for name, heading, mark in (("one.txt", "", " "), ("one.csv", "image,defect\n", ",")):
        lines = "\n".join(f"p{number}.png{mark}{int(held[number, 0])}" for number in range(40))
        (tmp_path / name).write_text(heading + lines)
        (figure,) = measured(net.xml, folder, annotations=tmp_path / name).figures
        assert figure.value == pytest.approx(average_precision_score(held[:, 0], scores), abs=1e-9)


def test_folders_do_not_tell_of_a_single_class(data, tmp_path):
    net = build(tmp_path / "net.xml", ends=sigmoid, classes=1, labels=("defect",))
    for name in ("defect", "other"):
        (tmp_path / "data" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / name / "p.png"), draw_picture(1))
    with pytest.raises(ClassError, match="give a list of lines '<picture> 1'"):
        measured(net.xml, tmp_path / "data")


def test_without_the_list_of_all_classes_the_metric_is_refused(tmp_path):
    for index in (0, 1):
        (tmp_path / "data" / str(index)).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / str(index) / "p.png"), draw_picture(index))
    net = build(tmp_path / "net.xml", ends=sigmoid, classes=2, labels=None)
    report = measured(net.xml, tmp_path / "data").report
    assert figures_of((), report)[0].name == "accuracy@top1"
    with pytest.raises(InferenceError, match="all classes of each picture"):
        figures_of([MeanAveragePrecision()], report)


def test_independent_scores_with_one_true_class_are_judged_by_the_highest(tmp_path):
    net = build(tmp_path / "net.xml", ends=sigmoid, labels=None)
    right = 0
    for number in range(30):
        label = number % 6
        (tmp_path / "data" / str(label)).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "data" / str(label) / f"{number}.png"), draw_picture(number))
        right += int(net.of(draw_picture(number)).argmax()) == label
    result = measured(net.xml, tmp_path / "data")
    assert result.report.top1.correct == right
    assert [figure.name for figure in result.figures] == ["accuracy@top1", "accuracy@top5"]


@pytest.mark.parametrize(
    ("name", "text", "several"),
    [
        ("a.txt", "a.jpg 3,5\nb.jpg\n", True),
        ("a.txt", "a.jpg 3\nb.jpg 4\n", False),
        ("a.txt", "a.jpg\t0,1\n", True),
        ("a.csv", "image,kit fox,red,blue,green grass,other,light\na.jpg,0,1,0,0,1,0\n", True),
        ("a.tsv", "image\tkit fox\tred\na.jpg\t0\t1\n", True),
        ("a.csv", "image;4;2\na.jpg;0;1\n", True),
        ("a.csv", "image,label\na.jpg,1\n", False),
        ("a.csv", "image,label,held_out\na.jpg,1,0\n", False),
        ("a.csv", "a.jpg,kit fox, the animal\n", False),
    ],
)
def test_which_lists_are_of_this_kind(tmp_path, name, text, several):
    path = tmp_path / name
    path.write_text(text)
    assert is_multi_label(path, NETWORK) is several


def test_names_with_blanks_and_pictures_without_a_class(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("./a b.jpg 3,5\n\nc d.jpg\n# a comment\n")
    assert read_multi_label(path, NETWORK).labels == {"a b.jpg": {3, 5}, "c d.jpg": frozenset()}


def test_columns_by_index_and_in_any_order(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("picture,5,4,3,2,1,0\na.jpg,1,0,0,0,0,1\n")
    assert read_multi_label(path, NETWORK).labels == {"a.jpg": {0, 5}}


def test_columns_of_a_network_without_names_are_its_classes_in_their_order(tmp_path):
    path, unnamed = tmp_path / "a.csv", ClassList.of_network(None, 3)
    path.write_text("picture;cat;dog;bird\na.jpg;1;0;1\nb.jpg;0;0;0\n")
    assert is_multi_label(path, unnamed)
    assert read_multi_label(path, unnamed).labels == {"a.jpg": {0, 2}, "b.jpg": frozenset()}
    assert not is_multi_label(path, ClassList.of_network(None, 4))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "a.jpg 3,6\n", "line 1: class 6"),
        ("a.txt", "a.jpg 3,5\na.jpg 1\n", r"line 2: a\.jpg is there twice"),
        ("a.csv", "image,kit fox,red,blue\na.jpg,0,1,0\n", "3 classes of the network have no column"),
        ("a.csv", "image,kit fox,red,blue,green grass,other,wolf\na.jpg,0,1,0,0,0,0\n", "'wolf' is no class"),
        ("a.csv", "image,0,1,2,3,4,4\na.jpg,0,1,0,0,0,0\n", "two columns are of one class"),
        ("a.csv", "image,0,1,2,3,4,5\na.jpg,0,1,0,0,0,2\n", "line 2: expected a picture, and 0 or 1"),
        ("a.csv", "image,0,1,2,3,4,5\n", "holds no picture"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_with_its_line(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises((ClassError, InferenceError), match=message):
        read_multi_label(path, NETWORK)


def test_a_label_order_says_nothing_of_such_a_list(data):
    with pytest.raises(UsageError, match="in the network's order"):
        open_pictures(data[0], NETWORK, label_order="imagenet_2012")


def test_paths_of_pictures(data):
    dataset = open_pictures(data[0], NETWORK)
    assert dataset.multi_label
    assert [sample.path for sample in dataset.samples] == [Path(data[0]) / f"p{n}.png" for n in range(40)]
