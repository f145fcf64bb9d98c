"""HTML pages that come in place of files: of logins, of quotas, and of errors that call themselves a success."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from omz.errors import DownloadError
from omz.redaction import redacted

#: Of a page in place of a file, so much is read, to say what it is.
PAGE_BYTES = 1 << 16
#: Of an answer, so much is read at most before it is decided whether it is a page.
START_BYTES = 1 << 13
_TITLE = re.compile(rb"<title[^>]{0,200}>(.{0,200}?)</title", re.IGNORECASE | re.DOTALL)
_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"(?:%s)?\s*" % _BOM)
#: What may come before a page; an XML declaration also comes before an IR of OpenVINO, so that alone tells nothing.
_PROLOGUE = re.compile(rb"(?:%s)?(?:\s+|<!--.*?-->|<\?.*?\?>)*" % _BOM, re.DOTALL)
_PAGE = re.compile(rb"<(?:!doctype\s+html|html)(?![\w:.-])", re.IGNORECASE)
_CALLED_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|meta|script)(?![\w:.-])", re.IGNORECASE)
_LONGEST_MARK = 24  # with some space in `<!doctype html`


def is_page(start: bytes, *, called_html: bool) -> bool | None:
    """Tell whether an answer is a page by its beginning; None if that takes more of it.

    Args:
        start: The beginning.
        called_html: Whether the server says so. Some call every text so, so that its beginning has to agree; but then
            little suffices.
    """
    if _BOM.startswith(start):
        return None
    prologue = (_PROLOGUE if called_html else _BLANK).match(start)
    rest = start[prologue.end() :] if prologue else start
    if (_CALLED_PAGE if called_html else _PAGE).match(rest):
        # The mark may go on: `<head` is one, `<header` is not.
        return True if len(rest) > _LONGEST_MARK or b">" in rest else None
    if not rest or (rest.startswith(b"<") and len(rest) < _LONGEST_MARK and b">" not in rest):
        return None
    return None if called_html and rest.startswith((b"<!--", b"<?")) else False


def peek(chunks: Iterator[bytes], *, called_html: bool) -> tuple[bytes, bool]:
    """Read as much of an answer as it takes to tell whether it is a page; returns that, and whether it is."""
    start = next(chunks, b"")
    while (verdict := is_page(start, called_html=called_html)) is None and len(start) < START_BYTES:
        if not (chunk := next(chunks, b"")):
            # All there is: a mark that could have gone on has not.
            return start, bool(is_page(start + b">", called_html=called_html)) and bool(start)
        start += chunk
    return start, bool(verdict)


def beginning(start: bytes, chunks: Iterator[bytes]) -> bytes:
    """Return the first 64 KiB of a page; should the line break, what has come of them: it is a page all the same."""
    page = start
    try:
        while len(page) < PAGE_BYTES and (chunk := next(chunks, b"")):
            page += chunk
    except DownloadError:
        pass
    return page[:PAGE_BYTES]


def title(page: bytes) -> str:
    """Return the title of a page for a message, in brackets; nothing if it has none."""
    found = _TITLE.search(page[:16384])
    text = plain(html.unescape(found[1].decode("utf-8", "replace"))) if found else ""
    return f" ({text!r})" if text else ""


def plain(text: str) -> str:
    """Return text of a stranger as something that is safe to print: one line, no control characters, no credentials."""
    return "".join(c if c.isprintable() else " " for c in redacted(" ".join(text.split())))[:200]
