"""Caffe nets by what they end in: what the IR says of its output, and what is made of its numbers."""

from __future__ import annotations

import cv2
import numpy as np
import openvino as ov
import pytest

from nets import NetBuilder, synthetic_weights, write_model
from nets.tiny_classifier import draw_picture
from omz.converter import caffe2ir
from omz.converter.caffe.reference import run
from omz.inference.classification import classify
from omz.inference.devices import DeviceOptions

CLASSES = 6
PICTURE = draw_picture(11)
INPUT = cv2.resize(PICTURE, (16, 16)).transpose(2, 0, 1)[np.newaxis].astype(np.float64)


def net_of(*ends, outputs=CLASSES):
    """A small net; ``ends`` are layers (type, bottom, parameters), named after their types."""
    builder = NetBuilder("net", 16)
    builder.convolution("conv", "data", 8, 3)
    builder.relu("relu", "conv")
    builder.global_average("pool", "conv")
    builder.dense("fc", "pool", outputs)
    label = builder.net.layer.add(name="label", type="Input", top=["label"])
    label.input_param.shape.add(dim=[1, outputs])
    plain = type(builder.net)()
    plain.CopyFrom(builder.net)
    for kind, bottom, parameters in ends:
        bottoms = [bottom, "label"] if kind.endswith("Loss") else [bottom]
        builder.layer(kind, kind, bottoms, **parameters)
    return builder.net, plain


@pytest.fixture
def converted(tmp_path, monkeypatch):
    """Convert a net; returns the path of the IR and the net's answer before its ends, by the reference."""

    def convert(*ends, outputs=CLASSES, options=(), labels=True, status=0):
        net, plain = net_of(*ends, outputs=outputs)
        weights = synthetic_weights(plain)
        text, model = write_model(tmp_path / "files", net, weights)
        (tmp_path / "labels.txt").write_text("".join(f"{n} - class {n}\n" for n in range(outputs)))
        arguments = [
            "--input_proto",
            str(text),
            "--input_model",
            str(model),
            "--output_dir",
            str(tmp_path / "ir"),
        ]
        arguments += [
            "--data_type",
            "FP32",
            *(("--labels", str(tmp_path / "labels.txt")) if labels else ()),
            *options,
        ]
        assert caffe2ir.main(arguments) == status
        blobs = run(plain, weights, {"data": INPUT, "label": np.zeros((1, outputs))})
        return tmp_path / "ir" / "net.xml", blobs["fc"].reshape(-1)

    return convert


def kind_of(xml):
    return ov.Core().read_model(xml).get_rt_info(["omz", "output"]).astype(str)


def ask(xml, **options):
    (result,) = classify(xml, [PICTURE], device=DeviceOptions(precision="f32"), **options)
    return result


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def check(result, kind, expected):
    assert result.kind == kind
    order = [int(index) for index in np.argsort(-expected, kind="stable")]
    assert [one.index for one in result.top] == order
    assert [one.label for one in result.top] == [f"class {index}" for index in order]
    np.testing.assert_allclose([one.score for one in result.top], expected[order], atol=1e-5)


def test_softmax(converted):
    xml, scores = converted(("Softmax", "fc", {}), options=["--verify"])
    assert kind_of(xml) == "probabilities"
    check(ask(xml, top_k=CLASSES), "probabilities", softmax(scores))


@pytest.mark.parametrize("ends", [(), (("HingeLoss", "fc", {}),), (("SoftmaxWithLoss", "fc", {}),)])
def test_logits(converted, ends):
    xml, scores = converted(*ends, options=["--verify"])
    assert kind_of(xml) == "logits"
    check(ask(xml, top_k=CLASSES), "logits", softmax(scores))


def test_sigmoid(converted):
    xml, scores = converted(("Sigmoid", "fc", {}), options=["--verify"])
    assert kind_of(xml) == "independent"
    check(ask(xml, threshold=0), "independent", 1 / (1 + np.exp(-scores)))


def test_the_sigmoid_of_a_loss_is_the_answer(converted, capsys):
    """A SigmoidCrossEntropyLoss says that the scores before it are independent; its Sigmoid is what they mean."""
    xml, scores = converted(("SigmoidCrossEntropyLoss", "fc", {}), options=["--verify"])
    assert [output.get_any_name() for output in ov.Core().read_model(xml).outputs] == [
        "SigmoidCrossEntropyLoss"
    ]
    assert kind_of(xml) == "independent"
    assert "--output=fc ends before it" in capsys.readouterr().err
    check(ask(xml, threshold=0), "independent", 1 / (1 + np.exp(-scores)))


def test_what_goes_into_that_loss_can_be_asked_for(converted):
    xml, scores = converted(("SigmoidCrossEntropyLoss", "fc", {}), options=["--output", "fc", "--verify"])
    assert kind_of(xml) == "logits"
    check(ask(xml, top_k=CLASSES), "logits", softmax(scores))


def test_a_loss_whose_bottom_is_read_by_another_layer_adds_no_second_end(converted):
    xml, scores = converted(
        ("Sigmoid", "fc", {}), ("SigmoidCrossEntropyLoss", "fc", {}), options=["--verify"]
    )
    assert [output.get_any_name() for output in ov.Core().read_model(xml).outputs] == ["Sigmoid"]
    check(ask(xml, threshold=0), "independent", 1 / (1 + np.exp(-scores)))


def test_a_regression_of_one_number(converted):
    xml, scores = converted(("EuclideanLoss", "fc", {}), outputs=1, options=["--verify"])
    assert kind_of(xml) == "logits"
    (only,) = ask(xml).top
    assert not only.share
    assert only.score == pytest.approx(float(scores[0]), abs=1e-5)


@pytest.mark.parametrize("axis", [{}, {"axis": 1}])
@pytest.mark.parametrize("k", [1, 3])
def test_arg_max(converted, k, axis):
    xml, scores = converted(("ArgMax", "fc", {"argmax_param": {"top_k": k, **axis}}), options=["--verify"])
    assert kind_of(xml) == "classes"
    result = ask(xml)
    assert result.kind == "classes"
    assert [one.index for one in result.top] == list(np.argsort(-scores, kind="stable")[:k])
    assert [one.label for one in result.top] == [f"class {one.index}" for one in result.top]
    assert {one.score for one in result.top} == {None}


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("soft", [False, True])
def test_arg_max_with_its_values(converted, k, soft):
    arg_max = ("ArgMax", "Softmax" if soft else "fc", {"argmax_param": {"top_k": k, "out_max_val": True}})
    xml, scores = converted(*([("Softmax", "fc", {})] if soft else []), arg_max, options=["--verify"])
    assert kind_of(xml) == "classes"
    values = softmax(scores) if soft else scores
    result = ask(xml)
    order = list(np.argsort(-scores, kind="stable")[:k])
    assert [one.index for one in result.top] == order
    np.testing.assert_allclose([one.score for one in result.top], values[order], atol=1e-5)
    assert {one.share for one in result.top} == {soft}


def test_the_largest_values_alone_do_not_name_a_class(converted, capsys):
    ends = ("ArgMax", "fc", {"argmax_param": {"top_k": 2, "axis": 1, "out_max_val": True}})
    xml, _ = converted(ends, labels=False)
    from omz.demos.classification_demo.command import main

    assert main(["-m", str(xml), "-i", str(xml.parent), "--no_show"]) == 1
    cv2.imwrite(str(xml.parent / "p.png"), PICTURE)
    assert main(["-m", str(xml), "-i", str(xml.parent / "p.png"), "--no_show"]) == 1
    assert "are the largest scores, without their classes" in capsys.readouterr().err


def test_labels_must_be_as_many_as_the_classes_to_choose_from(tmp_path, converted, capsys):
    converted(("ArgMax", "fc", {}))
    (tmp_path / "five.txt").write_text("".join(f"{n} - class {n}\n" for n in range(5)))
    converted(("ArgMax", "fc", {}), labels=False, options=["--labels", str(tmp_path / "five.txt")], status=1)
    assert "5 labels for 6 classes" in capsys.readouterr().err
