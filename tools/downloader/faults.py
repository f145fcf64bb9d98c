"""What may go wrong between a source and us, in a few words each: every fault is a :class:`SourceError`."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from omz.downloader.pages import plain, title
from omz.errors import DownloadError
from omz.web.patience import AnswerError

#: What http.client says of a CONNECT that failed, as it stands within the messages of urllib3.
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})\b ?([^'\")]*)")
#: The variables that name the certificates to trust, in the order in which requests looks at them.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


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
        super().__init__(f"sent an HTML page{title(page)} instead of the file")
        self.page, self.url = page, url


def is_temporary(status: int) -> bool:
    """Tell whether a server that answers so may do better on another attempt."""
    return status in {408, 425, 429} or status >= 500


@contextmanager
def network_faults() -> Iterator[None]:
    """Turn whatever the HTTP libraries raise into a :class:`SourceError` of a few words."""
    from http.client import HTTPException

    import urllib3.exceptions as low
    from requests import exceptions as high

    try:
        yield
    except AnswerError as error:
        raise SourceError(str(error), retry=True) from error
    except (high.SSLError, low.SSLError) as error:
        about_certificates = any(map(_is_about_certificates, _chain(error)))
        answer = f"secure connection failed: {_root_cause(error)}"
        if about_certificates:
            answer += _named_certificates()
        raise SourceError(answer, retry=not about_certificates) from error
    except low.ReadTimeoutError as error:
        raise SourceError("fell silent", retry=True) from error
    except high.Timeout as error:
        raise SourceError("no answer in time", retry=True) from error
    except high.ProxyError as error:
        raise _proxy_fault(error) from error
    except (high.ConnectionError, low.ProtocolError) as error:
        if broken := next((part for part in _chain(error) if isinstance(part, low.IncompleteRead)), None):
            answer = f"truncated: the connection ended after {broken.partial} bytes"
        elif any(isinstance(part, HTTPException) and not _is_closed(part) for part in _chain(error)):
            answer = "sent what is no answer of HTTP"
        else:
            answer = f"connection failed: {_root_cause(error)}"
        raise SourceError(answer, retry=True) from error
    except (high.RequestException, low.HTTPError, ValueError) as error:
        raise SourceError(plain(str(error)) or type(error).__name__) from error
    except OSError as error:  # what requests raises for certificates that are not there
        raise SourceError(plain(f"{error}{_named_certificates()}")) from error


def _is_closed(error: BaseException) -> bool:
    """Tell whether the connection was closed before an answer began."""
    return isinstance(error, ConnectionError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Return an error with all that have led to it, whether chained by Python or handed on by a library."""
    pending, seen = [error], set()
    while pending:
        part = pending.pop(0)
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            before = (part.__cause__, part.__context__, *part.args)
            pending += [one for one in before if isinstance(one, BaseException)]


def _is_about_certificates(error: BaseException) -> bool:
    """Tell whether a server's certificates are not trusted, or those that we are told to trust cannot be read."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    return isinstance(error, ssl.SSLError) and error.library in ("X509", "PEM")


def _named_certificates() -> str:
    """Return which variable names the certificates to trust, in brackets; nothing if none does."""
    name = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
    return f" (CA bundle of {name}: {os.environ[name]})" if name else ""


def _proxy_fault(error: BaseException) -> SourceError:
    """Return what a proxy answered when it was asked for a way through, or why it did not."""
    if refused := _TUNNEL.search(str(error)):
        status = int(refused[1])
        answer = plain(f"the proxy refused the connection: {status} {refused[2]}").strip()
        return SourceError(answer, retry=is_temporary(status))
    return SourceError(f"no connection to the proxy: {_root_cause(error)}", retry=True)


def _root_cause(error: BaseException) -> str:
    """Return the operating system's word for what happened, if there is one down the chain."""
    words, cause = "", error.__context__
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return plain(words or str(error.__context__ or error))
