"""Labelled pictures, from any of the usual forms, with classes as indexes into the network's output.

* a list of pictures and classes, lines ``<picture> <class index>`` (``val.txt``), beside or above the pictures;
* either with several classes for a picture; see :mod:`omz.zoo.multi_label`;
* a CSV file, with or without a heading: picture, and class index, wnid or name (also Kaggle's of ImageNet);
* a folder for each class, named by its wnid, name or index, with folders in it as may be (ImageFolder);
* a folder for itself, with the toolkit's bundled digits.

Indexes in a list are those of some order of the classes, not always the network's: see
:mod:`omz.zoo.truth`. Wnids and names are found in the network's own list.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

from omz.accuracy.conversions import FolderConversion, ListConversion, Packed
from omz.accuracy.dataset_labels import dataset_labels, reconcile
from omz.accuracy.definitions import Definition
from omz.accuracy.enclosure import Enclosure
from omz.accuracy.packed_pictures import packed_pictures
from omz.accuracy.places import locator
from omz.errors import ClassError, InferenceError, UsageError
from omz.inference.class_folders import class_pictures, find_class_folders
from omz.inference.ports import DEFAULT, Ports
from omz.suggestions import files_near
from omz.zoo import catalogue
from omz.zoo.class_list import ClassList
from omz.zoo.multi_label import is_multi_label, read_multi_label
from omz.zoo.truth import read_truth

#: Names that lists of pictures and classes usually have, beside the one in the definition.
LIST_NAMES = ("val.txt", "val15.txt", "ILSVRC2017_val.txt", "LOC_val_solution.csv", "val.csv", "labels.csv")


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and its class, an index into the network's output; or its classes, where it may have several."""

    path: Path
    label: int
    labels: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures.

    Attributes:
        name: By which an ``accuracy-check.yml`` asks for it, or else that of its folder.
        samples: In the order of the list, or by class and name.
        classes: Those of the network's output.
        order: Name of the class list that the source's indexes follow; '' where the source names classes, or its
            indexes can only be the network's own.
        notes: What was found out or assumed about the source, in words.
        total: How many samples the source has, also those left out by a subsample.
        multi_label: Whether pictures may have several classes, or none; their ``label`` means nothing then.
    """

    name: str
    samples: tuple[Sample, ...]
    classes: ClassList
    order: str = ""
    notes: tuple[str, ...] = ()
    total: int = 0
    multi_label: bool = False

    @property
    def labels(self) -> str:
        """Name of the class list that the network's output follows; '' where that is a list of its own."""
        return self.classes.name


def open_pictures(
    source: Path,
    classes: ClassList,
    *,
    subsample: int = 0,
    seed: int = 0,
    label_order: str = "",
    annotations: Path | None = None,
    allow_outside: bool = False,
    source_option: str = "-s",
) -> Dataset:
    """Find labelled pictures for a network, by nothing but the folder or list that they are in.

    Args:
        source: Folder of the data, or a list file in it.
        classes: Of the network; see :func:`omz.inference.classes.network_classes`.
        subsample: As for :func:`open_dataset`, and so the others.
        seed: For the choice of samples.
        label_order: Name of the class list that a list's indexes follow.
        annotations: The list of pictures and classes.
        allow_outside: See :func:`open_dataset`.
        source_option: What names the source on the command line.

    Raises:
        ClassError: A class is not the network's, or it cannot be told which one it is.
        InferenceError: There is no source, or it is not of a known form.
    """
    return open_dataset(
        Definition(name=source.resolve().name or str(source)),
        source,
        classes=classes,
        subsample=subsample,
        seed=seed,
        label_order=label_order,
        annotations=annotations,
        allow_outside=allow_outside,
        source_option=source_option,
    )


def open_dataset(
    definition: Definition,
    source: Path | None = None,
    *,
    classes: ClassList | None = None,
    subsample: int = 0,
    seed: int = 0,
    label_order: str = "",
    annotations: Path | None = None,
    allow_outside: bool = False,
    source_option: str = "-s",
) -> Dataset:
    """Find a dataset's pictures and their classes.

    Args:
        definition: See :func:`omz.accuracy.definitions.load_definition`.
        source: Folder of the data, or a list file in it; the bundled data by default, where there is any.
        classes: Those of the network; by default those of the list that the definition names.
        subsample: Take so many samples at random, in their order; 0 for all.
        seed: For the choice of samples.
        label_order: Name of the class list that a list's indexes follow; found out by default.
        annotations: The list of pictures and classes; looked for by default.
        allow_outside: Whether what names or links lead to may be anywhere, not in the folder of the data, or of the
            list that is given, alone.
        source_option: What names the source on the command line, for messages.

    Raises:
        ClassError: A class is not the network's, or it cannot be told which one it is; names the line or the folder.
        InferenceError: There is no source, or it is not of a known form.
        DescriptorError: There is no such class list.
    """
    if classes is None:
        classes = ClassList.listed(definition.labels, definition.first_class)
    source = _source(definition, source, source_option)
    if source.is_file():
        annotations, source = annotations or source, source.parent
    given = [annotations.parent] if annotations else []
    enclosure = Enclosure([source, *given], anywhere=allow_outside)
    found = annotations or _find_list(source, definition, enclosure)
    classes, stated = reconcile(classes, dataset_labels(definition, source, enclosure), definition.name)
    conversion = definition.annotation_conversion
    if found and is_multi_label(found, classes):
        dataset = _multi_label(definition, found, classes, source, source_option, label_order, enclosure)
        return take(dataset, subsample, seed)
    if found:
        truth = read_truth(found, classes, label_order or stated)
        classes, order, notes = truth.classes, truth.order, truth.notes
        folders = _folders_of(definition, source)
        locate = locator(found, list(truth.labels), folders, source, source_option, enclosure)
        pictures = [(locate(name), label) for name, label in truth.labels.items()]
    elif isinstance(conversion, Packed):
        packed, note = packed_pictures(conversion, source, definition.data_source, classes, enclosure)
        order, notes = "", (note,)
        pictures = [(path, classes.first + place) for path, place in packed]
    else:
        folder = source / conversion.data_dir if isinstance(conversion, FolderConversion) else source
        places = (folder, source, source / "val", source / (definition.data_source or "val"))
        lists = ", ".join(dict.fromkeys([definition.annotation_file or "val.txt", *LIST_NAMES]))
        if classes.count == 1:
            raise ClassError(
                f"{source}: the network has a single class; give a list of lines '<picture> 1' where it holds and "
                "'<picture> 0' where it does not (val.txt; -a FILE for others)"
            )
        by_class = find_class_folders(source, places, classes, f"or a list ({lists}; -a FILE for others)")
        classes, order, notes = by_class.classes, "", (by_class.note,)
        pictures = [(path, classes.first + place) for path, place in class_pictures(by_class)]
        enclosure.require_all(path for path, _ in pictures)
    dataset = Dataset(
        definition.name,
        tuple(Sample(path, label) for path, label in pictures),
        classes,
        order,
        notes,
        len(pictures),
    )
    return take(dataset, subsample, seed)


def _multi_label(
    definition: Definition,
    found: Path,
    classes: ClassList,
    source: Path,
    source_option: str,
    label_order: str,
    enclosure: Enclosure,
) -> Dataset:
    if label_order:
        raise UsageError(
            f"--label_order {label_order}: {found} gives several classes to a picture, in the network's order"
        )
    truth = read_multi_label(found, classes)
    folders = _folders_of(definition, source)
    locate = locator(found, list(truth.labels), folders, source, source_option, enclosure)
    samples = tuple(Sample(locate(name), -1, labels) for name, labels in truth.labels.items())
    return Dataset(definition.name, samples, classes, "", (truth.note,), len(samples), multi_label=True)


def classes_of(definition: Definition, xml: Path, ports: Ports = DEFAULT) -> ClassList:
    """Return the classes of a network: as its IR names them, else those that networks measured on the dataset have.

    Raises:
        InferenceError: The IR cannot be used.
        DescriptorError: The dataset names a class list that is not there.
    """
    from omz.inference.classes import network_classes

    classes = network_classes(xml, ports=ports)
    if classes.named or not definition.labels:
        return classes
    return ClassList.listed(definition.labels, definition.first_class)


def take(dataset: Dataset, count: int, seed: int = 0) -> Dataset:
    """Return ``count`` samples chosen at random, in their order; all for 0 or where there are no more."""
    if not 0 < count < len(dataset.samples):
        return dataset
    chosen = choose(len(dataset.samples), count, seed)
    return replace(dataset, samples=tuple(dataset.samples[place] for place in chosen))


def take_stated(dataset: Dataset, definition: Definition) -> Dataset:
    """Return as many samples as the definition says, all where it says nothing."""
    if not (stated := definition.subsample_size):
        return dataset
    total = len(dataset.samples)
    count = max(1, total * int(stated[:-1]) // 100) if stated.endswith("%") else int(stated)
    if definition.shuffle:
        return take(dataset, count, definition.subsample_seed)
    return replace(dataset, samples=dataset.samples[:count])


def choose(total: int, count: int, seed: int = 0) -> list[int]:
    """Return ``count`` places of ``total`` chosen at random, in their order; all for 0 or where there are no more."""
    if not 0 < count < total:
        return list(range(total))
    return sorted(random.Random(seed).sample(range(total), count))


def _source(definition: Definition, source: Path | None, option: str) -> Path:
    if source is None:
        if not definition.bundled:
            raise InferenceError(
                f"dataset {definition.name!r} does not come with the toolkit. Give its folder with {option}."
            )
        source = catalogue.packaged_root() / definition.bundled
    if not source.exists():
        raise InferenceError(f"{source}: no such file or folder of data.{files_near(source)}")
    return source


def _folders_of(definition: Definition, source: Path) -> list[Path]:
    """Return the folders that the pictures of a list may be in, beside its own."""
    conversion = definition.annotation_conversion
    images = conversion.images_dir if isinstance(conversion, ListConversion) else ""
    return [source / name for name in (definition.data_source, images, "", "val", "images")]


def _find_list(source: Path, definition: Definition, enclosure: Enclosure) -> Path | None:
    """Return the list of pictures and classes in a folder, None if there is none.

    Raises:
        InferenceError: There are several, and none has the name in the definition; or it leads out of the enclosure.
    """
    own = source / definition.annotation_file
    if definition.annotation_file and own.is_file():
        enclosure.require(own)
        return own
    if not isinstance(definition.annotation_conversion, ListConversion):
        return None
    found = [source / name for name in LIST_NAMES if (source / name).is_file()]
    if len(found) > 1:
        raise InferenceError(
            f"{source}: holds several lists of classes, {', '.join(path.name for path in found)}. Choose one with -a."
        )
    enclosure.require_all(found)
    return found[0] if found else None
