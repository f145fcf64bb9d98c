"""Accuracy, and where the errors are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omz.inference.proportion import Proportion


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


def average_precision(held: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Return the average precision of one class: the mean of the precision at each picture that it holds for.

    Pictures are taken by falling scores, those of equal scores together: the sum over these steps of precision times
    the growth of recall. This is what scikit-learn's ``average_precision_score`` computes.

    Args:
        held: (pictures,), whether the class holds; for one at least.
        scores: (pictures,), the network's.

    >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7]))
    0.8333333333333333
    """
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(held[order])
    last = np.append(np.diff(scores[order]) != 0, True)  # of those of equal scores
    precision = right[last] / (np.flatnonzero(last) + 1)
    gained = np.diff(right[last], prepend=0) / right[-1]
    return float(np.sum(precision * gained))


def mean_average_precision(held: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Return the mean of the average precision of those classes that hold for a picture at least; 0 of none.

    Args:
        held: (pictures, classes), whether a class holds for a picture.
        scores: (pictures, classes), the network's.
    """
    there = np.flatnonzero(held.any(axis=0))
    found = [average_precision(held[:, place], scores[:, place]) for place in there]
    return sum(found) / len(found) if found else 0.0


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
