"""Where files come from: a source of a descriptor becomes a stream of bytes.

Resuming is a matter of giving :meth:`SourceOpener.open` an offset; nothing else here would change.
"""

from __future__ import annotations

import html
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

from omz.errors import DownloadError
from omz.version import __version__
from omz.zoo.schema import AnySource, BundledSource, GoogleDriveSource, HttpSource, HuggingFaceSource

if TYPE_CHECKING:
    import requests

#: The address that answers with the file itself; ``confirm=t`` skips the page about large files and viruses.
GOOGLE_DRIVE_URL = "https://drive.usercontent.google.com/download"
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 60.0
MAX_REDIRECTS = 10
#: Small enough to notice Ctrl-C on a slow line, and to bound what a server's compression can blow up.
CHUNK_BYTES = 1 << 16
TEMPORARY_STATUSES = {408, 425, 429}  # and 5xx
_TITLE = re.compile(rb"<title[^>]{0,200}>(.{0,200}?)</title", re.IGNORECASE | re.DOTALL)


class SourceError(DownloadError):
    """One source did not give the file; ``str()`` is what it answered, in a few words.

    Attributes:
        retry: Whether the same source may do better on another attempt.
        wait_s: How long the server asks us to wait before that, in seconds.
    """

    def __init__(self, answer: str, *, retry: bool = False, wait_s: float | None = None) -> None:
        super().__init__(answer)
        self.retry, self.wait_s = retry, wait_s


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a file, and how many the source says there are (None: it does not say)."""

    chunks: Iterator[bytes]
    length: int | None


class SourceOpener:
    """Opens sources; keeps one HTTP session per thread, as sessions are not safe to share.

    Args:
        google_drive_url: Where files on Google Drive are asked for.
        connect_timeout_s: Longest wait for a connection, in seconds.
        read_timeout_s: Longest silence of a server, in seconds.
    """

    def __init__(
        self,
        *,
        google_drive_url: str = GOOGLE_DRIVE_URL,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._google_drive_url = google_drive_url
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._local = threading.local()

    @contextmanager
    def open(self, source: AnySource, folder: Path) -> Iterator[Stream]:
        """Open a source for reading; ``folder`` is the descriptor's, for bundled files.

        Raises:
            SourceError: The source did not answer with a file; also raised while the stream is read.
        """
        match source:
            case BundledSource():
                with _local(_bundled_path(source, folder)) as answer:
                    yield answer
            case HttpSource():
                with self._http(source.url, html_is_a_file=True) as answer:
                    yield answer
            case GoogleDriveSource():
                query = urlencode({"id": source.id, "export": "download", "confirm": "t"})
                with self._http(f"{self._google_drive_url}?{query}", html_is_a_file=False) as answer:
                    yield answer
            case HuggingFaceSource():
                from omz.downloader import hub

                if cached := hub.cached_file(source):
                    with _local(cached) as answer:
                        yield answer
                else:
                    url, headers = hub.request(source)
                    with self._http(url, html_is_a_file=False, headers=headers) as answer:
                        yield answer

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

    @contextmanager
    def _http(
        self, url: str, *, html_is_a_file: bool, headers: Mapping[str, str] | None = None
    ) -> Iterator[Stream]:
        with _network_faults():
            response = self._follow(url, headers or {})
        with response:
            chunks = _chunks(response)
            first = next(chunks, b"")
            if _is_page(response, first, html_is_a_file):
                raise SourceError(f"sent an HTML page{_title(first)} instead of the file")
            length = response.headers.get("Content-Length", "")
            known = length.isdecimal() and "Content-Encoding" not in response.headers
            yield Stream(chain([first], chunks), int(length) if known else None)

    def _follow(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Ask for ``url`` and follow redirects, but never from https to http; ``headers`` stay with the first host."""
        origin = urlsplit(url)[:2]
        for _ in range(MAX_REDIRECTS + 1):
            response = self._session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=self._timeouts,
                headers=headers if urlsplit(url)[:2] == origin else None,
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
        status = response.status_code
        if status != 200:
            response.close()
            said = f": {message}" if (message := response.headers.get("X-Error-Message")) else ""  # the Hub's
            raise SourceError(
                plain(f"{status} {response.reason}{said}").strip().rstrip("."),
                retry=status in TEMPORARY_STATUSES or status >= 500,
                wait_s=retry_after(response.headers.get("Retry-After")),
            )
        return response


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
    """Return text of a stranger as something that is safe to print: one line, no control characters."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))[:200]


@contextmanager
def _local(path: Path) -> Iterator[Stream]:
    with path.open("rb") as stream:
        yield Stream(iter(lambda: stream.read(CHUNK_BYTES), b""), path.stat().st_size)


def _bundled_path(source: BundledSource, folder: Path) -> Path:
    path = (folder / source.path).resolve()
    if not path.is_relative_to(folder.resolve()):  # a link; the schema has refused '..'
        raise SourceError("leads out of the folder of the descriptor")
    if not path.is_file():
        raise SourceError(f"is not there ({path})")
    return path


def _chunks(response: requests.Response) -> Iterator[bytes]:
    with _network_faults():
        yield from response.iter_content(CHUNK_BYTES)


@contextmanager
def _network_faults() -> Iterator[None]:
    """Turn whatever the HTTP library raises into a :class:`SourceError` of a few words."""
    from requests import exceptions

    try:
        yield
    except exceptions.Timeout as error:
        raise SourceError("no answer in time", retry=True) from error
    except exceptions.SSLError as error:
        untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        raise SourceError(f"secure connection failed: {_root_cause(error)}", retry=not untrusted) from error
    except (exceptions.ConnectionError, exceptions.ChunkedEncodingError) as error:
        if broken := re.search(r"IncompleteRead\((\d+) bytes read", str(error)):
            answer = f"truncated: the connection ended after {broken[1]} bytes"
        elif "timed out" in str(error):
            answer = "fell silent"
        else:
            answer = f"connection failed: {_root_cause(error)}"
        raise SourceError(answer, retry=True) from error
    except (exceptions.RequestException, ValueError) as error:
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


def _title(start: bytes) -> str:
    found = _TITLE.search(start[:16384])
    title = plain(html.unescape(found[1].decode("utf-8", "replace"))) if found else ""
    return f" ({title!r})" if title else ""
