"""Nets and weights made to overflow, exhaust or confuse: each with the message that the user gets.

Whatever is refused is refused by ``caffe2ir`` in one or two lines, within ten seconds and bounded memory, and leaves
nothing behind.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from nets import parse_prototxt, prototxt
from nets.caffemodel import _message, _varint, write_caffemodel
from nets.conversion import run_model
from omz.converter import caffe2ir
from omz.converter.caffe.convert import convert
from omz.converter.caffe.prototxt import read_prototxt
from omz.converter.caffe.reference import run

INPUT = 'input: "data" input_shape { dim: 1 dim: 4 dim: 8 dim: 8 }\n'
SECONDS, MEGABYTES = 10, 512

Refused = Callable[..., str]
PICTURE = 'input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'


def layer(kind: str, parameters: str = "", bottoms: str = 'bottom: "data"', name: str = "odd") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{name}" {parameters} }}\n'


def chain(count: int, kind: str = "ReLU", parameters: str = "") -> str:
    bottoms = ["data", *(f"r{place}" for place in range(count - 1))]
    return "".join(layer(kind, parameters, f'bottom: "{name}"', f"r{n}") for n, name in enumerate(bottoms))


def sums(count: int, width: int) -> str:
    bottoms = ["data", *(f"s{place}" for place in range(count - 1))]
    return "".join(layer("Eltwise", "", f"bottom: '{b}'\n" * width, f"s{n}") for n, b in enumerate(bottoms))


def weights_file(folder: Path, weights: dict[str, list[np.ndarray]]) -> Path:
    net = parse_prototxt("".join(f'layer {{ name: "{name}" type: "Convolution" }}' for name in weights))
    return write_caffemodel(folder / "net.caffemodel", net, weights)


@pytest.fixture
def refused(tmp_path, capsys) -> Refused:
    """Return a function that runs caffe2ir on a prototxt, checks how it fails, and returns what it says."""

    def check(text: str, caffemodel: Path | None = None, *options: str) -> str:
        path = tmp_path / "hostile.prototxt"
        path.write_text(text)
        weights = caffemodel or weights_file(tmp_path, {"odd": [np.ones((4, 4, 1, 1), np.float32)]})
        target = tmp_path / "out"
        files = ["--input_proto", str(path), "--input_model", str(weights), "--output_dir", str(target)]
        began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert caffe2ir.main([*files, *options]) == 1
        assert time.process_time() - began < SECONDS
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown >> 10 < MEGABYTES + 4 * (path.stat().st_size >> 20)
        message = capsys.readouterr().err.strip()
        assert 1 <= len(message.splitlines()) <= 2
        assert "internal error" not in message
        assert len(message) < 4000
        assert not target.exists() or not list(target.iterdir())
        print(message[:300])
        return message

    return check


INT32, INT64 = (1 << 31) - 1, (1 << 63) - 1
SIZES = {
    "input_dim of terabytes": (
        f'input: "data" {"input_dim: 99999 " * 4}' + layer("ReLU"),
        "input 'data'.*2\\^31",
    ),
    "input_dim beyond int32": (
        'input: "data" input_dim: 2147483648 ' + layer("ReLU"),
        "line 1: is not prototxt: ",
    ),
    "negative input_dim": ('input: "data" ' + "input_dim: -5 " * 4 + layer("ReLU"), "input 'data'.*positive"),
    "input_dim of 0": ('input: "data" ' + "input_dim: 0 " * 4 + layer("ReLU"), "input 'data'.*positive"),
    "what OpenVINO takes for any size": (
        f'input: "data" input_shape {{ dim: {INT64} dim: {INT64} }}' + layer("ReLU"),
        "input 'data'.*below 2\\^31",
    ),
    "Input beyond int64": (
        'layer { name: "i" type: "Input" top: "data" input_param { shape { dim: 1 dim: 9223372036854775808 } } }'
        + layer("ReLU"),
        "line 1: is not prototxt: ",
    ),
    "DummyData of terabytes": (
        'layer { name: "i" type: "DummyData" top: "data" dummy_data_param { shape { dim: 4294967295 dim: 999 } } }'
        + layer("ReLU"),
        "input 'data'.*2\\^31",
    ),
    "MemoryData of terabytes": (
        'layer { name: "i" type: "MemoryData" top: "data" top: "label" memory_data_param '
        "{ batch_size: 4294967295 channels: 4294967295 height: 4294967295 width: 4294967295 } }"
        + layer("ReLU"),
        "input 'data'",
    ),
    "Reshape beyond int64": (
        INPUT + layer("Reshape", f"reshape_param {{ shape {{ dim: {INT64} dim: {INT64} dim: -1 }} }}"),
        "'odd'.*256",
    ),
    "Reshape to a zero that copies nothing": (
        INPUT + layer("Reshape", "reshape_param { shape { dim: 1 dim: 4 dim: 8 dim: 8 dim: 0 } }"),
        "'odd'.*copy",
    ),
    "Tile to terabytes": (INPUT + layer("Tile", f"tile_param {{ tiles: {INT32} }}"), "'odd'.*2\\^31"),
    "Tile by 0": (INPUT + layer("Tile", "tile_param { tiles: 0 }"), "'odd'.*tiles"),
    "Tile by less": (INPUT + layer("Tile", "tile_param { tiles: -1 }"), "'odd'.*tiles"),
    "Tile along no axis": (INPUT + layer("Tile", "tile_param { tiles: 2 axis: -5 }"), "'odd'.*axis -5"),
    "Deconvolution to terabytes": (
        INPUT
        + layer("Deconvolution", "convolution_param { num_output: 4 kernel_size: 1 stride: 4294967295 }"),
        "'odd'.*2\\^31",
    ),
    "Deconvolution of outputs": (
        INPUT + layer("Deconvolution", "convolution_param { num_output: 4294967292 kernel_size: 9 }"),
        "'odd'.*2\\^31",
    ),
    "Deconvolution padded away": (
        INPUT + layer("Deconvolution", "convolution_param { num_output: 4 kernel_size: 1 pad: 9 }"),
        "'odd'.*leaves nothing",
    ),
    "Interp to terabytes": (
        INPUT + layer("Interp", f"interp_param {{ height: {INT32} width: {INT32} }}"),
        "'odd'.*2\\^31",
    ),
    "Interp zoomed beyond int64": (
        INPUT + layer("Interp", f"interp_param {{ zoom_factor: {INT32} shrink_factor: 1 }}"),
        "'odd'.*2\\^31",
    ),
    "Interp to less than nothing": (
        INPUT + layer("Interp", "interp_param { height: -3 width: 4 }"),
        "'odd'.*at least 1",
    ),
    "Interp that cuts all": (
        INPUT + layer("Interp", "interp_param { pad_beg: -4 pad_end: -4 }"),
        "'odd'.*pad_beg",
    ),
    "Upsample to terabytes": (
        INPUT + layer("Upsample", f"upsample_param {{ scale: {INT32} }}"),
        "'odd'.*2\\^31",
    ),
    "Upsample by less": (INPUT + layer("Upsample", "upsample_param { scale: -2 }"), "'odd'.*at least 1"),
    "Convolution of outputs": (
        INPUT + layer("Convolution", "convolution_param { num_output: 4294967295 kernel_size: 1 }"),
        "'odd'.*4294967295",
    ),
    "Convolution of a kernel": (
        INPUT + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 4294967295 }"),
        "'odd'.*larger than the input",
    ),
    "Convolution of padding": (
        INPUT + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 pad: 4294967295 }"),
        "'odd'.*2\\^31",
    ),
    "Convolution of dilation": (
        INPUT
        + layer(
            "Convolution", "convolution_param { num_output: 4 kernel_size: 3 pad: 1 dilation: 4294967295 }"
        ),
        "'odd'.*larger than the input",
    ),
    "negative stride": (
        INPUT + layer("Convolution", "convolution_param {\nnum_output: 4 kernel_size: 1 stride: -1 }"),
        "line 3.*-1",
    ),
    "negative kernel": (INPUT + layer("Pooling", "pooling_param { kernel_size: -2 }"), "line 2.*-2"),
    "kernel larger than the padded input": (
        INPUT + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 13 pad: 2 }"),
        "'odd'.*larger than the input \\[8, 8\\] with pad \\[2, 2\\]",
    ),
    "pooling window larger than the padded input": (
        INPUT + layer("Pooling", "pooling_param { kernel_size: 13 pad: 2 }"),
        "'odd'.*larger than the input",
    ),
    "Slice at negative points": (
        INPUT
        + 'layer { name: "odd" type: "Slice" bottom: "data" top: "a" top: "b" slice_param { slice_point: -1 } }',
        "line 2.*-1",
    ),
    "Crop beyond the end": (
        INPUT + layer("Crop", "crop_param { offset: 4294967295 }", 'bottom: "data" bottom: "data"'),
        "'odd'.*4294967295",
    ),
    "InnerProduct along no axis": (
        INPUT + layer("InnerProduct", "inner_product_param { num_output: 3 axis: -7 }"),
        "'odd'.*axis -7",
    ),
    "ArgMax of too many": (INPUT + layer("ArgMax", "argmax_param { top_k: 4294967295 }"), "'odd'.*top_k"),
    "Reduction along no axis": (INPUT + layer("Reduction", "reduction_param { axis: 4 }"), "'odd'.*axis 4"),
    "LRN over more than there is": (
        INPUT + layer("LRN", "lrn_param { local_size: 4294967295 }"),
        "'odd'.*local_size",
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_that_cannot_be_are_refused(name, refused):
    text, expected = SIZES[name]
    message = refused(text)
    assert "hostile.prototxt" in message
    assert re.search(expected, message, re.DOTALL)


CROWDS = {
    "1e5 layers": (INPUT + chain(100_000), "fields; more than"),
    "1e5 short layers": (INPUT + "layer{}\n" * 100_000, "100000 layers; more than 10000"),
    "a chain of 49,000 layers": (INPUT + chain(49_000), "fields; more than"),
    "too many layers by one": (INPUT + chain(10_001), "10001 layers; more than 10000"),
    "60,000 bottoms of a Concat": (INPUT + layer("Concat", "", "bottom: 'data'\n" * 60_000), "60000 bottoms"),
    "60,000 bottoms of an Eltwise": (INPUT + layer("Eltwise", "", "bottom: 'data'\n" * 60_000), "60000 bottoms"),
    "50,000 tops": (
        INPUT + layer("Split", "".join(f'top: "t{place}"\n' for place in range(50_000))),
        "50001 tops; more than 1000",
    ),
    "600 layers that read 100 each": (INPUT + sums(600, 100), "60600 bottoms and tops; more than 50000"),
    "8,000 outputs": (
        INPUT + "".join(layer("ReLU", name=f"r{place}") for place in range(8_000)),
        "8000 outputs; more than 1000",
    ),
    "50,000 inputs": (
        "".join(f'input: "i{n}" input_shape {{ dim: 1 }}\n' for n in range(50_000)) + layer("ReLU", "", 'bottom: "i0"'),
        "50000 inputs; more than 1000",
    ),
    "one input 50,000 times": ('input: "data"\n' * 50_000 + layer("ReLU"), "'data' is named twice"),
    "many input_dim": ('input: "data"\n' + "input_dim: 1\n" * 150_000 + layer("ReLU"), "150000 input_dim for 1 input"),
    "unknown fields": (INPUT + layer("ReLU", "unheard_of: 1\n" * 300_000), "fields; more than"),
    "a name of a megabyte": (INPUT + layer("ReLU", name="x" * 1_000_000), "a word of 1000002 characters"),
    "larger than a prototxt is": (INPUT + "#" * 80 + ("\n" + "#" * 80) * 120_000, "larger than 8388608 bytes"),
    "nested": (INPUT + "layer { a " + "{ b " * 10_000, "nested too deeply|line"),
    "rules by the thousand": (
        INPUT
        + "state {\n" + "".join(f'stage: "s{n}"\n' for n in range(40_000)) + "}\n"
        + "".join(layer("ReLU", "include { not_stage: 's0' }", name=f"r{n}") for n in range(9_000)),
        "no layer is left",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CROWDS)
def test_crowds_are_refused_before_they_cost_much(name, refused):
    text, expected = CROWDS[name]
    message = refused(text)
    assert "hostile.prototxt" in message
    assert re.search(expected, message, re.DOTALL)


def test_a_net_may_be_written_in_one_line(tmp_path):
    """protobuf copies the whole line for each field that it does not know; this took 14 s."""
    path = tmp_path / "net.prototxt"
    path.write_text((INPUT + layer("ReLU", "a: 1 b: 'two  words' " * 40_000)).replace("\n", " "))
    began = time.process_time()
    assert read_prototxt(path).layer[0].type == "ReLU"
    assert time.process_time() - began < 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        INPUT + chain(10_000),
        INPUT + "layer { name: 'r' type: 'ReLU' bottom: 'data' top: 'data' }\n" * 10_000,
        INPUT + chain(10_000, "ArgMax", "argmax_param { axis: 1 top_k: 4 out_max_val: true }"),
        INPUT + sums(1, 1000),
        INPUT + sums(490, 100),
        INPUT + layer("Concat", "", "bottom: 'data'\n" * 1000),
        INPUT + layer("Split", "".join(f"top: 't{n}'\n" for n in range(999))),
        INPUT + layer("ReLU", "unheard_of: 1\n" * 190_000),
    ],
    ids=[
        "deep",
        "one name",
        "many nodes",
        "wide sum",
        "wide sums",
        "wide concat",
        "outputs",
        "unknown fields",
    ],
)
def test_the_largest_nets_that_are_accepted_convert_in_seconds(text, tmp_path):
    """In a process of its own, whose peak of memory is its own, too."""
    path = tmp_path / "large.prototxt"
    path.write_text(text)
    model = weights_file(tmp_path, {"odd": [np.ones((4, 4, 1, 1), np.float32)]})
    seconds, megabytes = measured(path, model)
    assert seconds < SECONDS
    assert megabytes < MEGABYTES + 4 * (len(text) >> 20)


MEASURE = """
import resource, sys, time
from omz.converter import caffe2ir
import openvino, omz.converter.caffe.convert
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before = peak()
status = caffe2ir.main(sys.argv[1:])
print(status, time.process_time(), peak() - before)
"""


def measured(text: Path, model: Path, expected: int = 0) -> tuple[float, int]:
    """Run caffe2ir in a process of its own; return its processor time in seconds and the growth in megabytes."""
    files = [
        "--input_proto",
        str(text),
        "--input_model",
        str(model),
        "--output_dir",
        str(text.parent / "out"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *files, "--quiet"], capture_output=True, text=True, timeout=60
    )
    status, seconds, megabytes = done.stdout.split()
    assert int(status) == expected, done.stderr
    assert "Traceback" not in done.stderr
    return float(seconds), int(megabytes)


def test_cycles_missing_bottoms_and_layers_out_of_order(refused):
    sum_of_both = layer("Eltwise", "", 'bottom: "data" bottom: "late"')
    message = refused(INPUT + sum_of_both + layer("ReLU", "", 'bottom: "odd"', "late"))
    assert "layer 'odd' (Eltwise) reads the blob 'late', which only layer 'late'" in message
    assert "cycle" in message
    message = refused(INPUT + layer("ReLU", "", 'bottom: "nowhere"'))
    assert "layer 'odd' (ReLU) reads the blob 'nowhere', which no layer before it makes" in message


@pytest.mark.parametrize(
    "name", [" ", "a/b", "é中", "%s{}", "data:1", '\\"', "'", "<&>", "..", "a,b[1]", "\U0001f600"]
)
def test_odd_names_stay_as_they_are(name, tmp_path):
    net = parse_prototxt(INPUT)
    net.layer.add(name=name, type="ReLU", bottom=["data"], top=[name])
    path = tmp_path / "net.prototxt"
    path.write_text(prototxt(net))
    model = weights_file(tmp_path, {"odd": [np.ones(1, np.float32)]})
    files = ["--input_proto", str(path), "--input_model", str(model), "--output_dir", str(tmp_path)]
    assert caffe2ir.main([*files, "--quiet"]) == 0
    assert ov.Core().read_model(tmp_path / "net.xml").output().get_names() == {name}


@pytest.mark.parametrize("name", [r"\000", r"\033[31m", r"\n", r"\342\200\256", r"\357\277\276"])
def test_names_that_no_file_could_hold_are_refused(name, refused):
    message = refused(INPUT + layer("ReLU", name=name))
    assert "not printable" in message
    assert message.replace("\n", "").isprintable()


TWINS = (
    INPUT
    + 'layer { name: "odd" type: "Convolution" bottom: "data" top: "a" convolution_param { num_output: 4 } }\n'
    'layer { name: "odd" type: "Convolution" bottom: "a" top: "b" convolution_param { num_output: 4 } }'
)


def test_layers_of_one_name_are_accepted_only_without_weights(refused, tmp_path):
    assert "two layers are named 'odd'" in refused(TWINS)
    path = tmp_path / "net.prototxt"
    path.write_text(TWINS.replace("Convolution", "Sigmoid"))
    other = weights_file(tmp_path, {"other": [np.ones(1, np.float32)]})
    names = [node.get_friendly_name() for node in convert(path, other).get_ordered_ops()]
    assert {"odd", "odd_1"} <= set(names)


def shared_net(kernel: int = 1) -> str:
    common = "bias_term: false"
    return (
        INPUT
        + 'layer { name: "one" type: "Convolution" bottom: "data" top: "one" param { name: "w" } '
        + f"convolution_param {{ num_output: 4 kernel_size: 1 {common} }} }}\n"
        + 'layer { name: "two" type: "Convolution" bottom: "one" top: "two" param { name: "w" } '
        + f"convolution_param {{ num_output: 4 kernel_size: {kernel} {common} }} }}"
    )


@pytest.mark.parametrize("stated", [["one"], ["two"], ["one", "two"], ["two", "one"]])
def test_shared_blobs_are_those_that_caffe_would_take(stated, tmp_path):
    """One layer may have them in the file for both; if both have, those of the last one in the file."""
    stream = np.random.default_rng(len(stated))
    weights = {name: [stream.standard_normal((4, 4, 1, 1)).astype(np.float32)] for name in stated}
    path = tmp_path / "net.prototxt"
    path.write_text(shared_net())
    file = weights_file(tmp_path, weights)
    data = stream.standard_normal((1, 4, 8, 8)).astype(np.float32)
    result = run_model(convert(path, file), {"data": data})["two"]
    assert np.allclose(result, run(parse_prototxt(path), weights, {"data": data})["two"], atol=1e-4)
    last = weights[stated[-1]][0][:, :, 0, 0].astype(np.float64)
    assert np.allclose(result, np.einsum("ij,njhw->nihw", last @ last, data), atol=1e-4)


def test_a_shared_blob_that_fits_one_layer_only_is_refused(refused, tmp_path):
    file = weights_file(tmp_path, {"one": [np.ones((4, 4, 1, 1), np.float32)]})
    message = refused(shared_net(kernel=3), file)
    assert "layer 'two'" in message
    assert "(4, 4, 1, 1)" in message
    assert "(4, 4, 3, 3)" in message


def test_a_blob_shared_so_often_that_its_copies_would_fill_the_memory_is_refused(refused, tmp_path):
    """Each layer scales its weights by the Scale behind it, and so needs them for itself."""
    pair = """layer {{ name: "c{0}" type: "InnerProduct" bottom: "data" top: "c{0}" param {{ name: "w" }}
      inner_product_param {{ num_output: 4096 bias_term: false }} }}
    layer {{ name: "s{0}" type: "Power" bottom: "c{0}" top: "s{0}" power_param {{ scale: 2 }} }}\n"""
    text = INPUT + "".join(pair.format(place) for place in range(400))
    message = refused(text, weights_file(tmp_path, {"c0": [np.ones((4096, 256), np.float32)]}))
    assert "layer 'c0' shares a blob of 1048576 numbers with 399 others" in message


def test_all_unsupported_layers_are_told_before_weights_are_looked_for(refused, tmp_path):
    text = INPUT + "".join(
        layer(kind, name=kind.lower()) for kind in ("Warp", "Convolution", "Fold9", "Python")
    )
    message = refused(text, tmp_path / "nowhere.caffemodel")
    for word in ("Warp ('warp')", "Fold9 ('fold9')", "Python", "'python'"):
        assert word in message
    assert "nowhere" not in message


def blob(shape: list[int], data: bytes = b"") -> bytes:
    dims = b"".join(b"\x08" + _varint(size) for size in shape)
    return b"".join(_message(7, [b"".join([*_message(7, [dims]), *_message(5, [data])])]))


def layer_of(*parts: bytes) -> bytes:
    return b"".join(_message(100, [b"\x0a\x03odd", *parts]))


HUGE = 1 << 62
HEAD = b'layer { name: "odd" blobs {\n'
CAFFEMODELS: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "a shape of 0 and beyond 64 bits": (layer_of(blob([0, HUGE, HUGE])), "layer 'odd'.*holds 0 numbers"),
    "a shape whose product overflows to the right number": (
        layer_of(blob([1 << 32, 1 << 32], bytes(4))),
        "layer 'odd'.*holds 1 numbers",
    ),
    "a shape beyond 64 bits": (layer_of(blob([(1 << 70) - 1])), "damaged"),
    "33 axes": (layer_of(blob([1] * 33, bytes(4))), "layer 'odd'.*holds 1 numbers"),
    "terabytes": (layer_of(blob([1 << 40], bytes(4))), "layer 'odd'.*1099511627776.*holds 1 numbers"),
    "a million fields": (lambda: b"\x08\x00" * 1_000_000, "more than 500000 fields"),
    "a million blobs": (lambda: layer_of(b"\x3a\x00" * 1_000_000), "more than 500000 fields"),
    "a million dims": (lambda: layer_of(blob([1] * 1_000_000, bytes(4))), "more than 500000 fields"),
    "a length beyond the file": (
        b"\xa2\x06\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(99),
        "cut off or damaged",
    ),
    "text: a shape of 0 and beyond 64 bits": (
        HEAD + b"shape { dim: 0 dim: 9223372036854775807 dim: 9223372036854775807 } } }",
        "layer 'odd'.*holds 0 numbers",
    ),
    "text: a negative shape": (
        HEAD + b"shape { dim: -1 dim: -1 } data: 1 } }",
        "layer 'odd'.*holds 1 numbers",
    ),
    "text: a number of 100,000 digits among many": (
        lambda: HEAD + b"data: [" + b"1," * 60_000 + b"1" * 100_000 + b"] } }",
        "is not a number",
    ),
    "text: a million runs of one number": (
        lambda: HEAD + b"data: 1 diff: 1\n" * 1_000_000 + b"} }",
        "bytes of it are not numbers",
    ),
    "text: a million empty blobs": (
        lambda: b'layer { name: "odd"\n' + b"blobs {}\n" * 1_000_000 + b"}",
        "bytes of it are not numbers|fields; more than",
    ),
    "text: open brackets": (
        lambda: HEAD + b"data: [" * 1_000_000,
        "fields; more than|more than 65536|not numbers",
    ),
    "text: nested": (lambda: b"layer { " + b"a {\n" * 10_000, "text form"),
}


@pytest.mark.parametrize("name", CAFFEMODELS)
def test_hostile_caffemodels_are_refused(name, refused, tmp_path):
    content, expected = CAFFEMODELS[name]
    file = tmp_path / "hostile.caffemodel"
    file.write_bytes(content if isinstance(content, bytes) else content())
    message = refused(
        INPUT + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 }"), file
    )
    assert "hostile.caffemodel" in message
    assert re.search(expected, message, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        lambda: layer_of(b"\x3a\x00" * 490_000),
        lambda: layer_of(b"".join(_message(7, [b"\x2a\x00" * 490_000]))),
        lambda: b"".join(b"".join(_message(100, [b"\x0a\x04%04x\x3a\x00" % n])) for n in range(1 << 16)),
        lambda: HEAD + b"data: [" + b"1," * 3_000_000 + b"1] } }",
        lambda: b'layer { name: "odd"\n' + b"blobs {}\n" * 150_000 + b"}",
    ],
    ids=["blobs", "runs", "layers", "text: a list", "text: blobs"],
)
def test_many_tiny_things_are_read_in_seconds_and_little_memory(content, tmp_path):
    """In a process of its own, which may take no more memory than it says; what is in them does not matter."""
    file = tmp_path / "many.caffemodel"
    file.write_bytes(content())
    text = tmp_path / "net.prototxt"
    text.write_text(INPUT + layer("ReLU"))
    seconds, megabytes = measured(text, file)
    assert seconds < SECONDS
    assert megabytes < MEGABYTES + 4 * (file.stat().st_size >> 20)
