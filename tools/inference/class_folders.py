"""A folder for each class: which class of the network is which folder.

The names of the folders are wnids, names of classes or their indexes. Where the network names no classes, the folders
in sorted order are its classes, as PyTorch's ImageFolder and Keras number them; all the folders must be there then.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omz.errors import ClassError
from omz.inference.images import SUFFIXES
from omz.inference.sources import files_below
from omz.outgoing import printable, shortened
from omz.zoo.class_list import ClassList, by_name, normal
from omz.zoo.label_order import assumed, assumption
from omz.zoo.labels import Label

_log = logging.getLogger(__name__)

#: Names of parts of a dataset: folders of these names are no classes.
PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing", "images"})
#: Of folders that programs leave behind.
_LITTER = frozenset({"__MACOSX", "@eaDir", "__pycache__"})
_NAMED = 5  # folders in a message


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """The folders of classes.

    Attributes:
        root: The folder that they are in.
        classes: Those of the network; what the folders tell of them is in it.
        index: The place in ``classes.labels`` of each folder.
        note: How the folders were understood.
    """

    root: Path
    classes: ClassList
    index: dict[Path, int]
    note: str


def find_class_folders(
    source: Path, places: Sequence[Path], classes: ClassList, otherwise: str = ""
) -> ClassFolders:
    """Find the folders of classes.

    Args:
        source: The folder that the user gives.
        places: Where they may be, the likeliest first.
        classes: Those of the network.
        otherwise: What else might be there, for messages: 'or a list (...)'.

    Raises:
        ClassError: There is no folder of a class, or one that is none, or not as many as a network without labels has
            classes.
    """
    complaint = ""
    for root in dict.fromkeys(places):
        folders = _folders(root)
        if not folders or {folder.name.lower() for folder in folders} <= PARTS:
            continue
        found = (
            _by_names(root, folders, classes) if classes.named else _without_labels(root, folders, classes)
        )
        if isinstance(found, ClassFolders):
            return found
        complaint = complaint or found
    if parts := [folder.name for folder in _folders(source) if folder.name.lower() in PARTS]:
        complaint = complaint or f"{source}: holds {_listed(parts)}; give the one that is meant"
    expected = ", ".join(filter(None, ["expected a folder for each class", otherwise]))
    raise ClassError(f"{complaint}\n{expected}" if complaint else f"{source}: {expected}")


def class_pictures(folders: ClassFolders) -> list[tuple[Path, int]]:
    """Return the pictures in the folders with the place of their class, by class and then in natural order.

    Raises:
        ClassError: There is none.
    """
    found: list[tuple[Path, int]] = []
    others: list[Path] = []
    for folder, index in sorted(folders.index.items(), key=lambda pair: (pair[1], pair[0])):
        for path in files_below(folder):
            if _is_picture(path):
                found.append((path, index))
            else:
                others.append(path)
    if others:
        _log.warning(
            "%s: %d files are left out, their suffixes are not those of pictures (%s)",
            folders.root,
            len(others),
            printable(f"such as {others[0].relative_to(folders.root)}"),
        )
    if not found:
        raise ClassError(f"{folders.root}: the folders of classes hold no picture")
    return found


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _folders(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.glob("*")
        if path.is_dir() and not path.name.startswith(".") and path.name not in _LITTER
    )


def _by_names(root: Path, folders: Sequence[Path], classes: ClassList) -> ClassFolders | str:
    """Understand folders by the names of classes, or by their indexes where not all are names.

    Returns:
        The folders, or why they are none of classes.

    Raises:
        ClassError: Only some of them are, or a name means two classes.
    """
    names = by_name(classes.labels)
    known = {folder: names[normal(folder.name)] for folder in folders if normal(folder.name) in names}
    if len(known) < len(folders) and _all_numbers(folders):
        return _by_index(root, folders, classes, f"classes by their indexes, the names of {root}'s folders")
    if not known:
        return f"{root}: folder {_name(folders[0])} is no class of the network"
    if strange := [folder for folder in folders if folder not in known]:
        raise ClassError(
            f"{root}: folder {_name(strange[0])} is no class of the network ({len(strange)} such folders). "
            "Name folders by wnid or class name, or move the others away."
        )
    for folder, indexes in known.items():
        if len(indexes) > 1:
            told = " and ".join(map(str, indexes))
            raise ClassError(
                f"{root}: folder {_name(folder)} has the name of classes {told}. Name it by its "
                f"{'wnid' if classes.labels[0].wnid else 'index, and all the others, too'}."
            )
    index = {folder: indexes[0] for folder, indexes in known.items()}
    if _all_numbers(folders) and all(int(folder.name) < len(classes.labels) for folder in folders):
        for folder, place in index.items():
            if int(folder.name) != place:
                raise ClassError(
                    f"{root}: folder {_name(folder)} is the name of class {place} and the index of class "
                    f"{int(folder.name)}, {classes.labels[int(folder.name)].name!r}. Write a list of the pictures and "
                    "their class indexes, and give it with -a."
                )
    return ClassFolders(root, classes, index, f"classes by the names of {root}'s folders")


def _without_labels(root: Path, folders: Sequence[Path], classes: ClassList) -> ClassFolders | str:
    """Understand the folders for a network that does not name its classes: by number, ImageNet's wnids, or in order."""
    if _all_numbers(folders):
        return _by_index(
            root,
            folders,
            classes,
            f"the network names no classes; they are taken by their indexes, the names of {root}'s folders",
        )
    like = assumed(classes, [folder.name for folder in folders])
    if like.name:
        found = _by_names(root, folders, like)
        if isinstance(found, ClassFolders):
            return ClassFolders(root, like, found.index, assumption(like))
    if len(folders) != len(classes.labels):
        return (
            f"{root}: holds {len(folders)} folders ({_listed([one.name for one in folders])}), and the network has "
            f"{len(classes.labels)} classes and does not name them. Name the folders by class index, or give all."
        )
    if empty := [folder for folder in folders if not any(map(_is_picture, files_below(folder)))]:
        raise ClassError(
            f"{root}: folder {_name(empty[0])} holds no picture. The network names no classes, so it cannot be told "
            "whether that is one of them. Name the folders by class index, or move it away."
        )
    labels = tuple(Label(place, "", (folder.name,)) for place, folder in enumerate(folders))
    note = (
        f"the network names no classes; {root}'s folders in sorted order are taken for them: "
        f"{_listed([one.name for one in folders])}"
    )
    here = ClassList(labels, named=False)
    return ClassFolders(root, here, {folder: place for place, folder in enumerate(folders)}, note)


def _by_index(root: Path, folders: Sequence[Path], classes: ClassList, note: str) -> ClassFolders:
    index: dict[Path, int] = {}
    taken: set[int] = set()
    for folder in folders:
        number = int(folder.name)
        if number >= len(classes.labels):
            hint = " Do they count from 1?" if number == len(classes.labels) else ""
            raise ClassError(
                f"{root}: folder {_name(folder)}: the network's classes are 0 to {len(classes.labels) - 1}.{hint}"
            )
        if number in taken:
            raise ClassError(f"{root}: folder {_name(folder)} is class {number}, as another one is")
        taken.add(number)
        index[folder] = number
    return ClassFolders(root, classes, index, note)


def _all_numbers(folders: Sequence[Path]) -> bool:
    return all(
        folder.name.isascii() and folder.name.isdecimal() and len(folder.name) < 10 for folder in folders
    )


def _name(folder: Path) -> str:
    return repr(shortened(folder.name, 80))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(printable(shortened(name, 40)) for name in names[:_NAMED]) + more
