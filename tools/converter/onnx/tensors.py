"""Tensors of an ONNX file: their data are as many as their shape says, and are in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from omz.converter.onnx.schema import FIELDS
from omz.converter.onnx.wire import Message, Reader, Span, check_depth
from omz.errors import ConversionError, ParseError

MAX_AXES = 64
_RAW, _EXTERNAL, _STRING = "raw_data", 1, 8
_LISTS = {field.name: field for field in FIELDS["TensorProto"].values() if field.name.endswith("_data")}
_INSIDE = [name for name in _LISTS if name != "external_data"]
#: `basepath` is what onnx's own Python library leaves there.
_KEYS = ("location", "offset", "length", "checksum", "basepath")
_NUMBER = re.compile("0|[1-9][0-9]{0,18}")


class _Type(NamedTuple):
    """How the numbers of a data type are stored: bits in ``raw_data``, the list that they may be in, entries of it.

    An entry of a list holds several numbers of the smallest types; a complex number takes two entries.
    """

    bits: int
    field: str
    entries: float = 1

    def entry_count(self, count: int) -> int:
        return -(-count // int(1 / self.entries)) if self.entries < 1 else count * int(self.entries)


_TYPES = {
    1: _Type(32, "float_data"),
    11: _Type(64, "double_data"),
    14: _Type(64, "float_data", 2),
    15: _Type(128, "double_data", 2),
    7: _Type(64, "int64_data"),
    12: _Type(32, "uint64_data"),
    13: _Type(64, "uint64_data"),
    **{kind: _Type(8, "int32_data") for kind in (2, 3, 9, 17, 18, 19, 20, 24)},
    **{kind: _Type(16, "int32_data") for kind in (4, 5, 10, 16)},
    6: _Type(32, "int32_data"),
    **{kind: _Type(4, "int32_data", 1 / 2) for kind in (21, 22, 23)},
    **{kind: _Type(2, "int32_data", 1 / 4) for kind in (25, 26)},
    **{kind: _Type(6, "int32_data") for kind in (27, 28)},
}


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Where the data of a tensor are, if not in the ONNX file.

    Attributes:
        tensor: Its name.
        location: The path of the file, from the folder of the ONNX file.
        location_span: Of the location in the ONNX file.
        base_span: Of another folder that is stated, of no meaning to anyone; None if there is none.
        offset: Where they begin, in bytes.
        length: What the shape asks for, in bytes.
        to_the_end: They are said to be the rest of the file.
    """

    tensor: str
    location: str
    location_span: Span
    base_span: Span | None
    offset: int
    length: int
    to_the_end: bool


def read_tensor(reader: Reader, span: Span, depth: int) -> tuple[Message, ExternalData | None]:
    """Check a tensor, and return its fields, and where its data are if in another file.

    Raises:
        ParseError: It is no sound tensor; names it.
    """
    check_depth(depth)
    tensor = reader.read("TensorProto", *span)
    for field in ("metadata_props", "external_data"):
        for entry in tensor.spans(field):
            reader.check("StringStringEntryProto", entry, depth + 1)
    name = reader.text(tensor.get("name"))
    where = f"tensor {name!r}"
    if "segment" in tensor:
        raise ParseError(f"{where} is in segments; save it as a whole")
    kind = tensor.get("data_type", 0)
    if kind != _STRING and kind not in _TYPES:
        raise ParseError(f"{where} has data type {kind}, which we do not know")
    dims = reader.numbers(tensor, "dims")
    if len(dims) > MAX_AXES or any(size < 0 for size in dims):
        raise ParseError(f"{where} has the impossible shape {dims[:MAX_AXES]}")
    given = [field for field in _INSIDE if field in tensor]
    if len(given) > 1:
        raise ParseError(f"{where} has its data twice, in {given[0]!r} and in {given[1]!r}")
    if tensor.get("data_location", 0) == _EXTERNAL:
        if given:
            raise ParseError(f"{where} has its data twice, in {given[0]!r} and in another file")
        if kind == _STRING:
            raise ParseError(f"{where} has texts in another file; they can be in the ONNX file only")
        return tensor, _external(reader, tensor, name, prod(dims) * _TYPES[kind].bits)
    if "external_data" in tensor:
        raise ParseError(f"{where} names a file for its data, but its 'data_location' is not EXTERNAL")
    _check_size(reader, tensor, where, kind, dims, given)
    return tensor, None


def _check_size(
    reader: Reader, tensor: Message, where: str, kind: int, dims: list[int], given: list[str]
) -> None:
    """Check that there are as many data as the shape says: readers do not, and read on behind them."""
    count = prod(dims)
    if not given:
        if count:
            raise ParseError(f"{where} of shape {dims} has no data")
        return
    (field,) = given
    # early exporters wrote a scalar with the shape [0]
    counts = [count, 1] if dims == [0] else [count]
    if kind == _STRING:
        expected, got = {"string_data": counts}, len(tensor.get("string_data", ())) // 2
    elif field == _RAW:
        start, end = tensor[_RAW]
        expected, got = {_RAW: [-(-one * _TYPES[kind].bits // 8) for one in counts]}, end - start
    else:
        stored = _TYPES[kind]
        expected = {stored.field: [stored.entry_count(one) for one in counts]}
        got = reader.count(tensor, _LISTS[field])
    if field not in expected:
        raise ParseError(f"{where} has its data in {field!r}, which is not for data type {kind}")
    if got not in expected[field]:
        unit = "bytes" if field == _RAW else "values"
        raise ParseError(
            f"{where} of shape {dims} takes {expected[field][0]} {unit}, and has {got}. Download the file again"
        )


def _external(reader: Reader, tensor: Message, name: str, bits: int) -> ExternalData:
    where = f"tensor {name!r}"
    entries: dict[str, Span | None] = {}
    for span in tensor.spans("external_data"):
        entry = reader.read("StringStringEntryProto", *span)
        key = reader.text(entry.get("key"))
        if key not in _KEYS:
            raise ParseError(
                f"{where}: {key!r} of data in another file is not known; known are {', '.join(_KEYS)}"
            )
        if key in entries:
            raise ParseError(f"{where} states the {key} of its data twice")
        entries[key] = entry.get("value")
    location = entries.get("location")
    path = reader.text(location)
    if location is None or not path:
        raise ParseError(f"{where} is in another file, and does not say in which")
    numbers = {}
    for key in ("offset", "length"):
        if key in entries:
            word = reader.text(entries[key])
            if not _NUMBER.fullmatch(word):
                raise ParseError(f"{where}: {word!r} is no {key} of data in another file")
            numbers[key] = int(word)
    needed, length = -(-bits // 8), numbers.get("length", 0)
    if length not in (0, needed):
        raise ConversionError(f"{where} takes {needed} bytes, and states {length} in {path!r}")
    return ExternalData(
        name, path, location, entries.get("basepath"), numbers.get("offset", 0), needed, to_the_end=not length
    )
