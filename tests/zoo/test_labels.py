"""Class lists: the two that come with the toolkit, and what is said of malformed ones."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from omz.errors import DescriptorError
from omz.zoo.labels import Label, known_lists, load_labels, parse_labels

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


def test_unknown_list_names_the_known_ones(tmp_path):
    assert {"imagenet_2012", "imagenet_2015"} <= set(known_lists())
    with pytest.raises(
        DescriptorError, match=r"imagenet_2013.txt: no such label list. Known: .*imagenet_2012, imag"
    ):
        load_labels("imagenet_2013")
    (tmp_path / "secret.txt").write_text("0 - x\n")
    (tmp_path / "labels").mkdir()
    with pytest.raises(DescriptorError, match="no such label list"):
        load_labels("../secret", tmp_path / "labels")


def test_own_list(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeff# mine\r\n\r\n0 - Käfer , bug\r\n1\tn1  two words \r\n".encode())
    assert load_labels("mine", tmp_path) == [Label(0, "", ("Käfer", "bug")), Label(1, "n1", ("two words",))]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"0 n1 cat\n2 n2 dog\n", 2, "expected '1 <wnid or -> <name>[, <name>...]', got '2 n2 dog'"),
        (b"# x\n\n1 n1 cat\n", 3, "expected '0 <wnid"),
        (b"0 n1\n", 1, "got '0 n1'"),
        (b"0 n1 , ,\n", 1, "got '0 n1 , ,'"),
        (b"n01440764 tench\n", 1, "expected '0 <wnid"),
        (b"0 n1 cat\n1 n2 d\xffg\n", 2, "expected UTF-8 text"),
        (b"0 n1 cat\n" + b"x" * 5000, 2, "got '" + "x" * 80 + "'"),
        (b"", None, "expected a class a line, got none"),
        (b"# nothing\n", None, "expected a class a line, got none"),
        (b"#" * ((16 << 20) + 1), None, "larger than 16777216 bytes"),
    ],
)
def test_malformed_list_names_file_and_line(tmp_path, content, line, words):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(DescriptorError) as caught:
        parse_labels(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: line {line}: " if line else f"{path}: ")
    assert words in message
    assert "\n" not in message


def test_missing_list(tmp_path):
    with pytest.raises(DescriptorError, match=f"cannot be read: {os.strerror(errno.ENOENT)}"):
        parse_labels(tmp_path / "none.txt")
