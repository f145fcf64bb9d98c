from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omz.accuracy.datasets import Dataset, Sample, open_dataset, take
from omz.accuracy.definitions import load_definition
from omz.errors import DescriptorError, InferenceError
from omz.zoo import label_order
from omz.zoo.class_list import ClassList
from omz.zoo.labels import load_labels

ORDERS = ("imagenet_2012", "imagenet_2015")
INDEX = {order: {one.wnid: one.index for one in load_labels(order)} for order in ORDERS}
NETWORKS = {"imagenet_2012": "imagenet_1000_classes", "imagenet_2015": "imagenet_1000_classes_2015"}
#: The first ten lines of ILSVRC2012_validation_ground_truth.txt of the organizers, and of Caffe's val.txt.
ORGANIZERS = (490, 361, 171, 822, 297, 482, 13, 704, 599, 164)
CAFFES = (65, 970, 230, 809, 516, 57, 334, 415, 674, 332)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))
    return path


def check(dataset: Dataset, rows, network: str) -> None:
    assert [(s.path.name, s.label) for s in dataset.samples] == [(n, INDEX[network][w]) for n, w in rows]
    assert all(sample.path.is_file() for sample in dataset.samples)


def test_known_pictures_have_the_numbers_of_both_published_lists():
    wnids = list(label_order.KNOWN_PICTURES.values())
    assert [INDEX["imagenet_2012"][wnid] for wnid in wnids] == list(CAFFES)
    assert [INDEX["imagenet_2015"][wnid] + 1 for wnid in wnids] == list(ORGANIZERS)


def test_both_orders_hold_the_same_classes_and_map_onto_each_other():
    there = label_order.mapping(*(load_labels(order) for order in ORDERS))
    back = label_order.mapping(*(load_labels(order) for order in reversed(ORDERS)))
    assert sorted(there.values()) == sorted(there) == list(range(1000))
    assert all(back[there[index]] == index for index in range(1000))
    assert sum(index == other for index, other in there.items()) < 10  # they really differ
    assert label_order.other_order("imagenet_2012") == "imagenet_2015"
    assert label_order.other_order("digits_red_blue") == ""


@pytest.mark.parametrize("network", ORDERS)
@pytest.mark.parametrize("order", ORDERS)
def test_any_list_serves_any_network_told_by_known_pictures(pictures, write_list, network, order):
    write_list("list.txt", order)
    dataset = open_dataset(
        load_definition(NETWORKS[network]), pictures[0].parent, annotations=pictures[0].parent / "list.txt"
    )
    check(dataset, pictures[1], network)
    assert dataset.order == order
    assert dataset.notes == (f"list.txt is in the order {order}, told by pictures whose class is known",)


@pytest.mark.parametrize("network", ORDERS)
@pytest.mark.parametrize(
    ("name", "order"),
    [("val.txt", "imagenet_2012"), ("val15.txt", "imagenet_2015"), ("ILSVRC2017_val.txt", "imagenet_2015")],
)
def test_lists_without_known_pictures_are_told_by_their_names(pictures, write_list, network, name, order):
    rows = pictures[1][10:]
    write_list(name, order, rows)
    dataset = open_dataset(load_definition(NETWORKS[network]), pictures[0].parent)
    check(dataset, rows, network)
    assert "by its name" in dataset.notes[0]


def test_pictures_go_before_a_misleading_name_and_the_user_before_all(pictures, write_list):
    path = write_list("val15.txt", "imagenet_2012")
    definition = load_definition("imagenet_1000_classes")
    check(open_dataset(definition, path), pictures[1], "imagenet_2012")
    wrong = open_dataset(definition, path, label_order="imagenet_2015")
    assert wrong.order == "imagenet_2015"
    assert [s.label for s in wrong.samples] != [INDEX["imagenet_2012"][wnid] for _, wnid in pictures[1]]


def test_nothing_tells_so_the_networks_order_is_assumed_and_said(pictures, write_list):
    path = write_list("mine.txt", "imagenet_2015", pictures[1][10:])
    dataset = open_dataset(load_definition("imagenet_1000_classes_2015"), path)
    assert dataset.notes == ("mine.txt is assumed to be in the network's own order, imagenet_2015",)


def test_folders_in_a_list_tell_the_order(tmp_path):
    wnids = [one.wnid for one in load_labels("imagenet_2015")[:3]]
    for wnid in wnids:
        picture(tmp_path / wnid / "a.png")
    (tmp_path / "list.txt").write_text("".join(f"{wnid}/a.png {i}\n" for i, wnid in enumerate(wnids)))
    dataset = open_dataset(load_definition("imagenet_1000_classes"), tmp_path / "list.txt")
    assert dataset.order == "imagenet_2015"
    assert [s.label for s in dataset.samples] == [INDEX["imagenet_2012"][wnid] for wnid in wnids]
    (tmp_path / "list.txt").write_text("".join(f"{wnid}/a.png {i + 1}\n" for i, wnid in enumerate(wnids)))
    with pytest.raises(InferenceError, match="follow none of the orders imagenet_2012, imagenet_2015"):
        open_dataset(load_definition("imagenet_1000_classes"), tmp_path / "list.txt")


def test_a_class_background_goes_before(pictures, write_list):
    path = write_list("list.txt", "imagenet_2015")
    dataset = open_dataset(load_definition("imagenet_1001_classes"), path)
    assert [s.label for s in dataset.samples] == [1 + INDEX["imagenet_2012"][wnid] for _, wnid in pictures[1]]


def test_folders_by_wnid_and_by_name(tmp_path):
    labels = load_labels("imagenet_2015")
    expected = []
    for label, name in ((labels[3], labels[3].wnid), (labels[7], labels[7].name.replace(" ", "_").upper())):
        for number in (2, 10):
            expected.append((picture(tmp_path / "val" / name / f"p{number}.png"), label.index))
    (tmp_path / "val" / labels[3].wnid / "Thumbs.db").write_bytes(b"")
    dataset = open_dataset(load_definition("imagenet_1000_classes_2015"), tmp_path)
    assert [(s.path, s.label) for s in dataset.samples] == expected
    assert dataset.order == ""
    picture(tmp_path / "val" / "hovercrafts" / "a.png")
    with pytest.raises(InferenceError, match="folder 'hovercrafts' is no class"):
        open_dataset(load_definition("imagenet_1000_classes_2015"), tmp_path)


def test_pictures_in_folders_of_a_class_folder_count_and_other_files_are_told(tmp_path, caplog):
    wnid = load_labels("imagenet_2012")[3].wnid
    names = ["a.png", "p2/b.JPG", "p10/deep/c.jpeg"]
    expected = [picture(tmp_path / wnid / name) for name in names]
    (tmp_path / wnid / "p2" / "circle").symlink_to(tmp_path / wnid)
    for name in ("notes.txt", "p10/raw.cr2"):
        (tmp_path / wnid / name).write_bytes(b"")
    samples = open_dataset(load_definition("imagenet_1000_classes"), tmp_path).samples
    assert {sample.path for sample in samples} == set(expected)
    assert [sample.path.name for sample in samples] == ["a.png", "b.JPG", "c.jpeg"]
    assert {sample.label for sample in samples} == {3}
    assert f"{tmp_path}: 2 files are left out" in caplog.text


@pytest.mark.parametrize("name", ["crane", "Cardigan", "maillot", "grass_snake"])
def test_names_of_two_classes(tmp_path, name):
    definition = load_definition("imagenet_1000_classes")
    picture(tmp_path / "a.png")
    (tmp_path / "val.csv").write_text(f"a.png,{name}\n")
    with pytest.raises(
        InferenceError, match=r"line 1: .* is the name of classes \d+ and \d+\. Give the index"
    ):
        open_dataset(definition, tmp_path)
    (tmp_path / "val.csv").unlink()
    picture(tmp_path / name / "a.png")
    with pytest.raises(InferenceError, match=r"has the name of classes \d+ and \d+\. Name it by its wnid"):
        open_dataset(definition, tmp_path)


@pytest.mark.parametrize("heading", ["", "image,label\n", "ImageId,PredictionString\n"])
def test_csv_by_wnid_index_and_name(tmp_path, heading):
    labels = load_labels("imagenet_2012")
    for name in ("a.png", "b.png", "c.png"):
        picture(tmp_path / name)
    rows = (
        f'a.png,{labels[5].wnid} 85 1 499 272\nb.png,"{", ".join(labels[0].names)}"\nc.png,{labels[9].name}\n'
    )
    (tmp_path / "val.csv").write_text(heading + rows)
    dataset = open_dataset(load_definition("imagenet_1000_classes"), tmp_path)
    assert [s.label for s in dataset.samples] == [5, 0, 9]
    (tmp_path / "val.csv").write_text(heading + "a.png,17\nb.png,18\n")
    assert [s.label for s in open_dataset(load_definition("imagenet_1000_classes"), tmp_path).samples] == [
        17,
        18,
    ]


def test_csv_without_suffixes_as_kaggle_has_it(tmp_path):
    wnid = load_labels("imagenet_2012")[5].wnid
    picture(tmp_path / "ILSVRC2012_img_val" / "ILSVRC2012_val_00048981.png").rename(
        tmp_path / "ILSVRC2012_img_val" / "ILSVRC2012_val_00048981.JPEG"
    )
    (tmp_path / "LOC_val_solution.csv").write_text(
        f"ImageId,PredictionString\nILSVRC2012_val_00048981,{wnid} 1 2 3 4\n"
    )
    (sample,) = open_dataset(load_definition("imagenet_1000_classes_2015"), tmp_path).samples
    assert sample.path.is_file()
    assert sample.label == INDEX["imagenet_2015"][wnid]


def test_bundled_digits():
    dataset = open_dataset(load_definition("digits"))
    assert (len(dataset.samples), dataset.total, dataset.labels) == (360, 360, "digits_red_blue")
    assert dataset.samples[0].path.name == "1437.png"


@given(st.integers(1, 200), st.integers(0, 250), st.integers(0, 5))
@settings(derandomize=True, deadline=None)
def test_subsample_is_a_seeded_choice_in_order(total, count, seed):
    classes = ClassList.of_network(None, 200)
    whole = Dataset("d", tuple(Sample(Path(str(n)), n) for n in range(total)), classes, total=total)
    chosen = take(whole, count, seed)
    labels = [sample.label for sample in chosen.samples]
    assert labels == sorted(set(labels))
    assert len(labels) == (count if 0 < count < total else total)
    assert take(whole, count, seed) == chosen
    assert chosen.total == total


def test_subsamples_of_other_seeds_differ():
    digits = load_definition("digits")
    one, other = (open_dataset(digits, subsample=50, seed=seed) for seed in (0, 1))
    assert len(one.samples) == 50
    assert one.samples != other.samples


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.png 0\na.png 1000\n", r"line 2: class 1000; expected 0 to 999. Does the list count from 1\?"),
        ("a.png 0\na.png 5000\n", "line 2: class 5000; expected 0 to 999"),
        ("a.png\n", "line 1: expected '<picture> <class index>', got 'a.png'"),
        ("a.png -1\n", "line 1: a.png is -1, the class 'other', which the network does not have"),
        ("a.png -2\n", "line 1: expected"),
        ("a.png 1.5\n", "line 1: expected"),
        ("a.png walrus tusk\n", "line 1: 'walrus tusk' is no class of the network"),
        ("a.png 7\n./a.png 7\n\na.png 8\n", "line 4: a.png is 8 here, and 7 in line 1"),
        ("", "holds no line"),
        ("b.png 1\n", "its pictures, such as b.png, are not in"),
    ],
)
def test_bad_lists(tmp_path, content, message):
    picture(tmp_path / "a.png")
    (tmp_path / "val.txt").write_text(content)
    with pytest.raises(InferenceError, match=message):
        open_dataset(load_definition("imagenet_1000_classes"), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.png\n", "line 1: expected '<picture>,<class>'"),
        ("a.png,walrus tusk\n", "'walrus tusk' is no class"),
    ],
)
def test_bad_csv(tmp_path, content, message):
    picture(tmp_path / "a.png")
    (tmp_path / "val.csv").write_text(content)
    with pytest.raises(InferenceError, match=message):
        open_dataset(load_definition("imagenet_1000_classes"), tmp_path)


def test_several_lists_want_a_choice(tmp_path):
    picture(tmp_path / "a.png")
    for name in ("val15.txt", "val.csv"):
        (tmp_path / name).write_text("a.png 1\n")
    with pytest.raises(InferenceError, match=r"val15\.txt, val\.csv\. Choose one with -a"):
        open_dataset(load_definition("imagenet_1000_classes"), tmp_path)


def test_no_data(tmp_path):
    with pytest.raises(InferenceError, match="no such file or folder"):
        open_dataset(load_definition("digits"), tmp_path / "gone")
    with pytest.raises(InferenceError, match="expected a folder for each class"):
        open_dataset(load_definition("digits"), tmp_path)
    with pytest.raises(InferenceError, match="Give its folder with -s"):
        open_dataset(load_definition("imagenet_1000_classes"))


def test_list_beside_copied_pictures_in_the_folder_itself(tmp_path, pictures, write_list):
    write_list("val.txt", "imagenet_2012", pictures[1][:5])
    shutil.copy(pictures[0].parent / "val.txt", tmp_path)
    for name, _ in pictures[1][:5]:
        shutil.copy(pictures[0] / name, tmp_path)
    check(open_dataset(load_definition("imagenet_1000_classes"), tmp_path), pictures[1][:5], "imagenet_2012")


class TestLabelFileOfADefinition:
    """``labels`` in a file of definitions may name a file beside it."""

    @pytest.fixture
    def definitions(self, tmp_path):
        path = tmp_path / "datasets.yml"
        path.write_text(
            "datasets:\n- name: pets\n  labels: pets.csv\n"
            "  annotation_conversion: {converter: imagenet, annotation_file: val.txt}\n"
        )
        (tmp_path / "pets.csv").write_text("name,id\ndog,1\ncat,0\n")
        return path

    def test_gives_the_classes(self, definitions, tmp_path, monkeypatch):
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        for name in ("dog", "cat"):
            picture(tmp_path / "data" / name / "a.png")
        dataset = open_dataset(load_definition("pets", definitions), tmp_path / "data")
        assert [(sample.path.parent.name, sample.label) for sample in dataset.samples] == [
            ("cat", 0),
            ("dog", 1),
        ]
        assert (dataset.labels, dataset.classes.names) == ("", ("cat", "dog"))

    @pytest.mark.parametrize("stated", ["../pets.csv", "other.csv", "x" * 300])
    def test_is_only_looked_for_there(self, definitions, tmp_path, stated):
        (tmp_path.parent / "pets.csv").write_text("cat\ndog\n")
        definitions.write_text(definitions.read_text().replace("pets.csv", stated))
        picture(tmp_path / "data" / "cat" / "a.png")
        with pytest.raises(DescriptorError, match="no such label list"):
            open_dataset(load_definition("pets", definitions), tmp_path / "data")
