"""Latencies: collected in seconds, reported in milliseconds with three significant digits."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
#: Up to here every sample is kept and percentiles are exact; beyond, a uniform random choice of that many is kept.
MAX_SAMPLES = 1 << 20


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of one picture went, in seconds.

    ``total`` runs from the beginning of decoding to the end of post-processing; it is more than the sum of the
    others by the time spent waiting for a free infer request.
    """

    decoding: float
    preprocessing: float
    inference: float
    postprocessing: float
    total: float


STAGES = tuple(stage.name for stage in fields(Timing))


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """Latencies of one stage in milliseconds; ``percentiles`` maps 'p50', 'p99.9' and so on."""

    count: int
    mean: float
    minimum: float
    maximum: float
    percentiles: dict[str, float]

    def to_json(self) -> dict[str, object]:
        """Return the figures as JSON values, in milliseconds."""
        rounded = {name: round_to_three(value) for name, value in self.percentiles.items()}
        return {
            "count": self.count,
            "mean_ms": round_to_three(self.mean),
            "min_ms": round_to_three(self.minimum),
            "max_ms": round_to_three(self.maximum),
            **{f"{name}_ms": value for name, value in rounded.items()},
        }


class Samples:
    """Latencies in seconds, in bounded memory."""

    def __init__(self, values: Iterable[float] = (), limit: int = MAX_SAMPLES) -> None:
        self.values = array("d")
        self.seen = 0
        self._limit = limit
        self._random = random.Random(0)
        for value in values:
            self.add(value)

    def add(self, seconds: float) -> None:
        """Add one latency."""
        self.seen += 1
        if len(self.values) < self._limit:
            self.values.append(seconds)
        elif (place := self._random.randrange(self.seen)) < self._limit:  # reservoir sampling (Vitter's R)
            self.values[place] = seconds

    def summary(self) -> LatencySummary | None:
        """Return mean, extremes and percentiles in milliseconds; None if there is no sample."""
        if not self.values:
            return None
        import numpy as np

        milliseconds = np.array(self.values) * 1000
        levels = np.percentile(milliseconds, PERCENTILES)
        return LatencySummary(
            count=self.seen,
            mean=float(milliseconds.mean()),
            minimum=float(milliseconds.min()),
            maximum=float(milliseconds.max()),
            percentiles={f"p{q:g}": float(value) for q, value in zip(PERCENTILES, levels, strict=True)},
        )


@dataclass(slots=True)
class StageLatencies:
    """Latencies of every stage; further stages, such as rendering, may be put into ``samples``."""

    samples: dict[str, Samples] = field(default_factory=lambda: {stage: Samples() for stage in STAGES})

    def add(self, timing: Timing) -> None:
        """Add one picture's timing."""
        for stage in STAGES:
            self.samples[stage].add(getattr(timing, stage))

    def summaries(self) -> dict[str, LatencySummary]:
        """Return the figures of all stages that have samples, by name of the stage, in order."""
        found = {stage: samples.summary() for stage, samples in self.samples.items()}
        return {stage: summary for stage, summary in found.items() if summary}


@dataclass(frozen=True, slots=True)
class Spread:
    """The same quantity measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value, or the mean of the middle two."""
        ordered = sorted(self.values)
        middle = len(ordered) // 2
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2

    def to_json(self) -> dict[str, object]:
        """Return minimum, median, maximum and all values."""
        values = [round_to_three(value, digits=5) for value in self.values]
        median = round_to_three(self.median, digits=5)
        return {"min": min(values), "median": median, "max": max(values), "values": values}


def round_to_three(value: float, digits: int = 3) -> float:
    """Round to three (or ``digits``) significant digits.

    >>> round_to_three(0.0123456), round_to_three(98.7654), round_to_three(123456.0)
    (0.0123, 98.8, 123000.0)
    """
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def three_digits(value: float) -> str:
    """Write a number with three significant digits, without an exponent.

    >>> three_digits(0.0123456), three_digits(9.996), three_digits(98.0), three_digits(123456.0)
    ('0.0123', '10.0', '98.0', '123000')
    """
    rounded = round_to_three(value)
    if rounded == 0 or not math.isfinite(rounded):
        return f"{rounded:g}"
    return f"{rounded:.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"


def histogram(milliseconds: Sequence[float], bins: int = 12) -> list[tuple[float, float, int]]:
    """Count latencies in ``bins`` equal ranges between the extremes; the last takes what lies beyond p99.

    Returns:
        (from, to, count) for each range, in milliseconds.
    """
    import numpy as np

    values = np.asarray(milliseconds)
    low, high = float(values.min()), float(np.percentile(values, 99))
    if high <= low:
        return [(low, float(values.max()), len(values))]
    edges = np.linspace(low, high, bins + 1)
    counts, _ = np.histogram(np.minimum(values, high), edges)
    edges[-1] = values.max()
    return [(float(a), float(b), int(n)) for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)]
