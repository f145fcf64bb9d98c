"""What the first bytes of a file or of a server's answer say: a picture, a playlist, a page, or text."""

from __future__ import annotations

import re

#: So many bytes are looked at.
START_BYTES = 4096

#: The formats that OpenCV reads.
_PICTURE = re.compile(
    rb"\xff\xd8\xff"  # JPEG
    rb"|\x89PNG\r\n\x1a\n"
    rb"|GIF8[79]a"
    rb"|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"  # BMP with the size of its header
    rb"|RIFF.{4}WEBP"
    rb"|II[\x2a\x2b]\0|MM\0[\x2a\x2b]"  # TIFF and BigTIFF
    rb"|.{4}ftypavi[fs]"
    rb"|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"  # JPEG 2000 and its bare stream
    rb"|\x76\x2f\x31\x01"  # OpenEXR
    rb"|\#\?R(?:ADIANCE|GBE)"
    rb"|P[1-6][ \t\r\n]|P7\n|P[Ff]\n"  # PBM, PGM, PPM, PAM, PFM
    rb"|\x59\xa6\x6a\x95",  # Sun raster
    re.DOTALL,
)
#: Lists of other files and addresses, as FFmpeg knows them: HLS, concat, SDP, DASH, IMF, PLS, ASX, SMIL and others.
#: Those that are not known here, it is told not to open.
_PLAYLIST = re.compile(
    rb"\s*(?:#EXTM3U|ffconcat version|\[playlist\]|<asx|<smil|\# VobSub)"
    rb"|.*(?:c=IN IP|<MPD|<CompositionPlaylist|<SmoothStreamingMedia)",
    re.DOTALL | re.IGNORECASE,
)
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s++|<!--.*?-->|<\?.*?\?>)*+<(?:!doctype\s+html|html|head|body|title|meta|script)\b",
    re.DOTALL | re.IGNORECASE,
)
_TITLE = re.compile(rb"<title[^>]{0,200}>(.{0,200}?)</title", re.DOTALL | re.IGNORECASE)
_BINARY = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


def starts_picture(start: bytes) -> bool:
    r"""Tell whether a file that begins so is a picture of a format that OpenCV reads.

    >>> starts_picture(b"\xff\xd8\xff\xe0"), starts_picture(b"RIFF\x24\0\0\0AVI "), starts_picture(b"BMI calculator")
    (True, False, False)
    """
    return bool(_PICTURE.match(start))


def starts_playlist(start: bytes) -> bool:
    """Tell whether a file that begins so names other files or addresses, which a video decoder would open."""
    return bool(_PLAYLIST.match(start.removeprefix(b"\xef\xbb\xbf").partition(b"\0")[0]))


def starts_page(start: bytes) -> bool:
    """Tell whether a file that begins so is an HTML page."""
    return bool(_PAGE.match(start))


def page_title(start: bytes) -> str:
    """Return the title of an HTML page, '' if its beginning has none."""
    found = _TITLE.search(start)
    return " ".join(found[1].decode("utf-8", "replace").split()) if found else ""


def is_text(start: bytes) -> bool:
    """Tell whether a file that begins so is text; an empty one is none."""
    return bool(start) and not _BINARY.search(start)
