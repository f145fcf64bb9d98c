"""What Python prints of a list or a dictionary of names and numbers: single quotes, no quotes around numbers."""

from __future__ import annotations

import re

_ITEM = re.compile(r"""\s*(?:([0-9]{1,9})|'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")\s*""")
_END = re.compile(r"\s*([]}])")
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U(000[0-9a-f]{5}|0010[0-9a-f]{4})|(.))")
_ESCAPED = {"\\": "\\", "'": "'", '"': '"', "t": "\t", "n": "\n", "r": "\r"}


class Pairs(list[tuple[object, object]]):
    """A dictionary as it stands, with the keys that it has twice."""


def read_printed(text: str) -> Pairs | list[object] | None:
    """Return the list or dictionary of a text that begins with a bracket; None if Python prints no such thing."""
    pairs, values, end = Pairs(), list[object](), "}" if text[0] == "{" else "]"
    at = 1
    while not (last := _END.match(text, at)) or last[1] != end:
        item, at = _item(text, at)
        if item is None:
            return None
        if end == "}":
            value, at = _item(text, at + 1) if text[at : at + 1] == ":" else (None, at)
            if value is None:
                return None
            pairs.append((item, value))
        else:
            values.append(item)
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != end:
            return None
    if text[last.end() :].strip():
        return None
    return pairs if end == "}" else values


def _item(text: str, at: int) -> tuple[str | int | None, int]:
    """Return a string or number, None if there is none, and where it ends."""
    match = _ITEM.match(text, at)
    if not match:
        return None, at
    if match[1]:
        return int(match[1]), match.end()
    return _ESCAPE.sub(_character, match[2] if match[2] is not None else match[3]), match.end()


def _character(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    return chr(int(digits, 16)) if digits else _ESCAPED.get(match[4], match[0])
