"""What a picture file says that a reader silently does away with: grey, CMYK, 16 bits, turned, cut off.

Only JPEG and PNG headers are read; those are what datasets of labelled pictures consist of. Every reader makes 8-bit
pictures of three channels of them all; what differs is that OpenCV turns a picture as its EXIF data says and Pillow's
reader, as Open Model Zoo uses it, does not; and of a JPEG file that ends too soon older versions of OpenCV make a
picture that is grey below. So such pictures are counted.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from omz.errors import InferenceError

#: Headers beyond are not looked at; EXIF segments of 64 kB and a large colour profile fit in.
MAX_HEADER_BYTES = 1 << 20
#: Where the end of a JPEG file is looked for; some programs write a few bytes behind it.
TAIL_BYTES = 1 << 16
GREY, CMYK, DEEP, TURNED, CUT = "grey", "CMYK", "16-bit", "EXIF-rotated", "truncated"
_ORIENTATION = 0x112
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, of any kind of compression


def check_file(path: Path) -> None:
    """Check that a picture is a regular file: who opens a FIFO or a device may wait for ever.

    Raises:
        InferenceError: It is none, or no file can have such a name.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InferenceError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # of a NUL in the name
        raise InferenceError(f"{path}: {error}") from error
    if not stat.S_ISREG(mode):
        raise InferenceError(f"{path}: is no regular file")


def is_regular(path: Path) -> bool:
    """Tell whether :func:`check_file` lets a picture pass."""
    try:
        check_file(path)
    except InferenceError:
        return False
    return True


def picture_facts(path: Path) -> tuple[str, ...]:
    """Return which of the above a picture is; () if it is unreadable."""
    try:
        check_file(path)
        with path.open("rb") as file:
            head = file.read(4096)
            if not head.startswith(b"\xff\xd8"):
                return facts_of(head)
            if not _frame_at(head):
                head += file.read(MAX_HEADER_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(_frame_at(head), size - TAIL_BYTES))  # a thumbnail in the header has an end, too
            ends = b"\xff\xd9" in file.read()
    except (OSError, InferenceError):
        return ()
    return facts_of(head) if ends else (*facts_of(head), CUT)


def facts_of(head: bytes) -> tuple[str, ...]:
    """Return the facts from the first bytes of a file; any bytes will do."""
    if head.startswith(b"\xff\xd8"):
        return _jpeg_facts(head)
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 26:
        return tuple(fact for fact, there in ((GREY, head[25] in (0, 4)), (DEEP, head[24] == 16)) if there)
    return ()


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
    if any(_orientation(tiff) > 1 for tiff in exif):
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
