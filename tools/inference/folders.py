"""What is in folders and behind patterns, in natural order: 2 before 10. What is hidden is left out."""

from __future__ import annotations

import fnmatch
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omz.errors import InferenceError
from omz.inference.addresses import shown
from omz.inference.images import is_picture

_log = logging.getLogger(__name__)

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds.

    Attributes:
        pictures: The picture files, in natural order.
        others: How many files are none.
        unread: How many folders were not looked into, for there were pictures beside them.
    """

    pictures: list[Path]
    others: int
    unread: int = 0

    def required(self, folder: Path) -> list[Path]:
        """Return the pictures.

        Raises:
            InferenceError: There is none.
        """
        if not self.pictures:
            raise InferenceError(f"{shown(folder)}: holds no picture ({self.others} other files)")
        return self.pictures


def list_pictures(folder: Path) -> list[Path]:
    """Return the picture files in a folder, in natural order.

    Those directly in it; if there is none, those in the folders in it, as where each class has a folder of its own.

    Raises:
        InferenceError: There is none, or the folder cannot be read.
    """
    found = look(folder)
    found.required(folder)
    tell(shown(folder), found)
    return found.pictures


def look(folder: Path) -> Found:
    """Look for the pictures of a folder; see :func:`list_pictures`.

    Raises:
        InferenceError: The folder cannot be read.
    """
    entries = _entries(folder)
    files = [path for path, is_folder in entries if not is_folder]
    pictures = [path for path in files if is_picture(path)]
    folders = len(entries) - len(files)
    if pictures or not folders:
        return Found(pictures, len(files) - len(pictures), folders if pictures else 0)
    return _look_below(folder)


def pictures_below(folder: Path) -> list[Path]:
    """Return all picture files in a folder and in those in it, in natural order.

    Raises:
        InferenceError: There is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise InferenceError(f"{shown(folder)}: no such folder")
    found = _look_below(folder)
    if not found.pictures:
        raise InferenceError(
            f"{shown(folder)}: holds no picture, nor do the folders in it ({found.others} other files)"
        )
    tell(shown(folder), found)
    return found.pictures


def _look_below(folder: Path) -> Found:
    files = files_below(folder)
    pictures = [path for path in files if is_picture(path)]
    return Found(pictures, len(files) - len(pictures))


def tell(where: str, found: Found) -> None:
    """Log what was found, where that may not be what was expected."""
    places = len({path.parent for path in found.pictures})
    told = f"{where}: {_count(len(found.pictures), 'picture')}" + (
        f" in {places} folders" if places > 1 else ""
    )
    if found.others:
        told += f"; {_count(found.others, 'other file')} left out"
    if found.unread:
        told += (
            f"; {_count(found.unread, 'folder')} beside them not looked into (** in a pattern looks into all)"
        )
    _log.log(logging.INFO if places > 1 or found.others or found.unread else logging.DEBUG, "%s", told)


def files_below(folder: Path) -> list[Path]:
    """Return all that is in a folder and in those in it, but for folders, in natural order.

    Links to folders are followed, but no folder is read twice. Those that cannot be read are named in a warning.
    """
    return [path for path, is_folder in _walk(folder) if not is_folder]


def has_magic(text: str) -> bool:
    """Tell whether a word is a pattern, as a shell has them."""
    return bool(_MAGIC.search(text))


def matches(pattern: str) -> list[Path]:
    """Return the files and folders that match a pattern, in natural order.

    ``*``, ``?`` and ``[...]`` are as in a shell, and match what is hidden only if the pattern has the dot; ``**``
    stands for any number of folders, and at the end for all the files in them.
    """
    *folders, last = Path(pattern).parts
    found = [Path()]
    for part in folders:
        inner = (path for place in found for path in _matching(place, part) if is_folder(path))
        found = list(dict.fromkeys(inner))  # each once, however often a pattern has **
    if last == "**":
        return list(dict.fromkeys(path for place in found for path in files_below(place)))
    return list(dict.fromkeys(path for place in found for path in _matching(place, last)))


def _matching(place: Path, part: str) -> list[Path]:
    """Return what in one folder matches one part of a pattern."""
    if part == "**":
        return [place, *(path for path, is_folder in _walk(place) if is_folder)]
    if not has_magic(part):
        return [place / part] if os.path.lexists(place / part) else []
    names = re.compile(fnmatch.translate(part))
    try:
        entries = _entries(place, hidden=part.startswith("."))
    except InferenceError as error:
        _log.warning("%s; left out", error)
        return []
    return [path for path, _ in entries if names.match(path.name)]


def is_folder(path: Path) -> bool:
    """Tell whether a path leads to a folder; not so where that cannot be known."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir() raises where folders may not be searched


def natural_key(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Return a sorting key that orders numbers in names by value."""
    parts: list[tuple[int, int | str]] = [
        (0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", path.name) if part
    ]
    return parts, path.name


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield all below a folder, and whether it is a folder, each folder before what is in it."""
    seen: set[tuple[int, int]] = set()
    waiting = [(folder, True)]  # the last is the next
    while waiting:
        path, is_folder = waiting.pop()
        if path != folder:
            yield path, is_folder
        if not is_folder:
            continue
        try:
            state = path.stat()
            if (state.st_dev, state.st_ino) not in seen:
                seen.add((state.st_dev, state.st_ino))
                waiting += reversed(_entries(path))
        except InferenceError as error:
            _log.warning("%s; left out", error)
        except OSError as error:
            _log.warning("%s: %s; left out", shown(path), error.strerror)


def _entries(folder: Path, *, hidden: bool = False) -> list[tuple[Path, bool]]:
    """Return what is in a folder, and whether it is a folder itself, in natural order.

    Raises:
        InferenceError: It cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if hidden or not entry.name.startswith(".")]
            found = [(folder / entry.name, _is_folder(entry)) for entry in visible]
    except OSError as error:
        raise InferenceError(f"{shown(folder)}: cannot be read: {error.strerror}") from error
    return sorted(found, key=lambda pair: natural_key(pair[0]))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
