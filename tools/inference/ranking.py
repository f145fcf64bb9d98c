"""From a network's output to the best classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from omz.errors import InferenceError, UsageError

if TYPE_CHECKING:
    from omz.inference.output import Output

#: A sum further than this from 1 means that the network does not end in a softmax (half precision sums to 1 +- 2e-3).
SOFTMAX_TOLERANCE = 5e-3
TOP_K = 5
#: What a score must be above for a class to be listed, where several classes may hold for one picture.
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class with its score.

    Attributes:
        index: Of the class.
        label: Its name.
        score: From 0 to 1, or any number where ``share`` is False; None where the network names the class alone.
        share: Whether the score is from 0 to 1: a probability, or an independent score.
    """

    index: int
    label: str
    score: float | None
    share: bool = True

    def text(self, decimals: int = 1) -> str:
        """Return the score for people.

        >>> Prediction(3, "kit fox", 0.98765).text(), Prediction(0, "age", -31.25, share=False).text()
        ('98.8 %', '-31.25')
        >>> Prediction(3, "kit fox", None, share=False).text()
        '-'
        """
        if self.score is None:
            return "-"
        return f"{100 * self.score:.{decimals}f} %" if self.share else f"{self.score:.6g}"


def none_above(threshold: float) -> str:
    """Say that no class has a score above the threshold.

    >>> none_above(0.5)
    'none above 0.5'
    """
    return f"none above {threshold:g}"


def probabilities(scores: NDArray[Any]) -> NDArray[np.float32]:
    """Return logits (N,) as probabilities: unchanged if they are such already, else their softmax.

    Raises:
        InferenceError: A score is infinite or no number, as happens when FP16 overflows.
    """
    values = _finite(scores)
    if abs(float(values.sum()) - 1) <= SOFTMAX_TOLERANCE and values.min() >= 0:
        return values
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum(), np.float32)


def _finite(numbers: NDArray[Any]) -> NDArray[np.float32]:
    values = np.asarray(numbers, np.float32)
    if not np.isfinite(float(values.sum())):
        raise InferenceError("the network's output is not finite. Try --infer_precision f32.")
    return values


def listing(output: Output, top_k: int | None, threshold: float | None) -> tuple[int, float | None]:
    """Return how many classes to list at most, and above which score alone; None for whatever score.

    Of a network with independent scores, all classes above the threshold are listed if it is not said how many.

    Args:
        output: Of the network.
        top_k: As asked for; None for the usual number.
        threshold: As asked for; None for the usual one.

    Raises:
        UsageError: There is a threshold, and the scores are not from 0 to 1; or one of the two is none.
    """
    if top_k is not None and top_k < 1:
        raise UsageError(f"top_k {top_k}: expected a number of at least 1")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"threshold {threshold:g}: expected a number from 0 to 1")
    if threshold is not None and not output.shares:
        has = (
            "names classes without scores"
            if output.kind == "classes"
            else "gives a score that is not from 0 to 1"
        )
        raise UsageError(f"--threshold {threshold:g}: the network {has}")
    if output.multi_label:
        return top_k or output.numbers, THRESHOLD if threshold is None else threshold
    return top_k or TOP_K, threshold


def rank(
    numbers: NDArray[Any], output: Output, labels: Sequence[str], k: int, threshold: float | None = None
) -> tuple[Prediction, ...]:
    """Return the ``k`` best classes (all, if there are fewer), best first; of equals the lower index comes first.

    Args:
        numbers: (N,), what the network says of one picture.
        output: What these numbers are.
        labels: Of the classes, by index; none where their number is not known.
        k: At least 1.
        threshold: Only classes with a higher score are listed; None for all.

    Raises:
        InferenceError: A number is infinite or none, or not what the output holds.
    """
    if output.kind == "classes":
        found = _named(_finite(numbers), output, labels, k)
    else:
        values = _scores(numbers, output)
        # by the numbers: of logits far apart, many probabilities are 0 in float32
        order = np.argsort(-np.asarray(numbers, np.float32), kind="stable")[:k]
        if threshold is not None:
            order = order[values[order] > threshold]
        shares = output.shares
        return tuple(Prediction(int(index), labels[index], float(values[index]), shares) for index in order)
    return tuple(
        one for one in found if threshold is None or (one.score is not None and one.score > threshold)
    )


def _scores(numbers: NDArray[Any], output: Output) -> NDArray[np.float32]:
    if output.kind == "logits" and output.numbers > 1:
        return probabilities(numbers)
    values = _finite(numbers)
    if output.claimed and output.kind != "logits":
        low, high = float(values.min()), float(values.max())
        if low < -SOFTMAX_TOLERANCE or high > 1 + SOFTMAX_TOLERANCE:
            raise InferenceError(
                f"the IR says that its output is {output.kind}, and there are numbers from {low:g} to {high:g}. "
                "Convert the model again."
            )
    return values


def _named(values: NDArray[np.float32], output: Output, labels: Sequence[str], k: int) -> list[Prediction]:
    """Return the classes that the network names itself."""
    ranks = output.ranks or 1
    indices, scores = values[:ranks], values[ranks:]
    found = []
    for place, number in enumerate(indices[:k].tolist()):
        index = int(number)
        if index != number or index < 0 or (output.classes is not None and index >= output.classes):
            many = (
                ""
                if output.classes is None
                else f" of {output.classes} classes, from 0 to {output.classes - 1}"
            )
            raise InferenceError(f"the network names class {number:g}, which is none{many}")
        label = labels[index] if labels else f"#{index}"
        score = float(scores[place]) if output.scores else None
        found.append(Prediction(index, label, score, output.shares))
    return found
