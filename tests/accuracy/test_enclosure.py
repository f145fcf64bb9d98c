"""Data are read from the folder that is given: what a list, a definition or a link names elsewhere is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.accuracy.datasets import Dataset, open_dataset, open_pictures
from omz.accuracy.definitions import Definition
from omz.accuracy.enclosure import Enclosure
from omz.errors import InferenceError
from omz.quantizer.pictures import find_pictures
from omz.zoo.class_list import ClassList

DIGITS = ClassList.of_network([str(digit) for digit in range(10)], 10)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder of data, with a picture in it and one beside it."""
    picture(tmp_path / "secret.png")
    picture(tmp_path / "more" / "other.png")
    picture(tmp_path / "data" / "in.png")
    return tmp_path / "data"


def opened(source: Path, allow: bool = False, **options: Path) -> Dataset:
    return open_pictures(source, DIGITS, allow_outside=allow, **options)


LISTS = {
    "val.txt": "in.png 1\n{} 2\n",
    "val.csv": "image,label\nin.png,1\n{},2\n",
    "labels.csv": "image,0,1,2,3,4,5,6,7,8,9\nin.png,1,1,0,0,0,0,0,0,0,0\n{},0,0,1,0,0,0,0,0,0,0\n",
    "val15.txt": "in.png 1,2\n{} 2\n",
}


@pytest.mark.parametrize("form", LISTS)
@pytest.mark.parametrize(
    "name", ["../secret.png", "{tmp}/secret.png", "link.png", "folder/other.png", "a/../../secret.png"]
)
def test_a_list_leads_out_of_the_folder(data: Path, form: str, name: str) -> None:
    (data / "a").mkdir()
    (data / "link.png").symlink_to("../secret.png")
    (data / "folder").symlink_to(data.parent / "more")
    name = name.format(tmp=data.parent)
    (data / form).write_text(LISTS[form].format(name))
    for source in (data, data / form):
        with pytest.raises(InferenceError) as caught:
            opened(source)
        message = str(caught.value)
        assert f"{data / form}: line {LISTS[form][: LISTS[form].index('{')].count(chr(10)) + 1}: " in message
        assert name in message
        assert "--allow_outside" in message
        assert len(message.splitlines()) == 1
        assert len(opened(source, allow=True).samples) == 2


def test_what_stays_inside_is_read(data: Path) -> None:
    """By whatever way it does so; and where the folder is behind a link itself."""
    picture(data / "deep" / "x.png")
    (data / "link.png").symlink_to("deep/x.png")
    (data / "val.txt").write_text(f"deep/../in.png 1\nlink.png 2\n{data}/deep/x.png 3\n./in.png 1\n")
    assert len(opened(data).samples) == 4
    (data.parent / "door").symlink_to("data")
    assert len(opened(data.parent / "door").samples) == 4


def test_a_list_that_is_given_may_name_what_is_beside_it(data: Path) -> None:
    (data.parent / "more" / "mine.txt").write_text("other.png 1\n")
    assert len(opened(data, annotations=data.parent / "more" / "mine.txt").samples) == 1
    (data.parent / "more" / "mine.txt").write_text("other.png 1\n../secret.png 1\n")
    with pytest.raises(InferenceError, match=r"mine\.txt: line 2: .*secret\.png"):
        opened(data, annotations=data.parent / "more" / "mine.txt")


def test_links_for_classes_and_lists(data: Path, tmp_path: Path) -> None:
    folders = tmp_path / "folders"
    picture(folders / "0" / "a.png")
    (folders / "1").symlink_to(data.parent / "more")
    with pytest.raises(InferenceError, match="leads out of the folder of the data"):
        opened(folders)
    assert len(opened(folders, allow=True).samples) == 2
    (tmp_path / "outside.txt").write_text("in.png 1\n")
    (data / "val.txt").symlink_to("../outside.txt")
    with pytest.raises(InferenceError, match=r"val\.txt: leads out of the folder of the data"):
        opened(data)


@pytest.mark.parametrize(
    "conversion",
    [
        {"converter": "imagenet", "annotation_file": "list.txt"},
        {"converter": "imagenet", "labels_file": "list.txt"},
        {"converter": "imagenet", "dataset_meta_file": "meta.json"},
        {"converter": "mnist_csv", "annotation_file": "list.txt"},
        {"converter": "mnist", "labels_file": "list.txt", "images_file": "list.txt"},
        {"converter": "fashion_mnist", "annotation_file": "list.txt", "data_file": "list.txt"},
        {
            "converter": "mnist_csv",
            "annotation_file": "csv",
            "convert_images": True,
            "converted_images_dir": "door",
        },
        {"converter": "cls_dataset_folder", "data_dir": "door"},
    ],
)
def test_files_of_definitions_that_are_links(data: Path, conversion: dict[str, object]) -> None:
    """Each converter, in what it reads and in what it writes."""
    (data.parent / "list.txt").write_text("in.png 1\n")
    (data.parent / "meta.json").write_text(json.dumps({"labels": [str(one) for one in range(10)]}))
    for name in ("list.txt", "meta.json"):
        (data / name).symlink_to(f"../{name}")
    (data / "csv").write_text("1," + ",".join(["0"] * 784) + "\n")
    picture(data.parent / "more" / "1" / "x.png")
    (data / "door").symlink_to("../more")
    definition = Definition.model_validate({"name": "mine", "annotation_conversion": conversion})
    before = sorted(data.parent.rglob("*"))
    with pytest.raises(InferenceError, match="leads out of the folder of the data"):
        open_dataset(definition, data, classes=DIGITS)
    assert sorted(data.parent.rglob("*")) == before


def test_pictures_to_calibrate_with(data: Path) -> None:
    (data / "link.png").symlink_to("../secret.png")
    definition = Definition(name="mine")
    with pytest.raises(InferenceError, match=r"link\.png: leads out of the folder of the data"):
        find_pictures(definition, data, DIGITS, count=9)
    chosen, _ = find_pictures(definition, data, DIGITS, count=9, allow_outside=True)
    assert len(chosen) == 2


def test_a_folder_with_a_longer_name_is_another(tmp_path: Path) -> None:
    enclosure = Enclosure([tmp_path / "data"])
    assert enclosure.holds(tmp_path / "data")
    assert enclosure.holds(tmp_path / "data" / "x")
    assert not enclosure.holds(tmp_path / "database" / "x")
    assert not enclosure.holds(tmp_path / "data" / "..")
    assert Enclosure([Path("/")]).holds(tmp_path)
