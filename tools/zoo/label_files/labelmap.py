"""Caffe's ``labelmap.prototxt``: ``item { name: "n01440764" label: 0 display_name: "tench" }``.

TensorFlow's label maps, with ``id`` in the place of ``label``, are read as well, if they count from 0. The name is a
WordNet id or, where there is no ``display_name``, the class's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from omz.errors import DescriptorError
from omz.zoo.label_files import numbering, wnids
from omz.zoo.label_files.entries import Entry, Row, quoted, unknown_form

_START = re.compile(r"(?:\s|#[^\n]*\n)*item\s*:?\s*[{<]")
_TOKEN = re.compile(
    r"""(?P<blank>(?:\s|\#[^\n]*)+)|(?P<word>[A-Za-z_]\w*)|(?P<number>[0-9]{1,9}\b)"""
    r"""|(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<mark>[{}<>:,;])"""
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_FIELDS = {"name": "string", "display_name": "string", "label": "number", "id": "number"}


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def is_labelmap(text: str) -> bool:
    """Tell whether a text is a label map, going by how it begins."""
    return _START.match(text) is not None


def read_labelmap(text: str) -> list[Entry]:
    """Read a label map.

    Raises:
        DescriptorError: It is malformed, or its numbers are not those of classes; names the line.
    """
    tokens = _tokens(text)
    rows, ids, numbers = [], [], []
    while (token := next(tokens)).kind != "end":
        if token.text in (",", ";"):
            continue
        if token.text != "item":
            raise _expected("item { ... }", token)
        place, fields = f"line {token.line}", _fields(tokens)
        name, shown = fields.get("name", ""), fields.get("display_name", "")
        if "label" not in fields and "id" not in fields:
            raise DescriptorError(f"{place}: this item has no 'label: <number>'")
        wnid = name if wnids.WNID.fullmatch(name) else ""
        rows.append(Row(place, shown or ("" if wnid else name)))
        ids.append(wnid)
        numbers.append(int(fields["label"] if "label" in fields else fields["id"]))
    numbering.check(numbers, rows)
    return wnids.entries_of(rows, numbers, ids if any(ids) else None)


def _fields(tokens: Iterator[_Token]) -> dict[str, str]:
    """Return the fields of an item as text."""
    token = next(tokens)
    if token.text == ":":
        token = next(tokens)
    end = {"{": "}", "<": ">"}.get(token.text)
    if end is None:
        raise _expected("'{'", token)
    fields: dict[str, str] = {}
    token = next(tokens)
    while token.text != end or token.kind != "mark":
        if token.text in (",", ";"):
            token = next(tokens)
            continue
        key = token
        if _FIELDS.get(key.text) is None or key.kind != "word":
            raise _expected("name, label or display_name", key)
        if key.text in fields:
            raise DescriptorError(f"line {key.line}: this item has {key.text!r} twice")
        if (token := next(tokens)).text != ":":
            raise _expected("':'", token)
        if (token := next(tokens)).kind != _FIELDS[key.text]:
            raise _expected(f"a {_FIELDS[key.text]} for {key.text!r}", token)
        parts = [token.text]
        while (token := next(tokens)).kind == "string" and _FIELDS[key.text] == "string":
            parts.append(token.text)  # protobuf joins strings that follow each other
        fields[key.text] = "".join(parts)
    return fields


def _expected(what: str, token: _Token) -> DescriptorError:
    found = "the end of the file" if token.kind == "end" else quoted(token.text)
    return unknown_form(f"line {token.line}", f"expected {what}, got {found}")


def _tokens(text: str) -> Iterator[_Token]:
    """Yield words, numbers, strings without their quotes, and marks; in the end 'end' for ever."""
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise unknown_form(
                f"line {line}", f"{quoted(text[at:].split(chr(10), 1)[0])} is no part of a label map"
            )
        kind, found, at = str(match.lastgroup), match[0], match.end()
        if kind == "string":
            yield _Token(kind, _unescaped(found[1:-1], line), line)
        elif kind != "blank":
            yield _Token(kind, found, line)
        line += found.count("\n")
    while True:
        yield _Token("end", "", line)


def _unescaped(text: str, line: int) -> str:
    """Return a string of protobuf's text format, whose escapes stand for bytes."""
    if "\\" not in text:
        return text
    try:
        return _ESCAPE.sub(_byte, text.encode()).decode()
    except UnicodeDecodeError as error:
        raise DescriptorError(f"line {line}: {quoted(text)} is not UTF-8 text") from error


def _byte(match: re.Match[bytes]) -> bytes:
    if digits := match[1] or match[2]:
        return bytes([int(digits, 8 if match[1] else 16) & 0xFF])
    return _ESCAPED.get(match[3], match[3])
