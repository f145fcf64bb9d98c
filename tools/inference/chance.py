"""What to say of an accuracy that only chance would explain: most often two lists of classes differ in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from omz.inference.proportion import Proportion
from omz.zoo.class_list import ClassList
from omz.zoo.label_order import mapping, other_order
from omz.zoo.labels import Label, load_labels

#: Of fewer pictures nothing can be said.
MIN_IMAGES = 20


@dataclass(frozen=True, slots=True)
class Reading:
    """Another way to understand the classes.

    Attributes:
        meant: The class that each class would be, by places in the network's list.
        condition: When that would be right.
        remedy: What to do if so.
    """

    meant: Mapping[int, int]
    condition: str
    remedy: str


def is_chance_level(top1: Proportion, classes: int) -> bool:
    """Tell whether guessing would explain a result: its 95 % interval holds 1 / classes, or is below it."""
    return top1.count >= MIN_IMAGES and classes > 1 and top1.interval[0] <= 1 / classes


def advice(labels: Sequence[int], answers: Sequence[int], classes: ClassList, order: str = "") -> str:
    """Return what was assumed and what to try where the accuracy is at chance level; '' elsewhere.

    Args:
        labels: The true class of each picture, an index into the network's output.
        answers: The network's best class of each.
        classes: Those of the network.
        order: Name of the class list that the indexes of the pictures' list were taken to follow; '' for none.
    """
    top1 = _proportion(labels, answers, {}, classes.first)
    if not is_chance_level(top1, classes.count):
        return ""
    found = f"top-1 is {100 * top1.value:.2f} %, as guessing one of {classes.count} classes would give."
    if other_order(order):
        found += f" The list of classes was read in the order {order!r}, the network in {classes.name!r}."
    tried = [
        (_proportion(labels, answers, reading.meant, classes.first), reading)
        for reading in _readings(classes, order)
    ]
    for share, reading in sorted(tried, key=lambda pair: -pair[0].correct):
        if not is_chance_level(share, classes.count):
            return f"{found} {reading.condition} it would be {100 * share.value:.2f} %: {reading.remedy}."
    check = "check the model's mean, scale and channel order, and that its classes are"
    if tried:
        share, reading = tried[0]
        found += f" {reading.condition} it would be {100 * share.value:.2f} %, no better:"
        return f"{found} {check} {classes.told}."
    return f"{found} {check[0].upper()}{check[1:]} {classes.told}."


def _readings(classes: ClassList, order: str) -> Iterator[Reading]:
    """Yield the ways in which lists are misunderstood, the likeliest first."""
    labels = classes.labels
    if (network := other_order(classes.name)) and not classes.named:
        yield _network_in(network, labels)
    if listed := other_order(order):
        there, meant = (mapping(load_labels(name), labels) for name in (order, listed))
        yield Reading(
            {place: meant[index] for index, place in there.items() if index in meant},
            f"Read as {listed!r}",
            f"try --label_order {listed}",
        )
    if network and classes.named:
        yield _network_in(network, labels)
    if not classes.name and len(labels) > 10:
        yield Reading(
            {number: place for place, number in enumerate(sorted(range(len(labels)), key=str))},
            "If folders 0, 1, 10, 11, 2 were the classes 0, 1, 2, 3, 4 (as PyTorch's ImageFolder counts)",
            "number the classes as the network does",
        )


def _network_in(order: str, labels: Sequence[Label]) -> Reading:
    return Reading(
        mapping(labels, load_labels(order)),
        f"If the network's own order is {order!r}",
        f"give it the labels of {order}, when it is converted or with --labels",
    )


def _proportion(
    labels: Sequence[int], answers: Sequence[int], meant: Mapping[int, int], first: int
) -> Proportion:
    """Return top-1 if each class meant another one, or itself."""
    pairs = zip(labels, answers, strict=True)
    return Proportion(
        sum(meant.get(label - first, label - first) + first == answer for label, answer in pairs), len(labels)
    )
