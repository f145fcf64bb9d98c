"""Accuracy, its confidence, and where the errors are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: The normal distribution's quantile of a two-sided interval of 95 %.
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of right answers with its 95 % confidence interval, after Wilson."""

    correct: int
    count: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0 of nothing."""
        return self.correct / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the interval, 0 to 1."""
        return wilson(self.correct, self.count)


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """How the pictures of one class fared."""

    index: int
    label: str
    top1: Proportion


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often pictures of one class were taken for another."""

    label: int
    answer: int
    count: int


def wilson(correct: int, count: int, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (Wilson 1927); (0, 1) of nothing.

    >>> [round(bound, 4) for bound in wilson(355, 360)]
    [0.9679, 0.9941]
    """
    if not count:
        return 0.0, 1.0
    share, square = correct / count, z * z
    middle = share + square / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    scale = 1 + square / count
    low, high = (middle - spread) / scale, (middle + spread) / scale
    # at the ends rounding may miss the exact bounds by an ulp
    return (0.0 if correct == 0 else low), (1.0 if correct == count else high)


def top_k_correct(labels: Iterable[int], rankings: Iterable[Sequence[int]], k: int) -> int:
    """Count the pictures whose class is among the first ``k`` of their ranking (best class first)."""
    return sum(label in ranking[:k] for label, ranking in zip(labels, rankings, strict=True))


def per_class(labels: Sequence[int], answers: Sequence[int], names: Sequence[str]) -> list[ClassAccuracy]:
    """Return the top-1 accuracy of each class that has pictures, in the order of indexes."""
    pictures = Counter(labels)
    right = Counter(label for label, answer in zip(labels, answers, strict=True) if label == answer)
    return [
        ClassAccuracy(index, names[index], Proportion(right[index], pictures[index]))
        for index in sorted(pictures)
    ]


def worst_classes(classes: Iterable[ClassAccuracy], count: int = 10) -> list[ClassAccuracy]:
    """Return the classes with errors, least accurate first; of equals, the one with more pictures, then lower index."""
    faulty = [one for one in classes if one.top1.correct < one.top1.count]
    return sorted(faulty, key=lambda one: (one.top1.value, -one.top1.count, one.index))[:count]


def confusions(labels: Sequence[int], answers: Sequence[int], count: int = 10) -> list[Confusion]:
    """Return the most frequent errors, most frequent first; of equals, the lower indexes."""
    pairs = Counter(pair for pair in zip(labels, answers, strict=True) if pair[0] != pair[1])
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(label, answer, number) for (label, answer), number in ordered[:count]]
