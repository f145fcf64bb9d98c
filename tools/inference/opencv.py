"""OpenCV, imported when first needed and made safe and quiet."""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType

#: Larger pictures are refused: 2**27 pixels are 400 MB once decoded. ``OPENCV_IO_MAX_IMAGE_PIXELS`` overrides it.
MAX_PIXELS = 1 << 27


@cache
def load() -> ModuleType:
    """Return the module ``cv2``.

    OpenCV reads its limits from the environment when it is loaded, so they are set before. Its own messages are
    switched off: every failure is reported by us, once, with the file's name.
    """
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
