"""The content of an answer, piece by piece, unpacked where the server has packed it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from omz.web.patience import AnswerError, Patience

if TYPE_CHECKING:
    import requests

#: The most that one piece has when it is unpacked.
PIECE_BYTES = 1 << 18
FREE_BYTES = 64 << 20
#: What we unpack. We ask for none; any other that comes in spite of that is for the caller to refuse.
CODINGS = ("gzip", "x-gzip", "deflate")
_GZIP, _ZLIB, _RAW = 31, 15, -15


def pieces(
    response: requests.Response,
    patience: Patience,
    portion: int,
    coding: str = "",
    ratio: float = math.inf,
) -> Iterator[bytes]:
    """Yield the content as it arrives.

    Args:
        response: Whose body has not been read.
        patience: What it may cost.
        portion: The most that is taken from the connection at once, in bytes.
        coding: Unpack it from this, one of :data:`CODINGS`; nothing: as it is.
        ratio: Beyond the first 64 MiB, content that is more than so many times as large as it came is refused.

    Raises:
        AnswerError: It costs too much, or cannot be unpacked.
    """
    came = gave = 0

    def content() -> Iterator[bytes]:
        nonlocal came
        while data := response.raw.read1(portion, decode_content=False):
            came += len(data)
            yield data

    for piece in unpacked(content(), coding) if coding else content():
        gave += len(piece)
        if gave > FREE_BYTES + ratio * came:
            raise AnswerError(f"sent what is packed to less than one part in {ratio:g}")
        patience.progress(len(piece))
        yield piece


def unpacked(content: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Yield what is packed in ``content``, in pieces of bounded size, however much that is.

    Raises:
        AnswerError: It is damaged, or breaks off.
    """
    data = next(content, b"")
    kind = _GZIP
    if coding == "deflate":  # as of zlib by the standard, bare from some servers
        kind = _ZLIB if data[:1] and data[0] & 15 == 8 else _RAW
    member, first = zlib.decompressobj(kind), True
    while True:
        try:
            piece = member.decompress(data, PIECE_BYTES)
        except zlib.error:
            if first:
                raise AnswerError("sent what cannot be unpacked") from None
            return  # padding behind the end
        if piece:
            yield piece
        data = member.unused_data if member.eof else member.unconsumed_tail
        if not data and (member.eof or len(piece) < PIECE_BYTES) and not (data := next(content, b"")):
            break
        if member.eof:
            if kind != _GZIP:
                return
            member, first = zlib.decompressobj(kind), False
    if not member.eof:
        raise AnswerError("truncated: broke off within what is packed")
