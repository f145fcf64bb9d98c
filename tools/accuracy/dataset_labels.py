"""The names of classes that a dataset brings along, and how they go with those of the network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omz.accuracy.conversions import ListConversion
from omz.accuracy.enclosure import Enclosure
from omz.accuracy.places import found_below
from omz.errors import ClassError, InferenceError
from omz.files import read_bounded
from omz.zoo.class_list import ClassList, normal
from omz.zoo.label_order import orders_of
from omz.zoo.labels import parse_labels

if TYPE_CHECKING:
    from omz.accuracy.definitions import Definition

MAX_META_BYTES = 64 << 20


def dataset_labels(definition: Definition, source: Path, enclosure: Enclosure) -> list[str]:
    """Return the names of a dataset's classes, by index into the network's output; [] where it has none.

    Raises:
        InferenceError: The file that it names for them is not there, is none, or leads elsewhere.
    """
    conversion = definition.annotation_conversion
    background = ["background"] * definition.first_class
    if meta := conversion.dataset_meta_file or definition.dataset_meta:
        path = found_below(source, meta, enclosure)
        return _from_meta(path, background)
    if isinstance(conversion, ListConversion) and conversion.labels_file:
        return background + [
            label.name for label in parse_labels(found_below(source, conversion.labels_file, enclosure))
        ]
    return []


def _from_meta(path: Path, background: Sequence[str]) -> list[str]:
    content = read_bounded(path, MAX_META_BYTES, "JSON file with the names of classes", InferenceError)
    try:
        meta: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InferenceError(f"{path}: is no JSON: {str(error)[:200]}") from error
    if not isinstance(meta, dict):
        raise InferenceError(f"{path}: expected a mapping with 'labels' or 'label_map'")
    if isinstance(labels := meta.get("labels"), list) and "label_map" not in meta:
        return [*background, *map(str, labels)]
    names = meta.get("label_map", {})
    if not isinstance(names, dict) or sorted(names) != sorted(map(str, range(len(names)))):
        raise InferenceError(f"{path}: 'label_map': expected a name for each of the classes 0 to n - 1")
    return [str(names[str(index)]) for index in range(len(names))]


def reconcile(classes: ClassList, names: Sequence[str], where: str) -> tuple[ClassList, str]:
    """Compare the names that a dataset brings along with those of the network.

    Args:
        classes: Those of the network.
        names: Those of the dataset, by index into the output; none where it brings none along.
        where: Name of the dataset, for messages.

    Returns:
        The classes, named by the dataset where the network does not name them; and the name of the class list that the
        dataset's indexes follow, where that is another order than the network's; else ''.

    Raises:
        ClassError: They are not as many, or the same in another order.
    """
    if not names:
        return classes, ""
    if len(names) != classes.count:
        raise ClassError(
            f"dataset {where!r}: names {len(names)} classes, and the network has {classes.count}. "
            "Is it a dataset for another model?"
        )
    theirs = ClassList.of_network(names, len(names))
    if not classes.named:
        return theirs, ""
    if theirs.name and theirs.name in orders_of(classes.name)[1:]:
        return classes, theirs.name
    ours, others = ([normal(name) for name in listed] for listed in (classes.names, names))
    if sorted(ours) == sorted(others) and ours != others:
        place = next(place for place, name in enumerate(ours) if name != others[place])
        raise ClassError(
            f"dataset {where!r}: class {place} is {names[place]!r} there and {classes.names[place]!r} in the network: "
            "the same classes in another order. Convert the network with the right labels, or mend the dataset's."
        )
    return classes, ""
