"""Arithmetic of byte ranges: half-open pairs ``(start, end)`` in a sorted list without overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Span = tuple[int, int]


def size(spans: Sequence[Span]) -> int:
    """Return how many bytes there are in ``spans``."""
    return sum(end - start for start, end in spans)


def without(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """Return ``spans`` less those bytes that are also in ``start..end``.

    >>> without([(0, 10), (20, 30)], 5, 25)
    [(0, 5), (25, 30)]
    """
    left: list[Span] = []
    for first, last in spans:
        left += [(a, b) for a, b in ((first, min(last, start)), (max(first, end), last)) if a < b]
    return left


def are_sound(spans: Sequence[Span], total: int) -> bool:
    """Tell whether ``spans`` are sorted, not empty, without overlaps and within ``total`` bytes.

    >>> are_sound([(0, 4), (8, 10)], 10), are_sound([(0, 4), (3, 10)], 10)
    (True, False)
    """
    edges = [edge for span in spans for edge in span]
    ascending = all(a < b if index % 2 == 0 else a <= b for index, (a, b) in enumerate(pairwise(edges)))
    return ascending and all(0 <= edge <= total for edge in edges)
