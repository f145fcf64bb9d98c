"""OpenCV, imported when first needed and made safe and quiet."""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType

#: Larger pictures are refused: 2**27 pixels are 400 MB once decoded. ``OPENCV_IO_MAX_IMAGE_PIXELS`` overrides it.
MAX_PIXELS = 1 << 27
#: Blocks of memory of up to this size are kept by the process for the next picture.
KEPT_BYTES = 31 << 20


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
    _keep_freed_memory()
    return cv2


def _keep_freed_memory() -> None:
    """Let a picture's memory serve the next picture.

    glibc returns large blocks to the system as soon as they are freed. To get them anew for every picture, page by
    page, takes as long as to decode a JPEG. What is large is learnt from the largest block that is freed, of no more
    than 32 MB: here one that is never written to.
    """
    import numpy as np

    np.empty(KEPT_BYTES, np.uint8)
