"""Class lists: the names of a network's classes, by index.

Lists that come with the toolkit are in ``models/labels/<name>.txt``, in the project's own format::

    # comment lines and blank lines are skipped
    0 n02119789 kit fox
    1 n02100735 English setter

Indexes count up from 0. ``wnid`` is the WordNet id, or ``-`` where a class has none. The rest of the line is
the class's names, separated by commas, the usual one first. Files of users come in many other forms, too: see
:mod:`omz.zoo.label_files`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from omz.errors import DescriptorError
from omz.outgoing import printable
from omz.regular_files import told_otherwise
from omz.suggestions import did_you_mean
from omz.zoo import catalogue
from omz.zoo.label_files.entries import Entry, clean
from omz.zoo.label_files.reader import read_entries


@dataclass(frozen=True, slots=True)
class Label:
    """One class: its index in the network's output, its WordNet id ('' for none) and its names."""

    index: int
    wnid: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The usual name."""
        return self.names[0]


def read_labels(source: str | Path) -> list[Label]:
    """Read a label file, or a list that comes with the toolkit, such as ``imagenet_2015``.

    Args:
        source: Path of a file in any of the usual forms, or of a descriptor ``model.yml``; or else the name of a list.

    Raises:
        DescriptorError: There is no such file or list, or it cannot be read; names the line and how to mend it.
    """
    path = Path(source)
    if path.is_file():
        return _of_descriptor(path) if path.name == catalogue.MODEL_FILE else parse_labels(path)
    if path.name == str(source) and not path.suffix:
        return load_labels(path.name)
    why = told_otherwise(path) or (
        "is no file"
        if path.exists()
        else f"no such label file.{did_you_mean(path.stem, known_lists(), count=2)}"
    )
    raise DescriptorError(f"{printable(str(path))}: {why}")


def _of_descriptor(path: Path) -> list[Label]:
    folder = path.absolute().parent
    stated = catalogue.load_model(path.absolute(), folder.parent).model_info.labels
    if stated is None:
        raise DescriptorError(f"{printable(str(path))}: key 'model_info.labels': is missing")
    return descriptor_labels(stated, folder)


def load_labels(name: str, folder: Path | None = None) -> list[Label]:
    """Load a class list that comes with the toolkit (or of another ``folder``), such as ``imagenet_2015``.

    Raises:
        DescriptorError: There is no such list, or it is malformed.
    """
    folder = folder or catalogue.packaged_root() / "labels"
    path = folder / f"{name}.txt"
    if "/" in name or not os.path.isfile(path):  # noqa: PTH113 - as below
        raise DescriptorError(
            f"{printable(name)}: no such label list.{did_you_mean(name, known_lists(folder), count=2)} Known: "
            f"{', '.join(known_lists(folder))}; or the path of a file"
        )
    return parse_labels(path)


def descriptor_labels(stated: str | Sequence[str] | None, folder: Path) -> list[Label]:
    """Return the classes that a descriptor states under ``model_info.labels``.

    Args:
        stated: The names; or the name of a list of the toolkit, or of a file in ``folder``; None for no classes.
        folder: The descriptor's own.

    Raises:
        DescriptorError: There is no such list or file, or it cannot be read.
    """
    if isinstance(stated, str):
        source = labels_source(stated, folder)
        return parse_labels(source) if isinstance(source, Path) else load_labels(source)
    return [Label(index, "", (clean(name, f"entry {index + 1}"),)) for index, name in enumerate(stated or ())]


def labels_source(stated: str, folder: Path) -> str | Path:
    """Return what a file in ``folder`` means by a label list's name: one of the toolkit, else a file beside it."""
    path = folder / stated
    here = path.name == stated and os.path.isfile(path)  # noqa: PTH113 - False, too, where no file can have the name
    return path if here and stated not in known_lists() else stated


def known_lists(folder: Path | None = None) -> list[str]:
    """Return the names of the class lists that come with the toolkit (or of another ``folder``), sorted."""
    return sorted(path.stem for path in (folder or catalogue.packaged_root() / "labels").glob("*.txt"))


def parse_labels(path: Path) -> list[Label]:
    """Read a label file in any of the usual forms; see :mod:`omz.zoo.label_files`.

    Where it gives WordNet ids alone, names are those of the toolkit's lists, if all ids are known there, and else the
    ids.

    Raises:
        DescriptorError: It cannot be read; names the file, the line and how to mend it.
    """
    entries = read_entries(path)
    names: dict[str, tuple[str, ...]] = {}
    if not all(entry.names for entry in entries):
        names = _known_names()
        if not all(entry.names or entry.wnid in names for entry in entries):
            names = {}
    return [Label(index, entry.wnid, _names(entry, names)) for index, entry in enumerate(entries)]


def _names(entry: Entry, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return entry.names or known.get(entry.wnid) or (entry.wnid,)


@cache
def _known_names() -> dict[str, tuple[str, ...]]:
    """Return the names of the WordNet ids in the toolkit's lists; the first list has the last word."""
    labels = [label for name in reversed(known_lists()) for label in load_labels(name)]
    return {label.wnid: label.names for label in labels if label.wnid}
