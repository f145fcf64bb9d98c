"""Folders of classes for networks of any list of classes, or of none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.accuracy.datasets import open_pictures
from omz.errors import ClassError
from omz.zoo.class_list import ClassList
from omz.zoo.labels import load_labels


def fill(root: Path, *folders: str) -> Path:
    """Put a picture named as its folder into each of the folders."""
    for name in folders:
        (root / name).mkdir(parents=True)
        cv2.imwrite(str(root / name / f"{Path(name).name}.png"), np.zeros((4, 4, 3), np.uint8))
    return root


def told(source: Path, classes: ClassList) -> dict[str, int]:
    """Return the class of each picture by the name of its folder."""
    return {sample.path.parent.name: sample.label for sample in open_pictures(source, classes).samples}


OWN = ClassList.of_network(["dog", "cat", "guinea pig"], 3)
NUMBERED = ClassList.of_network(None, 3)


def test_folders_named_by_the_networks_own_classes(tmp_path):
    fill(tmp_path, "cat", "Guinea_Pig")
    assert told(tmp_path, OWN) == {"cat": 1, "Guinea_Pig": 2}
    dataset = open_pictures(tmp_path, OWN)
    assert (dataset.name, dataset.labels, dataset.order) == (tmp_path.name, "", "")
    assert dataset.notes == (f"classes by the names of {tmp_path}'s folders",)


@pytest.mark.parametrize("folders", [("0", "2"), ("00", "01", "02")])
@pytest.mark.parametrize("classes", [OWN, NUMBERED])
def test_folders_named_by_indexes(tmp_path, classes, folders):
    fill(tmp_path, *folders)
    assert told(tmp_path, classes) == {name: int(name) for name in folders}
    assert "by their indexes" in open_pictures(tmp_path, classes).notes[0]


def test_names_that_are_numbers(tmp_path):
    digits = ClassList.of_network([str(digit) for digit in range(10)], 10)
    fill(tmp_path / "same", "3", "7")
    assert told(tmp_path / "same", digits) == {"3": 3, "7": 7}
    # Oxford's flowers as ImageFolder numbers them: 1, 10, 2. Folder 10 can be no index, so all are names
    flowers = ClassList.of_network(["1", "10", "2"], 3)
    fill(tmp_path / "names", "1", "10")
    assert told(tmp_path / "names", flowers) == {"1": 0, "10": 1}
    fill(tmp_path / "either", "1", "2")
    with pytest.raises(ClassError, match="folder '1' is the name of class 0 and the index of class 1, '10'"):
        open_pictures(tmp_path / "either", flowers)
    fill(tmp_path / "indexes", "0", "1")
    assert told(tmp_path / "indexes", flowers) == {"0": 0, "1": 1}  # 0 is no name, so all are indexes


def test_folders_of_a_network_without_labels_are_its_classes_in_sorted_order_as_imagefolder_has_them(
    tmp_path,
):
    fill(tmp_path, "b10", "b2", "A")
    assert told(tmp_path, NUMBERED) == {"A": 0, "b10": 1, "b2": 2}
    dataset = open_pictures(tmp_path, NUMBERED)
    assert dataset.classes.names == ("A", "b10", "b2")
    assert dataset.notes == (
        f"the network names no classes; {tmp_path}'s folders in sorted order are taken for them: A, b10, b2",
    )


def test_parts_of_a_dataset_are_no_classes(tmp_path):
    two = ClassList.of_network(None, 2)
    fill(tmp_path, "train/cat", "train/dog", "val/cat", "val/dog")
    assert {sample.path.parent.parent.name for sample in open_pictures(tmp_path, two).samples} == {"val"}
    assert told(tmp_path, two) == {"cat": 0, "dog": 1}
    fill(tmp_path / "other", "train/cat", "test/cat")
    with pytest.raises(ClassError, match="holds test, train; give the one that is meant"):
        open_pictures(tmp_path / "other", two)


def test_a_network_without_labels_wants_all_folders_and_a_picture_in_each(tmp_path):
    fill(tmp_path, "cat", "dog")
    with pytest.raises(ClassError, match=r"holds 2 folders \(cat, dog\), and the network has 3 classes"):
        open_pictures(tmp_path, NUMBERED)
    (tmp_path / "annotations").mkdir()
    with pytest.raises(ClassError, match="folder 'annotations' holds no picture"):
        open_pictures(tmp_path, NUMBERED)


@pytest.mark.parametrize("background", [0, 1])
def test_imagenets_folders_for_a_network_without_labels(tmp_path, background):
    wnids = [label.wnid for label in load_labels("imagenet_2012")]
    fill(tmp_path, wnids[7], wnids[999])
    classes = ClassList.of_network(None, 1000 + background)
    assert told(tmp_path, classes) == {wnids[7]: 7 + background, wnids[999]: 999 + background}
    dataset = open_pictures(tmp_path, classes)
    assert (dataset.labels, dataset.classes.named) == ("imagenet_2012", False)
    assert dataset.notes == (
        "the network names no classes; they are taken to be those of imagenet_2012, in that order",
    )


@pytest.mark.parametrize(
    ("classes", "folders", "message"),
    [
        (OWN, ("cat", "cow"), r"folder 'cow' is no class of the network \(1 such folders\)"),
        (OWN, ("cow",), "folder 'cow' is no class of the network"),
        (OWN, ("cat", "1"), "folder '1' is no class of the network"),
        (OWN, ("1", "3"), r"folder '3': the network's classes are 0 to 2\. Do they count from 1\?"),
        (NUMBERED, ("1", "7"), r"folder '7': the network's classes are 0 to 2\.$"),
        (NUMBERED, ("1", "01"), "folder '1' is class 1, as another one is"),
        (ClassList.of_network(["cat", "cat"], 2), ("cat",), "has the name of classes 0 and 1"),
    ],
)
def test_folders_that_cannot_be_understood(tmp_path, classes, folders, message):
    fill(tmp_path, *folders)
    with pytest.raises(ClassError, match=message):
        open_pictures(tmp_path, classes)
    with pytest.raises(ClassError, match="expected a folder for each class, or a list"):
        open_pictures(tmp_path / folders[0], classes)
