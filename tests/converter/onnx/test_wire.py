"""Protobuf's wire format, as strictly as its writers write it: nothing is left to two readers to agree on."""

import numpy as np
import onnx
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from nets.onnx_nets import classifier, control_flow
from nets.onnx_wire import dense, elsewhere, entry, field, inside, model_bytes, varint
from omz.converter.onnx import wire
from omz.converter.onnx.graph import ModelReader
from omz.converter.onnx.schema import FIELDS
from omz.converter.onnx.wire import Reader
from omz.errors import ParseError


def read(data: bytes) -> ModelReader:
    model = ModelReader(Reader(data))
    model.read()
    return model


SOUND = model_bytes(dense(inside()))
LOCATION = field(1, b"location") + field(2, b"w.bin")
TYPE = field(2, field(1, field(1, 1) + field(2, field(1, field(1, 4)))))
#: What protobuf reads, and in more than one way, or not as it looks.
ODD = {
    "tag in five bytes": model_bytes(dense(elsewhere(field(13, LOCATION, tag_width=5)))),
    "tag in ten bytes": model_bytes(dense(elsewhere(field(13, LOCATION, tag_width=10)))),
    "length in three bytes": model_bytes(dense(elsewhere(field(13, LOCATION, size_width=3)))),
    "number in two bytes": field(1, 8, size_width=2) + SOUND,
    "tag beyond 32 bits": SOUND + varint((1 << 32 | 7) << 3 | 2) + varint(0),
    "number beyond 64 bits": SOUND + varint(5 << 3) + b"\xff" * 9 + b"\x7f",
    "field 0": SOUND + b"\x02\x00",
    "group": SOUND + varint(27 << 3 | 3) + varint(27 << 3 | 4),
    "group of a known field": SOUND + varint(7 << 3 | 3) + varint(7 << 3 | 4),
    "end of a group": SOUND + varint(27 << 3 | 4),
    "unknown field": SOUND + field(99, b"x"),
    "unknown field deep inside": model_bytes(dense(elsewhere(field(13, LOCATION + field(3, b"x"))))),
    "wrong wire type": SOUND + field(7, 5),
    "list of messages, packed as numbers": SOUND + field(8, 5),
    "graph twice": model_bytes(dense(inside()), after=field(7, field(2, b"h"))),
    "version twice": SOUND + field(1, 9),
    "location of data twice": model_bytes(dense(elsewhere(entry("location", "w.bin")) + field(14, 0))),
    "key twice in an entry": model_bytes(dense(elsewhere(field(13, LOCATION + field(1, b"length"))))),
    "value twice in an entry": model_bytes(dense(elsewhere(field(13, LOCATION + field(2, b"v.bin"))))),
    "location cut to 32 bits": model_bytes(dense(elsewhere(marked=field(14, 1 << 32 | 1)))),
    "location of no such kind": model_bytes(dense(elsewhere(marked=field(14, 2)))),
    "data type cut to 32 bits": model_bytes(dense(field(2, 1 << 32 | 1) + field(8, b"w"))),
    "a size that is both number and word": model_bytes(
        field(11, field(1, b"x") + field(2, field(1, field(2, field(1, field(1, 4) + field(2, b"N"))))))
    ),
    "list of numbers that ends in the middle of one": model_bytes(dense(field(7, b"\x80") + inside())),
    "list of floats that ends in the middle of one": model_bytes(dense(field(4, b"\x00\x00\x00"))),
    "length beyond the end": SOUND + b"\x32\x05x",
    "length beyond the message around it": model_bytes(dense(inside() + b"\x62\x05x")),
    "tag without a value": SOUND + b"\x08",
    "tag that does not end": SOUND + b"\x80",
}


def test_what_is_usual_is_read():
    read(SOUND)
    read(
        model_bytes(
            dense(inside()), before=field(26, field(1, b"gpu") + field(2, 2)) + field(14, field(1, b"k"))
        )
    )
    for model in (classifier(), control_flow()):
        read(model.SerializeToString())


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_refused(case):
    with pytest.raises(ParseError):
        read(ODD[case])


def test_what_is_unknown_is_named():
    with pytest.raises(ParseError, match="newer release than we know: ModelProto has no field 99"):
        read(SOUND + field(99, b"x"))


def test_fields_are_counted(monkeypatch):
    monkeypatch.setattr(wire, "MAX_FIELDS", 50)
    read(SOUND)
    with pytest.raises(ParseError, match="more than 50 fields"):
        read(model_bytes(field(13, b"") * 100))


def nested_types(depth: int) -> bytes:
    kind = b""
    for _ in range(depth):
        kind = field(4, field(1, kind))  # a sequence of
    return model_bytes(dense(inside()) + field(13, field(1, b"v") + field(2, kind)))


def test_depth_is_protobufs():
    read(nested_types(40))
    with pytest.raises(ParseError, match="more than 100 levels deep"):
        read(nested_types(60))


NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1)
SMALL = st.integers(-(1 << 31), (1 << 31) - 1)
VALUES = {
    "int64": NUMBERS, "int32": SMALL, "uint64": st.integers(0, (1 << 64) - 1), "string": st.text(max_size=200),
    "bytes": st.binary(max_size=200), "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
}  # fmt: skip


@st.composite
def messages(draw: st.DrawFn, kind: str = "ModelProto", depth: int = 5) -> Message:
    """Draw a message with anything in it that may be in one."""
    message = kind_of(kind)()
    for one in FIELDS[kind].values():
        if one.name not in message.DESCRIPTOR.fields_by_name or (one.is_message and not depth):
            continue  # of a newer release, or deep enough
        if one.is_message:
            values = messages(one.type, depth - 1)
        else:
            values = st.integers(0, one.values - 1) if one.type == "enum" else VALUES[one.type]
        if draw(st.integers(0, 3)) == 0:
            if one.repeated:
                getattr(message, one.name).extend(draw(st.lists(values, max_size=3)))
            elif one.is_message:
                getattr(message, one.name).CopyFrom(draw(values))
            else:
                setattr(message, one.name, draw(values))
    return message


def kind_of(name: str) -> type[Message]:
    kind = onnx
    for part in name.split("."):
        kind = getattr(kind, part)
    return kind


def agrees(reader: Reader, span: tuple[int, int], message: Message, kind: str) -> None:
    """Check that a message is read as protobuf reads it."""
    found = reader.read(kind, *span)
    groups = {one.group for one in FIELDS[kind].values()}
    assert set(found) - groups == {one.name for one, _ in message.ListFields()}
    for one in FIELDS[kind].values():
        value = getattr(message, one.name, None)
        if one.name not in found:
            continue
        if one.is_message:
            spans = list(found.spans(one.name)) if one.repeated else [found[one.name]]
            for inner, part in zip(spans, value if one.repeated else [value], strict=True):
                agrees(reader, inner, part, one.type)
        elif one.type == "string":
            spans = found.spans(one.name) if one.repeated else [found[one.name]]
            texts = [reader.text(span) for span in spans]
            assert (texts if one.repeated else texts[0]) == value
        elif one.repeated:
            if one.type != "bytes":
                assert reader.count(found, one) == len(value)
            if one.type == "int64":
                assert reader.numbers(found, one.name) == list(value)
        elif one.type in ("int64", "int32", "enum"):
            assert found[one.name] == value % (1 << 64)


@given(messages())
def test_whatever_is_written_is_read_as_protobuf_reads_it(message):
    data = message.SerializeToString()
    reader = Reader(data)
    reader.check("ModelProto", (0, len(data)), 0)
    agrees(reader, (0, len(data)), message, "ModelProto")


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1)), st.booleans())
def test_numbers_are_those_of_protobuf(values, packed):
    words = [varint(number % (1 << 64)) for number in values]
    data = field(7, b"".join(words)) if packed else b"".join(varint(7 << 3) + word for word in words)
    reader = Reader(data)
    message = reader.read("TensorProto", 0, len(data))
    assert (
        reader.numbers(message, "int64_data") == values == list(onnx.TensorProto.FromString(data).int64_data)
    )
    assert reader.count(message, FIELDS["TensorProto"][7]) == len(values)


def test_numbers_are_counted_in_chunks(monkeypatch):
    monkeypatch.setattr(wire, "_CHUNK", 7)
    tensor = onnx.TensorProto(int64_data=np.arange(1000) * 12345, float_data=[1.0] * 9)
    data = tensor.SerializeToString()
    reader = Reader(data)
    message = reader.read("TensorProto", 0, len(data))
    counts = {number: reader.count(message, FIELDS["TensorProto"][number]) for number in (4, 7, 11)}
    assert counts == {4: 9, 7: 1000, 11: 0}
