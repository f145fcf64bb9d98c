"""Which other files an ONNX file takes its tensors from, read off its bytes without building anything of it.

Only the path from the model down to its tensors is followed; all else, weights above all, is stepped over.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from omz.errors import ConversionError, ParseError
from omz.files import map_file

#: message -> field number -> message of the field, from onnx.proto; other fields are of no interest.
_FIELDS = {
    "Model": {7: "Graph", 20: "TrainingInfo", 25: "Function"},
    "TrainingInfo": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}
_KEY, _VALUE = 1, 2  # fields of an Entry
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
#: No network has as many; a file that has is meant to keep us busy.
MAX_FIELDS = 5_000_000


def external_files(path: Path) -> list[Path]:
    """Return the files that an ONNX file says its tensors are in, sorted; none for most networks.

    Raises:
        ParseError: The file is not a network in ONNX, or is cut short.
        ConversionError: One of the files is not there, or not in the folder of the ONNX file or below.
    """
    with map_file(path, ParseError) as content:
        if content.find(b"location") < 0:
            return []
        try:
            locations = sorted(set(_locations(content)))
        except (_MalformedError, UnicodeDecodeError) as error:
            raise ParseError(f"{path}: is cut short, or not a network in ONNX") from error
    return [_inside(path, location) for location in locations]


def _inside(path: Path, location: str) -> Path:
    relative = PurePosixPath(location.replace("\\", "/"))
    file = path.parent / relative
    outside = relative.is_absolute() or ".." in relative.parts or "\0" in location
    if outside or not file.resolve().is_relative_to(path.parent.resolve()):
        raise ConversionError(
            f"{path}: takes its weights from {location!r}, outside of its own folder; that is refused"
        )
    if not file.is_file():
        raise ConversionError(f"{file}: is not there; {path.name} takes its weights from it")
    return file


class _MalformedError(Exception):
    """The bytes are not a protobuf message."""


def _locations(content: mmap.mmap) -> Iterator[str]:
    """Yield where each tensor with data in another file says that it is."""
    fields = 0
    pending = [("Model", 0, len(content))]
    while pending:
        message, at, end = pending.pop()
        entry: dict[int, bytes] = {}
        while at < end:
            fields += 1
            if fields > MAX_FIELDS:
                raise _MalformedError
            number, start, at = _field(content, at, end)
            if message == "Entry" and number in (_KEY, _VALUE):
                entry[number] = content[start:at]
            elif inner := _FIELDS.get(message, {}).get(number):
                pending.append((inner, start, at))
        if entry.get(_KEY) == b"location":
            yield entry.get(_VALUE, b"").decode()


def _field(content: mmap.mmap, at: int, end: int) -> tuple[int, int, int]:
    """Return the number of the field at ``at``, and where its payload begins and ends."""
    tag, at = _varint(content, at, end)
    number, wire_type = tag >> 3, tag & 7
    start = at
    if wire_type == _VARINT:
        _, at = _varint(content, at, end)
    elif wire_type == _BYTES:
        size, start = _varint(content, at, end)
        at = start + size
    elif wire_type in (_FIXED32, _FIXED64):
        at += 4 if wire_type == _FIXED32 else 8
    else:
        raise _MalformedError
    if at > end:
        raise _MalformedError
    return number, start, at


def _varint(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise _MalformedError
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _MalformedError
