from __future__ import annotations

import pytest

from omz.zoo.class_list import ClassList, by_name, normal
from omz.zoo.labels import load_labels

ORDERS = ("imagenet_2012", "imagenet_2015")


@pytest.mark.parametrize("name", [*ORDERS, "digits_red_blue"])
@pytest.mark.parametrize("background", [False, True])
def test_a_networks_labels_tell_the_known_list_that_they_are(name, background):
    own = [label.name.replace("_", " ").upper() for label in load_labels(name)]
    classes = ClassList.of_network(["background"] * background + own, len(own) + background)
    assert (classes.name, classes.first, classes.named, classes.count) == (
        name,
        int(background),
        True,
        len(own) + background,
    )
    assert [label.wnid for label in classes.labels] == [label.wnid for label in load_labels(name)]


def test_a_few_other_names_are_names_as_well_and_many_are_another_list():
    labels = load_labels("imagenet_2012")
    own = [f"mine {label.index}" if label.index < 100 else label.name for label in labels]
    classes = ClassList.of_network(own, 1000)
    assert classes.name == "imagenet_2012"
    names = by_name(classes.labels)
    assert names["mine 7"] == names[labels[7].wnid] == [7]
    assert names[normal(labels[0].name)] == [0]  # the list's own name stays one
    own[100] = "one more"
    assert ClassList.of_network(own, 1000).name == ""


def test_own_classes_have_several_names_and_no_wnid():
    classes = ClassList.of_network(["tench, Tinca tinca", "cat"], 2)
    assert (classes.name, classes.first, classes.named) == ("", 0, True)
    assert [label.wnid for label in classes.labels] == ["", ""]
    names = by_name(classes.labels)
    assert [names[normal(text)] for text in ("Tench,_Tinca tinca", "TENCH", "tinca_tinca", "Cat")] == [
        [0],
        [0],
        [0],
        [1],
    ]


def test_a_network_without_labels_has_numbers():
    classes = ClassList.of_network(None, 3)
    assert (classes.named, classes.names, classes.count) == (False, ("0", "1", "2"), 3)


class TestListed:
    """What a definition of a dataset names: a list of the toolkit, or a file."""

    def test_a_list_of_the_toolkit(self):
        classes = ClassList.listed("imagenet_2015", 1)
        assert (classes.name, classes.first, classes.count) == ("imagenet_2015", 1, 1001)

    def test_a_file_with_the_classes_of_a_list(self, tmp_path):
        path = tmp_path / "synset_words.txt"
        lines = [f"{one.wnid} {', '.join(one.names)}" for one in load_labels("imagenet_2012")]
        path.write_text("\n".join(lines))
        classes = ClassList.listed(str(path))
        assert (classes.name, classes.first, classes.count) == ("imagenet_2012", 0, 1000)
        path.write_text("\n".join(["__background__", *lines]))
        classes = ClassList.listed(str(path))
        assert (classes.name, classes.first, classes.count) == ("imagenet_2012", 1, 1001)

    def test_a_file_of_other_classes(self, tmp_path):
        path = tmp_path / "labels.txt"
        path.write_text("1 dog\n0 cat\n")
        classes = ClassList.listed(str(path))
        assert (classes.name, classes.first, classes.names) == ("", 0, ("cat", "dog"))
