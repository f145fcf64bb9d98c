"""Write a video by OpenCV, which keeps to itself what the disk refuses: so what lies there is looked at in the end."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from omz.demos.common.containers import is_finished
from omz.demos.common.inputs import Inputs
from omz.errors import InferenceError
from omz.files import check_end, writing
from omz.inference import opencv
from omz.inference.images import Image
from omz.private import private_path

CODECS = {".avi": "MJPG", ".mp4": "mp4v", ".mkv": "MJPG"}
#: After how many frames it is seen whether the file still grows, and how many bytes an encoder may hold back.
_LOOK_EVERY, _HELD_BACK = 256, 1 << 16


class VideoWriter:
    """A video; frames of another size than the first are resized to it. It appears whole or not at all."""

    def __init__(self, path: Path, fps: float, inputs: Inputs) -> None:
        self._path, self._fps, self._inputs = path, fps, inputs
        self._writer: Any = None
        self._part = path
        self._size = (0, 0)
        self._begun = self._frames = self._bytes = 0

    def write(self, image: Image, source: str) -> None:
        """Append a frame.

        Raises:
            InferenceError: The file cannot be made, or the disk takes no more.
        """
        cv2 = opencv.load()
        if self._writer is None:
            self._inputs.refuse(self._path)
            self._open(image)
        if (image.shape[1], image.shape[0]) != self._size:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        self._begun += 1
        self._writer.write(image)
        self._frames += 1
        if self._frames % _LOOK_EVERY == 0:
            self._check_room()

    def _open(self, image: Image) -> None:
        cv2 = opencv.load()
        with writing(self._path, InferenceError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        # OpenCV chooses the container by the suffix; an absolute path is no address, whatever it is named
        part = private_path(self._path.parent.absolute(), self._path.suffix)
        try:
            str(part).encode()
        except UnicodeEncodeError as error:
            raise InferenceError(
                f"{self._path}: a video in a folder whose name is no UTF-8 cannot be written"
            ) from error
        with writing(self._path, InferenceError):
            part.touch(exist_ok=False)
        self._part = part
        height, width = image.shape[:2]
        self._size = (max(2, width - width % 2), max(2, height - height % 2))  # many players need even sizes
        codec = cv2.VideoWriter_fourcc(*CODECS[self._path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(self._part), codec, self._fps, self._size)
        if not self._writer.isOpened():
            try:
                self._tell_refusal(_HELD_BACK)
            finally:
                self.close(keep=False)
            raise InferenceError(f"{self._path}: cannot be written as a video")

    def close(self, *, keep: bool = True) -> None:
        """Finish the file and give it its name.

        Raises:
            InferenceError: What lies on the disk is not the whole video; it is removed.
        """
        if self._writer is None:
            return
        try:
            self._writer.release()
            self._writer = None
            if keep:
                with writing(self._path, InferenceError):
                    self._check()
                    self._part.replace(self._path)
        finally:
            self._writer = None
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _check(self) -> None:
        """Check that all frames are there, and are decoded again."""
        with self._part.open("ab") as file:
            os.fsync(file.fileno())
        finished, there = is_finished(self._part), 0
        if finished:
            cv2 = opencv.load()
            video = cv2.VideoCapture(str(self._part))
            while video.grab():
                there += 1
            video.release()
        if not self._frames <= there <= self._begun:  # Ctrl-C may have come between
            width, height = self._size
            self._tell_refusal(max(_HELD_BACK, 3 * width * height))
            what = f"{there} of {self._frames} frames" if finished else "an unfinished file"
            raise InferenceError(f"{self._path}: cannot be written: what arrived on the disk is {what}")

    def _tell_refusal(self, size: int) -> None:
        """Tell what the encoder was told: OpenCV removes a file that it could not begin, and leaves others unfinished.

        Raises:
            InferenceError: The disk takes no more; says why.
        """
        with writing(self._path, InferenceError):
            check_end(self._part, size)

    def _check_room(self) -> None:
        """Check that the file still grows, or could.

        Raises:
            InferenceError: The disk is full: whatever comes now would be lost.
        """
        with writing(self._path, InferenceError):
            before, self._bytes = self._bytes, self._part.stat().st_size
            if self._bytes > before:
                return
            probe = private_path(self._path.parent)
            try:
                check_end(probe, _HELD_BACK)
            finally:
                with suppress(OSError):
                    probe.unlink(missing_ok=True)
