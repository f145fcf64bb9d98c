"""Which order of the classes the indexes of a list follow.

The same 1,000 ImageNet classes are numbered in two ways. Caffe's ``val.txt`` sorts them by wnid (here
``imagenet_2012``, class 0 is the tench). The organizers' own numbers, less 1, are the other (here ``imagenet_2015``,
class 0 is the kit fox); hujie-frank's ``ILSVRC2017_val.txt`` and Open Model Zoo's ``val15.txt`` have them. Indexes in
the wrong order give accuracy at chance level, so a list is asked four things, in this order: do the folders in its
names tell the wnid; does it have pictures whose class is known; does its file name tell; and else its indexes are
taken to follow the network's own order, and that is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from omz.errors import ClassError
from omz.zoo.class_list import ClassList, by_name, normal
from omz.zoo.labels import Label, known_lists, load_labels
from omz.zoo.truth_lists import Row

#: The wnids of the first pictures of ImageNet's validation set, ILSVRC2012_val_00000001 and so on.
# fmt: off
KNOWN_PICTURES = {
    f"ILSVRC2012_val_{number:08}": wnid
    for number, wnid in enumerate((
        "n01751748", "n09193705", "n02105855", "n04263257", "n03125729", "n01735189", "n02346627", "n02776631",
        "n03794056", "n02328150",
    ), start=1)
}
# fmt: on
_NAME_2015 = re.compile(r"2015|2017|val15", re.IGNORECASE)
_NAME_2012 = re.compile(r"2012|synset|^val\.txt$", re.IGNORECASE)
_WNID = re.compile(r"n\d{8}")


def mapping(source: Sequence[Label], target: Sequence[Label]) -> dict[int, int]:
    """Return the index in ``target`` of each index in ``source``, by wnid, or by name where there is none.

    What has no counterpart is left out, and so is a name that several have.
    """
    if any(label.wnid for label in target):
        wnids = {label.wnid: label.index for label in target}
        return {label.index: wnids[label.wnid] for label in source if label.wnid in wnids}
    names = by_name(target)
    found = {
        label.index: names[normal(label.name)][0]
        for label in source
        if len(names.get(normal(label.name), ())) == 1
    }
    meant = Counter(found.values())
    return {index: there for index, there in found.items() if meant[there] == 1}


def orders_of(name: str) -> tuple[str, ...]:
    """Return the names of all lists of the same classes in whatever order, ``name`` first."""
    same = [
        other for other in known_lists() if other != name and _wnids(other) == _wnids(name) != frozenset()
    ]
    return (name, *same)


def other_order(name: str) -> str:
    """Return another order of the same classes, '' if there is none, or ``name`` is ''."""
    return (*orders_of(name), "")[1] if name else ""


def assumed(classes: ClassList, wnids: Iterable[str]) -> ClassList:
    """Return the list that a network without labels is taken to follow, where the data are ImageNet's.

    Args:
        classes: Of the network.
        wnids: That the data tell.

    Returns:
        ``classes`` itself where the network has labels, or nothing can be assumed.
    """
    told = frozenset(wnids)
    if classes.named or not told:
        return classes
    for name in known_lists():  # imagenet_2012 comes first: the order that most networks have
        first = classes.count - len(load_labels(name))
        if first in (0, 1) and told <= _wnids(name):
            return ClassList.known(name, first, named=False)
    return classes


def assumption(classes: ClassList) -> str:
    """Say what was assumed of a network without labels."""
    return f"the network names no classes; they are taken to be those of {classes.name}, in that order"


def wnids_told(rows: Sequence[Row], order: str = "") -> frozenset[str]:
    """Return the wnids that a list names as classes, in its folders or by its pictures; or those of its order."""
    if order:
        return _wnids(order)
    named = {row.label for row in rows if isinstance(row.label, str) and _WNID.fullmatch(row.label)}
    return frozenset(named | {*_told_by_folders(rows).values(), *_told_by_pictures(rows).values()})


def find_order(rows: Sequence[Row], classes: ClassList, where: Path, wanted: str = "") -> tuple[str, str]:
    """Return the class list that a list's indexes follow, and how that is known.

    Args:
        rows: Of the list.
        classes: Those of the network.
        where: The list's path, for its name and for messages.
        wanted: What the user says; '' to find out.

    Returns:
        Name of the class list, '' if the rows name classes by themselves or the indexes can only be the network's own;
        and a sentence.

    Raises:
        ClassError: The order that is wanted has other classes, or wnids and indexes contradict each other.
    """
    if not any(isinstance(row.label, int) for row in rows):
        return "", f"classes as {where.name} names them"
    if wanted:
        if not mapping(load_labels(wanted), classes.labels):
            raise ClassError(
                f"--label_order {wanted}: has no class in common with {classes.name or 'the network'}"
            )
        return wanted, f"{where.name} in the order {wanted}, as asked for"
    candidates = orders_of(classes.name) if classes.name else ()
    if len(candidates) <= 1:
        own = "" if classes.named else f"the indexes of {where.name} are taken to be the network's own"
        return classes.name, own
    for evidence, what in (
        (_told_by_folders(rows), "the wnids of its folders"),
        (_told_by_pictures(rows), "pictures whose class is known"),
    ):
        if not evidence:
            continue
        fitting = [name for name in candidates if _agrees(load_labels(name), evidence)]
        if not fitting:
            raise ClassError(
                f"{where}: its indexes follow none of the orders {', '.join(candidates)}, going by {what}. "
                "Is it a list of other classes, or does it count from 1? --label_order NAME overrides this."
            )
        if len(fitting) == 1:
            return fitting[0], f"{where.name} is in the order {fitting[0]}, told by {what}"
    for pattern, year in ((_NAME_2015, "2015"), (_NAME_2012, "2012")):
        told = [name for name in candidates if name.endswith(year)]
        if pattern.search(where.name) and told:
            return told[0], f"{where.name} is taken to be in the order {told[0]}, by its name"
    return classes.name, f"{where.name} is assumed to be in the network's own order, {classes.name}"


def _told_by_folders(rows: Sequence[Row]) -> Mapping[int, str]:
    """Return the wnid of each index, from names such as ``n01440764/picture.JPEG``."""
    found: dict[int, str] = {}
    for row in rows:
        folder = row.picture.rpartition("/")[0].rpartition("/")[2]
        if isinstance(row.label, int) and _WNID.fullmatch(folder):
            found.setdefault(row.label, folder)
    return found


def _told_by_pictures(rows: Sequence[Row]) -> Mapping[int, str]:
    """Return the wnid of each index that a well-known picture has."""
    stems = ((row.label, row.picture.rpartition("/")[2].partition(".")[0]) for row in rows)
    return {
        label: KNOWN_PICTURES[stem]
        for label, stem in stems
        if isinstance(label, int) and stem in KNOWN_PICTURES
    }


def _agrees(labels: Sequence[Label], evidence: Mapping[int, str]) -> bool:
    return all(index < len(labels) and labels[index].wnid == wnid for index, wnid in evidence.items())


@cache
def _wnids(name: str) -> frozenset[str]:
    return frozenset(label.wnid for label in load_labels(name) if label.wnid)
