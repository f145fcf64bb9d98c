"""The size that a picture's file states, and whether it is too large to be decoded."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import numpy as np

from omz.errors import InferenceError
from omz.inference.opencv import MAX_PIXELS
from omz.inference.reduction import jpeg_size

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_size(data: NDArray[np.uint8], name: str) -> None:
    """Refuse a picture that states more pixels than we decode; those whose form is not known here pass.

    OpenCV would refuse it as well, but only if it was loaded by us, and in words of its own.

    Args:
        data: The file.
        name: Of the file, for the message.

    Raises:
        InferenceError: It is too large.
    """
    size, limit = stated_size(data), os.environ.get("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
    if size and limit.isdecimal() and size[0] * size[1] > int(limit):
        raise InferenceError(
            f"{name}: {size[1]} x {size[0]} pixels; pictures of up to {int(limit) / 1e6:.0f} million pixels are read "
            "(OPENCV_IO_MAX_IMAGE_PIXELS changes that)"
        )


def stated_size(data: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Return the height and width in pixels that a PNG, JPEG, WebP, GIF or BMP states; None for anything else.

    Args:
        data: The file, or its beginning.
    """
    head = data[:30].tobytes()
    if len(head) < 30:
        return None
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack_from(">II", head, 16)
    elif head.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack_from("<HH", head, 6)
    elif head.startswith(b"BM"):  # but for those of OS/2, with a header of 12 bytes
        width, height = struct.unpack_from("<Ii", head, 18) if head[14] != 12 else (0, 0)
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        width, height = _webp_size(head)
    else:
        return jpeg_size(data)
    return abs(height), width  # a BMP from the top down states a negative height


def _webp_size(head: bytes) -> tuple[int, int]:
    """Return the width and height; of an animation those of its canvas."""
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF
