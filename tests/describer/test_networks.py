"""Networks of all kinds: what the descriptor says of them, and what is refused."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nets import parse_prototxt, write_model
from nets.onnx_nets import classifier, network, write
from omz import cli
from omz.zoo import catalogue
from omz.zoo.schema import Model

from .test_add import folder


def dense(
    last: list[onnx.NodeProto], output: tuple[str, list[int | str]], shape: list[int | str], **extra: object
) -> onnx.ModelProto:
    """Global average pooling, a dense layer to seven ``scores``, and what is ``last``."""
    channels = shape[1]
    assert isinstance(channels, int)
    weights = {"dense": np.linspace(-0.02, 0.02, 7 * channels).astype(np.float32).reshape(7, channels)}
    nodes = [
        helper.make_node("GlobalAveragePool", ["data"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense"], ["scores"], transB=1),
        *last,
    ]
    return network(nodes, {"data": shape}, dict([output]), weights)


SHAPE: list[int | str] = [1, 3, 8, 8]
SIGMOID = [helper.make_node("Sigmoid", ["scores"], ["out"])]
ARGMAX = [helper.make_node("ArgMax", ["scores"], ["out"], axis=1, keepdims=1)]


@pytest.fixture
def added(add, root, tmp_path):
    """Add a network in ONNX; return the model, None if that is refused."""

    def added_(model: onnx.ModelProto, *options: str) -> Model | None:
        if add(*options, files=("--input_model", write(model, tmp_path / "x.onnx"))):
            assert not root.exists()
            return None
        (found,) = catalogue.load_all(root)
        assert isinstance(found, Model)
        return found

    return added_


def page(root) -> str:
    return (folder(root) / "README.md").read_text(encoding="utf-8")


def test_scores_of_their_own(added, root, tmp_path, monkeypatch, capsys):
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{index} - {name}\n" for index, name in enumerate("abcdefg")))
    model = added(dense(SIGMOID, ("out", [1, 7]), SHAPE), f"--labels={names}")
    assert [(one.name, one.shape, one.values) for one in model.output_info] == [
        ("out", [1, 7], "independent")
    ]
    assert "which of 7 classes an image belongs to; it may be several" in page(root)
    monkeypatch.chdir(tmp_path)
    own = ["--name=my-net", f"--models_root={root}"]
    assert cli.main(["download", *own]) == cli.main(["convert", *own, "--precisions=FP32"]) == 0
    for folder_ in ("several", "single/a", "single/g"):
        (tmp_path / folder_).mkdir(parents=True)
        cv2.imwrite(f"{folder_}/p.png", np.full((8, 8, 3), len(folder_) * 9, np.uint8))
    (tmp_path / "several" / "val.txt").write_text("p.png 0,3\n")
    capsys.readouterr()
    assert cli.main(["accuracy", *own, "-s", "several"]) == 0
    assert "mAP" in capsys.readouterr().out
    assert cli.main(["accuracy", *own, "-s", "single"]) == 0
    assert "top-1" in capsys.readouterr().out


def test_logits_without_names(added, root):
    model = added(dense([], ("scores", [1, 7]), SHAPE))
    assert model.output_info[0].values == "logits"
    assert model.model_info.labels is None
    assert "The model does not name them." in page(root)


def test_numbers_of_classes(added, root):
    network = dense(ARGMAX, ("out", [1, 1]), SHAPE)
    network.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    model = added(network)
    assert model.output_info[0].values == "classes"
    assert "numbers of classes, the best one first" in page(root)


def test_grey(added, root):
    model = added(dense([], ("scores", [1, 7]), [1, 1, 8, 8]))
    assert model.input_info[0].shape == [1, 1, 8, 8]
    assert page(root).count("There is one channel, grey.") == 2


def test_channels_last(added, root, tmp_path, monkeypatch):
    nodes = [
        helper.make_node("Transpose", ["data"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("GlobalAveragePool", ["planes"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["out"]),
    ]
    model = added(network(nodes, {"data": [1, 8, 10, 3]}, {"out": [1, 3]}), "--layout=NHWC", "--resize=10x8")
    assert (model.input_info[0].shape, model.input_info[0].layout) == ([1, 8, 10, 3], "NHWC")
    assert not model.quantizable  # there is nothing with weights
    assert "format is `B, H, W, C`" in page(root)
    monkeypatch.chdir(tmp_path)
    own = ["--name=my-net", f"--models_root={root}"]
    assert cli.main(["download", *own]) == cli.main(["convert", *own]) == 0
    picture = np.zeros((8, 10, 3), np.uint8)
    picture[..., 1] = 200
    cv2.imwrite("green.png", picture)
    assert (
        cli.main(["classify", "-m", "my-net", "-i", "green.png", "--no_show", "--json", "answers.json"]) == 0
    )
    assert '"index": 1' in (tmp_path / "answers.json").read_text()


def test_any_batch(added):
    model = added(classifier(("N", 3, 8, 8)), "--output=prob")
    assert model.input_info[0].shape == [-1, 3, 8, 8]
    assert model.output_info[0].shape == [-1, 5]
    assert "--batch" not in str(model.model_optimizer_args)


def test_several_outputs(added, root, capsys):
    model = added(classifier((1, 3, 8, 8)))
    assert [(one.name, one.values) for one in model.output_info] == [
        ("prob", "probabilities"),
        ("logits", "logits"),
    ]
    assert model.quantizable
    assert "has the outputs prob, logits" in capsys.readouterr().err
    assert page(root).count("name - `prob`") == page(root).count("name - `logits`") == 2


@pytest.mark.parametrize("shape", [(1, 3, "H", "W"), (1, 3, 8, "W")])
def test_any_size_is_refused_until_one_is_chosen(added, capsys, shape):
    assert added(classifier(shape), "--output=prob") is None
    assert "--input_shape" in capsys.readouterr().err
    model = added(classifier(shape), "--output=prob", "--input_shape=[1,3,16,16]")
    assert model.input_info[0].shape == [1, 3, 16, 16]


def test_two_inputs_are_refused(added, capsys):
    nodes = [
        helper.make_node("Add", ["data", "other"], ["sum"]),
        helper.make_node("GlobalAveragePool", ["sum"], ["out"]),
    ]
    two = network(nodes, {"data": SHAPE, "other": SHAPE}, {"out": [1, 3, 1, 1]})
    assert added(two) is None
    assert "2 inputs" in capsys.readouterr().err


def test_no_classifier_is_refused(added, capsys):
    assert (
        added(network([helper.make_node("Relu", ["data"], ["out"])], {"data": SHAPE}, {"out": SHAPE})) is None
    )
    assert "expected a number for each class" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stage=deploy"], "--stage is for networks of Caffe"),
        (["--input_proto=x.prototxt"], "--input_proto is for networks of Caffe"),
        (["--mean_file=x"], "--mean_file is for networks of Caffe"),
        (["--framework=caffe"], "x.prototxt"),
        (["--verify"], "unknown option"),
    ],
)
def test_options_of_other_frameworks(added, capsys, options, message):
    assert added(classifier(), *options) is None
    assert message in capsys.readouterr().err


def test_framework_that_cannot_be_told(add, root, tmp_path, capsys):
    path = tmp_path / "net.bin"
    path.write_bytes(b"x")
    assert add(files=("--input_model", path)) == 2
    assert "net.prototxt beside it" in capsys.readouterr().err
    assert add("--framework=onnx", files=("--input_model", path)) == 2
    assert ".onnx" in capsys.readouterr().err
    assert add("--framework=pytorch", files=("--input_model", path)) == 1


def test_precision_is_the_converters(add, capsys):
    assert add("--data_type=FP16") == 0
    assert "omz_converter has --precisions" in capsys.readouterr().err


def test_net_for_training(add, root, tmp_path):
    """A prototxt for training and testing is one for inference, too."""
    text = """
    layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
            data_param { source: "/nowhere" batch_size: 2 } transform_param { crop_size: 6 } }
    layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 4 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
    """
    files = write_model(
        tmp_path, parse_prototxt(text), {"fc": [np.ones((4, 108), np.float32), np.zeros(4, np.float32)]}
    )
    assert add("--output=loss", "--input_shape=[2,3,6,6]", files=("-d", files[0], "-w", files[1])) == 0
    (model,) = catalogue.load_all(root)
    assert model.input_info[0].shape == [2, 3, 6, 6]
    assert model.output_info[0].values == "probabilities"
