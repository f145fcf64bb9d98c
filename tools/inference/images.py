"""Decode picture files into 8-bit BGR arrays."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omz.errors import InferenceError
from omz.inference import opencv
from omz.inference.reduction import Enough
from omz.inference.signatures import START_BYTES, starts_picture
from omz.inference.stated_size import check_size
from omz.regular_files import open_regular, told_otherwise

Image = NDArray[np.uint8]  # (height, width, 3), BGR; (height, width) grey; (height, width, 4) BGR and alpha

# fmt: off
SUFFIXES = frozenset({
    ".avif", ".bmp", ".dib", ".exr", ".gif", ".hdr", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".pic",
    ".png", ".pnm", ".ppm", ".ras", ".sr", ".tif", ".tiff", ".webp",
})
# fmt: on
MAX_FILE_BYTES = 256 << 20


def is_picture(path: Path) -> bool:
    """Tell whether a regular file says that it is a picture, by its suffix or by its first bytes."""
    if not is_regular(path):
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with open_regular(path) as stream:
            return starts_picture(stream.read(START_BYTES))
    except OSError:
        return False


def check_file(path: Path) -> int:
    """Check that a picture is a regular file: who opens a FIFO or a device may wait for ever. Returns its size.

    Raises:
        InferenceError: It is none, or no file can have such a name.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise InferenceError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # of a NUL in the name
        raise InferenceError(f"{path}: {error}") from error
    if not stat.S_ISREG(state.st_mode):
        raise InferenceError(f"{path}: {told_otherwise(path) or 'is no regular file'}")
    return state.st_size


def is_regular(path: Path) -> bool:
    """Tell whether :func:`check_file` lets a picture pass."""
    try:
        check_file(path)
    except InferenceError:
        return False
    return True


def read_image(path: Path, channels: int = 3, enough: Enough | None = None) -> Image:
    """Decode a picture, 8 bits for each channel, turned as its EXIF data says, whatever the file has.

    Args:
        path: Of the file.
        channels: 3 for BGR; 1 for grey, as OpenCV's ``IMREAD_GRAYSCALE`` reads it (0.299 R + 0.587 G + 0.114 B; of a
            JPEG its luma as it is stored); 4 for BGR and alpha, which is 255 where the picture has none.
        enough: A JPEG picture may be decoded at a half, a quarter or an eighth of its size, if that is enough.

    Returns:
        (height, width, 3) or (height, width, 4), for grey (height, width), uint8.

    Raises:
        InferenceError: The file is missing, too large, truncated or no picture.
    """
    size = check_file(path)
    if size > MAX_FILE_BYTES:
        raise InferenceError(f"{path}: {size} bytes; pictures of up to {MAX_FILE_BYTES} bytes are read")
    try:
        with open_regular(path) as file:
            data = np.fromfile(file, np.uint8)
    except OSError as error:
        raise InferenceError(f"{path}: {error.strerror or error}") from error
    if not data.size:
        raise InferenceError(f"{path}: is empty")
    return decode(data, str(path), channels, enough)


def decode(data: NDArray[np.uint8], name: str, channels: int = 3, enough: Enough | None = None) -> Image:
    """Decode the bytes of a picture file; ``name`` is for messages. See :func:`read_image`."""
    divisor = enough.reduction(data) if enough else 1
    grey, colour = (
        ("IMREAD_GRAYSCALE", "IMREAD_COLOR")
        if divisor == 1
        else (f"IMREAD_REDUCED_GRAYSCALE_{divisor}", f"IMREAD_REDUCED_COLOR_{divisor}")
    )
    if channels == 1:
        return _decode(data, name, grey)
    colours = _decode(data, name, colour)
    if channels == 3:
        return colours
    if divisor > 1:  # a JPEG, which has no alpha
        return _opaque(colours)
    whole = _decode(data, name, "IMREAD_UNCHANGED")
    if whole.ndim < 3 or whole.shape[2] != 4:
        return _opaque(colours)
    if whole.dtype == np.uint16:
        whole = (whole >> 8).astype(np.uint8)
    # what is read with its alpha is not turned as the EXIF data says: one of the eight ways gives the same colours
    for turned in (np.rot90(side, turns) for side in (whole, whole[:, ::-1]) for turns in range(4)):
        if np.array_equal(turned[:, :, :3], colours):
            return np.ascontiguousarray(turned)
    raise InferenceError(f"{name}: its alpha cannot be told from its colours")


def _opaque(colours: Image) -> Image:
    return np.dstack([colours, np.full(colours.shape[:2], 255, np.uint8)])


def _decode(data: NDArray[np.uint8], name: str, flag: str) -> NDArray[Any]:
    cv2 = opencv.load()
    check_size(data, name)
    try:
        image: Any = cv2.imdecode(data, getattr(cv2, flag))
    except cv2.error as error:
        raise InferenceError(
            f"{name}: not decodable: {error.err if hasattr(error, 'err') else error}"
        ) from error
    if image is None:
        raise InferenceError(f"{name}: damaged, truncated or no picture that OpenCV reads")
    decoded: Image = image
    return decoded
