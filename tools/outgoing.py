"""The one way out: how text from files, servers and libraries reaches terminals, logs, CSV and JSON.

Such text may hold what a terminal obeys, what turns letters round or hides them, what no encoding has, and what a
spreadsheet computes. Terminals and logs get it escaped; JSON holds it exactly, but in escapes of its own; CSV holds it
escaped, and as text. :mod:`omz.streams` holds stdout and stderr to it, :mod:`omz.messages` logs.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from omz.redaction import redacted

#: Messages quote what they refuse, and files from strangers may hold names of any length.
MAX_LINE = 1500

# Letters and marks by their category, which are not drawn all the same; U+FE0E and U+FE0F are left to emoji.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0))))
)
# What spreadsheets compute, also behind a semicolon, which parts cells in many countries.
_FORMULA = r"(?:^|(?<=;))(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])"
_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"


def printable(text: str) -> str:
    r"""Return ``text`` as one line, with escapes for what a terminal would obey and for what is not seen.

    >>> printable("a\x1b[2J\udcff\u202e.png")
    'a\\x1b[2J\\udcff\\u202e.png'
    """
    return text if _is_plain(text) else "".join(c if _is_plain(c) else _escape(c) for c in text)


def printable_lines(text: str) -> str:
    r"""Return ``text`` as :func:`printable` does, but with its lines and tabulators.

    >>> printable_lines("a\r\n\tb\x9b1m")
    'a\\r\n\tb\\x9b1m'
    """
    if _is_plain(text.replace("\n", "").replace("\t", "")):
        return text
    return "".join(c if c in "\n\t" or _is_plain(c) else _escape(c) for c in text)


def indented(text: str) -> str:
    r"""Return ``text`` as :func:`printable` lines, in which none but the first looks like a message of its own.

    >>> indented("no file a\r\nERROR: forged\n")
    'no file a\n  ERROR: forged'
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n  ".join(printable(line.strip()) for line in lines if line.strip())


def shortened(text: str, limit: int = MAX_LINE) -> str:
    """Return ``text``, with its middle left out where it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    return f"{text[: 2 * limit // 3]} ... {text[-(limit // 4) :]}"


def describe(error: BaseException) -> str:
    """Return the message of an error as at most two lines, the second indented."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return shortened(printable(redacted(text)))
    if isinstance(error, MemoryError):
        return "out of memory"
    lines = [shortened(line.strip()) for line in indented(redacted(str(error))).split("\n")]
    return "\n  ".join(lines[:2]) or type(error).__name__


def json_text(
    content: object, *, indent: int | None = None, sort_keys: bool = False, allow_nan: bool = False
) -> str:
    r"""Return JSON that people can read and that a terminal may be shown; what is read from it is exactly ``content``.

    >>> json_text(["é", "\x9b\x7f", "\U000e0001"])
    '["é", "\\u009b\\u007f", "\\udb40\\udc01"]'
    """
    import json  # here, as commands that have no use for it start sooner

    text = json.dumps(content, ensure_ascii=False, indent=indent, sort_keys=sort_keys, allow_nan=allow_nan)
    if _is_plain(text.replace("\n", "")):
        return text
    # whatever is not plain, but for the ends of lines, stands within a string
    return "".join(c if c == "\n" or _is_plain(c) else _escape_for_json(c) for c in text)


def encodable(text: str, encoding: str) -> str:
    r"""Return ``text`` as it is if an encoding has it all, else in ASCII with escapes, which are those of JSON.

    >>> encodable("né", "latin-1"), encodable("né", "ascii")
    ('né', 'n\\u00e9')
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(c if c.isascii() else _escape_for_json(c) for c in text)
    return text


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    r"""Return rows as CSV in which every text is text, whatever opens it: see :func:`cell`.

    >>> csv_text([["=1+1", -0.5, "kit fox"]])
    "'=1+1,-0.5,kit fox\n"
    """
    import csv

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [value if value is None or isinstance(value, int | float) else cell(str(value)) for value in row]
        for row in rows
    )
    return out.getvalue()


def cell(text: str) -> str:
    """Return a text for a cell of a table: spreadsheets compute what begins with ``=``, ``+``, ``-`` or ``@``.

    Such a text gets an apostrophe in front, by which they know a text; so does what begins so behind a semicolon,
    which parts cells in many countries. Numbers stay as they are.

    >>> cell("=SUM(A1)"), cell("-0.5"), cell("-o"), cell("x;@y"), cell("kit fox")
    ("'=SUM(A1)", '-0.5', "'-o", "x;'@y", 'kit fox')
    """
    import re

    text = printable(text)
    return text if re.fullmatch(_NUMBER, text) else re.sub(_FORMULA, "'", text)


def _is_plain(text: str) -> bool:
    return text.isprintable() and (text.isascii() or _INVISIBLE.isdisjoint(text))


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def _escape_for_json(letter: str) -> str:
    return "".join(
        f"\\u{unit:04x}" for unit in memoryview(letter.encode("utf-16-le", "surrogatepass")).cast("H")
    )
