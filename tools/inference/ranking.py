"""From a network's output to the best classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omz.errors import InferenceError

#: A sum further than this from 1 means that the network does not end in a softmax (half precision sums to 1 +- 2e-3).
SOFTMAX_TOLERANCE = 5e-3


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class with its probability (0 to 1)."""

    index: int
    label: str
    score: float


def probabilities(scores: NDArray[Any]) -> NDArray[np.float32]:
    """Return the scores (N,) as probabilities: unchanged if they are already, else their softmax.

    Raises:
        InferenceError: A score is infinite or no number, as happens when FP16 overflows.
    """
    values = np.asarray(scores, np.float32)
    total = float(values.sum())
    if not np.isfinite(total):
        raise InferenceError("the network's output is not finite. Try --infer_precision f32.")
    if abs(total - 1) <= SOFTMAX_TOLERANCE and values.min() >= 0:
        return values
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum(), np.float32)


def top_k(scores: NDArray[Any], k: int, labels: Sequence[str]) -> tuple[Prediction, ...]:
    """Return the ``k`` best classes (all, if there are fewer), best first; of equals the lower index comes first.

    Args:
        scores: (N,), probabilities or logits.
        k: At least 1.
        labels: N names.
    """
    values = probabilities(scores)
    # by the scores: of logits far apart, many probabilities are 0 in float32
    order = np.argsort(-np.asarray(scores, np.float32), kind="stable")[:k]
    return tuple(Prediction(int(index), labels[index], float(values[index])) for index in order)
