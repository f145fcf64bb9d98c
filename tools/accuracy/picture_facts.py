"""What a picture file's header says that a reader silently does away with: grey, CMYK, 16 bits, turned.

Only JPEG and PNG headers are read; those are what datasets of labelled pictures consist of. Every reader makes 8-bit
pictures of three channels of them all; what differs is that OpenCV turns a picture as its EXIF data says and Pillow's
reader, as Open Model Zoo uses it, does not. So such pictures are counted.
"""

from __future__ import annotations

import struct
from pathlib import Path

#: Headers beyond are not looked at; EXIF segments of 64 kB and a large colour profile fit in.
MAX_HEADER_BYTES = 1 << 20
GREY, CMYK, DEEP, TURNED = "grey", "CMYK", "16-bit", "EXIF-rotated"
_ORIENTATION = 0x112
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, of any kind of compression


def picture_facts(path: Path) -> tuple[str, ...]:
    """Return which of :data:`GREY`, :data:`CMYK`, :data:`DEEP` and :data:`TURNED` a picture is; () if unreadable."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
            if head.startswith(b"\xff\xd8") and not _jpeg_frame(head):
                head += file.read(MAX_HEADER_BYTES)
    except OSError:
        return ()
    return facts_of(head)


def facts_of(head: bytes) -> tuple[str, ...]:
    """Return the facts from the first bytes of a file; any bytes will do."""
    if head.startswith(b"\xff\xd8"):
        return _jpeg_facts(head)
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 26:
        return tuple(fact for fact, there in ((GREY, head[25] in (0, 4)), (DEEP, head[24] == 16)) if there)
    return ()


def _segments(data: bytes) -> list[tuple[int, bytes]]:
    """Return the (marker, content) of a JPEG file's segments up to the start of frame."""
    found, place = [], 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill bytes
            place += 1
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        found.append((marker, data[place + 4 : place + 2 + length]))
        if marker in _FRAMES or length < 2:
            break
        place += 2 + length
    return found


def _jpeg_frame(data: bytes) -> bytes:
    """Return the start of frame, b'' if it is not within ``data``."""
    return next(
        (content for marker, content in _segments(data) if marker in _FRAMES and len(content) > 5), b""
    )


def _jpeg_facts(data: bytes) -> tuple[str, ...]:
    facts = []
    frame = _jpeg_frame(data)
    if frame:
        facts += {1: [GREY], 4: [CMYK]}.get(frame[5], [])
    exif = [
        content for marker, content in _segments(data) if marker == 0xE1 and content.startswith(b"Exif\0\0")
    ]
    if any(_orientation(content[6:]) > 1 for content in exif):
        facts.append(TURNED)
    return tuple(facts)


def _orientation(tiff: bytes) -> int:
    """Return EXIF's orientation: 1 for upright, 2 to 8 for mirrored or turned; 1 where it is not there."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if not order or len(tiff) < 8:
        return 1
    (place,) = struct.unpack_from(f"{order}I", tiff, 4)
    if place + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(f"{order}H", tiff, place)
    for entry in range(place + 2, min(place + 2 + 12 * count, len(tiff) - 11), 12):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
        if tag == _ORIENTATION:
            return int(value) if 1 <= value <= 8 else 1
    return 1
