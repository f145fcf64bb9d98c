"""Addresses among what ``-i`` names."""

from __future__ import annotations

import re
from pathlib import Path

from omz.outgoing import printable, shortened
from omz.redaction import redacted

#: Of pictures and videos.
WEB_SCHEMES = ("http", "https")
#: Of videos.
STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "tcp")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_MAX_SHOWN = 500


def scheme(text: str) -> str:
    """Return the scheme of an address in small letters, '' if it is none.

    >>> scheme("RTSP://camera/1"), scheme("clip.mp4")
    ('rtsp', '')
    """
    found = _SCHEME.match(text)
    return found[1].lower() if found else ""


def shown(name: str | Path) -> str:
    r"""Return an address or a path for messages: without credentials, on one line.

    >>> shown("http://me:secret@camera/a\n.jpg")
    'http://camera/a\\n.jpg'
    """
    return shortened(printable(redacted(str(name))), _MAX_SHOWN)
