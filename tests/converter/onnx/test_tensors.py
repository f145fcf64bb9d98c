"""A tensor has the data that its shape asks for, in one place."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from nets.onnx_wire import elsewhere, entry, field
from omz.converter.onnx.tensors import ExternalData, read_tensor
from omz.converter.onnx.wire import Reader
from omz.errors import ConversionError, ParseError


def read(tensor: TensorProto | bytes) -> ExternalData | None:
    data = tensor if isinstance(tensor, bytes) else tensor.SerializeToString()
    return read_tensor(Reader(data), (0, len(data)), 1)[1]


KINDS = [number for name, number in TensorProto.DataType.items() if name not in ("UNDEFINED", "STRING")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 4, 5])
def test_data_of_all_types(kind, count):
    """What onnx itself writes is read; one number less or more is not."""
    tensor = helper.make_tensor("t", kind, [count], [1] * count)
    (name,) = [field.name for field, _ in tensor.ListFields() if field.name.endswith("_data")]
    assert read(tensor) is None
    values = list(getattr(tensor, name))
    for wrong in ([*values, values[0]], values[:-1]):
        tensor.ClearField(name)
        getattr(tensor, name).extend(wrong)
        with pytest.raises(ParseError, match="'t' of shape"):
            read(tensor)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 4, 5])
def test_raw_data_of_all_types(kind, count):
    """The name of a type says how many bits a number has; all but three do."""
    name = TensorProto.DataType.Name(kind)
    bits = {"FLOAT": 32, "DOUBLE": 64, "BOOL": 8}.get(name) or int(re.search(r"\d+", name)[0])
    content = bytes(-(-count * bits // 8))
    for size, sound in ((len(content), True), (len(content) - 1, False), (len(content) + 1, False)):
        tensor = TensorProto(name="t", dims=[count], data_type=kind, raw_data=bytes(size))
        if sound:
            assert read(tensor) is None
        else:
            with pytest.raises(ParseError, match=f"takes {len(content)} bytes, and has {size}|has no data"):
                read(tensor)


@given(st.lists(st.integers(0, 4), max_size=4), st.integers(-1, 1))
def test_shape_says_how_many(shape, more):
    count = int(np.prod(shape, dtype=np.int64)) + more
    tensor = TensorProto(name="t", dims=shape, data_type=TensorProto.FLOAT, float_data=[1.0] * max(count, 0))
    if more == 0 or count < 0 or (shape == [0] and count == 1):
        assert read(tensor) is None
    else:
        with pytest.raises(ParseError):
            read(tensor)


FLOAT = TensorProto.FLOAT


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (TensorProto(data_type=FLOAT, raw_data=bytes(4), float_data=[1]), "twice, in 'float_data' and in 'raw_data'"),
        (TensorProto(data_type=FLOAT, raw_data=b"", float_data=[1]), "twice"),
        (TensorProto(data_type=FLOAT, int32_data=[1]), "in 'int32_data', which is not for data type 1"),
        (TensorProto(data_type=TensorProto.STRING, raw_data=b"a"), "which is not for data type 8"),
        (TensorProto(data_type=FLOAT, dims=[-1], raw_data=bytes(4)), "impossible shape"),
        (TensorProto(data_type=FLOAT, dims=[1] * 65, raw_data=bytes(4)), "impossible shape"),
        (TensorProto(data_type=FLOAT, dims=[1 << 62] * 60, raw_data=bytes(4)), "of shape"),
        (TensorProto(raw_data=bytes(4)), "data type 0, which we do not know"),
        (TensorProto(data_type=99, raw_data=bytes(4)), "data type 99, which we do not know"),
        (TensorProto(data_type=FLOAT, segment={"begin": 0, "end": 4}, raw_data=bytes(4)), "in segments"),
    ],
)  # fmt: skip
def test_what_is_no_sound_tensor(tensor, message):
    tensor.name = "t"
    with pytest.raises(ParseError, match=message):
        read(tensor)


def test_data_elsewhere():
    found = read(elsewhere(entry("location", "a/w.bin"), entry("offset", "12"), entry("length", "64")))
    assert (found.tensor, found.location, found.offset, found.length) == ("w", "a/w.bin", 12, 64)
    assert not found.to_the_end
    assert read(elsewhere(entry("location", "w.bin"))).to_the_end
    assert read(elsewhere(entry("length", "0"), entry("location", "w.bin"))).to_the_end
    assert read(
        elsewhere(entry("location", "w.bin"), entry("checksum", "0"), entry("basepath", "/x"))
    ).base_span


ENTRIES = {
    "no entries": [],
    "no location": [entry("offset", "0")],
    "empty location": [entry("location", "")],
    "location twice": [entry("location", "w.bin"), entry("location", "*/_ORT_MEM_ADDR_/*")],
    "offset twice": [entry("location", "w.bin"), entry("offset", "0"), entry("offset", "4096")],
    "unknown key": [entry("location", "w.bin"), entry("address", "0")],
    "key in capitals": [entry("Location", "w.bin")],
    "no UTF-8": [entry("location", b"w\xff.bin")],
    "overlong UTF-8": [entry("location", b"w\xc0\xaf.bin")],
    "surrogates": [entry("location", b"\xed\xa0\x80")],
    **{
        f"{key} {word!r}": [entry("location", "w.bin"), entry(key, word)]
        for key in ("offset", "length")
        for word in (
            "0x10",
            "1e9",
            " 5",
            "5 ",
            "+5",
            "-1",
            "",
            "5\n",
            "05",
            "\u0665",
            "9" * 20,
            "1" + "0" * 5000,
        )
    },
    "length that does not fit": [entry("location", "w.bin"), entry("length", "63")],
}


@pytest.mark.parametrize("case", ENTRIES)
def test_entries_that_readers_may_understand_differently(case):
    with pytest.raises(ConversionError, match=r"tensor 'w'|not UTF-8"):
        read(elsewhere(*ENTRIES[case]))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (
            elsewhere(entry("location", "w.bin"), field(9, bytes(64))),
            "twice, in 'raw_data' and in another file",
        ),
        (elsewhere(entry("location", "w.bin"), marked=b""), "is not EXTERNAL"),
        (elsewhere(entry("location", "w.bin"), marked=field(14, 0)), "is not EXTERNAL"),
        (elsewhere(entry("location", "w.bin"), marked=b"") + field(9, bytes(64)), "is not EXTERNAL"),
        (
            field(2, TensorProto.STRING) + field(8, b"w") + entry("location", "w.bin") + field(14, 1),
            "has texts",
        ),
    ],
)
def test_data_in_one_place(tensor, message):
    with pytest.raises(ParseError, match=message):
        read(tensor)
