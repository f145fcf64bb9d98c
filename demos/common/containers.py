"""Whether a video's file was finished: its parts, as their headers tell their sizes, fill it to the last byte.

A muxer writes the sizes of what was still growing, and the index, when it is closed. Where the disk takes no more,
they stay as they were, or point behind the end of the file. The parts at the top are looked at, not what is in them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from omz.regular_files import open_regular

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def is_finished(path: Path) -> bool:
    """Tell whether an ``.avi``, ``.mp4`` or ``.mkv`` file was finished.

    Raises:
        OSError: It cannot be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        names = []
        at = 0
        while at < size:
            file.seek(at)
            name, length = _PARTS[path.suffix.lower()](file)
            names.append(name)
            if not 0 < length <= size - at:
                return False
            at += length
    return {".avi": b"RIFF", ".mp4": b"moov", ".mkv": _SEGMENT}[path.suffix.lower()] in names


def _riff(file: BinaryIO) -> tuple[bytes, int]:
    """Return name and length of a chunk of AVI; there are several in a file of more than a gigabyte."""
    header = file.read(12)
    length = int.from_bytes(header[4:8], "little")
    return header[:4], 8 + length + length % 2 if header[8:] in (b"AVI ", b"AVIX") else 0


def _box(file: BinaryIO) -> tuple[bytes, int]:
    """Return name and length of a box of MP4; 1 says that the length comes behind the name, in 8 bytes."""
    header = file.read(16)
    length = int.from_bytes(header[:4], "big")
    return header[4:8], int.from_bytes(header[8:16], "big") if length == 1 else length


def _element(file: BinaryIO) -> tuple[bytes, int]:
    """Return name and length of an element of Matroska, those at the top; one of unknown length was not finished."""
    name, first = file.read(4), file.read(1)
    if name not in (_EBML, _SEGMENT) or not first or not first[0]:
        return name, 0
    more = 8 - first[0].bit_length()
    bits = 7 * (more + 1)
    length = int.from_bytes(first + file.read(more), "big") & ((1 << bits) - 1)
    return name, 0 if length == (1 << bits) - 1 else 5 + more + length


_PARTS = {".avi": _riff, ".mp4": _box, ".mkv": _element}
