"""Video as a source of frames: a file, a camera, or an address that OpenCV's FFmpeg opens."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import InferenceError
from omz.inference import opencv
from omz.inference.addresses import scheme, shown
from omz.inference.ffmpeg import open_video
from omz.inference.frames import Frame, itself
from omz.inference.reduction import Enough
from omz.inference.signatures import START_BYTES, is_text, starts_playlist
from omz.inference.time_limit import within
from omz.redaction import redacted
from omz.regular_files import open_regular

if TYPE_CHECKING:
    import cv2

_log = logging.getLogger(__name__)

#: For opening an address, and for each frame from it.
OPEN_SECONDS, FRAME_SECONDS = 10.0, 10.0
#: What has no end of its own, nor a number of frames.
LIVE = ("camera", "stream")
_DEFAULT_FPS, _MAX_FPS = 25.0, 1000.0
#: Of files that name others, by which people know them; FFmpeg goes by what is in them.
_PLAYLIST_SUFFIXES = frozenset([
    ".asx", ".avs", ".cue", ".ffconcat", ".idx", ".ism", ".m3u", ".m3u8", ".mpd", ".pls", ".sdp", ".smil", ".vpy",
    ".wpl", ".xspf",
])  # fmt: skip
_DEVICE = re.compile(r"/dev/video\d+")


def is_camera(path: Path) -> bool:
    """Tell whether a path is, or leads to, the device of a camera."""
    return bool(_DEVICE.fullmatch(os.path.realpath(path))) and path.is_char_device()


def check_video_file(path: Path) -> None:
    """Check that a file may be a video, before a decoder opens it.

    Raises:
        InferenceError: It is text, or a playlist: that names other files and addresses, and they would be opened, too.
    """
    try:
        with open_regular(path) as stream:
            start = stream.read(START_BYTES)
    except OSError as error:
        raise InferenceError(f"{shown(path)}: cannot be read: {error.strerror}") from error
    if path.suffix.lower() in _PLAYLIST_SUFFIXES or starts_playlist(start):
        raise InferenceError(
            f"{shown(path)}: a playlist is not opened, for it may name anything. Give what it names."
        )
    if is_text(start):
        raise InferenceError(
            f"{shown(path)}: text, no picture or video. A list of pictures is given as @{path}"
        )


class Video:
    """A video; frames are decoded in order as they are asked for.

    ``kind`` is 'video' where it has an end and the number of frames is known, else 'camera' or, for an address,
    'stream'.

    Args:
        source: A file, an address, the device of a camera, or its index.
        spent: How many of the seconds for opening it are over already.

    Raises:
        InferenceError: It cannot be opened, or not in time.
    """

    channels = 3  # what OpenCV gives, whatever is asked for
    enough: Enough | None = None  # likewise

    def __init__(self, source: str | Path | int, spent: float = 0.0) -> None:
        self.name = str(source)
        self._open: Callable[..., cv2.VideoCapture]
        if isinstance(source, str) and scheme(source):
            self.name = redacted(source)
            self.kind, self._open = "stream", partial(_open_address, source)
        elif isinstance(source, int) or is_camera(Path(source)):
            self.kind, self._open = "camera", partial(_open_camera, source)
        else:
            self.kind, self._open = "video", partial(_open_file, Path(source))
        #: What the first iteration begins with.
        self._opened: cv2.VideoCapture | None = self._open(spent) if self.kind == "stream" else self._open()
        self._frames = 0 if self.kind == "camera" else int(_property(self._opened, "FRAME_COUNT"))
        if self.kind == "stream" and self._frames > 0:
            self.kind = "video"
        fps = _property(self._opened, "FPS")
        self.fps = fps if 0 < fps <= _MAX_FPS else _DEFAULT_FPS

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames from the beginning; of a camera or a stream, those that come.

        Raises:
            InferenceError: Not one frame can be read.
        """
        capture, self._opened = self._opened or self._open(), None
        number = 0
        try:
            while True:
                asked = time.monotonic()
                there, image = capture.read()
                if not there:
                    break
                yield Frame(self.name, number, partial(itself, image))
                number += 1
        finally:
            capture.release()
        self._tell_end(number, time.monotonic() - asked)

    def _tell_end(self, number: int, silence: float) -> None:
        where = shown(self.name)
        live = self.kind in LIVE
        why = f"no frame came for {silence:.0f} s" if live and silence > 0.9 * FRAME_SECONDS else ""
        if not number:
            raise InferenceError(f"{where}: not one frame can be read{why and f'; {why}'}")
        if live:
            _log.warning("%s: ends after %d frames: %s", where, number, why or "no more come")
        elif number < self._frames - 1:  # containers may count one frame too many
            _log.warning("%s: ends after %d of %d frames; truncated or damaged?", where, number, self._frames)


def _open_file(path: Path) -> cv2.VideoCapture:
    # an absolute path is no address, nor a pattern of numbered pictures, whatever it is named
    name = _utf8(os.path.abspath(path))  # noqa: PTH100 - links stay
    check_video_file(path)
    return _opened(name, shown(path), "no picture or video that OpenCV reads, or damaged", local=True)


def _open_camera(source: str | Path | int) -> cv2.VideoCapture:
    cv2 = opencv.load()
    where = f"camera {shown(str(source))}"
    words = [source] if isinstance(source, int) else [_utf8(str(source)), cv2.CAP_V4L2]
    try:
        capture = within(OPEN_SECONDS, lambda: cv2.VideoCapture(*words), partial(_tell, where))
    except TimeoutError:
        raise InferenceError(f"{where}: does not answer within {OPEN_SECONDS:g} s") from None
    return _checked(capture, f"{where}: cannot be opened")


def _open_address(address: str, spent: float = 0.0) -> cv2.VideoCapture:
    where = shown(_utf8(address))
    _log.info("opening %s (at most %g s)", where, OPEN_SECONDS)
    return _opened(address, where, "refused, not there, or no video that OpenCV reads", spent, local=False)


def _opened(name: str, where: str, complaint: str, spent: float = 0.0, *, local: bool) -> cv2.VideoCapture:
    began, late = time.monotonic() - spent, f"no video within {OPEN_SECONDS:g} s"
    left = max(OPEN_SECONDS - spent, 0.1 * OPEN_SECONDS)
    try:
        capture = open_video(name, left, FRAME_SECONDS, partial(_tell, where), local=local)
    except TimeoutError:
        raise InferenceError(f"{where}: {late}") from None
    return _checked(
        capture, f"{where}: {late if time.monotonic() - began > 0.85 * OPEN_SECONDS else complaint}"
    )


def _tell(where: str) -> None:
    _log.info("%s: waiting for its first frame, up to %g s", where, OPEN_SECONDS)


def _property(capture: cv2.VideoCapture, name: str) -> float:
    return float(capture.get(getattr(opencv.load(), f"CAP_PROP_{name}")))


def _utf8(name: str) -> str:
    """Return a name that OpenCV can be given: on others it may crash.

    Raises:
        InferenceError: It is another.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InferenceError(
            f"{shown(name)}: a video whose name is no UTF-8 cannot be opened; rename it"
        ) from error
    return name


def _checked(capture: cv2.VideoCapture, complaint: str) -> cv2.VideoCapture:
    """Return what has been opened.

    Raises:
        InferenceError: It has not, with the complaint; or its frames are too large.
    """
    if not capture.isOpened():
        raise InferenceError(complaint)
    width, height = int(_property(capture, "FRAME_WIDTH")), int(_property(capture, "FRAME_HEIGHT"))
    if width * height > opencv.MAX_PIXELS:
        limit = f"{opencv.MAX_PIXELS >> 20} million pixels"
        raise InferenceError(
            f"{complaint.partition(': ')[0]}: frames of {width} x {height}, more than {limit}"
        )
    return capture
