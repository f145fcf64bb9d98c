"""What a picture file says that a reader silently does away with: grey, CMYK, 16 bits, turned, cut off.

JPEG, PNG, WebP, TIFF and BMP are looked at. Every reader makes 8-bit pictures of three channels of them all; what
differs is that OpenCV turns a picture as its EXIF data says and Pillow's reader, as Open Model Zoo uses it, does not;
and of a JPEG file that ends too soon older versions of OpenCV make a picture that is grey below. So such pictures are
counted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from omz.errors import InferenceError
from omz.inference.images import check_file
from omz.regular_files import open_regular

#: Headers beyond are not looked at; EXIF segments of 64 kB and a large colour profile fit in.
MAX_HEADER_BYTES = 1 << 20
#: In other formats than JPEG, EXIF data may be anywhere; of a larger file, the rest is not looked at.
MAX_BYTES = 64 << 20
#: Where the end of a JPEG file is looked for; some programs write a few bytes behind it.
TAIL_BYTES = 1 << 16
GREY, CMYK, DEEP, TURNED, CUT = "grey", "CMYK", "16-bit", "EXIF-rotated", "truncated"
_BITS, _PHOTOMETRIC, _ORIENTATION = 0x102, 0x106, 0x112  # tags of TIFF, in which EXIF data is written as well
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, of any kind of compression


def picture_facts(path: Path) -> tuple[str, ...]:
    """Return which of the above a picture is; () if it is unreadable."""
    try:
        check_file(path)
        with open_regular(path) as file:
            head = file.read(4096)
            if not head.startswith(b"\xff\xd8"):
                return facts_of(head + file.read(MAX_BYTES))
            if not _frame_at(head):
                head += file.read(MAX_HEADER_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(_frame_at(head), size - TAIL_BYTES))  # a thumbnail in the header has an end, too
            ends = b"\xff\xd9" in file.read()
    except (OSError, InferenceError):
        return ()
    return facts_of(head) if ends else (*facts_of(head), CUT)


def facts_of(data: bytes) -> tuple[str, ...]:
    """Return the facts from the bytes of a file, of a JPEG file the first ones; any bytes will do."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg_facts(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 26:
        return _present(
            (GREY, data[25] in (0, 4)), (DEEP, data[24] == 16), (TURNED, _turned(_png_exif(data)))
        )
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _present((TURNED, _turned(_webp_exif(data))))
    if data[:2] == b"BM":
        return _present((GREY, _has_grey_palette(data)))
    tags = _tags(data)
    grey, cmyk = (tags.get(_PHOTOMETRIC) in kinds for kinds in ((0, 1), (5,)))
    return _present((GREY, grey), (CMYK, cmyk), (DEEP, tags.get(_BITS) == 16), (TURNED, _turned(data)))


def _present(*facts: tuple[str, bool]) -> tuple[str, ...]:
    return tuple(fact for fact, there in facts if there)


def _png_exif(data: bytes) -> bytes:
    """Return what is in the chunk eXIf, which may come before the picture or behind it."""
    place = 8
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"eXIf":
            return data[place + 8 : place + 8 + length]
        place += 12 + length
    return b""


def _webp_exif(data: bytes) -> bytes:
    place = 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        if kind == b"EXIF":
            return data[place + 8 : place + 8 + length].removeprefix(b"Exif\0\0")
        place += 8 + length + length % 2
    return b""


def _has_grey_palette(data: bytes) -> bool:
    """Tell whether a BMP file has a palette, and that of greys only."""
    if len(data) < 54:
        return False
    (header,), (bits,), (used,) = (
        struct.unpack_from(kind, data, at) for kind, at in (("<I", 14), ("<H", 28), ("<I", 46))
    )
    if header < 40 or not 1 <= bits <= 8:
        return False
    palette = data[14 + header :][: 4 * (used or 1 << bits)]
    return bool(palette) and palette[0::4] == palette[1::4] == palette[2::4]


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the (marker, place, content) of a JPEG file's segments up to the start of frame."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill bytes
            place += 1
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        yield marker, place, data[place + 4 : place + 2 + length]
        if marker in _FRAMES or length < 2:
            return
        place += 2 + length


def _frame_at(data: bytes) -> int:
    """Return where the start of frame is, 0 if it is not within ``data``."""
    return next((at for marker, at, content in _segments(data) if marker in _FRAMES and len(content) > 5), 0)


def _jpeg_facts(data: bytes) -> tuple[str, ...]:
    facts = []
    if frame := _frame_at(data):
        facts += {1: [GREY], 4: [CMYK]}.get(data[frame + 9], [])  # the number of components
    exif = [
        content[6:] for marker, _, content in _segments(data) if marker == 0xE1 and content[:6] == b"Exif\0\0"
    ]
    if any(map(_turned, exif)):
        facts.append(TURNED)
    return tuple(facts)


def _turned(tiff: bytes) -> bool:
    """Tell whether EXIF data says that a picture is mirrored or turned: orientation 1 is upright, 2 to 8 are not."""
    return 2 <= _tags(tiff).get(_ORIENTATION, 1) <= 8


def _tags(tiff: bytes) -> dict[int, int]:
    """Return the first value of each tag of whole numbers in the first directory of a TIFF file or of EXIF data."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if not order or len(tiff) < 8:
        return {}
    (place,) = struct.unpack_from(f"{order}I", tiff, 4)
    if place + 2 > len(tiff):
        return {}
    (count,) = struct.unpack_from(f"{order}H", tiff, place)
    tags: dict[int, int] = {}
    for entry in range(place + 2, min(place + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", tiff, entry)
        size, form = {3: (2, "H"), 4: (4, "I")}.get(kind, (0, ""))
        at = entry + 8 if size * number <= 4 else struct.unpack_from(f"{order}I", tiff, entry + 8)[0]
        if form and number and at + size <= len(tiff):
            tags.setdefault(tag, struct.unpack_from(f"{order}{form}", tiff, at)[0])
    return tags
