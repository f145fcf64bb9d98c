"""Lists of pictures and their classes: one reader for the benchmark, accuracy_check, the quantizer and the report."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omz.errors import ClassError, InferenceError
from omz.zoo.class_list import ClassList
from omz.zoo.labels import load_labels
from omz.zoo.truth import read_truth
from omz.zoo.truth_lists import read_list

PETS = ClassList.of_network(["tabby cat", "dog", "other"], 3)
NUMBERED = ClassList.of_network(None, 3)


def written(tmp_path: Path, text: str, name: str = "list.txt") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def rows(path: Path) -> list[tuple[str, int | str]]:
    return [(row.picture, row.label) for row in read_list(path)]


def test_lines_of_every_form(tmp_path):
    text = (
        "./a.JPEG 65\n\nb c.png\t970\nsub/d.png -1\n# a comment\ne.png n01440764\nf g.jpeg  tabby cat\n"
        "no suffix\ttabby cat\nn01440764/h.png n02119789\r\n"
    )
    assert rows(written(tmp_path, "\ufeff" + text)) == [
        ("a.JPEG", 65),
        ("b c.png", 970),
        ("sub/d.png", -1),
        ("e.png", "n01440764"),
        ("f g.jpeg", "tabby cat"),
        ("no suffix", "tabby cat"),
        ("n01440764/h.png", "n02119789"),
    ]


def test_number_signs(tmp_path):
    lines = ["# those of class 7", "#", "# 7", "#1.png 7", "# 2.png 8", "#comment", "a.png 1"]
    assert rows(written(tmp_path, "\n".join(lines))) == [("#1.png", 7), ("# 2.png", 8), ("a.png", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.png,1\nb.png,dog\n", [("a.png", 1), ("b.png", "dog")]),
        ("image,label\na.png,1\n", [("a.png", 1)]),
        ("label,image\n1,a.png\n", [("a.png", 1)]),
        ("Image;Class\na.png;1\n", [("a.png", 1)]),
        ("a.png\t1\n", [("a.png", 1)]),
        ('"a, b.png",7\n', [("a, b.png", 7)]),
        ("id,file_name,width,class_id,class_name\n9,a.png,640,3,cat\n", [("a.png", 3)]),
        ("\n\nsomething,label\na.png,1\n", [("a.png", 1)]),
        ("ImageId,PredictionString\nx,n01440764 1 2 3 4\n", [("x", "n01440764")]),
    ],
)
def test_csv_of_every_form(tmp_path, text, expected):
    assert rows(written(tmp_path, text, "list.csv")) == expected
    assert rows(written(tmp_path, text, "list.tsv")) == expected


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode), st.sampled_from(["val.txt", "val.csv"]))
@settings(
    derandomize=True,
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_bytes_are_a_list_or_an_error(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with suppress(InferenceError):
        assert read_list(path)


def test_classes_become_indexes_of_the_network(tmp_path):
    path = written(tmp_path, "a.png 1\nb.png TABBY_CAT\nc.png -1\nx/c.png 0\n")
    truth = read_truth(path, PETS)
    assert truth.labels == {"a.png": 1, "b.png": 0, "c.png": 2, "x/c.png": 0}
    assert (truth.classes, truth.order, truth.notes) == (PETS, "", ())


def test_the_same_said_twice_is_no_contradiction(tmp_path):
    assert read_truth(written(tmp_path, "a.png 1\n./a.png dog\n"), PETS).labels == {"a.png": 1}


def test_indexes_for_a_network_without_labels_are_its_own_and_that_is_said(tmp_path):
    truth = read_truth(written(tmp_path, "a.png 2\n"), NUMBERED)
    assert truth.notes == ("the indexes of list.txt are taken to be the network's own",)


@pytest.mark.parametrize("background", [0, 1])
def test_a_list_of_imagenets_pictures_tells_a_network_without_labels_its_classes(tmp_path, background):
    kit_fox = load_labels("imagenet_2015")[0].wnid
    path = written(tmp_path, f"{kit_fox}/a.png 0\n")
    truth = read_truth(path, ClassList.of_network(None, 1000 + background))
    assert truth.labels == {f"{kit_fox}/a.png": 278 + background}  # the place of the kit fox in Caffe's list
    assert truth.order == "imagenet_2015"
    assert truth.notes == (
        "the network names no classes; they are taken to be those of imagenet_2012, in that order",
        "list.txt is in the order imagenet_2015, told by the wnids of its folders",
    )
    with_order = read_truth(written(tmp_path, "a.png 0\n"), ClassList.of_network(None, 1000), "imagenet_2015")
    assert with_order.labels == {"a.png": 278}


@pytest.mark.parametrize(
    ("text", "classes", "message"),
    [
        ("a.png 1\n\nb.png 0\n./a.png 0\n", PETS, r"list\.txt: line 4: a\.png is 0 here, and 1 in line 1"),
        ("a.png 1\na.png tabby cat\n", PETS, "line 2: a.png is tabby cat here, and 1 in line 1"),
        ("a.png 3\n", PETS, r"line 1: class 3; expected 0 to 2\. Does the list count from 1\?"),
        ("a.png -1\n", NUMBERED, "line 1: a.png is -1, the class 'other', which the network does not have"),
        ("a.png cow\n", PETS, "line 1: 'cow' is no class of the network$"),
        ("a.png cow\n", NUMBERED, "'cow' is no class of the network, which names none. Give indexes"),
        ("a.png x\n", ClassList.of_network(["x", "X"], 2), r"name of classes 0 and 1\. Give the index\.$"),
    ],
)
def test_classes_that_are_none_are_told_with_their_line(tmp_path, text, classes, message):
    with pytest.raises(ClassError, match=message):
        read_truth(written(tmp_path, text), classes)


def test_an_order_that_has_classes_which_the_network_has_not(tmp_path):
    few = ClassList.of_network(["goldfish", "tench"], 2)
    assert read_truth(written(tmp_path, "a.png 0\nb.png 1\n"), few, "imagenet_2012").labels == {
        "a.png": 1,
        "b.png": 0,
    }
    with pytest.raises(
        ClassError, match="line 1: class 2, 'great white shark' in imagenet_2012, is no class of"
    ):
        read_truth(written(tmp_path, "a.png 2\n"), few, "imagenet_2012")
    with pytest.raises(
        ClassError, match=r"line 1: class 1000; expected 0 to 999\. Does the list count from 1"
    ):
        read_truth(written(tmp_path, "a.png 1000\n"), few, "imagenet_2012")
    with pytest.raises(
        ClassError, match="--label_order imagenet_2012: has no class in common with the network"
    ):
        read_truth(written(tmp_path, "a.png 0\n"), PETS, "imagenet_2012")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no line '<picture> <class index>'"),
        (b"a.png 1\n\xff.png 1\n", "line 2: is not UTF-8 text"),
        (b"a.png\n", "line 1: expected '<picture> <class index>', got 'a.png'"),
        (b"a.png -2\n", "line 1: expected"),
        (b"a.png 1.5\n", "line 1: expected"),
        (b"12\n", "line 1: expected"),
    ],
)
def test_malformed_lists_of_lines(tmp_path, content, message):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(InferenceError, match=message):
        read_list(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png\n", "line 1: expected '<picture>,<class>', got 'a.png'"),
        ("a.png,1\nb.png,\n", "line 2: expected"),
        ("id,file_name,width\n1,a.png,640\n", "line 1: 3 columns, 'id,file_name,width'; expected a heading"),
        ("a.png,640,480,3\n", "line 1: 4 columns"),
        ("image,label,x\na.png\n", "line 2: expected"),
    ],
)
def test_malformed_csv(tmp_path, text, message):
    with pytest.raises(InferenceError, match=message):
        read_list(written(tmp_path, text, "list.csv"))
