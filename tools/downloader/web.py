"""HTTP: an address, and perhaps a range of bytes, becomes a stream; every fault becomes a :class:`SourceError`."""

from __future__ import annotations

import html
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

from omz.downloader.rate import RateLimit
from omz.errors import DownloadError
from omz.redaction import redacted
from omz.version import __version__

if TYPE_CHECKING:
    import requests

#: The read time-out is the longest silence: a server may be slow, but must send something within it.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 30.0
MAX_REDIRECTS = 10
#: The most that is taken from a connection at once; what has arrived is taken without waiting for more.
#: Of larger blocks, the C library gives the memory back each time, and gets it anew.
CHUNK_BYTES = 1 << 18
#: Of a page in place of a file, so much is read, to say what it is.
PAGE_BYTES = 1 << 16
TEMPORARY_STATUSES = {408, 425, 429}  # and 5xx
_TITLE = re.compile(rb"<title[^>]{0,200}>(.{0,200}?)</title", re.IGNORECASE | re.DOTALL)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class SourceError(DownloadError):
    """One source did not give the file; ``str()`` is what it answered, in a few words.

    Attributes:
        retry: Whether the same source may do better on another attempt.
        wait_s: How long the server asks us to wait before that, in seconds.
    """

    def __init__(self, answer: str, *, retry: bool = False, wait_s: float | None = None) -> None:
        super().__init__(answer)
        self.retry, self.wait_s = retry, wait_s


class RangeRefusedError(SourceError):
    """The answer to a request for a range is not that range; the whole file may still be had."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer, retry=True)


class PageError(SourceError):
    """A page came in place of a file: its title, its beginning, and the address that it came from."""

    def __init__(self, page: bytes, url: str) -> None:
        super().__init__(f"sent an HTML page{_title(page)} instead of the file")
        self.page, self.url = page, url


@dataclass(frozen=True, slots=True)
class Version:
    """What a server says to tell versions of a file apart; only a strong ETag is kept."""

    etag: str | None = None
    last_modified: str | None = None

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
class Stream:
    """The bytes of a file, and what the source says of them (None: it does not say).

    Attributes:
        chunks: The bytes; a fault of the source is raised while they are read.
        total: How many bytes the whole file has.
        version: Which version of the file it is.
        part: Whether this is the range that was asked for. If not, it is the whole file.
    """

    chunks: Iterator[bytes]
    total: int | None
    version: Version = field(default_factory=Version)
    part: bool = False


class Web:
    """Asks servers; keeps one session per thread, as sessions are not safe to share.

    Args:
        connect_timeout_s: Longest wait for a connection, in seconds.
        read_timeout_s: Longest silence of a server, in seconds.
        rate: Of all that arrives; None: as it comes.
    """

    def __init__(
        self,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        rate: RateLimit | None = None,
    ) -> None:
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._rate = rate
        self._local = threading.local()

    @contextmanager
    def open(
        self,
        url: str,
        wanted: Range | None = None,
        *,
        html_is_a_file: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Stream]:
        """Ask for a file, or for a range of it.

        Args:
            url: Where it is.
            wanted: The range; None: the whole file.
            html_is_a_file: A page may be what was asked for, if the server only calls it one.
            headers: Sent to the origin of ``url`` (so is a login in it), and to no other that it redirects to.

        Raises:
            PageError: There is a page instead.
            RangeRefusedError: The server answered with something that is neither the range nor the file.
            SourceError: There is no file; also raised while the stream is read.
        """
        with _network_faults():
            response = self._follow(url, headers or {}, wanted.headers if wanted else {})
        with response:
            part = response.status_code == 206
            if part:
                _require_range(response, wanted)
            chunks = _chunks(response, self._rate)
            first = next(chunks, b"")
            if not part and _is_page(response, first, html_is_a_file):
                raise PageError(_beginning(first, chunks), response.url)
            yield Stream(chain([first], chunks), _total(response), _version(response), part)

    @property
    def _session(self) -> requests.Session:
        import requests

        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers["User-Agent"] = f"omz-toolkit/{__version__}"
            # What is hashed is the file, not a server's idea of how to pack it.
            self._local.session.headers["Accept-Encoding"] = "identity"
        session: requests.Session = self._local.session
        return session

    def _follow(self, url: str, own: Mapping[str, str], common: Mapping[str, str]) -> requests.Response:
        """Ask for ``url`` and follow redirects, but never from https to http; ``own`` headers stay with the origin."""
        first, login = _origin(url), _login(url)
        for _ in range(MAX_REDIRECTS + 1):
            at_home = _origin(url) == first
            headers = {**(own if at_home else {}), **common}
            stated = "authorization" in map(str.lower, headers)
            response = self._session.get(
                _without_login(url),  # or it would be in the messages of other libraries
                stream=True,
                allow_redirects=False,
                timeout=self._timeouts,
                headers=headers,
                # Without one, requests takes what .netrc has for the host, even over a header.
                auth=_as_stated if stated else _login(url) or (login if at_home else None),
            )
            if not response.is_redirect:
                break
            response.close()
            target = urljoin(url, response.headers["Location"])
            if urlsplit(target).scheme not in {"https", urlsplit(url).scheme}:
                raise SourceError(f"redirects to {plain(target)}, which is less safe than where we came from")
            url = target
        else:
            raise SourceError(f"redirects more than {MAX_REDIRECTS} times")
        if response.status_code == 200 or (response.status_code == 206 and common):
            return response
        response.close()
        raise _refusal(response, ranged=bool(common))


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


def plain(text: str) -> str:
    """Return text of a stranger as something that is safe to print: one line, no control characters, no credentials."""
    return "".join(c if c.isprintable() else " " for c in redacted(" ".join(text.split())))[:200]


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
        retry=status in TEMPORARY_STATUSES or status >= 500,
        wait_s=retry_after(response.headers.get("Retry-After")),
    )


def _require_range(response: requests.Response, wanted: Range | None) -> None:
    """Raise :class:`RangeRefusedError` unless the answer is, by all that it says, the range that was asked for."""
    headers = response.headers
    stated = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if not stated or "Content-Encoding" in headers or wanted is None:
        raise RangeRefusedError("answers with a part of the file, and does not say which")
    start, last, total = map(int, stated.groups())
    end = total if wanted.end is None else min(wanted.end, total)
    length = headers.get("Content-Length", str(end - start))
    if (start, last + 1, length) != (wanted.start, end, str(end - start)):
        raise RangeRefusedError("answers with another part of the file")
    if wanted.total not in (None, total):
        raise RangeRefusedError(f"answers with a part of another file, of {total} bytes")
    if _version(response).differs(wanted.version):
        raise RangeRefusedError("answers with a part of another version of the file")


def _total(response: requests.Response) -> int | None:
    if stated := _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "")):
        return int(stated[3])
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and "Content-Encoding" not in response.headers else None


def _version(response: requests.Response) -> Version:
    etag = response.headers.get("ETag", "")
    strong = etag.startswith('"') and etag.endswith('"') and 2 < len(etag) <= 200
    return Version(etag if strong else None, response.headers.get("Last-Modified", "")[:50] or None)


def _chunks(response: requests.Response, rate: RateLimit | None) -> Iterator[bytes]:
    portion = min(CHUNK_BYTES, rate.portion) if rate else CHUNK_BYTES
    with _network_faults():
        packed = "Content-Encoding" in response.headers  # in spite of what we asked for
        while chunk := response.raw.read1(portion, decode_content=packed):
            if rate:
                rate.take(len(chunk))
            yield chunk


@contextmanager
def _network_faults() -> Iterator[None]:
    """Turn whatever the HTTP libraries raise into a :class:`SourceError` of a few words."""
    import urllib3.exceptions as low
    from requests import exceptions as high

    try:
        yield
    except (high.SSLError, low.SSLError) as error:
        untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        raise SourceError(f"secure connection failed: {_root_cause(error)}", retry=not untrusted) from error
    except low.ReadTimeoutError as error:
        raise SourceError("fell silent", retry=True) from error
    except high.Timeout as error:
        raise SourceError("no answer in time", retry=True) from error
    except (high.ConnectionError, low.ProtocolError) as error:
        if broken := re.search(r"IncompleteRead\((\d+) bytes read", str(error)):
            answer = f"truncated: the connection ended after {broken[1]} bytes"
        else:
            answer = f"connection failed: {_root_cause(error)}"
        raise SourceError(answer, retry=True) from error
    except (high.RequestException, low.HTTPError, ValueError) as error:
        raise SourceError(plain(str(error)) or type(error).__name__) from error


def _root_cause(error: BaseException) -> str:
    """Return the operating system's word for what happened, if there is one down the chain."""
    words, cause = "", error.__context__
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return plain(words or str(error.__context__ or error))


def _is_page(response: requests.Response, start: bytes, html_is_a_file: bool) -> bool:
    if "html" not in response.headers.get("Content-Type", "").lower():
        return False
    # Some servers call every text "text/html"; for those the text decides.
    return not html_is_a_file or start.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


def _beginning(first: bytes, chunks: Iterator[bytes]) -> bytes:
    page = first
    while len(page) < PAGE_BYTES and (chunk := next(chunks, b"")):
        page += chunk
    return page[:PAGE_BYTES]


def _title(page: bytes) -> str:
    found = _TITLE.search(page[:16384])
    title = plain(html.unescape(found[1].decode("utf-8", "replace"))) if found else ""
    return f" ({title!r})" if title else ""
