"""Keep credentials out of whatever people may read: messages, logs, tracebacks."""

from __future__ import annotations

import re

# A password may hold an "@" that nobody has encoded; a "/" in it would end the authority for everybody.
_LOGIN = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^/\s?#'\"<>]*@", re.IGNORECASE)
_PARAMETER = re.compile(
    r"([?&;][\w.~%-]*(?:token|key|secret|sig|signature|pass|passwd|password|pwd|credential|auth)[\w.~%-]*=)"
    r"[^&;\s#'\"<>)]+",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return ``text`` without the credentials of the addresses in it: logins, and parameters that name a secret.

    >>> redacted("https://me:pw@example.com/net.bin?v=1&X-Amz-Signature=0f3 is not there")
    'https://example.com/net.bin?v=1&X-Amz-Signature=*** is not there'
    """
    return _PARAMETER.sub(r"\1***", _LOGIN.sub(r"\1", text))
