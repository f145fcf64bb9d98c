"""Every dialect of the caffemodel gives the same weights, as views on the file where it can."""

from __future__ import annotations

import mmap
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import NetBuilder, se_resnext, synthetic_weights, v1_net, write_caffemodel
from nets.caffemodel import _message
from nets.conversion import convert_net, run_model
from omz.converter.caffe.caffe_pb2 import BlobProto, LayerParameter, NetParameter
from omz.converter.caffe.caffemodel import read_caffemodel
from omz.converter.caffe.convert import convert
from omz.errors import ParseError

NET = se_resnext((1,), stem=8, width=8, cardinality=2, size=32, classes=4, reduction=4)
WEIGHTS = synthetic_weights(NET)


def old_net() -> Any:
    """Return a net of layers that the format before 2014 has."""
    net = NetBuilder("old", 16)
    net.convolution("conv", "data", 4, 3)
    net.layer("relu", "ReLU", ["conv"], inplace=True)
    net.pool("pool", "conv", pool=1, kernel_size=3, stride=2)
    net.layer("ip", "InnerProduct", ["pool"], inner_product_param={"num_output": 5})
    net.layer("sum", "Eltwise", ["ip", "ip"])
    net.layer("prob", "Softmax", ["sum"])
    return net.net


def base_of(array: np.ndarray) -> object:
    """Return the owner of the memory that an array looks at."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    return owner.obj if isinstance(owner, memoryview) else owner


@pytest.mark.parametrize("style", ["packed", "unpacked", "double", "legacy_shape"])
def test_dialects_hold_the_same_weights(style, tmp_path):
    read = read_caffemodel(write_caffemodel(tmp_path / "m", NET, WEIGHTS, style=style))
    assert list(read) == [layer.name for layer in NET.layer if layer.name in WEIGHTS]
    for name, blobs in WEIGHTS.items():
        assert len(read[name]) == len(blobs)
        for got, expected in zip(read[name], blobs, strict=True):
            padded = (1,) * (4 - expected.ndim) + expected.shape
            assert got.shape == (padded if style == "legacy_shape" else expected.shape)
            assert np.array_equal(got.ravel(), expected.ravel())


@pytest.mark.parametrize("style", ["packed", "unpacked", "double", "legacy_shape"])
def test_weights_are_views_on_the_file(style, tmp_path):
    read = read_caffemodel(write_caffemodel(tmp_path / "m", NET, WEIGHTS, style=style))
    owners = {id(base_of(blob)): base_of(blob) for blobs in read.values() for blob in blobs}
    assert len(owners) == 1
    assert isinstance(next(iter(owners.values())), mmap.mmap)


@pytest.mark.parametrize("style", ["packed", "unpacked", "double", "legacy_shape"])
def test_dialects_convert_to_the_same_network(style):
    inputs = {"data": np.random.default_rng(0).uniform(-100, 100, (1, 3, 32, 32)).astype(np.float32)}
    expected = run_model(convert_net(NET, WEIGHTS), inputs)["prob"]
    assert np.array_equal(run_model(convert_net(NET, WEIGHTS, style=style), inputs)["prob"], expected)


def test_layers_of_the_v1_format(tmp_path):
    net = old_net()
    weights = synthetic_weights(net)
    read = read_caffemodel(write_caffemodel(tmp_path / "m", net, weights, style="v1"))
    assert {name: [blob.ravel().tolist() for blob in blobs] for name, blobs in read.items()} == {
        name: [blob.ravel().tolist() for blob in blobs] for name, blobs in weights.items()
    }
    inputs = {"data": np.random.default_rng(0).uniform(-100, 100, (1, 3, 16, 16)).astype(np.float32)}
    expected = run_model(convert_net(net, weights), inputs)["prob"]
    assert v1_net(net).layers[0].name == "conv"
    assert np.array_equal(run_model(convert_net(net, weights, style="v1"), inputs)["prob"], expected)


def test_caffemodels_of_protobuf_itself(tmp_path):
    net = NetParameter(name="n")
    blob = BlobProto(data=[np.arange(6, dtype="<f4").tobytes()])
    blob.shape.dim.extend([2, 3])
    net.layer.append(LayerParameter(name="ip", type="InnerProduct", blobs=[blob]))
    path = tmp_path / "m"
    path.write_bytes(net.SerializeToString())
    assert read_caffemodel(path)["ip"][0].tolist() == [[0, 1, 2], [3, 4, 5]]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_any_mix_of_packed_and_unpacked_runs_is_read(tmp_path_factory, data):
    """Protobuf lets a writer split a repeated field at will, and put other fields in between."""
    values = np.arange(1, 1 + data.draw(st.integers(1, 12)), dtype="<f4")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(values)), max_size=4)) | {len(values)})
    body, start = b"", 0
    for cut in cuts:
        run, start = values[start:cut], cut
        if data.draw(st.booleans()):
            body += b"\x2a" + bytes([4 * len(run)]) + run.tobytes()
        else:
            body += b"".join(b"\x2d" + value.tobytes() for value in run)
        body += data.draw(st.sampled_from([b"", b"", b"\x30\x05", b"\x92\x03\x01\x00"]))  # fields 6 and 50
    shape = b"\x3a\x03\x0a\x01" + bytes([len(values)])
    body = body + shape if data.draw(st.booleans()) else shape + body
    layer = b"\x0a\x01a" + b"\x3a" + bytes([len(body)]) + body
    path = tmp_path_factory.mktemp("mix") / "m"
    path.write_bytes(b"\xa2\x06" + bytes([len(layer)]) + layer if len(layer) < 128 else b"")
    if len(layer) < 128:
        assert read_caffemodel(path)["a"][0].tolist() == values.tolist()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
        (b"PK\x03\x04" + bytes(99), "zip"),
        (b'name: "text"\n', "no weights"),
        (bytes(1000), "damaged|cut off"),
        (b"\x0a\x03abc", "no weights"),
    ],
)
def test_other_files_are_told_apart(content, expected, tmp_path):
    path = tmp_path / "m.caffemodel"
    path.write_bytes(content)
    with pytest.raises(ParseError, match=expected) as raised:
        read_caffemodel(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 2


def test_shapes_that_lie_are_refused(tmp_path):
    weights = {name: list(blobs) for name, blobs in WEIGHTS.items()}
    path = write_caffemodel(tmp_path / "m", NET, weights)
    content = path.read_bytes()
    honest = b"\x0a\x04" + bytes([8, 3, 7, 7])  # shape {dim: [8, 3, 7, 7]}
    assert content.count(honest) == 1
    path.write_bytes(content.replace(honest, b"\x0a\x04" + bytes([8, 3, 7, 6])))
    with pytest.raises(ParseError, match=r"conv1/7x7_s2.*\(8, 3, 7, 6\).*1176"):
        read_caffemodel(path)


def test_hostile_order_of_fields_takes_no_longer_than_its_bytes(tmp_path):
    """Numbers one by one with another field after each: a small file must not keep the reader busy for minutes."""
    count = 20_000
    body = b"\x2d\0\0\0\0\x30\x01" * count
    path = tmp_path / "m"
    layer = b"\x0a\x01a" + b"".join(_message(7, [body]))
    path.write_bytes(b"".join(_message(100, [layer])))
    began = time.process_time()
    assert read_caffemodel(path)["a"][0].size == count
    assert time.process_time() - began < 3  # about 0.15 s where it is linear


def text_of(field: str, values: np.ndarray) -> str:
    return "".join(f"    {field}: {value}\n" for value in values.ravel().tolist())


def text_caffemodel(weights: dict[str, list[np.ndarray]], *, field: str = "data", v1: bool = False) -> str:
    """Write weights as Caffe's ``WriteProtoToTextFile`` does: a line for each number."""
    lines = ['name: "net: { data: 1 }"', "# data: 5"]
    for name, blobs in weights.items():
        lines.append(f'{"layers" if v1 else "layer"} {{\n  name: "{name}"')
        for blob in blobs:
            if v1:
                four = (1,) * (4 - blob.ndim) + blob.shape
                shape = "num: {}\n channels: {}\n height: {}\n width: {}\n".format(*four)
            else:
                shape = f"    shape {{ {' '.join(f'dim: {size}' for size in blob.shape)} }}\n"
            lines.append(f"  blobs {{\n{text_of(field, blob)}{text_of('diff', blob)}{shape}  }}")
        lines.append("}")
    return "\n".join(lines)


@pytest.mark.parametrize("v1", [False, True])
@pytest.mark.parametrize("field", ["data", "double_data"])
def test_the_text_form_holds_the_same_numbers(field, v1, tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_text(text_caffemodel(WEIGHTS, field=field, v1=v1))
    found = read_caffemodel(path)
    assert list(found) == list(WEIGHTS)
    for name, blobs in WEIGHTS.items():
        for blob, expected in zip(found[name], blobs, strict=True):
            assert blob.dtype == (np.float64 if field == "double_data" else np.float32)
            shape = (1,) * (4 - expected.ndim) + expected.shape if v1 else expected.shape
            assert np.array_equal(blob, expected.reshape(shape))


def test_numbers_of_the_text_form_may_be_written_in_any_way(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_text(
        'layer { name: "a" blobs { data: [1, -2.5f , +3e2] data : 4F data:nan;data: -inf # data: 7\n'
        "  data: .5 double_data: [] shape { dim: 7 } } blobs { } }"
    )
    first, second = read_caffemodel(path)["a"]
    assert np.array_equal(first, np.float32([1, -2.5, 300, 4, np.nan, -np.inf, 0.5]), equal_nan=True)
    assert second.size == 0


def test_many_numbers_of_the_text_form_come_in_their_order(tmp_path):
    """More than are parsed in one step."""
    values = np.arange(200_001, dtype=np.float32)
    path = tmp_path / "net.caffemodel"
    path.write_text(text_caffemodel({"a": [values]}))
    assert np.array_equal(read_caffemodel(path)["a"][0], values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('layer { name: "a" blobs { data: 1 data: two } }', "line 1.*two.* is not a number"),
        ('layer {\n name: "a"\n blobs { data: [1, , 2] } }', "line 3"),
        ('layer { name: "a" blobs { data: "0" } }', "'a'.*not numbers"),
        ('layer { name: "a" blobs { data: 1 data: 2 shape { dim: 3 } } }', r"'a'.*\(3,\).*2 numbers"),
        ('layer { name: "a" blobs { data: 1 shape { dim: -1 } } }', r"'a'.*\(-1,\)"),
        ('layer { name: "a" blobs { data: 1 ', "text form"),
        ('layer { name: "a" blobs { data: 1 double_data: 2 double_data: 3 shape { dim: 1 } } }', "2 numbers"),
    ],
)
def test_damaged_text_is_refused(text, expected, tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_text(text)
    with pytest.raises(ParseError, match=expected) as raised:
        read_caffemodel(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 2


def _field(number: int, content: bytes) -> bytes:
    """Return a field of protobuf's wire type LENGTH; ``number`` and length below 16 and 128, but for 100."""
    tag = b"\xa2\x06" if number == 100 else bytes([number << 3 | 2])
    return tag + bytes([len(content)]) + content


def _packed(*numbers: float, double: bool = False) -> bytes:
    return _field(8 if double else 5, np.array(numbers, "<f8" if double else "<f4").tobytes())


BLOB_OF_BOTH = _packed(1) + _packed(2, double=True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (_field(100, _field(1, b"a") + _field(7, BLOB_OF_BOTH)), 2),
        (b'layer { name: "a" blobs { data: 1 double_data: 2 } }', 2),
        (_field(100, _field(1, b"a") + _field(7, _packed(1) + _field(8, b""))), 1),
        (_field(100, _field(1, b"a") + _field(7, _packed(1))) * 2, 1),
        (b'layer { name: "a" blobs { data: 1 } } layer { name: "a" blobs { data: 2 } }', 2),
        (
            _field(2, _field(4, b"a") + _field(6, _packed(3)))
            + _field(100, _field(1, b"a") + _field(7, _packed(4))),
            3,
        ),
        (b'layer { name: "a" blobs { data: 4 } } layers { name: "a" blobs { data: 3 } }', 3),
    ],
    ids=["double", "double, text", "empty double", "twice", "twice, text", "V1 and V2", "V1 and V2, text"],
)
def test_of_what_is_there_twice_caffe_takes_one(content, expected, tmp_path):
    """``Blob::FromProto``, ``Net::CopyTrainedLayersFrom`` and ``UpgradeV1Net``."""
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    ((blob,),) = read_caffemodel(path).values()
    assert blob.tolist() == [expected]


@pytest.mark.parametrize("content", [_field(100, _field(1, b"relu")), b'layer { name: "relu" }'])
def test_a_net_without_weights(content, tmp_path):
    prototxt, caffemodel = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    caffemodel.write_bytes(content)
    text = 'input: "data" input_shape { dim: 1 dim: 2 } layer { name: "y" type: "%s" bottom: "data" top: "y" %s }'
    prototxt.write_text(text % ("ReLU", ""))
    assert run_model(convert(prototxt, caffemodel), {"data": [[-1, 2]]})["y"].tolist() == [[0, 2]]
    prototxt.write_text(text % ("InnerProduct", "inner_product_param { num_output: 3 }"))
    with pytest.raises(ParseError, match=r"net\.caffemodel: holds no weights"):
        convert(prototxt, caffemodel)


def test_comments_and_names_may_be_in_any_encoding(tmp_path):
    prototxt, caffemodel = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    prototxt.write_bytes(
        """# modèle
        input: "data" input_shape { dim: 1 dim: 1 }
        layer { name: "échelle" type: "Scale" bottom: "data" top: "y" }""".encode("latin-1")
    )
    caffemodel.write_bytes(_field(100, _field(1, "échelle".encode("latin-1")) + _field(7, _packed(3))))
    assert run_model(convert(prototxt, caffemodel), {"data": [[2]]})["y"].tolist() == [[6]]
