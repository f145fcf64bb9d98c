"""A share of right answers, and how sure it is."""

from __future__ import annotations

import math
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
