"""A window where there is a display; without one everything else goes on."""

from __future__ import annotations

import logging
import os
import sys
from types import ModuleType

from omz.inference import opencv
from omz.inference.images import Image

_log = logging.getLogger(__name__)
_STOP_KEYS = (27, ord("q"), ord("Q"))


class Window:
    """An OpenCV window; made by :func:`open_window`."""

    def __init__(self, title: str, cv2: ModuleType) -> None:
        self._title, self._cv2 = title, cv2

    def show(self, image: Image, wait_ms: int = 1) -> bool:
        """Show a picture and return whether to go on: False when Esc or q was pressed within ``wait_ms`` (0: ever)."""
        self._cv2.imshow(self._title, image)
        return (self._cv2.waitKey(wait_ms) & 0xFF) not in _STOP_KEYS

    def close(self) -> None:
        """Close the window."""
        self._cv2.destroyWindow(self._title)


def open_window(title: str, *, no_show: bool) -> Window | None:
    """Return a window, or None when it is not wanted or not possible; why not is logged."""
    if no_show:
        return None
    cv2 = opencv.load()
    reason = missing_display(cv2)
    if not reason:
        try:
            cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
            return Window(title, cv2)
        except cv2.error as error:
            reason = str(getattr(error, "err", error))
    _log.info("no window: %s; going on as with --no_show", reason)
    return None


def missing_display(cv2: ModuleType) -> str:
    """Return why no window can be shown, '' if one can."""
    if any("GUI:" in line and "NONE" in line for line in cv2.getBuildInformation().splitlines()):
        return "this OpenCV is built without windows (opencv-python has them)"
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    return ""
