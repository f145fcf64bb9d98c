"""Answers of servers as ``http.client`` reads them, but within a :class:`~omz.web.patience.Patience`.

``http.client`` bounds the length of a line and the number of headers. It does not bound interim answers, trailers, the
extensions of chunks, the headers of a proxy, nor the time of any of these; urllib3 and requests leave all that to it.
So every byte that it reads, of a server or of a proxy that is asked for a tunnel, comes through :class:`_Metered`.
"""

from __future__ import annotations

import re
import socket
import time
from contextvars import ContextVar
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING

from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing

from omz.web.patience import AnswerError, Patience

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: What the requests that this thread makes may cost.
current: ContextVar[Patience] = ContextVar("current")
MAX_LINE = 1 << 16
#: If nobody has said.
IDLE_S = 30.0
_DIGITS = re.compile("[0-9]+")


class Answer(HTTPResponse):
    """The ``response_class`` of a connection."""

    fp: _Lines

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        patience = current.get(None) or Patience(IDLE_S)
        self.fp = _Lines(_Metered(self.fp.detach(), sock, patience))

    def begin(self) -> None:
        """Read the head; one that can be read in two ways is refused.

        Raises:
            AnswerError: It is malformed, or breaks off.
        """
        super().begin()
        self.fp.in_head = False
        try:
            assert_header_parsing(self.msg)
        except (HeaderParsingError, TypeError):
            raise AnswerError("sent malformed headers") from None
        self._check_coding()
        self._check_length()

    def _read_status(self) -> tuple[str, int, str]:
        """Read the first line of the answer, or of the next after interim ones; these only say that it will come."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status <= 199:
                return version, status, reason
            self._skip_headers()

    def _skip_headers(self) -> None:
        while (line := self.fp.readline(MAX_LINE)) not in (b"\r\n", b"\n"):
            if not line.endswith(b"\n"):
                raise AnswerError("sent malformed headers")

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise AnswerError("sent a chunk of negative size")
        return size

    def _check_coding(self) -> None:
        codings = [value.strip().lower() for value in self.headers.get_all("Transfer-Encoding", [])]
        if codings == ["chunked"]:
            self.chunked, self.chunk_left, self.length = True, None, None
        elif codings:
            raise AnswerError("sent malformed headers: Transfer-Encoding")

    def _check_length(self) -> None:
        stated = self.headers.get_all("Content-Length", [])
        lengths = {length.strip() for value in stated for length in value.split(",")}
        if len(lengths) > 1 or not all(map(_DIGITS.fullmatch, lengths)):
            raise AnswerError("sent malformed headers: Content-Length")


class _Lines(BufferedReader):
    """Reads lines; while they are those of a head, an end without an empty line is no end."""

    in_head = True
    _any = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if self.in_head:
            complete = line.endswith(b"\n") or len(line) == size
            if not complete and (line or self._any):
                raise AnswerError("broke off within the headers")
            self._any = True
        return line


class _Metered(RawIOBase):
    """What comes from a socket, as far as there is patience for it."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, patience: Patience) -> None:
        self._raw, self._sock, self._patience = raw, sock, patience
        self._set_s: float | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        left_s, began = self._patience.left_s, time.monotonic()
        if left_s != self._set_s:
            self._sock.settimeout(left_s)
            self._set_s = left_s
        try:
            size = self._raw.readinto(buffer)
        except TimeoutError:
            self._patience.wait_in_vain(left_s)
            raise
        self._patience.spend(size or 0, time.monotonic() - began)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()
