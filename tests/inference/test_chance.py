"""Advice where the accuracy is at chance level, for every way to misunderstand a list."""

from __future__ import annotations

import random

import pytest

from omz.inference.chance import advice, is_chance_level
from omz.inference.proportion import Proportion
from omz.zoo.class_list import ClassList
from omz.zoo.labels import load_labels

ORDERS = ("imagenet_2012", "imagenet_2015")
PLACE = {name: {one.wnid: one.index for one in load_labels(name)} for name in ORDERS}
WNIDS = list(PLACE["imagenet_2012"])


def answers_of(order: str, first: int = 0) -> list[int]:
    """Return what a network with an order of classes says of one picture of each, right but for every fifth."""
    return [first + (PLACE[order][wnid] + (place % 5 == 0)) % 1000 for place, wnid in enumerate(WNIDS)]


def test_what_is_chance_level():
    assert is_chance_level(Proportion(1, 1000), 1000)
    assert not is_chance_level(Proportion(20, 1000), 1000)
    assert is_chance_level(Proportion(52, 100), 2)
    assert not is_chance_level(Proportion(0, 19), 10)  # too few to tell
    assert not is_chance_level(Proportion(100, 100), 1)


@pytest.mark.parametrize("first", [0, 1])
def test_right_readings_need_no_advice(first):
    classes = ClassList.known("imagenet_2015", first)
    labels = [first + PLACE["imagenet_2015"][wnid] for wnid in WNIDS]
    assert advice(labels, answers_of("imagenet_2015", first), classes, "imagenet_2012") == ""


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("network", ORDERS)
def test_a_list_read_in_the_wrong_order(network, first):
    other = ORDERS[1 - ORDERS.index(network)]
    # the list holds the network's indexes, and was taken for one in the other order
    labels = [first + PLACE[network][WNIDS_BY[other][PLACE[network][wnid]]] for wnid in WNIDS]
    said = advice(labels, answers_of(network, first), ClassList.known(network, first), other)
    assert f"as guessing one of {1000 + first} classes would give" in said
    assert f"Read as {network!r} it would be 80.00 %: try --label_order {network}." in said


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("order", ["", *ORDERS])
def test_a_network_in_another_order_than_its_labels_say(order, named):
    labels = [PLACE["imagenet_2012"][wnid] for wnid in WNIDS]
    classes = ClassList.known("imagenet_2012", named=named)
    said = advice(labels, answers_of("imagenet_2015"), classes, order)
    if named and order == "imagenet_2015":  # either would explain it, and a list is misread more easily
        assert "Read as 'imagenet_2012' it would be 80.00 %: try --label_order imagenet_2012." in said
    else:
        assert "If the network's own order is 'imagenet_2015' it would be 80.00 %: give it the labels" in said


def test_numbered_folders_as_imagefolder_counts_them():
    folders = sorted(str(number) for number in range(30))  # 0, 1, 10, 11 ... as text
    labels = [int(folder) for folder in folders]
    answers = list(range(30))  # the place of the folder among them
    said = advice(labels, answers, ClassList.of_network(None, 30))
    assert "(as PyTorch's ImageFolder counts) it would be 100.00 %" in said


def test_what_no_reading_explains():
    draw = random.Random(1)
    labels = [draw.randrange(1000) for _ in range(500)]
    answers = [draw.randrange(1000) for _ in range(500)]
    said = advice(labels, answers, ClassList.known("imagenet_2012"), "imagenet_2012")
    assert "no better: check the model's mean, scale and channel order" in said
    said = advice([0] * 50, [1] * 50, ClassList.of_network(["cat", "dog"], 2))
    assert said.endswith(
        "Check the model's mean, scale and channel order, and that its classes are the network's own."
    )


WNIDS_BY = {name: [one.wnid for one in load_labels(name)] for name in ORDERS}
