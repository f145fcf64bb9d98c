"""Every metric against scikit-learn, and what is made of its references."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from omz.accuracy.datasets import Dataset
from omz.accuracy.figures import Figure, Part, figures_of, measures
from omz.accuracy.output import Result, results_csv, to_json
from omz.accuracy.report import Answer, Report
from omz.errors import DescriptorError, InferenceError
from omz.inference.output import Output
from omz.zoo.accuracy_check import load_evaluation
from omz.zoo.class_list import ClassList
from omz.zoo.metrics import METRIC_TYPES, Accuracy, AccuracyPerClass, ClassScore

SCORES = ("classification_precision", "classification_recall", "classification_f1-score")


def report_of(labels, rankings, classes: int) -> Report:
    names = tuple(f"c{index}" for index in range(classes))
    answers = tuple(
        Answer(Path(f"{place}.png"), int(label), tuple(map(int, ranking)), (0.5,) * len(ranking))
        for place, (label, ranking) in enumerate(zip(labels, rankings, strict=True))
    )
    output = Output("prob", "probabilities", classes, classes)
    dataset = Dataset("d", (), ClassList.of_network(names, classes), total=len(answers))
    return Report(Path("net.xml"), dataset, "CPU", "f32", names, answers, (), {}, 1.0, len(answers), output)


@st.composite
def answered(draw) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels, and scores of every class; not all classes need to have pictures, nor to be answered."""
    classes = draw(st.integers(2, 8))
    draw_ = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = draw_.integers(0, draw(st.integers(1, classes)), draw(st.integers(1, 60)))
    return labels, draw_.random((len(labels), classes)) + np.eye(classes)[labels] * 0.4, classes


@given(answered(), st.integers(1, 4))
@settings(derandomize=True, deadline=None)
def test_figures_are_those_of_scikit_learn(case, k):
    labels, scores, classes = case
    rankings = np.argsort(-scores, axis=1, kind="stable")
    report = report_of(labels, rankings, classes)
    asked = [
        AccuracyPerClass(type="accuracy_per_class", top_k=k),
        *(ClassScore(type=kind) for kind in SCORES),
    ]
    figures = {figure.name: figure for figure in figures_of(asked, report)}
    assert figures["accuracy@top1"].value == pytest.approx(oracle.accuracy_score(labels, rankings[:, 0]))
    if classes > 5:
        expected = (
            oracle.top_k_accuracy_score(labels, scores, k=5, labels=range(classes)) if classes > 2 else 0
        )
        assert figures["accuracy@top5"].value == pytest.approx(expected)
    *expected, support = oracle.precision_recall_fscore_support(
        labels, rankings[:, 0], labels=range(classes), zero_division=0
    )
    for kind, values in zip(SCORES, expected, strict=True):
        assert [part.value for part in figures[kind].parts] == pytest.approx(list(values))
        assert [part.images for part in figures[kind].parts] == list(support)
        macro = oracle.precision_recall_fscore_support(
            labels, rankings[:, 0], labels=range(classes), zero_division=0, average="macro"
        )
        assert figures[kind].value == pytest.approx(macro[SCORES.index(kind)])
    hits = (rankings[:, :k] == labels[:, None]).any(1)
    per_class = [hits[labels == index].mean() if (labels == index).any() else 0 for index in range(classes)]
    figure = figures[f"accuracy_per_class@top{k}"]
    assert [part.value for part in figure.parts] == pytest.approx(per_class)
    assert figure.value == pytest.approx(np.mean(per_class))
    empty = classes - len(set(labels.tolist()))
    assert (f"{empty} of {classes} classes have no picture" in figure.note) == bool(empty)


def test_one_class_alone():
    # class 1: 2 pictures of which 1 is right; 3 answers: precision 1/3, recall 1/2, F1 2/5
    report = report_of([1, 1, 0, 0], [[1], [0], [1], [1]], 2)
    for kind, value in zip(SCORES, (1 / 3, 1 / 2, 2 / 5), strict=True):
        (_, figure) = figures_of([ClassScore(type=kind, pos_label=1, reference=0.5)], report)
        assert (figure.name, figure.value, figure.parts) == (f"{kind}@c1", pytest.approx(value), ())
        assert figure.difference == pytest.approx(value - 0.5)
    with pytest.raises(InferenceError, match="pos_label 2: the network has 2 classes"):
        figures_of([ClassScore(type=SCORES[0], pos_label=2)], report)


def test_a_network_that_names_its_best_class_alone_has_no_top_5():
    report = replace(report_of([1, 2, 3], [[1], [2], [4]], 8), output=Output("best", "classes", 1, 8))
    for metrics in ([], [Accuracy(top_k=5, reference=0.9)]):
        (only,) = figures_of(metrics, report)
        assert (only.name, only.value) == ("accuracy@top1", pytest.approx(2 / 3))
        assert only.note == "top-5 is not measured: the network names its best class alone"


def config(tmp_path: Path, *metrics) -> Path:
    use = {"name": "imagenet_1000_classes", "metrics": list(metrics)}
    entry = {"name": "m", "launchers": [{"framework": "openvino"}], "datasets": [use]}
    (tmp_path / "accuracy-check.yml").write_text(yaml.safe_dump({"models": [entry]}))
    return tmp_path / "accuracy-check.yml"


@pytest.mark.parametrize(
    ("references", "tolerance", "below"),
    [
        (0.4, 0.0, False),
        (0.45, 0.0, True),
        (0.45, 0.06, False),
        ({"mean": 0.4, "c1": 0.4}, 0.0, False),
        ({"c1": 0.5}, 0.05, True),
        ({"c0": 0.5}, 0.05, True),
        ({"c0": 0.5}, 0.11, False),
    ],
)
def test_references_of_all_and_of_single_classes(tmp_path, references, tolerance, below):
    # as above: F1 of both classes is 2/5
    path = config(
        tmp_path, {"type": "classification_f1-score", "reference": references, "presenter": "print_vector"}
    )
    report = report_of([1, 1, 0, 0], [[1], [0], [0], [1]], 2)
    figures = figures_of(load_evaluation(path).metrics, report)
    assert figures[1].value == pytest.approx(0.5)
    report = report_of([1, 1, 1, 0, 0], [[1], [0], [0], [0], [1]], 2)  # F1: 2/5 and 2/5
    figures = figures_of(load_evaluation(path).metrics, report)
    assert [part.value for part in figures[1].parts] == pytest.approx([2 / 5, 2 / 5])
    assert Result("m", "FP32", report, figures).is_below(tolerance) == below


def test_metrics_in_json_and_csv():
    report = report_of([1, 1, 0, 0], [[1], [0], [0], [1]], 2)
    asked = [ClassScore(type="classification_f1-score", reference={"mean": 0.75, "c1": 0.25})]
    result = Result("m", "FP32", report, figures_of(asked, report))
    accuracy, f1 = to_json(result)["metrics"]
    assert (accuracy["name"], accuracy["accuracy"], accuracy["correct"]) == ("accuracy@top1", 0.5, 2)
    assert f1 == {
        "name": "classification_f1-score",
        "type": "classification_f1-score",
        "value": 0.5,
        "reference": 0.75,
        "difference": -0.25,
        "classes": [
            {"index": 0, "label": "c0", "value": 0.5, "images": 2, "reference": None},
            {"index": 1, "label": "c1", "value": 0.5, "images": 2, "reference": 0.25},
        ],
    }
    lines = [line.split(",")[3:10] for line in results_csv([result]).splitlines()]
    assert lines[0] == ["metric", "class", "value", "low_95", "high_95", "reference", "difference"]
    assert [line[:2] for line in lines[1:]] == [
        ["accuracy@top1", ""],
        ["classification_f1-score", ""],
        ["classification_f1-score", "c0"],
        ["classification_f1-score", "c1"],
    ]
    assert lines[2][2:] == ["0.5", "", "", "0.75", "-0.25"]
    assert lines[4][2:] == ["0.5", "", "", "0.25", "0.25"]


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            {"type": "roc_auc_score"},
            "metric 'roc_auc_score' is not measured. Known: accuracy, accuracy_per_class",
        ),
        ({"name": "accuracy"}, "metric 'None' is not measured"),
        ("accuracy", "expected|valid"),
        ({"type": "accuracy", "match": True}, "match"),
        ({"type": "accuracy", "top_k": 0}, "top_k"),
        ({"type": "accuracy_per_class", "reference": 76.0}, "reference"),
        ({"type": "classification_f1-score", "pos_label": -1}, "pos_label"),
        ({"type": "classification_f1-score", "pixel_level": True}, "pixel_level"),
    ],
)
def test_metrics_that_are_not_measured_are_one_line(tmp_path, metric, message):
    with pytest.raises(DescriptorError, match=message) as error:
        load_evaluation(config(tmp_path, metric))
    assert "\n" not in str(error.value)


def test_every_type_has_a_measure_and_only_one():
    report = report_of([0, 1], [[0], [1]], 2)
    for kind in METRIC_TYPES[1:-1]:  # the last one is of several classes for a picture
        settings_ = AccuracyPerClass if kind == "accuracy_per_class" else ClassScore
        assert figures_of([settings_(type=kind)], report)[1].value == 1
    with pytest.raises(ValueError, match="is measured already"):
        measures("accuracy")(lambda metric, report: Figure("", "", 0.0, parts=(Part(0, "", 0.0, 0),)))
