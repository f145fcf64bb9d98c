"""The caffe2ir command: what its flags do to the network's answer, and what the IR says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from nets import NetBuilder, pictures, prototxt, se_resnext, synthetic_weights, write_model
from nets.conversion import run_model
from omz.converter import caffe2ir
from omz.converter.caffe.reference import run
from omz.errors import ZooError

NET = se_resnext((1, 1), stem=8, width=8, cardinality=4, size=32, classes=10)
WEIGHTS = synthetic_weights(NET)
PICTURE = np.rint(pictures((1, 3, 32, 32), 1) + 128)  # raw BGR, 0..255
MEAN = np.array([104, 117, 123], np.float32).reshape(1, 3, 1, 1)
SCALE = np.array([58.8, 57.1, 57.4], np.float32).reshape(1, 3, 1, 1)


@pytest.fixture
def caffe2ir_of_net(tmp_path):
    text, model = write_model(tmp_path / "files", NET, WEIGHTS)

    def convert(*options: str, status: int = 0) -> Path:
        arguments = [
            "--input_proto",
            str(text),
            "--input_model",
            str(model),
            "--output_dir",
            str(tmp_path / "ir"),
        ]
        assert caffe2ir.main([*arguments, *options]) == status
        return tmp_path / "ir" / "net.xml"

    return convert


def reference(data: np.ndarray, blob: str = "prob") -> np.ndarray:
    return run(NET, WEIGHTS, {"data": data})[blob]


FP32 = ("--data_type", "FP32")
ABSOLUTE = 1e-5


@pytest.mark.parametrize(
    ("flags", "named", "meant"),
    [
        (["--input_model", "nte.caffemodel"], "nte.caffemodel", "net.caffemodel"),
        (
            ["--input_model", "net.caffemodel", "--input_proto", "nett.prototxt"],
            "nett.prototxt",
            "net.prototxt",
        ),
    ],
)
def test_a_mistyped_file_is_named_with_the_one_beside_it(tmp_path, capsys, monkeypatch, flags, named, meant):
    write_model(tmp_path, NET, WEIGHTS)
    monkeypatch.chdir(tmp_path)
    assert caffe2ir.main(flags) == 1
    assert f"{named}: no such file. Did you mean {meant}?" in capsys.readouterr().err


@pytest.mark.parametrize("style", ["data[104,117,123]", "[104.0,117.0,123.0]", "(104,117,123)"])
def test_the_mean_is_subtracted_inside(caffe2ir_of_net, style):
    xml = caffe2ir_of_net(*FP32, "--mean_values", style)
    assert run_model(xml, {"data": PICTURE})["prob"] == pytest.approx(reference(PICTURE - MEAN), abs=ABSOLUTE)


def test_the_scale_divides_after_the_mean(caffe2ir_of_net):
    xml = caffe2ir_of_net(*FP32, "--mean_values=data[104,117,123]", "--scale_values=data[58.8,57.1,57.4]")
    expected = reference((PICTURE - MEAN) / SCALE)
    assert run_model(xml, {"data": PICTURE})["prob"] == pytest.approx(expected, abs=ABSOLUTE)
    xml = caffe2ir_of_net(*FP32, "--scale", "2")
    assert run_model(xml, {"data": PICTURE})["prob"] == pytest.approx(reference(PICTURE / 2), abs=ABSOLUTE)


def test_reversal_comes_before_the_mean(caffe2ir_of_net):
    """The net was trained on RGB with this mean in RGB order; pictures come as BGR."""
    xml = caffe2ir_of_net(*FP32, "--reverse_input_channels", "--mean_values=data[104,117,123]")
    expected = reference(PICTURE[:, ::-1] - MEAN)
    assert run_model(xml, {"data": PICTURE})["prob"] == pytest.approx(expected, abs=ABSOLUTE)
    assert np.abs(expected - reference(PICTURE - MEAN)).max() > 0.01  # the order matters to this net


def test_the_input_stays_raw_and_named(caffe2ir_of_net):
    model = ov.Core().read_model(caffe2ir_of_net("--mean_values=data[104,117,123]"))
    assert [port.get_any_name() for port in model.inputs] == ["data"]
    assert model.inputs[0].element_type == ov.Type.f32
    assert list(model.inputs[0].shape) == [1, 3, 32, 32]
    assert [port.get_any_name() for port in model.outputs] == ["prob"]


def test_shapes_can_be_given(caffe2ir_of_net):
    xml = caffe2ir_of_net(*FP32, "--input_shape=[4,3,32,32]")
    batch = np.rint(pictures((4, 3, 32, 32), 0) + 128)
    assert run_model(xml, {"data": batch})["prob"] == pytest.approx(reference(batch), abs=ABSOLUTE)
    model = ov.Core().read_model(caffe2ir_of_net("--input_shape=[-1,3,32,32]"))
    assert model.inputs[0].partial_shape[0].is_dynamic
    caffe2ir_of_net("--input_shape=[1,4,32,32]", status=1)
    caffe2ir_of_net("--input_shape=[1,3,0,32]", status=2)


def test_any_layer_can_be_the_end(caffe2ir_of_net):
    xml = caffe2ir_of_net(*FP32, "--output", "conv2_1,classifier")
    outputs = run_model(xml, {"data": PICTURE})
    # `conv2_1` is the blob after the ReLU that works in place on it.
    for name in ("conv2_1", "classifier"):
        assert outputs[name] == pytest.approx(reference(PICTURE, name), rel=1e-4, abs=1e-3)
    assert "prob" not in outputs


def test_layers_behind_the_end_may_be_unsupported(tmp_path):
    net = NetBuilder("cut", 8)
    net.convolution("conv", "data", 2, 3)
    weights = synthetic_weights(net.net)
    net.layer("strange", "NotALayer", ["conv"])
    text, model = write_model(tmp_path, net.net, weights)
    arguments = [
        "--input_proto",
        str(text),
        "--input_model",
        str(model),
        "--output_dir",
        str(tmp_path / "ir"),
    ]
    assert caffe2ir.main(arguments) == 1
    assert caffe2ir.main([*arguments, "--output", "conv"]) == 0


def test_half_precision_halves_the_file_and_keeps_the_answer(caffe2ir_of_net):
    full = caffe2ir_of_net("--model_name", "full", "--compress_to_fp16=False").with_name("full.bin")
    half = caffe2ir_of_net("--model_name", "half", "--compress_to_fp16").with_name("half.bin")
    assert half.stat().st_size == pytest.approx(full.stat().st_size / 2, rel=0.1)
    answers = [run_model(path.with_suffix(".xml"), {"data": PICTURE})["prob"] for path in (full, half)]
    assert answers[0] == pytest.approx(reference(PICTURE), abs=ABSOLUTE)
    assert 0 < np.abs(answers[0] - answers[1]).max() < 5e-3


def test_the_ir_says_where_it_comes_from(caffe2ir_of_net, tmp_path):
    import hashlib

    model = ov.Core().read_model(caffe2ir_of_net("--mean_values=data[104,117,123]", "--output=prob"))
    assert "104" in model.get_rt_info(["omz", "arguments"]).astype(str)
    digest = hashlib.sha256((tmp_path / "files" / "net.caffemodel").read_bytes()).hexdigest()
    assert model.get_rt_info(["omz", "caffemodel_sha256"]).astype(str) == digest
    text = (tmp_path / "ir" / "net.xml").read_text()
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--output", "nowhere"], 1, ["nowhere"]),
        (["--mean_values", "data[1,2]"], 1, ["2 mean values", "3 channels"]),
        (["--mean_values", "picture[1,2,3]"], 1, ["picture", "data"]),
        (["--mean_values", "data[1,2,x]"], 2, ["--mean_values", "'x'"]),
        (["--scale_values", "data[0]"], 1, ["0"]),
        (["--input_shape", "[1,3,32"], 2, ["[1,3,32"]),
        (["--input_shape", "[1,3,32,32],[1]"], 1, ["2 shapes"]),
        (["--model_name", "../net"], 2, ["../net"]),
        (["--no_such_flag"], 2, ["--no_such_flag"]),
        (["--labels", "no_such_list"], 1, ["no_such_list"]),
    ],
)
def test_wrong_flags_are_explained(caffe2ir_of_net, capsys, options, status, words):
    xml = caffe2ir_of_net(*options, status=status)
    message = capsys.readouterr().err
    for word in words:
        assert word in message
    assert "Traceback" not in message
    assert not xml.exists()


def test_an_old_ir_survives_a_failed_conversion(caffe2ir_of_net, tmp_path):
    xml = caffe2ir_of_net()
    before = xml.read_bytes(), xml.with_suffix(".bin").read_bytes()
    (tmp_path / "files" / "net.caffemodel").write_bytes(b"\x0a\xff")
    caffe2ir_of_net(status=1)
    assert (xml.read_bytes(), xml.with_suffix(".bin").read_bytes()) == before


def test_model_api_reads_labels_and_gives_the_same_answer(tmp_path):
    """The whole of Model API's part: type and labels from the IR, resizing, top-1."""
    models = pytest.importorskip("model_api.models")
    labels = tmp_path / "labels.txt"
    names = [f"{number} n{number:08d} kind {number}, synonym" for number in range(10)]
    labels.write_text("\n".join(names) + "\n")
    text, weights = write_model(tmp_path, NET, WEIGHTS)
    arguments = [
        "--input_proto",
        str(text),
        "--input_model",
        str(weights),
        "--output_dir",
        str(tmp_path / "ir"),
    ]
    status = caffe2ir.main([*arguments, *FP32, "--mean_values=data[104,117,123]", "--labels", str(labels)])
    assert status == 0
    model: Any = models.ClassificationModel.create_model(tmp_path / "ir" / "net.xml")
    expected = reference(PICTURE - MEAN)[0]
    answer = model(PICTURE[0].transpose(1, 2, 0).astype(np.uint8))
    assert len(model.params.labels if hasattr(model.params, "labels") else model.labels) == 10
    top = answer.top_labels[0]
    assert top.id == expected.argmax()
    assert top.name == f"kind_{expected.argmax()}"
    assert top.confidence == pytest.approx(expected.max(), abs=2e-2)  # a CPU with bfloat16 computes in that


def test_prototxt_is_found_beside_the_weights(tmp_path):
    _, model = write_model(tmp_path, NET, WEIGHTS)
    assert caffe2ir.main(["--input_model", str(model), "--output_dir", str(tmp_path / "ir")]) == 0
    (tmp_path / "net.prototxt").rename(tmp_path / "other.prototxt")
    assert caffe2ir.main(["--input_model", str(model), "--output_dir", str(tmp_path / "ir2")]) != 0
    assert not (tmp_path / "ir2").exists()


def test_the_library_function_raises_only_errors_of_the_toolkit(tmp_path):
    from omz.converter.caffe.convert import convert

    text = tmp_path / "net.prototxt"
    text.write_text(prototxt(NET))
    with pytest.raises(ZooError, match=r"nowhere\.caffemodel"):
        convert(text, tmp_path / "nowhere.caffemodel")
