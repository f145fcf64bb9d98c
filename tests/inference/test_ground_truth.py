"""True classes, looked up by a picture's path."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.errors import ClassError, InferenceError
from omz.inference.ground_truth import GroundTruth, find_truth, truth_of
from omz.zoo.class_list import ClassList

PETS = ClassList.of_network(["cat", "dog", "cow"], 3)


def listed(tmp_path: Path, text: str) -> GroundTruth:
    (tmp_path / "list.txt").write_text(text)
    return find_truth(tmp_path / "list.txt", PETS)


def test_by_file_name_wherever_the_picture_is(tmp_path):
    truth = listed(tmp_path, "./a.png 1\nsome/where/b.png 2\n")
    assert [truth.of(name) for name in ("a.png", "/x/y/a.png", "z/b.png", "b.jpg", "c.png")] == [
        1,
        1,
        2,
        None,
        None,
    ]
    assert len(truth) == 2


def test_by_folders_where_names_are_not_enough(tmp_path):
    truth = listed(tmp_path, "cat/1.png 0\ndog/1.png 1\nold/dog/1.png 2\n1/2.png 1\n2/2.png 1\n")
    assert truth.of("/data/cat/1.png") == 0
    assert truth.of("/data/dog/1.png") == 1
    assert truth.of("/data/old/dog/1.png") == 2
    assert truth.of("/data/cow/1.png") is None
    assert truth.of("1.png") is None
    assert truth.of("elsewhere/2.png") == 1  # both say so


def test_kaggles_names_without_suffix(tmp_path):
    truth = find_truth(_written(tmp_path / "val.csv", "ImageId,Class\nILSVRC_1,cow\n"), PETS)
    assert truth.of("val/ILSVRC_1.JPEG") == 2


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_folder_for_each_class(tmp_path):
    for name in ("cow/deep/1.png", "cat/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    truth = find_truth(tmp_path, PETS)
    assert truth.of(str(tmp_path / "cow/deep/1.png")) == 2
    assert truth.of("cat/1.png") == 0
    assert truth.of("1.png") is None
    assert truth.of("deep/1.png") is None
    (tmp_path / "cow/deep/1.png").unlink()
    assert find_truth(tmp_path, PETS).of("other/1.png") is None  # its folder tells the class, not its name
    assert truth.notes == (f"classes by the names of {tmp_path}'s folders",)


def test_given_as_a_mapping():
    assert truth_of({"a.png": 2}, PETS).of("x/a.png") == 2
    for label in (3, -1):
        with pytest.raises(InferenceError, match=f"a.png is class {label}, but the network has 3"):
            truth_of({"a.png": label}, PETS)
    assert not truth_of({}, PETS)


def test_errors(tmp_path):
    with pytest.raises(InferenceError, match="No such file"):
        find_truth(tmp_path / "nothing.txt", PETS)
    with pytest.raises(ClassError, match=r"list\.txt: line 1: class 3; expected 0 to 2"):
        listed(tmp_path, "a.png 3\n")
    with pytest.raises(ClassError, match="expected a folder for each class"):
        find_truth(tmp_path, PETS)
