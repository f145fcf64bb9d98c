"""Arithmetic of the ranges of bytes that a file lacks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from omz.downloader.ranges import are_sound, size, without

spans = st.lists(st.integers(0, 40), unique=True, max_size=12).map(
    lambda edges: list(zip(*[iter(sorted(edges))] * 2, strict=False))
)


@settings(derandomize=True, deadline=None)
@given(spans, st.integers(0, 40), st.integers(0, 40))
def test_arithmetic_of_ranges(missing: list[tuple[int, int]], start: int, end: int) -> None:
    left = without(missing, start, max(start, end))
    members = {byte for a, b in missing for byte in range(a, b)}
    assert {byte for a, b in left for byte in range(a, b)} == members - set(range(start, end))
    assert size(left) == len(members - set(range(start, end)))
    assert are_sound(left, 40)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 12), st.integers(-2, 12)), max_size=4))
def test_which_ranges_are_sound(candidates: list[tuple[int, int]]) -> None:
    members = [byte for a, b in candidates for byte in range(a, b)]
    sound = all(a < b for a, b in candidates) and members == sorted(set(members) & set(range(10)))
    assert are_sound(candidates, 10) == sound
