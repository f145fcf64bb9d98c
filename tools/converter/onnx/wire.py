"""Protobuf's wire format, read strictly: one message at a time, by the schema of ONNX; weights are stepped over.

Protobuf merges a message that is given twice, lets the last of two values win, passes over what it does not know, and
takes numbers in more bytes than they need. No writer of ONNX files does any of that. Whoever does means two readers to
see different things; so all of it is refused, and there is only one way left to read the file.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from omz.converter.onnx.schema import BYTES, FIELDS, FIXED32, FIXED64, VARINT, Field
from omz.errors import ParseError

#: No network has as many; a file that has is meant to keep us busy.
MAX_FIELDS = 5_000_000
#: Messages within messages; protobuf goes no deeper.
MAX_DEPTH = 100
_SIZES = {FIXED32: 4, FIXED64: 8}
_CHUNK = 1 << 22
_SHORT, _MEMORY = 64, 10_000

#: message -> tag -> field, wire type, that of a single value, name, whether it may be repeated, group.
#: Lists of numbers have two tags: packed, and one by one.
_RULES = {
    kind: {
        field.number << 3 | wire: (field, wire, field.wire_type, field.name, field.repeated, field.group)
        for field in fields.values()
        for wire in {field.wire_type, BYTES if field.repeated else field.wire_type}
    }
    for kind, fields in FIELDS.items()
}
_INNER = {kind: [field for field in fields.values() if field.is_message] for kind, fields in FIELDS.items()}

#: Start and end of a payload.
Span = tuple[int, int]


class Message(dict[str, Any]):
    """The fields of one message that are there, by name.

    A number is an int, without its sign if it is a varint. All else is a :data:`Span`; what may be repeated, a flat
    array of the starts and ends of all, in which a packed list is one.
    """

    def spans(self, name: str) -> Iterator[Span]:
        """Yield the spans of a repeated field."""
        flat = self.get(name, ())
        return zip(flat[::2], flat[1::2], strict=True)


class Reader:
    """Reads the messages in a buffer."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self.data = data
        self._left = MAX_FIELDS
        #: Short messages that have been checked: a network has many of the same types and shapes.
        self._sound: set[tuple[str, int, bytes] | None] = set()

    def read(self, kind: str, at: int, end: int) -> Message:
        """Return the fields of the message in [at, end).

        Raises:
            ParseError: It is none, or has anything that two readers may understand differently.
        """
        data, rules, found, count, left = self.data, _RULES[kind], Message(), 0, self._left
        while at < end:
            count += 1
            if count > left:
                raise ParseError(f"has more than {MAX_FIELDS} fields; that is no network in ONNX")
            began = at
            tag = data[at]
            at += 1
            if tag >= 0x80:
                tag, at = self._varint(began, end)
            rule = rules.get(tag)
            if rule is None:
                _unknown(kind, tag, began)
            field, wire, native, name, is_list, group = rule
            if at >= end:
                _cut_short(began)
            if wire == BYTES:
                size = data[at]
                start = at + 1
                if size >= 0x80:
                    size, start = self._varint(at, end)
                at = start + size
            elif wire == VARINT:
                start, value = at, data[at]
                at += 1
                if value >= 0x80:
                    value, at = self._varint(start, end)
            else:
                start = at
                at += _SIZES[wire]
            if at > end:
                _cut_short(began)
            if is_list:
                if wire != native:
                    self._check_packed(field, start, at)
                spans = found.get(name)
                if spans is None:
                    spans = found[name] = array("Q")
                spans.append(start)
                spans.append(at)
                continue
            if name in found or (group and group in found):
                raise ParseError(
                    f"gives {group or name!r} of a {kind} twice (byte {began}); readers differ in what that means"
                )
            found[name] = _checked(field, value, began) if wire == VARINT else (start, at)
            if group:
                found[group] = name
        self._left -= count
        return found

    def check(self, kind: str, span: Span, depth: int) -> None:
        """Check a message of which nothing is needed, and all within it."""
        check_depth(depth)
        key = (kind, depth, self.data[span[0] : span[1]]) if span[1] - span[0] <= _SHORT else None
        if key in self._sound:
            return
        message = self.read(kind, *span)
        for field in _INNER[kind]:
            if field.name in message:
                inner = message.spans(field.name) if field.repeated else [message[field.name]]
                for one in inner:
                    self.check(field.type, one, depth + 1)
        if key and len(self._sound) < _MEMORY:
            self._sound.add(key)

    def text(self, span: Span | None) -> str:
        """Return a text; empty if there is none."""
        if span is None:
            return ""
        try:
            return self.data[span[0] : span[1]].decode()
        except UnicodeDecodeError:
            raise ParseError(f"has names that are not UTF-8 (byte {span[0]})") from None

    def name(self, span: Span | None) -> str:
        """Return a text that names something; in an IR, it would end before a zero byte, and be another name."""
        name = self.text(span)
        if "\0" in name and span:
            raise ParseError(f"has names with a zero byte (byte {span[0]})")
        return name

    def names(self, message: Message, name: str) -> list[str]:
        """Return the names of a repeated field."""
        return [self.name(span) for span in message.spans(name)]

    def numbers(self, message: Message, name: str) -> list[int]:
        """Return the values of a repeated field of type ``int64``."""
        values = []
        for at, end in message.spans(name):
            while at < end:
                value, at = self._varint(at, end)
                values.append(value - (1 << 64) if value >= 1 << 63 else value)
        return values

    def count(self, message: Message, field: Field) -> int:
        """Return how many numbers a repeated field has."""
        sizes = (end - at for at, end in message.spans(field.name))
        if field.wire_type in _SIZES:
            return sum(sizes) // _SIZES[field.wire_type]
        return sum(
            int(np.count_nonzero(np.frombuffer(self.data, np.uint8, min(_CHUNK, end - at), at) < 0x80))
            for start, end in message.spans(field.name)
            for at in range(start, end, _CHUNK)
        )

    def _check_packed(self, field: Field, start: int, end: int) -> None:
        """Check that a packed list ends with one of its numbers."""
        size = _SIZES.get(field.wire_type)
        if (end - start) % size if size else end > start and self.data[end - 1] >= 0x80:
            _cut_short(start)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """Return the number at ``at``, and where it ends."""
        data, value, began = self.data, 0, at
        for shift in range(0, 70, 7):
            if at >= end:
                _cut_short(began)
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if (byte == 0 and shift) or value >= 1 << 64:
                    break
                return value, at
        raise ParseError(
            f"writes a number in more bytes than it needs (byte {began}); no writer of ONNX does"
        )


def check_depth(depth: int) -> None:
    """Refuse what is nested deeper than protobuf reads."""
    if depth > MAX_DEPTH:
        raise ParseError(f"is nested more than {MAX_DEPTH} levels deep")


def _checked(field: Field, value: int, at: int) -> int:
    """Refuse values that are cut to size where they are read."""
    if field.type == "enum":
        sound = value < field.values
    elif field.type == "int32":
        sound = value < 1 << 31 or value >= (1 << 64) - (1 << 31)
    else:
        sound = True
    if not sound:
        raise ParseError(f"gives {field.name!r} a value that it cannot have, {value} (byte {at})")
    return value


def _unknown(kind: str, tag: int, at: int) -> NoReturn:
    number, wire = tag >> 3, tag & 7
    if field := FIELDS[kind].get(number):
        raise ParseError(
            f"is cut short, or not a sound network in ONNX: {field.name!r} of a {kind} "
            f"cannot have wire type {wire} (byte {at})"
        )
    raise ParseError(
        f"is cut short, not a sound network in ONNX, or of a newer release than we know: "
        f"{kind} has no field {number} (byte {at})"
    )


def _cut_short(at: int) -> NoReturn:
    raise ParseError(f"is cut short, or not a sound network in ONNX (byte {at})")
