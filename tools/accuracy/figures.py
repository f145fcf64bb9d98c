"""The figures that an evaluation gives: one function for each type of metric.

Macro averages are taken as Open Model Zoo's checker takes them: over all classes of the network, where a class without
pictures, or that was never answered, counts as 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from omz.accuracy.metrics import average_precision
from omz.errors import InferenceError
from omz.inference.proportion import Proportion
from omz.zoo.metrics import Accuracy, AccuracyPerClass, ClassScore, MeanAveragePrecision

if TYPE_CHECKING:
    from omz.accuracy.report import Report
    from omz.zoo.metrics import Metric

#: Published figures are rounded; so are ours before they are compared, so that the same one is not below by 1e-6.
ROUNDING = 5e-6
#: So many classes are listed first.
TOP_5 = 5


@dataclass(frozen=True, slots=True)
class Part:
    """A metric of one class.

    Attributes:
        index: Of the class in the network's output.
        label: Its name.
        value: A share.
        images: How many pictures the class has.
        reference: The published figure, as a share.
    """

    index: int
    label: str
    value: float
    images: int
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What a metric gives.

    Attributes:
        name: Such as ``accuracy@top1``.
        type: Of the metric, as in an ``accuracy-check.yml``.
        value: A share; of several classes, the mean.
        reference: The published figure, as a share.
        top: The right answers counted, where it is a share of pictures.
        top_k: Among how many classes the true one was looked for; 0 where that means nothing.
        parts: The classes, where it is told for each.
        note: What to know of it, in words.
    """

    name: str
    type: str
    value: float
    reference: float | None = None
    top: Proportion | None = None
    top_k: int = 0
    parts: tuple[Part, ...] = ()
    note: str = ""

    @property
    def difference(self) -> float | None:
        """The figure less the published one, as a share; None without that."""
        return None if self.reference is None else self.value - self.reference

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """What was measured and its reference, for it and for each class, where there is one."""
        pairs = [(self.value, self.reference), *((part.value, part.reference) for part in self.parts)]
        return [(value, reference) for value, reference in pairs if reference is not None]

    def is_below(self, tolerance: float) -> bool:
        """Tell whether it, or that of a class, is below its reference by more than ``tolerance`` (a share)."""
        return any(reference - value > tolerance + ROUNDING for value, reference in self.pairs)


Measure: TypeAlias = "Callable[[Any, Report], Figure]"
_MEASURES: dict[str, Measure] = {}


def measures(*types: str) -> Callable[[Measure], Measure]:
    """Register the decorated function for one or more types of metrics."""

    def register(measure: Measure) -> Measure:
        for kind in types:
            if kind in _MEASURES:
                raise ValueError(f"metric {kind!r} is measured already")
            _MEASURES[kind] = measure
        return measure

    return register


def figures_of(metrics: Iterable[Metric], report: Report) -> tuple[Figure, ...]:
    """Return what the metrics give, and before them top-1, and top-5 where there are more classes than that.

    Where pictures may have several classes, the mean average precision takes the place of all but itself.

    Raises:
        InferenceError: A metric is of a class that the network has not.
    """
    asked = list(metrics)
    if report.multi_label:
        return _multi_label(asked, report)
    plain = {metric.top_k: metric for metric in asked if isinstance(metric, Accuracy)}
    for k in (1, TOP_5) if len(report.labels) > TOP_5 else (1,):
        plain.setdefault(k, Accuracy(top_k=k))
    others = [metric for metric in asked if not isinstance(metric, Accuracy)]
    wanted = [*(plain[k] for k in sorted(plain)), *others]
    ranks = report.output.ranks
    possible = [metric for metric in wanted if ranks is None or getattr(metric, "top_k", 1) <= ranks]
    figures = [_MEASURES[metric.type](metric, report) for metric in possible]
    if len(possible) < len(wanted):
        missing = sorted({getattr(metric, "top_k", 1) for metric in wanted if metric not in possible})
        told = " and ".join(f"top-{k}" for k in missing)
        named = "its best class" if ranks == 1 else f"its {ranks} best classes"
        note = f"{told} is not measured: the network names {named} alone"
        figures[0] = replace(figures[0], note=note)
    return tuple(figures)


def _multi_label(asked: Sequence[Metric], report: Report) -> tuple[Figure, ...]:
    fitting = [metric for metric in asked if isinstance(metric, MeanAveragePrecision)]
    figure = _mean_average_precision(fitting[0] if fitting else MeanAveragePrecision(), report)
    if left_out := [metric.type for metric in asked if metric not in fitting]:
        note = f"not measured, for pictures have several classes each: {', '.join(dict.fromkeys(left_out))}"
        figure = replace(figure, note="; ".join(filter(None, [figure.note, note])))
    return (figure,)


@measures("mean_average_precision")
def _mean_average_precision(metric: MeanAveragePrecision, report: Report) -> Figure:
    """Take the mean of the average precision of each class that holds for a picture at least."""
    if not report.multi_label:
        raise InferenceError("mean_average_precision: needs a list that gives all classes of each picture")
    shape = (len(report.predictions), len(report.labels))
    held, scores = np.zeros(shape, bool), np.zeros(shape)
    for place, answer in enumerate(report.predictions):
        held[place, sorted(answer.labels)] = True
        scores[place, list(answer.ranking)] = answer.scores
    parts = tuple(
        Part(
            index,
            label,
            average_precision(held[:, index], scores[:, index]),
            int(held[:, index].sum()),
            metric.reference_of(label),
        )
        for index, label in enumerate(report.labels)
        if held[:, index].any()
    )
    if not parts:
        raise InferenceError("mean_average_precision: no class holds for any of the pictures")
    empty = len(report.labels) - len(parts)
    note = (
        f"{empty} of {len(report.labels)} classes hold for no picture and are not in the mean"
        if empty
        else ""
    )
    mean = sum(part.value for part in parts) / len(parts)
    return Figure(metric.type, metric.type, mean, metric.reference_of_all, parts=parts, note=note)


@measures("accuracy")
def _accuracy(metric: Accuracy, report: Report) -> Figure:
    top = report.top(metric.top_k)
    return Figure(f"accuracy@top{metric.top_k}", metric.type, top.value, metric.reference, top, metric.top_k)


@measures("accuracy_per_class")
def _accuracy_per_class(metric: AccuracyPerClass, report: Report) -> Figure:
    answers = report.predictions
    images = Counter(answer.label for answer in answers)
    right = Counter(answer.label for answer in answers if answer.label in answer.ranking[: metric.top_k])
    shares = [_ratio(right[index], images[index]) for index in range(len(report.labels))]
    name = f"accuracy_per_class@top{metric.top_k}"
    return _macro(name, metric, shares, images, report.labels, metric.top_k)


@measures("classification_f1-score", "classification_precision", "classification_recall")
def _class_score(metric: ClassScore, report: Report) -> Figure:
    """Count by the best class of each picture.

    Precision is the share of right ones among those answered as a class, recall among those that are of it, and F1
    their harmonic mean.
    """
    images = Counter(answer.label for answer in report.predictions)
    answered = Counter(answer.ranking[0] for answer in report.predictions)
    right = Counter(answer.label for answer in report.predictions if answer.label == answer.ranking[0])
    if metric.type == "classification_precision":
        shares = [_ratio(right[index], answered[index]) for index in range(len(report.labels))]
    elif metric.type == "classification_recall":
        shares = [_ratio(right[index], images[index]) for index in range(len(report.labels))]
    else:  # 2 p r / (p + r), without its zero divisions
        shares = [
            _ratio(2 * right[index], images[index] + answered[index]) for index in range(len(report.labels))
        ]
    place = metric.pos_label
    if place is None:
        return _macro(metric.type, metric, shares, images, report.labels)
    if place >= len(shares):
        raise InferenceError(
            f"metric {metric.type}: pos_label {place}: the network has {len(shares)} classes (from 0)"
        )
    name = f"{metric.type}@{report.labels[place]}"
    return Figure(name, metric.type, shares[place], metric.reference_of_all)


def _macro(
    name: str,
    metric: AccuracyPerClass | ClassScore,
    shares: Sequence[float],
    images: Counter[int],
    labels: Sequence[str],
    top_k: int = 0,
) -> Figure:
    """Return the mean over all classes, with each of them."""
    parts = tuple(
        Part(index, labels[index], share, images[index], metric.reference_of(labels[index]))
        for index, share in enumerate(shares)
    )
    empty = sum(not part.images for part in parts)
    note = (
        f"{name}: {empty} of {len(parts)} classes have no picture and count as 0 in the mean" if empty else ""
    )
    return Figure(
        name,
        metric.type,
        sum(shares) / len(shares),
        metric.reference_of_all,
        top_k=top_k,
        parts=parts,
        note=note,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
