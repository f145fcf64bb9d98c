"""The true classes of pictures that are looked up by their paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

from omz.errors import InferenceError
from omz.inference.class_folders import class_pictures, find_class_folders
from omz.zoo.class_list import ClassList
from omz.zoo.multi_label import is_multi_label
from omz.zoo.truth import read_truth


class GroundTruth:
    """True classes by path.

    A list names pictures without the folders that they are in here, or with some of them. So a picture is found by its
    file name; and where several have that, by as many of its folders as the list names.

    Args:
        labels: Index into the network's output by a picture's name.
        classes: Those of the network.
        order: Name of the class list that the indexes follow; see :class:`omz.zoo.truth.Truth`.
        notes: What was found out or assumed, in words.
        whole_names: Whether a picture must be in the folders that its name has, even if no other is called like it.
    """

    def __init__(
        self,
        labels: Mapping[str, int],
        classes: ClassList,
        order: str = "",
        notes: tuple[str, ...] = (),
        *,
        whole_names: bool = False,
    ) -> None:
        self.classes, self.order, self.notes = classes, order, notes
        self._whole_names = whole_names
        self._labels: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for name, label in labels.items():
            parts = PurePath(name).parts
            self._labels.setdefault(parts[-1] if parts else name, []).append((parts, label))

    def __len__(self) -> int:
        return sum(map(len, self._labels.values()))

    def of(self, source: str) -> int | None:
        """Return the true class of a picture, by its path; None if it is not known."""
        path = PurePath(source)
        found = self._labels.get(path.name) or self._labels.get(
            path.stem, []
        )  # Kaggle's lists have no suffixes
        if not self._whole_names and len({label for _, label in found}) == 1:
            return found[0][1]
        folders = path.parts[:-1]
        fitting = [(parts, label) for parts, label in found if _ends_with(folders, parts[:-1])]
        return max(fitting, key=lambda one: len(one[0]))[1] if fitting else None


def _ends_with(folders: tuple[str, ...], last: tuple[str, ...]) -> bool:
    return not last or folders[-len(last) :] == last


def find_truth(where: str | Path, classes: ClassList, label_order: str = "") -> GroundTruth:
    """Read the true classes of pictures for a network.

    Args:
        where: A list of pictures and their classes, in any form of :mod:`omz.zoo.truth_lists`; or a folder with a
            folder for each class.
        classes: Those of the network.
        label_order: Name of the class list that a list's indexes follow; '' to find out.

    Raises:
        ClassError: A class is none of the network's.
        InferenceError: There is no such file or folder, a line is malformed or contradicts another, or the list gives
            several classes to a picture.
    """
    path = Path(where)
    if not path.is_dir():
        if path.is_file() and is_multi_label(path, classes):
            raise InferenceError(
                f"{path}: tells all classes of a picture, which may be several or none. accuracy_check measures with "
                "such a list"
            )
        truth = read_truth(path, classes, label_order)
        return GroundTruth(truth.labels, truth.classes, truth.order, truth.notes)
    folders = find_class_folders(path, (path, path / "val"), classes)
    labels = {
        str(picture.relative_to(folders.root)): folders.classes.first + place
        for picture, place in class_pictures(folders)
    }
    return GroundTruth(labels, folders.classes, "", (folders.note,), whole_names=True)


def truth_of(labels: Mapping[str, int], classes: ClassList) -> GroundTruth:
    """Take true classes by file name, which are indexes into the network's output.

    Raises:
        InferenceError: An index is no class of the network.
    """
    for name, label in labels.items():
        if not 0 <= label < classes.count:
            raise InferenceError(
                f"truth: {name} is class {label}, but the network has {classes.count} (from 0)"
            )
    return GroundTruth(labels, classes)
