"""Where frames come from: a picture, a folder of pictures, a video file, a camera, or arrays in memory."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import InferenceError
from omz.inference import opencv
from omz.inference.images import Image, is_picture, is_regular, read_image

if TYPE_CHECKING:
    import cv2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture to come: ``load`` decodes it, in whatever thread calls it."""

    source: str
    number: int  # within its source, from 0
    load: Callable[[], Image]


def _itself(image: Image) -> Image:
    return image


class Pictures:
    """Picture files, decoded when their turn comes; ``kind`` is 'image' or 'folder'.

    ``channels`` tells how they are decoded; see :func:`omz.inference.images.read_image`.
    """

    channels = 3

    def __init__(self, paths: Sequence[Path], kind: str = "folder") -> None:
        self.paths, self.kind, self.fps = tuple(paths), kind, 0.0

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        for path in self.paths:
            yield Frame(str(path), 0, partial(read_image, path, self.channels))


class Video:
    """A video file or a camera (``kind`` 'video' or 'camera'); frames are decoded in order as they are asked for."""

    channels = 3  # what OpenCV gives, whatever is asked for

    def __init__(self, source: str | int) -> None:
        self.kind = "camera" if isinstance(source, int) else "video"
        self._source, self._opencv = source, opencv.load()
        capture = self._open()
        self.fps = float(capture.get(self._opencv.CAP_PROP_FPS)) or 25.0
        capture.release()

    def _open(self) -> cv2.VideoCapture:
        capture: cv2.VideoCapture = self._opencv.VideoCapture(self._source)
        if not capture.isOpened():
            if self.kind == "camera":
                raise InferenceError(f"camera {self._source}: cannot be opened")
            raise InferenceError(f"{self._source}: no picture or video that OpenCV reads, or damaged")
        return capture

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames from the beginning.

        Raises:
            InferenceError: Not one frame can be read.
        """
        capture = self._open()
        expected = 0 if self.kind == "camera" else int(capture.get(self._opencv.CAP_PROP_FRAME_COUNT))
        number = 0
        try:
            while True:
                there, image = capture.read()
                if not there:
                    break
                yield Frame(str(self._source), number, partial(_itself, image))
                number += 1
        finally:
            capture.release()
        if not number:
            raise InferenceError(f"{self._source}: not one frame can be read")
        if number < expected - 1:  # containers may count one frame too many
            _log.warning(
                "%s: ends after %d of %d frames; truncated or damaged?", self._source, number, expected
            )


class Arrays:
    """Pictures already in memory, (height, width, 3) uint8 BGR; named ``array 0``, ``array 1`` ..."""

    kind, fps = "folder", 0.0
    channels = 3  # what they have, whatever is asked for

    def __init__(self, images: Sequence[Image]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Frame]:
        for number, image in enumerate(self._images):
            yield Frame(f"array {number}", 0, partial(_itself, image))


Source = Pictures | Video | Arrays


def open_source(text: str | Path) -> Source:
    """Open what ``-i`` names: a picture, a folder of pictures, a video file or a camera's index.

    A file that exists goes before a camera of that number.

    Raises:
        InferenceError: There is no such thing, or no picture in the folder.
    """
    path = Path(text)
    if path.is_dir():
        return Pictures(list_pictures(path))
    if path.is_file():
        return Pictures([path], "image") if is_picture(path) else Video(str(path))
    if str(text).isdecimal():
        return Video(int(str(text)))
    raise InferenceError(f"{text}: no such file or folder (and no camera index)")


def list_pictures(folder: Path) -> list[Path]:
    """Return the picture files directly in a folder, in natural order (2 before 10).

    Raises:
        InferenceError: There is none.
    """
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    pictures = sorted((path for path in files if is_picture(path)), key=natural_key)
    if not pictures:
        raise InferenceError(f"{folder}: holds no picture ({len(files)} other files)")
    if len(pictures) < len(files):
        _log.debug("%s: %d files are no pictures", folder, len(files) - len(pictures))
    return pictures


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, in natural order, without hidden ones.

    Links to folders are followed, but not in circles.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(
        found, key=lambda path: [natural_key(Path(part)) for part in path.relative_to(folder).parts]
    )


def pictures_below(folder: Path) -> list[Path]:
    """Return all picture files below a folder, in natural order.

    Raises:
        InferenceError: There is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise InferenceError(f"{folder}: no such folder")
    files = files_below(folder)
    pictures = [path for path in files if is_regular(path) and is_picture(path)]
    if not pictures:
        raise InferenceError(
            f"{folder}: holds no picture, nor do the folders in it ({len(files)} other files)"
        )
    if len(pictures) < len(files):
        _log.info("%s: %d files are no pictures", folder, len(files) - len(pictures))
    return pictures


def natural_key(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Return a sorting key that orders numbers in names by value."""
    parts: list[tuple[int, int | str]] = [
        (0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", path.name) if part
    ]
    return parts, path.name


def repeat(source: Iterable[Frame]) -> Iterator[Frame]:
    """Yield the frames of a source again and again."""
    while True:
        yield from source
