"""Labelled pictures, from any of the usual forms, with classes as indexes into the network's output.

* a list of pictures and classes, lines ``<picture> <class index>`` (``val.txt``), beside or above the pictures;
* a CSV file, with or without a heading: picture, and class index, wnid or name (also Kaggle's of ImageNet);
* a folder for each class, named by its wnid or its name, with folders in it as may be (ImageFolder);
* a folder for itself, with the toolkit's bundled digits.

Indexes in a list are those of some order of the classes, not always the network's: see
:mod:`omz.accuracy.label_order`. Wnids and names are found in the network's own list.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from omz.accuracy import label_order as orders
from omz.accuracy.definitions import Definition
from omz.accuracy.lists import Row, read_list
from omz.command import printable
from omz.errors import InferenceError
from omz.inference.images import SUFFIXES, is_regular
from omz.inference.sources import natural_key
from omz.zoo import catalogue
from omz.zoo.labels import Label, load_labels

_log = logging.getLogger(__name__)

#: Names that lists of pictures and classes usually have, beside the one in the definition.
LIST_NAMES = ("val.txt", "val15.txt", "ILSVRC2017_val.txt", "LOC_val_solution.csv", "val.csv", "labels.csv")
#: So many entries of a list are tried to find out where its pictures are.
TRIED = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and its class, an index into the network's output."""

    path: Path
    label: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures.

    Attributes:
        name: By which an ``accuracy-check.yml`` asks for it.
        samples: In the order of the list, or by class and name.
        labels: Name of the class list that the network's output follows.
        order: Name of the class list that the source's indexes follow; '' where the source names classes.
        notes: What was found out or assumed about the source, in words.
        total: How many samples the source has, also those left out by a subsample.
        first_class: See :attr:`omz.accuracy.definitions.Definition.first_class`.
    """

    name: str
    samples: tuple[Sample, ...]
    labels: str
    order: str = ""
    notes: tuple[str, ...] = ()
    total: int = 0
    first_class: int = 0


def open_dataset(
    definition: Definition,
    source: Path | None = None,
    *,
    labels: str = "",
    subsample: int = 0,
    seed: int = 0,
    label_order: str = "",
    annotations: Path | None = None,
    source_option: str = "-s",
) -> Dataset:
    """Find a dataset's pictures and their classes.

    Args:
        definition: See :func:`omz.accuracy.definitions.load_definition`.
        source: Folder of the data, or a list file in it; the bundled data by default, where there is any.
        labels: Name of the class list that the network's output follows; the definition's by default.
        subsample: Take so many samples at random, in their order; 0 for all.
        seed: For the choice of samples.
        label_order: Name of the class list that a list's indexes follow; found out by default.
        annotations: The list of pictures and classes; looked for by default.
        source_option: What names the source on the command line, for messages.

    Raises:
        InferenceError: There is no source, it is not of a known form, or a class in it is not the network's; names
            the line.
        DescriptorError: There is no such class list.
    """
    names = labels or definition.labels
    classes = load_labels(names)
    source = _source(definition, source, source_option)
    if source.is_file():
        annotations, source = annotations or source, source.parent
    found = annotations or _find_list(source, definition)
    if found:
        rows = read_list(found)
        order, note = orders.find_order(rows, classes, names, found, label_order)
        locate = _locator(found, rows, source, definition, source_option)
        class_of = _classifier(found, classes, order)
        samples = [Sample(locate(row.picture), class_of(row)) for row in rows]
    else:
        order, note = "", f"classes by the names of {source}'s folders"
        samples = _from_folders(source, definition, classes)
    dataset = Dataset(
        definition.name,
        tuple(replace(sample, label=sample.label + definition.first_class) for sample in samples),
        names,
        order,
        (note,) if note else (),
        len(samples),
        definition.first_class,
    )
    return take(dataset, subsample, seed)


def take(dataset: Dataset, count: int, seed: int = 0) -> Dataset:
    """Return ``count`` samples chosen at random, in their order; all for 0 or where there are no more."""
    if not 0 < count < len(dataset.samples):
        return dataset
    chosen = sorted(random.Random(seed).sample(range(len(dataset.samples)), count))
    return replace(dataset, samples=tuple(dataset.samples[place] for place in chosen))


def _source(definition: Definition, source: Path | None, option: str) -> Path:
    if source is None:
        if not definition.bundled:
            raise InferenceError(
                f"dataset {definition.name!r} does not come with the toolkit. Give its folder with {option}."
            )
        source = catalogue.packaged_root() / definition.bundled
    if not source.exists():
        raise InferenceError(f"{source}: no such file or folder of data")
    return source


def _find_list(source: Path, definition: Definition) -> Path | None:
    """Return the list of pictures and classes in a folder, None if there is none.

    Raises:
        InferenceError: There are several, and none has the name in the definition.
    """
    own = source / definition.annotation_file
    if definition.annotation_file and own.is_file():
        return own
    found = [source / name for name in LIST_NAMES if (source / name).is_file()]
    if len(found) > 1:
        raise InferenceError(
            f"{source}: holds several lists of classes, {', '.join(path.name for path in found)}. Choose one with -a."
        )
    return found[0] if found else None


def _classifier(where: Path, classes: Sequence[Label], order: str) -> Callable[[Row], int]:
    """Return what gives a row's class as an index into the network's list."""
    by_index = orders.mapping(load_labels(order), classes) if order else {}
    by_name = _by_name(classes)

    def class_of(row: Row) -> int:
        if isinstance(row.label, int):
            if row.label not in by_index:
                hint = " Does the list count from 1?" if row.label == len(by_index) else ""
                raise InferenceError(
                    f"{where}: line {row.line}: class {row.label}; expected 0 to {len(by_index) - 1}.{hint}"
                )
            return by_index[row.label]
        found = by_name.get(_normal(row.label), ())
        if not found:
            raise InferenceError(f"{where}: line {row.line}: {row.label[:80]!r} is no class of the network")
        if len(found) > 1:
            raise InferenceError(
                f"{where}: line {row.line}: {row.label[:80]!r} is the name of classes {_joined(found)}. "
                "Give the index or the wnid."
            )
        return found[0]

    return class_of


def _by_name(classes: Iterable[Label]) -> dict[str, list[int]]:
    """Return the classes that a wnid, a full text or a name may stand for, by index.

    ImageNet has two classes 'crane'. A class's first name and its full text go before the other names of others.
    """
    found: dict[str, list[int]] = {}
    classes = list(classes)
    for texts in (
        lambda one: [one.wnid] if one.wnid else [],
        lambda one: [one.names[0], ", ".join(one.names)],
        lambda one: one.names[1:],
    ):
        here: dict[str, set[int]] = {}
        for label in classes:
            for text in texts(label):
                here.setdefault(_normal(text), set()).add(label.index)
        found = {name: sorted(indexes) for name, indexes in here.items()} | found
    return found


def _joined(indexes: Sequence[int]) -> str:
    return " and ".join(map(str, indexes))


def _normal(text: str) -> str:
    return " ".join(text.lower().replace("_", " ").split())


def _locator(
    where: Path, rows: Sequence[Row], source: Path, definition: Definition, option: str
) -> Callable[[str], Path]:
    """Find out which folder a list's names are relative to, and whether with their folders.

    Raises:
        InferenceError: None of the first pictures is anywhere.
    """
    folders = [source / definition.data_source, source, source / "val", source / "images", where.parent]
    bare = [row.picture for row in rows if not Path(row.picture).suffix]
    suffixes = ("",) if not bare else ("", ".JPEG", ".jpg", ".png")
    for row in rows[:TRIED]:
        for folder in folders:
            for name in (row.picture, Path(row.picture).name):
                for suffix in suffixes:
                    if is_regular(folder / (name + suffix)):
                        flat = name != row.picture
                        return lambda text: folder / ((Path(text).name if flat else text) + suffix)
    raise InferenceError(
        f"{where}: its pictures, such as {printable(rows[0].picture[:80])}, are not in {source}. "
        f"Give the folder that they are in with {option}, and the list with -a."
    )


def _from_folders(source: Path, definition: Definition, classes: Sequence[Label]) -> list[Sample]:
    """Return the pictures of an ImageFolder, by class and then in natural order.

    Raises:
        InferenceError: There is no folder of a class, or there is a folder that is none.
    """
    by_name = _by_name(classes)
    for root in (source, source / "val", source / (definition.data_source or "val")):
        folders = sorted(path for path in root.glob("*") if path.is_dir() and not path.name.startswith("."))
        known = {
            folder: by_name[_normal(folder.name)] for folder in folders if _normal(folder.name) in by_name
        }
        if not known:
            continue
        if strange := [folder.name for folder in folders if folder not in known]:
            raise InferenceError(
                f"{root}: folder {strange[0]!r} is no class of the network ({len(strange)} such folders). "
                "Name folders by wnid or class name, or move the others away."
            )
        for folder, indexes in known.items():
            if len(indexes) > 1:
                raise InferenceError(
                    f"{root}: folder {folder.name!r} has the name of classes {_joined(indexes)}. Name it by its wnid."
                )
        samples: list[Sample] = []
        others: list[Path] = []
        for folder, (label, *_) in sorted(known.items(), key=lambda pair: (pair[1], pair[0])):
            for path in _files(folder):
                if path.suffix.lower() in SUFFIXES:
                    samples.append(Sample(path, label))
                else:
                    others.append(path)
        if others:
            _log.warning(
                "%s: %d files are left out, their suffixes are not those of pictures (%s)",
                root,
                len(others),
                printable(f"such as {others[0].relative_to(root)}"),
            )
        if samples:
            return samples
        raise InferenceError(f"{root}: the folders of classes hold no picture")
    raise InferenceError(
        f"{source}: expected a folder for each class (by wnid or name), or a list of pictures and classes "
        f"({', '.join(dict.fromkeys([definition.annotation_file or 'val.txt', *LIST_NAMES]))}; -a FILE for others)"
    )


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, in natural order; links to folders are followed, but not in circles."""
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        found += [Path(place, name) for name in names]
    yield from sorted(
        found, key=lambda path: [natural_key(Path(part)) for part in path.relative_to(folder).parts]
    )
