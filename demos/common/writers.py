"""Write annotated frames: one picture, a folder, numbered pictures or a video. Files appear whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from omz.demos.common.inputs import Inputs
from omz.demos.common.video_writer import CODECS, VideoWriter
from omz.errors import InferenceError, UsageError
from omz.files import check_writable, write_output, write_whole
from omz.inference import opencv
from omz.inference.addresses import scheme
from omz.inference.images import Image
from omz.inference.sources import Source
from omz.outgoing import json_text

PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_MAX_STEM = 230  # bytes; with a number and a suffix, file systems take 255


class Writer(Protocol):
    """Takes annotated frames one by one."""

    def write(self, image: Image, source: str) -> None:
        """Write the next frame, which was made from ``source``."""

    def close(self, *, keep: bool = True) -> None:
        """Finish; ``keep=False`` leaves nothing unfinished behind."""


def open_writer(output: str | Path, source: Source) -> Writer:
    """Choose by the name of the output and the kind of the source.

    ``x.png`` for one picture, ``out_%03d.png`` numbered pictures, ``x.avi``, ``x.mp4`` or ``x.mkv`` a video, anything
    else a folder that gets a file for each input file.

    Raises:
        UsageError: Many frames would go into one picture.
    """
    path, suffix, inputs = Path(output), Path(output).suffix.lower(), Inputs(source)
    if path.exists() and not (path.is_dir() or suffix):
        raise UsageError(f"-o {output}: is there and no folder; a picture's or a video's file has a suffix")
    if path.is_dir() or str(output).endswith("/") or not suffix:
        return FolderWriter(path, inputs)
    if suffix in CODECS:
        check_writable(path, "-o")
        return VideoWriter(path, source.fps or 2.0, inputs)
    if suffix not in PICTURE_SUFFIXES:
        known = ", ".join((*PICTURE_SUFFIXES, *CODECS))
        raise UsageError(f"-o {output}: unknown suffix {suffix!r}; known: {known}; or give a folder")
    if re.search(r"%0?\d*d", path.name):
        return PatternWriter(path, inputs)
    if source.kind != "image":
        raise UsageError(
            f"-o {output}: many pictures do not fit into one; give a folder, out_%04d{suffix} or a video"
        )
    check_writable(path, "-o")
    return PictureWriter(path, inputs)


def write_picture(path: Path, image: Image) -> None:
    """Encode a picture by the suffix of ``path`` and put it there whole.

    Raises:
        InferenceError: It cannot be written.
    """
    cv2 = opencv.load()
    try:
        good, data = cv2.imencode(path.suffix, image)
    except cv2.error as error:
        raise InferenceError(f"{path}: cannot be encoded: {getattr(error, 'err', error)}") from error
    if not good:
        raise InferenceError(f"{path}: cannot be encoded")
    write_whole(path, data.tobytes(), InferenceError)


def write_json(target: str, report: Mapping[str, Any]) -> None:
    """Write a report as JSON to a file, or to stdout where ``target`` is ``-``."""
    text = json_text(report, indent=2) + "\n"
    write_output(target, text, InferenceError)


class PictureWriter:
    """One picture."""

    def __init__(self, path: Path, inputs: Inputs) -> None:
        self._path, self._inputs = path, inputs

    def write(self, image: Image, source: str) -> None:
        """Write the picture."""
        self._inputs.refuse(self._path)
        write_picture(self._path, image)

    def close(self, *, keep: bool = True) -> None:
        """Nothing to do: the file is whole already."""


class PatternWriter:
    """Numbered pictures: ``out_%03d.png`` gives out_000.png, out_001.png ..."""

    def __init__(self, path: Path, inputs: Inputs) -> None:
        self._path, self._inputs, self._count = path, inputs, 0

    def write(self, image: Image, source: str) -> None:
        """Write the next picture."""
        before, width, after = re.split(r"%0?(\d*)d", self._path.name, maxsplit=1)
        path = self._path.with_name(f"{before}{self._count:0{min(int(width or 1), 9)}d}{after}")
        self._inputs.refuse(path)
        write_picture(path, image)
        self._count += 1

    def close(self, *, keep: bool = True) -> None:
        """Nothing to do: every file is whole already."""


class FolderWriter:
    """A file in a folder for each input file, of the same name; for videos numbered."""

    def __init__(self, folder: Path, inputs: Inputs) -> None:
        self._folder, self._inputs = folder, inputs
        self._used, self._numbers = set[str](), dict[str, int]()

    def write(self, image: Image, source: str) -> None:
        """Write the next picture."""
        stem, suffix = split_name(source)
        unique = f"{stem}{suffix}"
        while unique in self._used:
            self._numbers[stem] = self._numbers.get(stem, 0) + 1
            unique = f"{stem}_{self._numbers[stem]:06d}{suffix}"
        self._used.add(unique)
        self._inputs.refuse(self._folder / unique)
        write_picture(self._folder / unique, image)

    def close(self, *, keep: bool = True) -> None:
        """Nothing to do: every file is whole already."""


def split_name(source: str) -> tuple[str, str]:
    """Return the stem and the suffix of the file for a source: of a file's own name, or of an address's last part.

    >>> split_name("pets/cat.JPG"), split_name("http://example.com/a%20b/kit%2Ffox?size=9"), split_name("http://x")
    (('cat', '.jpg'), ('kit_fox', '.png'), ('x', '.png'))
    """
    name = Path(source).name
    if scheme(source):
        parts = urlsplit(source)
        last = unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or ""
        name = re.sub(r"[^\w.-]", "_", last).lstrip(".") or "picture"
    elif source.startswith("array "):
        name = name.replace(" ", "_")
    stem, suffix = Path(name).stem, Path(name).suffix.lower()
    while len(os.fsencode(stem)) > _MAX_STEM:
        stem = stem[:-1]
    return stem, suffix if suffix in PICTURE_SUFFIXES else ".png"
