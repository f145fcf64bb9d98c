"""HTTP for pictures: an address becomes the bytes of a file, within bounds of time, size and redirects."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from omz.errors import InferenceError
from omz.inference.addresses import shown
from omz.inference.images import MAX_FILE_BYTES
from omz.inference.signatures import (
    START_BYTES,
    is_text,
    page_title,
    starts_page,
    starts_picture,
    starts_playlist,
)  # fmt: skip
from omz.inference.time_limit import MOMENT_S, within
from omz.outgoing import printable, shortened
from omz.redaction import redacted
from omz.web.content import CODINGS, pieces
from omz.web.patience import AnswerError, Patience

if TYPE_CHECKING:
    import requests

    from omz.web.client import Session

_log = logging.getLogger(__name__)

#: For a connection; between two pieces of an answer; until a picture begins; for a picture as a whole.
CONNECT_SECONDS, SILENCE_SECONDS, START_SECONDS, TOTAL_SECONDS = 10.0, 10.0, 10.0, 60.0
MAX_REDIRECTS = 5
_CONNECTIONS = 32  # kept open per server
_CHUNK_BYTES = 1 << 16
_MAX_WORDS = 200  # letters of what a server says, in a message


class NoPictureError(InferenceError):
    """What is there is neither a picture nor a page; it may be a video."""


def fetch(address: str, *, tell: bool = False) -> bytes:
    """Return the file of the picture at an address; by its first bytes it is one, or the server calls it one.

    Args:
        address: Of http:// or https://, perhaps with a login.
        tell: Whether a log says that it is waited for, where that takes longer than a moment.

    Raises:
        NoPictureError: There is something else.
        InferenceError: There is nothing, or not in time, or a page, or too much.
    """
    where = shown(address)
    begun, bound = threading.Event(), min(START_SECONDS, TOTAL_SECONDS)

    def work() -> bytes:
        try:
            return _fetch(address, where, begun)
        finally:
            begun.set()

    def wait() -> None:
        if tell:
            _log.info("%s: waiting for its beginning, up to %g s", where, bound)
        if not begun.wait(max(bound - MOMENT_S, 0)):
            raise InferenceError(f"{where}: not there within {bound:g} s")

    try:
        return within(TOTAL_SECONDS, work, wait)
    except TimeoutError:
        raise InferenceError(f"{where}: not there within {TOTAL_SECONDS:g} s") from None


def _fetch(address: str, where: str, begun: threading.Event) -> bytes:
    patience = Patience(2 * TOTAL_SECONDS, SILENCE_SECONDS)  # nobody waits for the end of it
    deadline = time.monotonic() + TOTAL_SECONDS
    with _faults(where), _open(address, where, patience) as response:
        said = _words(response.headers.get("Content-Type", "").partition(";")[0].lower())
        if said.startswith(("video/", "multipart/")):  # may begin as a picture does, and have no end
            raise NoPictureError(f"{where}: no picture, but {said}; a video is given alone")
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if coding not in ("", "identity", *CODINGS):
            raise InferenceError(f"{where}: packed as {_words(coding)!r}, which was not asked for")
        content = bytearray()
        arriving = pieces(response, patience, _CHUNK_BYTES, coding if coding in CODINGS else "")
        for piece in arriving:
            content += piece
            if len(content) >= START_BYTES:
                break
        begun.set()
        _check_start(bytes(content[:START_BYTES]), said, where)
        for piece in arriving:
            if time.monotonic() > deadline:
                raise TimeoutError
            content += piece
            if len(content) > MAX_FILE_BYTES:
                raise InferenceError(f"{where}: more than {MAX_FILE_BYTES} bytes, which is all that is read")
        return bytes(content)


def _check_start(start: bytes, said: str, where: str) -> None:
    if not start:
        raise InferenceError(f"{where}: is empty")
    if starts_picture(start):
        return
    if starts_page(start):
        title = _words(page_title(start))
        raise InferenceError(f"{where}: an HTML page{f' ({title!r})' if title else ''} instead of a picture")
    if said.startswith("image/"):
        return
    kind = said or "of no known type"
    if is_text(start) and not starts_playlist(start):
        raise InferenceError(f"{where}: text instead of a picture ({kind})")
    raise NoPictureError(f"{where}: no picture ({kind}); a video is given alone")


@contextmanager
def _open(address: str, where: str, patience: Patience) -> Iterator[requests.Response]:
    """Ask for an address and follow redirects, but never from https to http; bodies of redirects are not read."""
    from omz.web.client import redirect_target

    url = address
    for _ in range(MAX_REDIRECTS + 1):
        with _session().ask(url, patience, CONNECT_SECONDS) as response:
            try:
                target = redirect_target(response)
            except UnicodeError as error:
                raise InferenceError(f"{where}: redirects to what is no address") from error
            if target is None:
                if response.status_code == 401 and "@" in urlsplit(address).netloc:
                    # cameras ask for another kind of login, which video decoders know
                    raise NoPictureError(f"{where}: {_words('401 ' + str(response.reason))}")
                if response.status_code != 200:
                    raise InferenceError(f"{where}: {_words(f'{response.status_code} {response.reason}')}")
                yield response
                return
        here, url = urlsplit(url).scheme, urljoin(url, target)
        if urlsplit(url).scheme not in {"https", here}:
            raise InferenceError(
                f"{where}: redirects to {shown(url)}, which is less safe than where it comes from"
            )
    raise InferenceError(f"{where}: redirects more than {MAX_REDIRECTS} times")


@cache
def _session() -> Session:
    """Return the session of all threads: its pools of connections may be shared, and it takes no cookies."""
    from http.cookiejar import DefaultCookiePolicy

    from omz.web.client import Session

    session = Session(_CONNECTIONS)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


@contextmanager
def _faults(where: str) -> Iterator[None]:
    """Turn what the HTTP libraries raise into an error of a few words."""
    import urllib3.exceptions as low
    from requests import exceptions as high

    try:
        yield
    except AnswerError as error:
        raise InferenceError(f"{where}: the server {error}") from error
    except (high.SSLError, low.SSLError) as error:
        raise InferenceError(f"{where}: secure connection failed: {_cause(error)}") from error
    except (high.ReadTimeout, low.ReadTimeoutError) as error:
        raise InferenceError(f"{where}: the server was silent for {SILENCE_SECONDS:g} s") from error
    except high.Timeout as error:
        raise InferenceError(f"{where}: no connection within {CONNECT_SECONDS:g} s") from error
    except TimeoutError:
        raise
    except (high.ConnectionError, low.ProtocolError) as error:
        if "IncompleteRead" in str(error):
            raise InferenceError(
                f"{where}: truncated: the connection ended before the picture did"
            ) from error
        raise InferenceError(f"{where}: connection failed: {_cause(error)}") from error
    except (high.RequestException, low.HTTPError, OSError, ValueError) as error:
        raise InferenceError(f"{where}: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """Return the operating system's word for what happened, if there is one down the chain, else the innermost."""
    words, cause = "", error.__context__
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        cause = cause.__cause__ or cause.__context__
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    return _words(words or str(error)) or type(error).__name__


def _words(text: str) -> str:
    return shortened(printable(redacted(" ".join(text.split()))), _MAX_WORDS)
