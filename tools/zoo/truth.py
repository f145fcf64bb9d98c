"""The true classes of pictures, as a list tells them, in the order of a network's output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from omz.errors import ClassError
from omz.zoo import label_order as orders
from omz.zoo.class_list import ClassList, by_name, normal
from omz.zoo.labels import Label, load_labels
from omz.zoo.truth_lists import OTHER, Row, read_list


@dataclass(frozen=True, slots=True)
class Truth:
    """What a list tells.

    Attributes:
        path: The list.
        labels: Index into the network's output by the name of the picture, as it stands in the list without a leading
            ``./``; in the order of the list.
        classes: Those of the network; what the list tells of them is in it.
        order: Name of the class list that the list's indexes follow; '' where it names classes, or its indexes can only
            be the network's own.
        notes: What was found out or assumed, in words.
    """

    path: Path
    labels: dict[str, int]
    classes: ClassList
    order: str = ""
    notes: tuple[str, ...] = ()


def read_truth(path: Path, classes: ClassList, label_order: str = "") -> Truth:
    """Read a list of pictures and their classes for a network.

    Args:
        path: See :mod:`omz.zoo.truth_lists` for the forms.
        classes: Those of the network.
        label_order: Name of the class list that the list's indexes follow; '' to find out.

    Raises:
        ClassError: A class is none of the network's.
        InferenceError: The list is malformed, or two lines contradict each other; names the line.
    """
    rows = read_list(path)
    told = classes if classes.named else orders.assumed(classes, orders.wnids_told(rows, label_order))
    notes = [] if told is classes else [orders.assumption(told)]
    order, note = orders.find_order(rows, told, path, label_order)
    class_of = class_finder(path, told, order)
    labels: dict[str, int] = {}
    first: dict[str, Row] = {}
    for row in rows:
        label = told.first + class_of(row)
        before = first.setdefault(row.picture, row)
        if labels.setdefault(row.picture, label) != label:
            raise ClassError(
                f"{path}: line {row.line}: {row.picture[:80]} is {row.label} here, and {before.label} in line "
                f"{before.line}"
            )
    return Truth(path, labels, told, order, tuple(filter(None, [*notes, note])))


def class_finder(where: Path, classes: ClassList, order: str) -> Callable[[Row], int]:
    """Return what gives a row's class as its place in the network's list.

    Args:
        where: The list, for messages.
        classes: Those of the network.
        order: Name of the class list that indexes follow; '' for the network's own.
    """
    labels = classes.labels
    own = order in ("", classes.name)
    listed = labels if own else load_labels(order)
    by_index = {place: place for place in range(len(labels))} if own else orders.mapping(listed, labels)
    names = by_name(labels)

    def class_of(row: Row) -> int:
        label = "other" if row.label == OTHER else row.label
        if isinstance(label, int):
            if label not in by_index:
                raise ClassError(f"{where}: line {row.line}: {_unknown(label, listed, order)}")
            return by_index[label]
        found = names.get(normal(label), ())
        if row.label == OTHER and not found:
            raise ClassError(
                f"{where}: line {row.line}: {row.picture[:80]} is -1, the class 'other', which the network "
                "does not have"
            )
        if not found:
            none = "" if classes.named else ", which names none. Give indexes"
            raise ClassError(f"{where}: line {row.line}: {label[:80]!r} is no class of the network{none}")
        if len(found) > 1:
            raise ClassError(
                f"{where}: line {row.line}: {label[:80]!r} is the name of classes {' and '.join(map(str, found))}. "
                f"Give the index{' or the wnid' if labels[0].wnid else ''}."
            )
        return found[0]

    return class_of


def _unknown(label: int, listed: Sequence[Label], order: str) -> str:
    if label < len(listed):
        return f"class {label}, {listed[label].name!r} in {order}, is no class of the network"
    hint = " Does the list count from 1?" if label == len(listed) else ""
    return f"class {label}; expected 0 to {len(listed) - 1}.{hint}"
