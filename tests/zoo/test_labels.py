"""Class lists: those that come with the toolkit, those of descriptors, and what is said of others."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from omz.errors import DescriptorError
from omz.zoo.labels import (
    Label,
    descriptor_labels,
    known_lists,
    labels_source,
    load_labels,
    parse_labels,
    read_labels,
)

SHARED = Path(__file__).parents[2] / "../shared/zoo/labels"


def test_lists_hold_the_same_classes_in_different_order():
    one, other = load_labels("imagenet_2012"), load_labels("imagenet_2015")
    assert len(one) == len(other) == 1000
    assert [label.index for label in one] == [label.index for label in other] == list(range(1000))
    wnids = {label.wnid for label in one}
    assert len(wnids) == 1000
    assert wnids == {label.wnid for label in other}
    assert {label.wnid: label.name for label in one} == {label.wnid: label.name for label in other}
    assert [label.wnid for label in one] == sorted(wnids)  # ILSVRC2012's order is that of the ids
    assert [label.wnid for label in other] != sorted(wnids)


def test_first_class_tells_the_lists_apart():
    assert load_labels("imagenet_2012")[0] == Label(0, "n01440764", ("tench", "Tinca tinca"))
    assert load_labels("imagenet_2015")[0] == Label(0, "n02119789", ("kit fox",))
    assert load_labels("imagenet_2012")[278].wnid == "n02119789"


def test_names_are_split_at_commas():
    shark = load_labels("imagenet_2012")[2]
    assert shark.name == "great white shark"
    assert shark.names[1:] == ("white shark", "man-eater", "man-eating shark", "Carcharodon carcharias")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the published lists, {SHARED}, are not there")
@pytest.mark.parametrize("name", ["imagenet_2012", "imagenet_2015"])
def test_lists_equal_the_published_ones(name):
    published = [line.split(" ", 1) for line in (SHARED / f"{name}.txt").read_text().splitlines()]
    assert [[label.wnid, ", ".join(label.names)] for label in load_labels(name)] == published
    assert read_labels(SHARED / f"{name}.txt") == load_labels(name)


def test_every_list_of_the_toolkit_is_in_its_own_format():
    """Numbers, ids or dashes, names: what the reader takes from a list is what stands in it."""
    for name in known_lists():
        folder = Path(__file__).parents[2] / "models/labels"
        lines = (folder / f"{name}.txt").read_text().splitlines()
        stated = [line.split(" ", 2) for line in lines if not line.startswith("#")]
        expected = [[str(x.index), x.wnid or "-", ", ".join(x.names)] for x in load_labels(name)]
        assert expected == stated


def test_unknown_list_names_the_known_ones_and_the_nearest(tmp_path):
    assert {"imagenet_2012", "imagenet_2015"} <= set(known_lists())
    with pytest.raises(DescriptorError) as caught:
        load_labels("imagenet_2013")
    message = str(caught.value)
    assert message.startswith("imagenet_2013: no such label list. Did you mean imagenet_201")
    assert "Known: digits_red_blue, imagenet_2012, imagenet_2015" in message
    (tmp_path / "secret.txt").write_text("0 - x\n")
    (tmp_path / "labels").mkdir()
    with pytest.raises(DescriptorError, match="no such label list"):
        load_labels("../secret", tmp_path / "labels")


def test_own_list(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeff# mine\r\n\r\n0 - Käfer , bug\r\n1\tn00000001  two words \r\n".encode())
    expected = [Label(0, "", ("Käfer", "bug")), Label(1, "n00000001", ("two words",))]
    assert load_labels("mine", tmp_path) == expected


def test_a_file_goes_before_a_list_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(read_labels("imagenet_2012")) == 1000
    Path("imagenet_2012").write_text("cat\ndog\n")
    assert [label.name for label in read_labels("imagenet_2012")] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nothing.txt", "nothing.txt: no such label file"),
        ("no/imagenet_2012.txt", "no/imagenet_2012.txt: no such label file. Did you mean imagenet_2012"),
        ("imagnet_2015", "imagnet_2015: no such label list. Did you mean imagenet_2015"),
        ("\x1b[2J", "\\x1b[2J: no such label list"),
        (".", ".: is no file"),
    ],
)
def test_what_is_neither_file_nor_list(tmp_path, monkeypatch, source, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DescriptorError) as caught:
        read_labels(source)
    assert str(caught.value).startswith(words)
    assert str(caught.value).isprintable()


def test_missing_list(tmp_path):
    with pytest.raises(DescriptorError, match=f"cannot be read: {os.strerror(errno.ENOENT)}"):
        parse_labels(tmp_path / "none.txt")


class TestWordNetIdsAlone:
    """imagenet_lsvrc_2015_synsets.txt and the like."""

    def test_get_the_names_of_the_lists_where_all_are_known(self, tmp_path):
        path = tmp_path / "synsets.txt"
        path.write_text("n02119789\nn01440764\n")
        assert parse_labels(path) == [
            Label(0, "n02119789", load_labels("imagenet_2012")[278].names),
            Label(1, "n01440764", ("tench", "Tinca tinca")),
        ]

    def test_are_the_names_where_one_is_unknown(self, tmp_path):
        path = tmp_path / "synsets.txt"
        path.write_text("n02119789\nn00004475\n")
        assert [label.names for label in parse_labels(path)] == [("n02119789",), ("n00004475",)]

    def test_may_have_numbers_and_a_background(self, tmp_path):
        path = tmp_path / "synsets.txt"
        path.write_text("n02119789 2\nn01440764 1\nbackground 0\n")
        assert [label.name for label in parse_labels(path)] == ["background", "tench", "kit fox"]


class TestDescriptors:
    def test_names(self, tmp_path):
        expected = [Label(0, "", ("Washington, D.C.",)), Label(1, "", ("7",))]
        assert descriptor_labels(["Washington,  D.C. ", "7"], tmp_path) == expected
        assert descriptor_labels(None, tmp_path) == []
        with pytest.raises(DescriptorError, match="entry 2: expected the name of a class"):
            descriptor_labels(["a", " "], tmp_path)

    def test_a_list_of_the_toolkit_goes_before_a_file(self, tmp_path):
        """A list's name means the same in every descriptor."""
        (tmp_path / "imagenet_2015").write_text("cat\ndog\n")
        assert len(descriptor_labels("imagenet_2015", tmp_path)) == 1000
        assert labels_source("imagenet_2015", tmp_path) == "imagenet_2015"

    def test_a_file_beside_the_descriptor(self, tmp_path, monkeypatch):
        (tmp_path / "labels.txt").write_text("1 dog\n0 cat\n")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        Path("other.txt").write_text("cat\n")
        assert [label.name for label in descriptor_labels("labels.txt", tmp_path)] == ["cat", "dog"]
        assert labels_source("labels.txt", tmp_path) == tmp_path / "labels.txt"
        with pytest.raises(DescriptorError, match=r"other.txt: no such label list"):
            descriptor_labels("other.txt", tmp_path)  # nothing is taken from where the user happens to be
