"""Networks in ONNX: results by ONNX's own reference, ends and shapes, the same bytes, files from strangers."""

import copy
import errno
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import openvino.opset13 as ops
import pytest
from onnx import helper, numpy_helper
from openvino.frontend import GeneralFailure, OpConversionFailure

from nets.conversion import run_model
from nets.onnx_nets import classifier, computed, control_flow, in_other_file, network, value, write
from omz.converter import build, onnx2ir
from omz.converter import network as networks
from omz.converter.arguments import Arguments
from omz.converter.onnx import convert as frontend
from omz.converter.onnx.convert import _refusal
from omz.converter.onnx.external_data import external_files
from omz.converter.onnx.snapshot import snapshot
from omz.errors import ConversionError, ParseError, ShapeError, UnsupportedLayerError

PICTURE = np.random.default_rng(1).integers(0, 256, (1, 3, 8, 8)).astype(np.float32)


def convert(path: Path, **options: object) -> ov.Model:
    """Read a sound network; what is not sound may end this process."""
    with snapshot(path) as checked:
        return frontend.convert(path, checked.path, **options)


def made(path: Path, folder: Path, *flags: str) -> Path:
    assert onnx2ir.main(["-m", str(path), "-o", str(folder), "-n", "net", "--quiet", *flags]) == 0
    return folder / "net.xml"


def test_preprocessing_is_baked_in(tmp_path):
    model = classifier()
    xml = made(
        write(model, tmp_path / "net.onnx"),
        tmp_path,
        "--input=data",
        "--input_shape=[1,3,8,8]",
        "--mean_values=data[103.5, 116.25, 123.75]",
        "--scale_values=data[58.4,57.1,57.4]",
        "--reverse_input_channels",
        "--layout=data(NCHW)",
        "--compress_to_fp16=False",
    )
    mean, scale = (
        np.array(v, np.float32).reshape(1, 3, 1, 1) for v in ([103.5, 116.25, 123.75], [58.4, 57.1, 57.4])
    )
    expected = computed(model, data=(PICTURE[:, ::-1] - mean) / scale)
    results = run_model(xml, {"data": PICTURE})
    assert list(results) == ["prob", "logits"]
    for name, result in results.items():
        np.testing.assert_allclose(result, expected[name], rtol=1e-4, atol=1e-5)


def test_ir_says_what_it_is(tmp_path):
    path = write(classifier((1, 3, 8, 8)), tmp_path / "net.onnx")
    xml = made(path, tmp_path, "--model_info=model_type=Classification")
    info = ov.Core().read_model(xml).get_rt_info()
    assert info["model_info"]["model_type"].value == "Classification"
    assert info["omz"]["onnx_sha256"].value == hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(tmp_path) not in xml.read_text()


def test_half_precision_halves_the_weights(tmp_path):
    weights = {"w": np.random.default_rng(2).standard_normal((256, 64)).astype(np.float32)}
    model = network([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": (1, 256)}, {"y": (1, 64)}, weights)
    path = write(model, tmp_path / "net.onnx")
    sizes = [
        made(path, tmp_path / flag, f"--compress_to_fp16={flag}").with_suffix(".bin").stat().st_size
        for flag in ("True", "False")
    ]
    digest = 32  # at the end; see omz.converter.pairs
    assert sizes == [256 * 64 * 2 + digest, 256 * 64 * 4 + digest]


@pytest.mark.parametrize("make", [lambda: classifier((1, 3, 8, 8)), control_flow])
def test_same_file_gives_the_same_bytes(tmp_path, make):
    path = write(make(), tmp_path / "net.onnx")
    first = made(path, tmp_path / "1")
    for number in range(77):  # OpenVINO numbers nodes over the life of the process
        ops.constant(float(number))
    second = made(path, tmp_path / "2")
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".bin").read_bytes() == second.with_suffix(".bin").read_bytes()


def test_graphs_within_nodes(tmp_path):
    model = control_flow()
    data = np.array([[1, -2, 3, -4]], np.float32)
    for sign in (1, -1):
        expected = computed(model, data=sign * abs(data))
        result = run_model(made(write(model, tmp_path / "net.onnx"), tmp_path), {"data": sign * abs(data)})
        np.testing.assert_allclose(result["out"], expected["out"], rtol=1e-5)


@pytest.mark.parametrize(
    ("outputs", "shapes"),
    [
        (["logits"], [[1, 5]]),
        (["logits", "prob"], [[1, 5], [1, 5]]),
        (["features"], [[1, 4]]),  # a tensor inside
        (["first"], [[1, 4, 8, 8]]),  # a node by its name
        (["pool", "prob"], [[1, 4, 1, 1], [1, 5]]),
    ],
)
def test_network_ends_where_it_is_told(tmp_path, outputs, shapes):
    model = classifier((1, 3, 8, 8))
    result = convert(write(model, tmp_path / "net.onnx"), outputs=outputs)
    assert [output.get_shape() for output in result.outputs] == [ov.Shape(shape) for shape in shapes]
    assert all(name in output.get_names() for name, output in zip(outputs, result.outputs, strict=True))
    del model.graph.output[:]
    tensors = ["conv" if name == "first" else name for name in outputs]
    model.graph.output.extend(value(name, shape) for name, shape in zip(tensors, shapes, strict=True))
    computed_by = run_model(result, {"data": PICTURE})
    for name, expected in computed(model, data=PICTURE).items():
        np.testing.assert_allclose(computed_by[name], expected, rtol=1e-4, atol=1e-4)


def test_inputs_that_no_output_needs_go(tmp_path):
    nodes = [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Relu", ["b"], ["z"])]
    model = network(nodes, {"a": (1, 2), "b": (1, 2)}, {"y": (1, 2), "z": (1, 2)})
    result = convert(write(model, tmp_path / "net.onnx"), outputs=["z"])
    assert [one.get_any_name() for one in result.inputs] == ["b"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "[?,3,8,8]"),
        ({"input_shapes": [[2, 3, 8, 8]]}, "[2,3,8,8]"),
        ({"input_shapes": {"data": [1, 3, 16, -1]}}, "[1,3,16,?]"),
        ({"batch": 4}, "[4,3,8,8]"),
        ({"batch": -1, "input_shapes": [[1, 3, 8, 8]]}, "[?,3,8,8]"),
    ],
)
def test_shapes(tmp_path, options, expected):
    result = convert(write(classifier(), tmp_path / "net.onnx"), **options)
    assert str(result.input("data").get_partial_shape()) == expected
    assert [str(output.get_partial_shape()) for output in result.outputs] == [
        f"[{expected[1:].split(',')[0]},5]"
    ] * 2


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"outputs": ["probs"]},
            ConversionError,
            "no tensor or node 'probs'; the network ends in prob, logits",
        ),
        ({"input_shapes": {"image": [1, 3, 8, 8]}}, ConversionError, "no input 'image'; its inputs are data"),
        ({"input_shapes": [[1], [2]]}, ConversionError, "2 shapes for 1 inputs: data"),
        ({"input_shapes": [[1, 4, 8, 8]]}, ShapeError, r"cannot take data \[1, 4, 8, 8\]"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, options, kind, message):
    path = write(classifier(), tmp_path / "net.onnx")
    with pytest.raises(kind, match=message) as caught:
        convert(path, **options)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def spoilt(kind: str) -> bytes:
    model = classifier((1, 3, 8, 8))
    if kind == "operator":
        model.graph.node[1].op_type = "Ruin"
    elif kind == "domain":
        model.graph.node[1].domain = "com.example"
    elif kind == "shape":
        model.graph.initializer[0].dims[1] = 1
        model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[: 4 * 9 * 4]
    elif kind == "size":
        model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    elif kind == "tensor":
        model.graph.node[1].input[0] = "nowhere"
    elif kind == "crash":  # OpenVINO 2026.4 reads the weights without looking whether there are any
        del model.graph.node[0].input[1:]
    content = model.SerializeToString()
    if kind == "name":
        return content.replace(b"logits", b"\xff\xfe\xfd\xfc\xfb\xfa")
    if kind == "zero":
        return content.replace(b"logits", b"log\0ts")
    return {"empty": b"", "text": b"hello", "short": content[: len(content) // 2]}.get(kind, content)


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("empty", ParseError, "is empty"),
        ("text", ParseError, "is cut short, not a sound network in ONNX, or of a newer release"),
        ("short", ParseError, "is cut short, or not a sound network in ONNX"),
        ("name", ParseError, "not UTF-8|not a sound network"),
        ("zero", ParseError, "names with a zero byte"),
        # What is wrong within the network OpenVINO finds, in its own words: the names in them are the file's.
        ("operator", ConversionError, r"\bRuin\b"),
        ("domain", ConversionError, r"com\.example\.Relu"),
        ("shape", ConversionError, "Conv"),
        ("size", ConversionError, "kernel|Conv"),
        ("tensor", ConversionError, "nowhere"),
        ("crash", ConversionError, "crashes on it|not a sound network|Conv"),
    ],
)
def test_spoilt_files_are_refused_in_one_line(tmp_path, capsys, kind, error, message):
    path = tmp_path / "net.onnx"
    path.write_bytes(spoilt(kind))
    with pytest.raises(error, match=message) as caught:
        networks.convert(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert onnx2ir.main(["-m", str(path), "-o", str(tmp_path / "ir")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "ir").exists()


#: What OpenVINO has said so far, shortened in the middle; and what we make of it.
CHECK = "Check 'false' failed at src/frontend.cpp:184:\nFrontEnd API failed with {}:\n{}\n"
CONV = (
    "While validating ONNX node '<Node(Conv): {}>': Check 'x' failed at src/y.hpp:307:\n"
    "While validating node 'opset1::Convolution C_1' with friendly_name 'C_1':\n"
    "Data batch channel count (3) does not match filter input channel count (1).\n"
)
SAID = {
    "2025.3, operator": (
        GeneralFailure(
            CHECK.format(
                "GeneralFailure", "OpenVINO does not support the following ONNX operations: a.b.Ruin"
            )
        ),
        UnsupportedLayerError,
        "OpenVINO does not read these operators: a.b.Ruin",
    ),
    "2026.4, operator": (
        OpConversionFailure(
            CHECK.format(
                "OpConversionFailure",
                "Model wasn't fully converted.\nSummary:\n-- No conversion rule found for operations: Ruin-13",
            )
        ),
        UnsupportedLayerError,
        "OpenVINO does not read these operators: Ruin-13",
    ),
    "2025.3, shape": (
        GeneralFailure(
            CHECK.format("GeneralFailure", f"Errors during ONNX translation:\n{CONV.format('first')}")
        ),
        ShapeError,
        "node 'first' of type Conv: Data batch channel count (3) does not match filter input channel count (1).",
    ),
    "2026.4, shape": (
        OpConversionFailure(
            CHECK.format(
                "OpConversionFailure",
                f"-- Conv-13 with a message:\n{CONV.format('conv')}\nSummary:\n-- Conversion is failed for: Conv-13",
            )
        ),
        ShapeError,
        "node 'conv' of type Conv: Data batch channel count (3) does not match filter input channel count (1).",
    ),
    "anything else": (
        RuntimeError("Check 'x' failed\nsomething new"),
        ParseError,
        "is cut short, or not a sound network in ONNX (something new)",
    ),
    "nothing": (
        RuntimeError(""),
        ParseError,
        "is cut short, or not a sound network in ONNX (OpenVINO gives no reason)",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_openvino_has_said_is_put_in_one_line(case):
    error, kind, message = SAID[case]
    refusal = _refusal(error)
    assert (type(refusal), str(refusal)) == (kind, message)


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(ParseError, match=os.strerror(errno.ENOENT)):
        convert(tmp_path / "net.onnx")


@pytest.mark.parametrize("location", ["kernel.bin", "weights/kernel.bin"])
def test_weights_in_another_file(tmp_path, location):
    model = classifier((1, 3, 8, 8))
    expected = computed(model, data=PICTURE)["prob"]
    path = write(in_other_file(copy.deepcopy(model), "kernel", location, tmp_path), tmp_path / "net.onnx")
    assert external_files(path) == [tmp_path / location]
    xml = made(path, tmp_path / "ir", "--compress_to_fp16=False")
    np.testing.assert_allclose(run_model(xml, {"data": PICTURE})["prob"], expected, rtol=1e-4, atol=1e-5)
    digest = hashlib.sha256((tmp_path / location).read_bytes()).hexdigest()
    assert ov.Core().read_model(xml).get_rt_info()["omz"]["onnx_data_0_sha256"].value == digest


@pytest.mark.parametrize(
    "location", ["../kernel.bin", "a/../../kernel.bin", "ABSOLUTE", "link.bin", "..\\kernel.bin"]
)
def test_weights_outside_of_the_folder_are_refused(tmp_path, location):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "kernel.bin")
    (folder / "a").mkdir()
    location = str(tmp_path / "kernel.bin") if location == "ABSOLUTE" else location
    path = write(in_other_file(classifier(), "kernel", location, folder), folder / "net.onnx")
    with pytest.raises(ConversionError, match="outside of its own folder; that is refused"):
        convert(path)


def test_missing_or_short_data_file(tmp_path):
    path = write(in_other_file(classifier(), "kernel", "kernel.bin", tmp_path), tmp_path / "net.onnx")
    (tmp_path / "kernel.bin").write_bytes(b"short")
    with pytest.raises(ConversionError, match=r"net\.onnx: "):
        convert(path)
    (tmp_path / "kernel.bin").unlink()
    with pytest.raises(
        ConversionError, match=r"kernel\.bin: is not there; net\.onnx takes its weights from it"
    ):
        convert(path)


def tensor_at(place: str) -> onnx.ModelProto:
    """Put one tensor with data elsewhere wherever a tensor can be."""
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "t")
    onnx.external_data_helper.set_external_data(tensor, "there.bin")
    tensor.ClearField("raw_data")
    node = helper.make_node("Constant", [], ["t"], value=tensor)
    if place == "initializer":
        graph = helper.make_graph([], "g", [], [value("t", [3])], [tensor])
    elif place == "constant":
        graph = helper.make_graph([node], "g", [], [value("t", [3])])
    elif place == "branch":
        inner = helper.make_graph([node], "inner", [], [value("t", [3])])
        condition = [value("c", [], onnx.TensorProto.BOOL)]
        graph = helper.make_graph(
            [helper.make_node("If", ["c"], ["y"], then_branch=inner)], "g", condition, []
        )
    elif place == "sparse":
        indices = numpy_helper.from_array(np.arange(3), "i")
        graph = helper.make_graph([], "g", [], [], [])
        graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, indices, [9]))
    else:
        function = helper.make_function("d", "F", [], ["t"], [node], [helper.make_opsetid("", 13)])
        return helper.make_model(helper.make_graph([], "g", [], []), functions=[function])
    return helper.make_model(graph)


@pytest.mark.parametrize("place", ["initializer", "constant", "branch", "sparse", "function"])
def test_data_elsewhere_is_found_wherever_the_tensor_is(tmp_path, place):
    path = write(tensor_at(place), tmp_path / "net.onnx")
    (tmp_path / "there.bin").write_bytes(bytes(12))
    assert external_files(path) == [tmp_path / "there.bin"]


def test_word_location_in_other_places_is_no_file(tmp_path):
    model = classifier(name="location")
    model.doc_string = "location ../x"
    assert external_files(write(model, tmp_path / "net.onnx")) == []


@pytest.mark.parametrize(
    ("shape", "flags", "message"),
    [
        ((1, 8, 8, 3), ["--reverse_input_channels"], "no input has 3 channels to reverse"),
        (
            (1, 7),
            ["--mean_values=data[1,2,3]"],
            "layout of input 'data'.* is not known; state it with --layout",
        ),
    ],
)
def test_preprocessing_that_cannot_be_applied_is_an_error(tmp_path, capsys, shape, flags, message):
    model = network([helper.make_node("Relu", ["data"], ["y"])], {"data": shape}, {"y": shape})
    path = write(model, tmp_path / "net.onnx")
    assert onnx2ir.main(["-m", str(path), "-o", str(tmp_path), *flags]) == 1
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.count("\n") == 1


def test_one_scale_is_for_inputs_of_any_shape(tmp_path):
    model = network([helper.make_node("Relu", ["data"], ["y"])], {"data": (1, 2)}, {"y": (1, 2)})
    path = write(model, tmp_path / "net.onnx")
    assert onnx2ir.main(["-m", str(path), "-o", str(tmp_path), "--scale=2", "--data_type=FP32"]) == 0
    assert run_model(tmp_path / "net.xml", {"data": [[8, -8]]})["y"].tolist() == [[4, 0]]


def test_layouts_other_than_nchw(tmp_path):
    model = network([helper.make_node("Relu", ["data"], ["y"])], {"data": (1, 2, 2, 3)}, {"y": (1, 2, 2, 3)})
    flags = ["--layout=data(NHWC)", "--mean_values=data[1,2,3]", "--reverse_input_channels"]
    xml = made(write(model, tmp_path / "net.onnx"), tmp_path, *flags)
    data = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    expected = np.maximum(data[..., ::-1] - np.array([1, 2, 3], np.float32), 0)
    np.testing.assert_allclose(run_model(xml, {"data": data})["y"], expected)


def test_video_has_its_channels_second(tmp_path):
    shape = (1, 3, 2, 4, 4)
    model = network([helper.make_node("Relu", ["data"], ["y"])], {"data": shape}, {"y": shape})
    xml = made(write(model, tmp_path / "net.onnx"), tmp_path, "--mean_values=[1,2,3]")
    data = np.arange(96, dtype=np.float32).reshape(shape)
    expected = np.maximum(data - np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1, 1), 0)
    np.testing.assert_allclose(run_model(xml, {"data": data})["y"], expected)


def test_core_does_not_import_onnx(tmp_path):
    path = write(classifier((1, 3, 8, 8)), tmp_path / "net.onnx")
    script = (
        "import sys; from omz.converter.onnx2ir import main; "
        f"status = main(['-m', {str(path)!r}, '-o', {str(tmp_path)!r}]); print(status, 'onnx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["0", "False"], done.stderr


def test_the_digest_is_that_of_what_was_read(tmp_path, monkeypatch):
    """Whoever puts another file into its place meanwhile is not recorded."""
    path, content = tmp_path / "net.onnx", classifier((1, 3, 32, 32)).SerializeToString()
    path.write_bytes(content)
    monkeypatch.setattr(build, "try_out", lambda *_, **__: path.write_bytes(b"another"))
    built = build.build_model(Arguments(path, None), "net", {})
    assert built.get_rt_info(["omz", "onnx_sha256"]).astype(str) == hashlib.sha256(content).hexdigest()
