"""Pictures that are packed in one file, as MNIST's are: unpacked into PNG files, as Open Model Zoo does it."""

from __future__ import annotations

import csv
import gzip
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from omz.accuracy.conversions import CsvPictures, FashionPictures, IdxPictures, Packed
from omz.accuracy.enclosure import Enclosure
from omz.accuracy.places import found_below
from omz.errors import ClassError, InferenceError
from omz.files import writing
from omz.inference import opencv
from omz.regular_files import open_regular, regular_descriptor
from omz.zoo.class_list import ClassList, by_name, normal

_log = logging.getLogger(__name__)

SIDE = 28  # pixels
#: MNIST has 70,000.
MAX_PICTURES = 1_000_000
_LABELS, _IMAGES = 0x801, 0x803  # how MNIST's files begin

Grey = NDArray[np.uint8]  # (28, 28)


def packed_pictures(
    conversion: Packed, source: Path, data_source: str, classes: ClassList, enclosure: Enclosure
) -> tuple[list[tuple[Path, int]], str]:
    """Return the pictures of a packed file with the place of their class, and a note on where they are.

    They are written as ``0.png``, ``1.png`` ... where the conversion says ``convert_images``; and looked for in
    ``data_source`` where not.

    Raises:
        ClassError: A class is none of the network's; names the line, or the number of the picture.
        InferenceError: The file is not what it should be, or the pictures are not there.
    """
    where, read = (
        _csv_pictures(conversion, source, enclosure)
        if isinstance(conversion, CsvPictures)
        else _idx_pictures(conversion, source, enclosure)
    )
    place_of = _places(classes)
    if conversion.convert_images:
        folder = source / conversion.converted_images_dir if conversion.converted_images_dir else None
        folder = folder or where.parent / "converted_images"
    else:
        folder = source / data_source
    enclosure.require(folder / "0.png")
    found: list[tuple[Path, int]] = []
    written = 0
    for number, (told, label, image) in enumerate(read):
        path = folder / f"{number}.png"
        found.append((path, place_of(f"{where}: {told}", label)))
        if conversion.convert_images:
            written += _write(path, image)
        elif not path.is_file():
            raise InferenceError(
                f"{path}: is not there. State 'convert_images: true' to have the pictures of {where.name} written"
            )
    if not found:
        raise InferenceError(f"{where}: holds no picture")
    _log.debug("%s: %d pictures written", folder, written)
    return found, f"{where.name}: its pictures are in {folder}"


def _write(path: Path, image: Grey) -> bool:
    """Write a picture where it is not there already, byte for byte; return whether it was written.

    A file that an interruption left half written is found by that, and written anew; so none is synced to the disk.
    """
    cv2 = opencv.load()
    data = cv2.imencode(".png", image)[1].tobytes()
    with writing(path, InferenceError):
        if path.is_file() and path.stat().st_size == len(data) and _content(path) == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        # a link, which may lead anywhere, is not followed
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(regular_descriptor(path, flags), "wb") as file:
            file.write(data)
    return True


def _content(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


def _places(classes: ClassList) -> Callable[[str, str], int]:
    """Return what gives the place of a class, from where it stands and its index or name."""
    names = by_name(classes.labels)

    def place_of(where: str, label: str) -> int:
        if label.isdecimal() and len(label) < 10 and int(label) < len(classes.labels):
            return int(label)
        known = names.get(normal(label), [])
        if len(known) != 1:
            raise ClassError(f"{where}: class {label[:40]!r}; the network has 0 to {len(classes.labels) - 1}")
        return known[0]

    return place_of


def _csv_pictures(
    conversion: CsvPictures, source: Path, enclosure: Enclosure
) -> tuple[Path, Iterator[tuple[str, str, Grey]]]:
    """Return the file, and (line, class, picture) of each of its lines."""
    path = found_below(source, conversion.annotation_file, enclosure)

    def read() -> Iterator[tuple[str, str, Grey]]:
        with _opened(path) as binary:
            lines = (line.decode("utf-8-sig", "replace") for line in _bounded_lines(path, binary))
            for number, cells in enumerate(csv.reader(lines), start=1):
                if not cells or (number == 1 and cells[0].strip().lower() == "label"):
                    continue
                yield f"line {number}", cells[0].strip(), _pixels(path, number, cells[1:])

    return path, read()


def _pixels(path: Path, line: int, cells: list[str]) -> Grey:
    try:
        values = [int(cell) for cell in cells]
    except ValueError:
        values = []
    if len(values) != SIDE * SIDE or not all(0 <= value <= 255 for value in values):
        raise InferenceError(
            f"{path}: line {line}: expected a class and {SIDE * SIDE} whole numbers from 0 to 255, got "
            f"{len(cells) + 1} cells that begin with {','.join(cells[:4])[:40]!r}"
        )
    return np.array(values, np.uint8).reshape(SIDE, SIDE)


def _bounded_lines(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    longest = 16 * SIDE * SIDE
    for number in range(MAX_PICTURES + 1):
        line = file.readline(longest + 1)
        if not line:
            return
        if len(line) > longest or number == MAX_PICTURES:
            raise InferenceError(f"{path}: line {number + 1}: larger than a file of pictures is")
        yield line


def _idx_pictures(
    conversion: IdxPictures | FashionPictures, source: Path, enclosure: Enclosure
) -> tuple[Path, Iterator[tuple[str, str, Grey]]]:
    """Return the file of pictures, and (number, class, picture) of each."""
    names = (
        (conversion.images_file, conversion.labels_file)
        if isinstance(conversion, IdxPictures)
        else (conversion.data_file, conversion.annotation_file)
    )
    images, labels = (found_below(source, name, enclosure) for name in names)

    def read() -> Iterator[tuple[str, str, Grey]]:
        with _opened(images) as pictures, _opened(labels) as classes:
            count, height, width = _header(images, pictures, _IMAGES, 3)
            (listed,) = _header(labels, classes, _LABELS, 1)
            if (height, width) != (SIDE, SIDE):
                raise InferenceError(f"{images}: pictures of {width} x {height}; expected {SIDE} x {SIDE}")
            if count != listed:
                raise InferenceError(f"{images}: holds {count} pictures, and {labels} {listed} classes")
            for number in range(count):
                data = _exactly(images, pictures, SIDE * SIDE)
                label = _exactly(labels, classes, 1)[0]
                yield f"picture {number}", str(label), np.frombuffer(data, np.uint8).reshape(SIDE, SIDE)

    return images, read()


def _header(path: Path, file: IO[bytes], magic: int, sizes: int) -> list[int]:
    kind, *found = map(int, np.frombuffer(_exactly(path, file, 4 + 4 * sizes), ">u4"))
    if kind != magic:
        raise InferenceError(f"{path}: is no file of MNIST's format (begins with {kind:#x}, not {magic:#x})")
    if found[0] > MAX_PICTURES:
        raise InferenceError(f"{path}: says that it holds {found[0]} pictures; up to {MAX_PICTURES} are read")
    return found


def _exactly(path: Path, file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise InferenceError(f"{path}: ends too soon. Download it again.")
    return data


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, unpacking it where it is packed by gzip.

    Raises:
        InferenceError: It cannot be read, or is damaged.
    """
    try:
        with open_regular(path) as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield unpacked  # type: ignore[misc]  # a file for all that is done with it
            else:
                yield file
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise InferenceError(f"{path}: cannot be read, or is damaged: {error}") from error
