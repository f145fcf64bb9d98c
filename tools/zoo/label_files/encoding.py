"""Text in UTF-8, with or without a byte order mark; what else a file may be is told."""

from __future__ import annotations

import codecs
import re

from omz.errors import DescriptorError

#: UTF-32's mark of little endian begins as UTF-16's does.
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_NEWLINE = re.compile(rb"\r\n|\r|\n")


def decoded(content: bytes) -> str:
    """Return the text of a file.

    Raises:
        DescriptorError: It is in another encoding, or no text at all; names the line.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            raise DescriptorError(f"is {encoding} text. Save it as UTF-8.")
    if (at := content.find(b"\0")) >= 0:
        if _is_utf16(content):
            raise DescriptorError("seems to be UTF-16 text. Save it as UTF-8.")
        raise DescriptorError(f"line {_line(content, at)}: a byte 0x00: is no text, and no label list")
    try:
        return content.decode("utf-8-sig")  # some editors put a byte order mark first
    except UnicodeDecodeError as error:
        at = error.start
        raise DescriptorError(
            f"line {_line(content, at)}: byte 0x{content[at]:02X}: is not UTF-8 text, {_guess(content, at)}. "
            "Save it as UTF-8."
        ) from error


def _line(content: bytes, at: int) -> int:
    return 1 + sum(1 for _ in _NEWLINE.finditer(content, 0, at))


def _is_utf16(content: bytes) -> bool:
    """Tell whether each other byte is zero, as of letters and digits in UTF-16 without a mark."""
    start = content[:1000]
    return len(start) > 1 and 2 * max(start[0::2].count(0), start[1::2].count(0)) > 0.9 * len(start)


def _guess(content: bytes, at: int) -> str:
    """Say what an encoding may be: Latin-1 has single bytes beyond ASCII, those of Chinese and so on come in pairs."""
    if content[at + 1 : at + 2] > b"\x7f":
        return "perhaps GBK, Shift-JIS or another of several bytes a character"
    return "perhaps Latin-1 (Windows-1252)"
