"""HTTP: an address, and perhaps a range of bytes, becomes a stream; every fault becomes a :class:`SourceError`."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urljoin, urlsplit, urlunsplit

from omz.downloader.faults import PageError, RangeRefusedError, SourceError, is_temporary, network_faults
from omz.downloader.pages import beginning, peek, plain
from omz.downloader.rate import RateLimit
from omz.web.content import CODINGS, pieces
from omz.web.patience import Patience

if TYPE_CHECKING:
    import requests

    from omz.web.client import Session

#: The read time-out is the longest time without progress of the file, redirects and all: a server may be slow, but must
#: send something of the file within it.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 30.0
MAX_REDIRECTS = 10
#: The most that is taken from a connection at once; what has arrived is taken without waiting for more.
#: Of larger blocks, the C library gives the memory back each time, and gets it anew.
CHUNK_BYTES = 1 << 18
#: The longest wait that a server can ask for, in seconds. If it wants more, it is not asked again.
LONGEST_WAIT_S = 600.0
#: No file has more bytes than 18 digits can say, and longer numbers are slow to parse, or refused by Python.
_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
#: As of archives: content of unknown size that was packed better than this is not to fill the disk.
MAX_RATIO = 100.0
_SENDABLE = re.compile("[!-~](?:[ -~]{0,198}[!-~])?")


@dataclass(frozen=True, slots=True)
class Version:
    """What a server says to tell versions of a file apart; only a strong ETag is kept."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def is_sound(self) -> bool:
        """Tell whether both are, if they are there, what can be sent as headers."""
        return all(
            value is None or (isinstance(value, str) and _SENDABLE.fullmatch(value))
            for value in (self.etag, self.last_modified)
        )

    @property
    def validator(self) -> str | None:
        """What If-Range can say."""
        return self.etag or self.last_modified

    def differs(self, other: Version) -> bool:
        """Tell whether both are known and are not the same."""
        if self.etag and other.etag:
            return self.etag != other.etag
        return bool(self.last_modified and other.last_modified and self.last_modified != other.last_modified)


@dataclass(frozen=True, slots=True)
class Range:
    """The bytes from ``start`` up to ``end`` (None: to the end) of ``version`` of a file of ``total`` bytes.

    A ``total`` of None is not known yet.
    """

    start: int
    end: int | None
    total: int | None
    version: Version = field(default_factory=Version)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request for it."""
        asked = {"Range": f"bytes={self.start}-{'' if self.end is None else self.end - 1}"}
        return asked | ({"If-Range": self.version.validator} if self.version.validator else {})


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of the file that a source is asked for.

    Attributes:
        size: In bytes.
        is_page: Whether it is an HTML page itself, as its name says.
    """

    size: int | None = None
    is_page: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a file, and what the source says of them (None: it does not say).

    Attributes:
        chunks: The bytes; a fault of the source is raised while they are read.
        total: How many bytes the whole file has.
        version: Which version of the file it is.
        part: Whether this is the range that was asked for. If not, it is the whole file.
        framed: Whether an answer that breaks off is told from one that has ended.
    """

    chunks: Iterator[bytes]
    total: int | None
    version: Version = field(default_factory=Version)
    part: bool = False
    framed: bool = True


class Web:
    """Asks servers; keeps one session per thread, as sessions are not safe to share.

    Args:
        connect_timeout_s: Longest wait for a connection, in seconds.
        read_timeout_s: Longest time without progress of the file, in seconds.
        rate: Of all that arrives; None: as it comes.
    """

    def __init__(
        self,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        rate: RateLimit | None = None,
    ) -> None:
        self._connect_timeout_s, self._read_timeout_s = connect_timeout_s, read_timeout_s
        self._rate = rate
        self._local = threading.local()
        #: Servers that ask for more patience than we have, with their answers.
        self._busy: dict[tuple[str, str | None, int | None], str] = {}

    @contextmanager
    def open(
        self,
        url: str,
        wanted: Range | None = None,
        *,
        expected: Expected = Expected(),
        text_may_be_called_html: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Stream]:
        """Ask for a file, or for a range of it.

        Args:
            url: Where it is.
            wanted: The range; None: the whole file.
            expected: What is known of it.
            text_may_be_called_html: What the server calls a page may be the file, if it does not look like a page.
            headers: Sent to the origin of ``url`` (so is a login in it), and to no other that it redirects to.

        Raises:
            PageError: There is a page instead.
            RangeRefusedError: The server answered with something that is neither the range nor the file.
            SourceError: There is no file; also raised while the stream is read.
        """
        patience = Patience(self._read_timeout_s)
        with network_faults():
            response = self._follow(url, headers or {}, wanted.headers if wanted else {}, patience)
        patience.begin()
        with response:
            with network_faults():
                if response.status_code == 206:
                    stream = self._part(response, wanted, patience)
                else:
                    stream = self._whole(response, expected, text_may_be_called_html, patience)
            yield stream

    def _part(self, response: requests.Response, wanted: Range | None, patience: Patience) -> Stream:
        total = _required_range(response, wanted)
        return Stream(_chunks(response, patience, self._rate), total, _version(response), part=True)

    def _whole(
        self,
        response: requests.Response,
        expected: Expected,
        text_may_be_called_html: bool,
        patience: Patience,
    ) -> Stream:
        length, encoding = _length(response), _encoding(response)
        # Some servers call an archive what it was packed with; the promised size tells that from a packed answer.
        packed = bool(encoding) and not (length is not None and length == expected.size)
        if packed and encoding not in CODINGS:
            raise SourceError(f"sent the file packed as {plain(encoding)!r}, which was not asked for")
        framed = length is not None or _is_chunked(response)
        ratio = MAX_RATIO if expected.size is None else math.inf
        chunks = _chunks(response, patience, self._rate, encoding if packed else "", ratio)
        if not expected.is_page:
            called_html = "html" in response.headers.get("Content-Type", "").lower()
            start, is_page = peek(chunks, called_html=called_html)
            if is_page or (called_html and not text_may_be_called_html):
                patience.no_file()
                raise PageError(beginning(start, chunks), response.url)
            chunks = chain([start], chunks)
        return Stream(chunks, None if packed else length, _version(response), framed=framed)

    @property
    def _session(self) -> Session:
        if not hasattr(self._local, "session"):
            from omz.web.client import Session

            self._local.session = Session()
        session: Session = self._local.session
        return session

    def _follow(
        self, url: str, own: Mapping[str, str], common: Mapping[str, str], patience: Patience
    ) -> requests.Response:
        """Ask for ``url`` and follow redirects, but never from https to http; ``own`` headers stay with the origin."""
        from omz.web.client import redirect_target

        first, login = _origin(url), _login(url)
        for _ in range(MAX_REDIRECTS + 1):
            self._require_patience(url)
            at_home = _origin(url) == first
            headers = {**(own if at_home else {}), **common}
            stated = "authorization" in map(str.lower, headers)
            response = self._session.ask(
                _without_login(url),  # or it would be in the messages of other libraries
                patience,
                self._connect_timeout_s,
                headers=headers,
                # Without one, requests takes what .netrc has for the host, even over a header.
                auth=_as_stated if stated else _login(url) or (login if at_home else None),
            )
            if not response.is_redirect:
                break
            response.close()
            target = urljoin(url, redirect_target(response) or "")
            if urlsplit(target).scheme not in {"https", urlsplit(url).scheme}:
                raise SourceError(f"redirects to {plain(target)}, which is less safe than where we came from")
            url = target
        else:
            raise SourceError(f"redirects more than {MAX_REDIRECTS} times")
        if response.status_code == 200 or (response.status_code == 206 and common):
            return response
        response.close()
        refusal = _refusal(response, ranged=bool(common))
        if refusal.retry and refusal.wait_s is not None and refusal.wait_s > LONGEST_WAIT_S:
            self._busy[_origin(url)] = f"{refusal}, asks to wait {min(refusal.wait_s, 1e9):.0f} s"
            self._require_patience(url)
        raise refusal

    def _require_patience(self, url: str) -> None:
        """Raise :class:`SourceError` if the server has asked for too long a wait before."""
        if answer := self._busy.get(_origin(url)):
            raise SourceError(answer)


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date. Returns seconds from now, or None if it says neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Return what tells whether credentials may go along: scheme, host and port of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _login(url: str) -> tuple[str, str] | None:
    """Return the name and the password in an address, if it has them, for requests: a character for each byte."""
    login, at, _ = urlsplit(url).netloc.rpartition("@")
    name, _, password = (unquote_to_bytes(part).decode("latin-1") for part in login.partition(":"))
    return (name, password) if at else None


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


def _as_stated(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as its headers say."""
    return request


def _refusal(response: requests.Response, *, ranged: bool) -> SourceError:
    status = response.status_code
    said = f": {message}" if (message := response.headers.get("X-Error-Message")) else ""  # the Hub's
    answer = plain(f"{status} {response.reason}{said}").strip().rstrip(".")
    if status == 416 and ranged:
        return RangeRefusedError(answer)
    return SourceError(
        answer,
        retry=is_temporary(status),
        wait_s=retry_after(response.headers.get("Retry-After")),
    )


def _required_range(response: requests.Response, wanted: Range | None) -> int:
    """Return the size of the whole file, of which the answer is, by all that it says, the range that was asked for.

    Raises:
        RangeRefusedError: It is not.
    """
    stated = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if not stated or _encoding(response) or wanted is None:
        raise RangeRefusedError("answers with a part of the file, and does not say which")
    total = wanted.total if stated[3] == "*" else int(stated[3])
    if total is None:
        raise RangeRefusedError("answers with a part of the file, and does not say of how many bytes")
    end = total if wanted.end is None else min(wanted.end, total)
    length = _length(response)
    length = end - wanted.start if length is None else length
    if (int(stated[1]), int(stated[2]) + 1, length) != (wanted.start, end, end - wanted.start):
        raise RangeRefusedError("answers with another part of the file")
    if wanted.total not in (None, total):
        raise RangeRefusedError(f"answers with a part of another file, of {total} bytes")
    if _version(response).differs(wanted.version):
        raise RangeRefusedError("answers with a part of another version of the file")
    return total


def _length(response: requests.Response) -> int | None:
    """Return how many bytes the answer has as it is sent; None if that is not known."""
    lengths = {length.strip() for length in response.headers.get("Content-Length", "").split(",")}
    if len(lengths) > 1 or _is_chunked(response):  # which counts for more
        return None
    length = lengths.pop()
    return int(length) if _LENGTH.fullmatch(length) else None


def _is_chunked(response: requests.Response) -> bool:
    return response.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"


def _encoding(response: requests.Response) -> str:
    """Return how the answer is packed, in spite of what we asked for; nothing if it is not."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def _version(response: requests.Response) -> Version:
    etag, modified = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    strong = etag.startswith('"') and etag.endswith('"') and len(etag) > 2 and _SENDABLE.fullmatch(etag)
    dated = len(modified) <= 50 and _SENDABLE.fullmatch(modified)
    return Version(etag if strong else None, modified if dated else None)


def _chunks(
    response: requests.Response,
    patience: Patience,
    rate: RateLimit | None,
    coding: str = "",
    ratio: float = math.inf,
) -> Iterator[bytes]:
    portion = min(CHUNK_BYTES, rate.portion) if rate else CHUNK_BYTES
    with network_faults():
        for piece in pieces(response, patience, portion, coding, ratio):
            if rate:
                rate.take(len(piece))
            yield piece
