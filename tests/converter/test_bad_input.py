"""Damaged, mismatched and hostile files: one or two lines that say what and where, and nothing left behind."""

from __future__ import annotations

import re
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nets import (
    NetBuilder,
    parse_prototxt,
    prototxt,
    se_resnext,
    synthetic_weights,
    write_caffemodel,
    write_model,
)
from omz.converter import caffe2ir
from omz.converter.caffe.convert import convert
from omz.errors import ConversionError, ParseError, ShapeError, UnsupportedLayerError

NET = se_resnext((1,), stem=8, width=8, cardinality=2, size=16, classes=4, reduction=4)
WEIGHTS = synthetic_weights(NET)


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> tuple[Path, Path]:
    """A prototxt and a caffemodel that convert."""
    paths = write_model(tmp_path_factory.mktemp("good"), NET, WEIGHTS)
    convert(*paths)
    return paths


def refused(text: Path, model: Path, target: Path, capsys: Any, *options: str) -> str:
    """Run caffe2ir, check how it fails, and return what it says."""
    arguments = [
        "--input_proto",
        str(text),
        "--input_model",
        str(model),
        "--output_dir",
        str(target),
        *options,
    ]
    status = caffe2ir.main(arguments)
    captured = capsys.readouterr()
    assert status == 1, captured.err
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert 1 <= len(lines) <= 2, captured.err
    assert lines[0].startswith("caffe2ir: error: ") or "error: " in lines[0]
    assert "Traceback" not in captured.err
    assert "internal error" not in captured.err
    assert not target.exists() or not list(target.iterdir())
    return captured.err


def test_caffemodels_cut_at_every_percent_are_refused(good, tmp_path, capsys):
    """Only a cut behind the last weights can go unseen: protobuf does not say where a message ends."""
    text, model = good
    content = model.read_bytes()
    cut = tmp_path / "cut.caffemodel"
    for percent in range(100):
        cut.write_bytes(content[: len(content) * percent // 100])
        message = refused(text, cut, tmp_path / "out", capsys)
        assert str(cut) in message, f"{percent} %"


def test_caffemodels_cut_between_layers_name_the_first_that_is_missing(good, tmp_path, capsys):
    text, _ = good
    names = [layer.name for layer in NET.layer if layer.name in WEIGHTS]
    for place in range(1, len(names), 7):
        kept = {name: WEIGHTS[name] for name in names[:place]}
        model = write_caffemodel(tmp_path / "cut.caffemodel", NET, kept)
        message = refused(text, model, tmp_path / "out", capsys)
        assert repr(names[place]) in message


def test_prototxts_cut_at_every_percent(good, tmp_path, capsys):
    """A cut between two layers leaves a shorter net that is whole in itself; any other cut is refused."""
    text, model = good
    content = text.read_text()
    cut = tmp_path / "cut.prototxt"
    refusals = 0
    for percent in range(100):
        head = content[: len(content) * percent // 100]
        cut.write_text(head)
        target = tmp_path / str(percent)
        balanced = head.count("{") == head.count("}") and head.rstrip().endswith("}")
        if balanced and parse_prototxt(head).layer:
            arguments = ["--input_proto", str(cut), "--input_model", str(model), "--output_dir", str(target)]
            assert caffe2ir.main([*arguments, "--quiet"]) in (0, 1)
            capsys.readouterr()
        else:
            assert str(cut) in refused(cut, model, target, capsys)
            refusals += 1
    assert refusals > 80


# What a fuzzer finds fastest: values at the edges of their types, and structure moved about.
NUMBERS = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "255",
    "65536",
    "2147483647",
    "-2147483648",
    "1000000000000",
    "1e38",
    "nan",
]


@st.composite
def mutated_prototxts(draw: Any) -> str:
    lines = prototxt(NET).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        action = draw(st.sampled_from(["number", "number", "drop", "repeat", "swap", "word", "insert"]))
        if action == "number":
            numbered = [i for i, line in enumerate(lines) if re.search(r": -?\d+$", line)]
            if numbered:
                place = draw(st.sampled_from(numbered))
                lines[place] = re.sub(r"-?\d+$", draw(st.sampled_from(NUMBERS)), lines[place])
        elif action == "drop":
            del lines[place]
        elif action == "repeat":
            lines.insert(place, lines[place])
        elif action == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[place], lines[other] = lines[other], lines[place]
        elif action == "word":
            words = [
                "Convolution",
                "Scale",
                "Axpy",
                "Concat",
                "Reshape",
                "Flatten",
                "Input",
                "data",
                "conv1/7x7_s2",
                "",
            ]
            lines[place] = re.sub(r'"[^"]*"', f'"{draw(st.sampled_from(words))}"', lines[place])
        else:
            lines.insert(
                place, draw(st.sampled_from(["}", "{", "layer {", "\0", "ü: 1", "input: 'data'", "name: 3"]))
            )
        if not lines:
            break
    return "\n".join(lines)


def converted_or_refused(text: Path, model: Path) -> str | None:
    """Return the message of a refusal, of one or two lines; any other exception is a defect."""
    try:
        convert(text, model)
    except ConversionError as error:
        lines = str(error).splitlines()
    else:
        return None
    assert 1 <= len(lines) <= 2
    return "\n".join(lines)


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(mutated_prototxts())
def test_mutated_prototxts_convert_or_are_refused(good, tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "mutated.prototxt"
    path.write_text(text)
    refusal = converted_or_refused(path, good[1])
    assert refusal is None or str(path) in refusal or str(good[1]) in refusal


@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data())
def test_mutated_caffemodels_convert_or_are_refused(good, tmp_path_factory, data):
    """Flip bytes, mostly of the structure, and splice pieces; big runs of weights are mutated least."""
    content = bytearray(good[1].read_bytes())
    structural = structure(bytes(content))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(structural))
        action = data.draw(st.sampled_from(["set", "set", "set", "delete", "insert"]))
        if action == "set":
            content[place % len(content)] = data.draw(
                st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF, 0x2A, 0x3A, 0xA2])
            )
        elif action == "delete":
            del content[place : place + data.draw(st.integers(1, 9))]
        else:
            content[place:place] = data.draw(st.binary(min_size=1, max_size=9))
    path = tmp_path_factory.getbasetemp() / "mutated.caffemodel"
    path.write_bytes(content)
    refusal = converted_or_refused(good[0], path)
    assert refusal is None or path.name in refusal


def structure(content: bytes) -> list[int]:
    """Return the places of a caffemodel that lie outside its runs of weights."""
    inside = np.zeros(len(content), bool)
    for blobs in WEIGHTS.values():
        for blob in blobs:
            start = content.find(blob.tobytes())
            inside[start : start + blob.nbytes] = blob.nbytes > 16
    return np.flatnonzero(~inside).tolist()


def mismatch(tmp_path: Path, capsys: Any, change: Any) -> str:
    """Convert the net with weights that ``change`` has changed, and return the refusal."""
    weights = {name: list(blobs) for name, blobs in WEIGHTS.items()}
    change(weights)
    text, model = write_model(tmp_path, NET, weights)
    message = refused(text, model, tmp_path / "out", capsys)
    assert model.name in message
    return message


def test_a_layer_without_weights_is_named(tmp_path, capsys):
    message = mismatch(tmp_path, capsys, lambda weights: weights.pop("conv2_1_3x3"))
    assert "'conv2_1_3x3'" in message
    assert "(8, 4, 3, 3)" in message  # what it asks for


def test_a_wrong_shape_is_told_with_the_right_one(tmp_path, capsys):
    def change(weights: Any) -> None:
        weights["conv2_1_3x3"][0] = np.zeros((16, 4, 3, 3), np.float32)

    message = mismatch(tmp_path, capsys, change)
    assert "'conv2_1_3x3'" in message
    assert "(16, 4, 3, 3)" in message
    assert "(8, 4, 3, 3)" in message


@pytest.mark.parametrize(
    "name", ["classifier", "conv2_1_1x1_reduce/bn", "conv2_1_1x1_reduce/bn/scale", "conv1/7x7_s2"]
)
@pytest.mark.parametrize("more", [True, False])
def test_wrong_numbers_of_blobs_are_told(name, more, tmp_path, capsys):
    def change(weights: Any) -> None:
        weights[name] = weights[name] + [np.ones(3, np.float32)] if more else weights[name][:-1]

    message = mismatch(tmp_path, capsys, change)
    count = len(WEIGHTS[name])
    assert repr(name) in message
    if count > 1 or more:
        assert re.search(rf"\b{count + (1 if more else -1)} blobs", message)


@pytest.mark.parametrize("name", ["conv2_1_1x1_reduce/bn", "conv2_1_1x1_reduce/bn/scale"])
def test_normalizations_of_another_width_are_told(name, tmp_path, capsys):
    def change(weights: Any) -> None:
        weights[name] = [np.ones(5, np.float32) if blob.size > 1 else blob for blob in weights[name]]

    message = mismatch(tmp_path, capsys, change)
    assert repr(name) in message
    assert "(5,)" in message
    assert "(8,)" in message


def test_a_weight_shared_by_reshaping_is_refused(tmp_path, capsys):
    """As many numbers in another shape are no match: that would scramble the filters."""

    def change(weights: Any) -> None:
        weights["classifier"][0] = weights["classifier"][0].T.copy()

    message = mismatch(tmp_path, capsys, change)
    assert "'classifier'" in message
    assert "(16, 4)" in message
    assert "(4, 16)" in message


def test_layers_that_the_prototxt_lacks_are_left_out(tmp_path, capsys, caplog):
    """Trained files hold layers of training; Caffe ignores what the net does not name, and so do we, saying so."""
    extended = type(NET)()
    extended.CopyFrom(NET)
    extended.layer.add(name="loss3/classifier", type="InnerProduct")
    extended.layer.add(name="pool1_split", type="Split")
    weights = {**WEIGHTS, "loss3/classifier": [np.ones((2, 3), np.float32)]}
    text = tmp_path / "net.prototxt"
    text.write_text(prototxt(NET))
    model = write_caffemodel(tmp_path / "net.caffemodel", extended, weights)
    with caplog.at_level("INFO"):
        convert(text, model)
    assert "loss3/classifier" in caplog.text
    assert "pool1_split" not in caplog.text


def test_all_unsupported_layers_are_reported_before_weights_are_read(tmp_path, capsys):
    text = tmp_path / "net.prototxt"
    more = 'layer { name: "%s" type: "%s" bottom: "data" top: "%s" }'
    text.write_text(
        'input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }'
        + more % ("norm1", "MadeUp", "a")
        + more % ("conv", "Convolution", "b")
        + more % ("psp", "Interp9", "c")
        + more % ("norm2", "MadeUp", "d")
    )
    message = refused(text, tmp_path / "nowhere.caffemodel", tmp_path / "out", capsys)
    for word in ("MadeUp", "Interp9", "'norm1'", "'psp'", "'norm2'", "Convolution"):
        assert word in message
    assert "nowhere" not in message
    with pytest.raises(UnsupportedLayerError):
        convert(text, tmp_path / "nowhere.caffemodel")


def one_layer(kind: str, parameters: str, dims: str = "dim: 1 dim: 4 dim: 8 dim: 8") -> str:
    return f"""
        input: "data" input_shape {{ {dims} }}
        layer {{ name: "odd" type: "{kind}" bottom: "data" top: "y" {parameters} }}"""


HOSTILE = {
    "huge input": (one_layer("ReLU", "", "dim: 1 dim: 3 dim: 1000000000000 dim: 8"), "'data'"),
    "huge product": (one_layer("ReLU", "", "dim: 99999 dim: 99999 dim: 99999 dim: 99999"), "'data'"),
    "overflowing product": (one_layer("ReLU", "", "dim: 4294967296 dim: 4294967296 dim: 4 dim: 4"), "'data'"),
    "negative input": (one_layer("ReLU", "", "dim: 1 dim: -3 dim: 8 dim: 8"), "-3"),
    "zero input": (one_layer("ReLU", "", "dim: 1 dim: 0 dim: 8 dim: 8"), "'data'"),
    "input beyond 64 bits": (one_layer("ReLU", "", "dim: 1 dim: 99999999999999999999"), "line"),
    "huge num_output": (
        one_layer("Convolution", "convolution_param { num_output: 4000000000 kernel_size: 1 }"),
        "'odd'",
    ),
    "huge pad": (
        one_layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 pad: 2000000000 }"),
        "'odd'",
    ),
    "kernel larger than input": (
        one_layer("Convolution", "convolution_param { num_output: 4 kernel_size: 9 }"),
        "larger",
    ),
    "kernel 0": (one_layer("Convolution", "convolution_param { num_output: 4 kernel_size: 0 }"), "'odd'"),
    "no kernel": (one_layer("Convolution", "convolution_param { num_output: 4 }"), "kernel_size"),
    "stride 0": (
        one_layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 stride: 0 }"),
        "stride",
    ),
    "dilation 0": (
        one_layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 dilation: 0 }"),
        "dilation",
    ),
    "group does not divide inputs": (
        one_layer("Convolution", "convolution_param { num_output: 3 kernel_size: 1 group: 3 }"),
        "group 3",
    ),
    "group does not divide outputs": (
        one_layer("Convolution", "convolution_param { num_output: 3 kernel_size: 1 group: 2 }"),
        "group 2",
    ),
    "group 0": (
        one_layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 group: 0 }"),
        "group 0",
    ),
    "num_output 0": (
        one_layer("Convolution", "convolution_param { num_output: 0 kernel_size: 1 }"),
        "num_output",
    ),
    "three kernels": (
        one_layer(
            "Convolution", "convolution_param { num_output: 4 kernel_size: 1 kernel_size: 1 kernel_size: 1 }"
        ),
        "kernel_size",
    ),
    "pooling stride 0": (one_layer("Pooling", "pooling_param { kernel_size: 2 stride: 0 }"), "stride"),
    "pooling kernel larger than input": (one_layer("Pooling", "pooling_param { kernel_size: 9 }"), "larger"),
    "pooling pad not below kernel": (one_layer("Pooling", "pooling_param { kernel_size: 2 pad: 2 }"), "pad"),
    "pooling kernel 0": (one_layer("Pooling", "pooling_param { kernel_size: 0 }"), "kernel"),
    "pooling without kernel": (one_layer("Pooling", ""), "kernel_size"),
    "stochastic pooling": (
        one_layer("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }"),
        "STOCHASTIC",
    ),
    "pooling of a vector": (
        one_layer("Pooling", "pooling_param { kernel_size: 2 }", "dim: 1 dim: 4"),
        "axes",
    ),
    "average of nothing": (
        one_layer("Pooling", "pooling_param { pool: AVE kernel_size: 1 stride: 8 }"),
        "no pixel",
    ),
    "reshape to another size": (one_layer("Reshape", "reshape_param { shape { dim: 7 } }"), "256"),
    "reshape by two unknowns": (one_layer("Reshape", "reshape_param { shape { dim: -1 dim: -1 } }"), "-1"),
    "reshape to negative size": (
        one_layer("Reshape", "reshape_param { shape { dim: -2 dim: -128 } }"),
        "'odd'",
    ),
    "reshape axis": (one_layer("Reshape", "reshape_param { shape { dim: -1 } axis: 9 }"), "axis 9"),
    "reshape copies no axis": (
        one_layer("Reshape", "reshape_param { shape { dim: 0 dim: 0 dim: 0 dim: 0 dim: 0 } }"),
        "copy",
    ),
    "flatten axis": (one_layer("Flatten", "flatten_param { axis: 5 }"), "axis 5"),
    "flatten backwards": (one_layer("Flatten", "flatten_param { axis: 3 end_axis: 1 }"), "'odd'"),
    "softmax axis": (one_layer("Softmax", "softmax_param { axis: -9 }"), "axis -9"),
    "concat axis": (one_layer("Concat", "concat_param { axis: 4 }"), "axis 4"),
    "scale axis": (one_layer("Scale", "scale_param { axis: 4 }"), "axis 4"),
    "scale num_axes": (one_layer("Scale", "scale_param { axis: 2 num_axes: 3 }"), "num_axes"),
    "batch statistics": (
        one_layer("BatchNorm", "batch_norm_param { use_global_stats: false }"),
        "use_global_stats",
    ),
    "too few bottoms": (one_layer("Axpy", ""), "bottoms"),
    "no bottom": (
        'input: "data" input_shape { dim: 1 } layer { name: "odd" type: "ReLU" top: "y" }',
        "'odd'",
    ),
    "missing bottom": (
        'input: "data" input_shape { dim: 1 } layer { name: "odd" type: "ReLU" bottom: "gone" top: "y" }',
        "gone",
    ),
    "cycle": (
        """input: "data" input_shape { dim: 1 dim: 2 }
        layer { name: "odd" type: "Eltwise" bottom: "data" bottom: "b" top: "a" }
        layer { name: "even" type: "ReLU" bottom: "a" top: "b" }""",
        "'b'",
    ),
    "reads itself": (
        'input: "data" input_shape { dim: 1 } layer { name: "odd" type: "ReLU" bottom: "y" top: "y" }',
        "'y'",
    ),
    "blob made twice": (
        one_layer("ReLU", "") + 'layer { name: "again" type: "Sigmoid" bottom: "data" top: "y" }',
        "twice",
    ),
    "no top": (
        'input: "data" input_shape { dim: 1 } layer { name: "odd" type: "ReLU" bottom: "data" }',
        "output",
    ),
    "no layers": ('name: "empty"', "no layer"),
    "training only": (one_layer("ReLU", "include { phase: TRAIN }"), "TEST"),
    "layers of both formats": (one_layer("ReLU", "") + 'layers { name: "old" type: RELU }', "both"),
    "input without shape": (
        'input: "data" layer { name: "odd" type: "ReLU" bottom: "data" top: "y" }',
        "shape",
    ),
    "too few input_dim": ('input: "data" input_dim: 1 layer { name: "odd" type: "ReLU" }', "input_dim"),
    "unequal sums": (
        """input: "data" input: "b" input_shape { dim: 1 dim: 2 } input_shape { dim: 1 dim: 3 }
        layer { name: "odd" type: "Eltwise" bottom: "data" bottom: "b" top: "y" }""",
        "'odd'",
    ),
    "coefficients": (
        """input: "data" input_shape { dim: 1 }
        layer { name: "odd" type: "Eltwise" bottom: "data" bottom: "data" top: "y" eltwise_param { coeff: 1 } }""",
        "coeff",
    ),
    "deeply nested": ("layer { a " + "{ b " * 100_000, "prototxt"),
    "control characters in names": (
        'input: "data" input_shape { dim: 1 } layer { name: "a\\001b" type: "ReLU" bottom: "data" top: "y" }',
        "printable",
    ),
    "V0 format": ('layers { layer { name: "c" type: "conv" } }', "V0"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_prototxts_are_refused(name, good, tmp_path, capsys):
    text, expected = HOSTILE[name]
    path = tmp_path / "hostile.prototxt"
    path.write_text(text)
    # Weights that fit most of the layers above, so that they get as far as they can.
    others = NetBuilder("odd", 8)
    others.layer("odd", "Convolution", ["data"])
    weights = {"odd": [np.ones((4, 4, 1, 1), np.float32), np.ones(4, np.float32)]}
    if "BatchNorm" in text:
        weights["odd"] = [np.ones(4, np.float32), np.ones(4, np.float32), np.ones(1, np.float32)]
    model = write_caffemodel(tmp_path / "weights.caffemodel", others.net, weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refused(path, model, tmp_path / "out", capsys)
    print(f"{name:32s} {message}")
    assert expected in message
    assert "hostile.prototxt" in message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


@pytest.mark.parametrize(
    "text",
    [
        'layer { name: "' + "x" * 300_000,
        one_layer("N" * 300_000, ""),
        one_layer("Reshape", f"reshape_param {{ shape {{ {'dim: 2 ' * 9000} }} }}"),
        'input: "data" input_shape { dim: 1 }'
        + "".join(f'layer {{ name: "a{i}" type: "T{i}" bottom: "data" top: "y{i}" }}' for i in range(5000)),
    ],
    ids=["a line", "a name", "a shape", "many types"],
)
def test_messages_stay_short_whatever_they_quote(text, good, tmp_path, capsys):
    path = tmp_path / "hostile.prototxt"
    path.write_text(text)
    assert len(refused(path, good[1], tmp_path / "out", capsys)) < 5000


def test_missing_and_swapped_files_are_named(good, tmp_path, capsys):
    text, model = good
    assert "nowhere.prototxt" in refused(tmp_path / "nowhere.prototxt", model, tmp_path / "out", capsys)
    assert "nowhere.caffemodel" in refused(text, tmp_path / "nowhere.caffemodel", tmp_path / "out", capsys)
    assert "caffemodel" in refused(model, text, tmp_path / "out", capsys)
    assert str(tmp_path) in refused(text, tmp_path, tmp_path / "out", capsys)


def test_errors_have_their_kinds(good, tmp_path):
    text, model = good
    with pytest.raises(ParseError):
        convert(model, text)
    odd = tmp_path / "odd.prototxt"
    odd.write_text(prototxt(NET).replace("num_output: 16", "num_output: 24", 1))
    with pytest.raises(ShapeError):
        convert(odd, model)
