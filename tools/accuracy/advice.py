"""What to say of an accuracy that only chance would explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omz.accuracy.metrics import Proportion
from omz.zoo import label_order
from omz.zoo.labels import load_labels

if TYPE_CHECKING:
    from omz.accuracy.evaluation import Report

#: Of fewer pictures nothing can be said.
MIN_IMAGES = 20


def is_chance_level(top1: Proportion, classes: int) -> bool:
    """Tell whether guessing would explain a result: its 95 % interval holds 1 / classes, or is below it."""
    return top1.count >= MIN_IMAGES and classes > 1 and top1.interval[0] <= 1 / classes


def advice(report: Report) -> str:
    """Return what was assumed and what to try where the accuracy is at chance level; '' elsewhere."""
    if not is_chance_level(report.top1, len(report.labels)):
        return ""
    dataset = report.dataset
    found = f"top-1 is {100 * report.top1.value:.2f} %, as guessing one of {len(report.labels)} classes would give."
    other = label_order.other_order(dataset.order) if dataset.order else ""
    if not other:
        return (
            f"{found} The classes are {dataset.classes.told}. Check that the model follows that list, and its "
            "mean, scale and channel order."
        )
    share = 100 * _in_other_order(report, other).value
    assumed = (
        f"The list of classes was read in the order {dataset.order!r}, the network in {dataset.labels!r}."
    )
    if is_chance_level(_in_other_order(report, other), len(report.labels)):
        return (
            f"{found} {assumed} Read as {other!r} it would be {share:.2f} %, no better: "
            "check the model's mean, scale and channel order, and its class list."
        )
    return f"{found} {assumed} Read as {other!r} it would be {share:.2f} %: try --label_order {other}."


def _in_other_order(report: Report, other: str) -> Proportion:
    """Return what top-1 would be if the list's indexes followed another order."""
    dataset = report.dataset
    network = dataset.classes.labels
    index = {there: here for here, there in label_order.mapping(load_labels(dataset.order), network).items()}
    meant = label_order.mapping(load_labels(other), network)
    first = dataset.classes.first

    correct = sum(meant[index[a.label - first]] + first == a.ranking[0] for a in report.predictions)
    return Proportion(correct, report.images)
