"""Decode picture files into 8-bit BGR arrays."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omz.errors import InferenceError
from omz.inference import opencv

Image = NDArray[np.uint8]  # (height, width, 3), BGR

# fmt: off
SUFFIXES = frozenset({
    ".avif", ".bmp", ".dib", ".exr", ".gif", ".hdr", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".pic",
    ".png", ".pnm", ".ppm", ".ras", ".sr", ".tif", ".tiff", ".webp",
})
# fmt: on
MAX_FILE_BYTES = 256 << 20


def is_picture(path: Path) -> bool:
    """Tell whether a file says that it is a picture, by its suffix or by its first bytes."""
    return path.suffix.lower() in SUFFIXES or bool(opencv.load().haveImageReader(str(path)))


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


def read_image(path: Path) -> Image:
    """Decode a picture; grey, alpha and 16-bit pictures come out as 8-bit BGR, turned as their EXIF data says.

    Returns:
        (height, width, 3), uint8, BGR.

    Raises:
        InferenceError: The file is missing, too large, truncated or no picture.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InferenceError(f"{path}: {size} bytes; pictures of up to {MAX_FILE_BYTES} bytes are read")
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InferenceError(f"{path}: {error.strerror or error}") from error
    if not data.size:
        raise InferenceError(f"{path}: is empty")
    return decode(data, str(path))


def decode(data: NDArray[np.uint8], name: str) -> Image:
    """Decode the bytes of a picture file; ``name`` is for messages. See :func:`read_image`."""
    cv2 = opencv.load()
    try:
        image: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        if "MAX_IMAGE" in str(error):
            limit = f"{opencv.MAX_PIXELS >> 20} million pixels (OPENCV_IO_MAX_IMAGE_PIXELS changes that)"
            raise InferenceError(f"{name}: the picture is larger than {limit}") from error
        raise InferenceError(
            f"{name}: not decodable: {error.err if hasattr(error, 'err') else error}"
        ) from error
    if image is None:
        raise InferenceError(f"{name}: damaged, truncated or no picture that OpenCV reads")
    decoded: Image = image
    return decoded
