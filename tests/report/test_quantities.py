"""Figures as the page writes them."""

from omz.report.quantities import megabytes, percent, thousands


def test_figures() -> None:
    assert [thousands(value) for value in (3612.4, 17.03, 1_234_567.0)] == [
        "3\u202f610",
        "17.0",
        "1\u202f230\u202f000",
    ]
    assert [megabytes(size) for size in (687_100, 110_600_000)] == ["687 kB", "111 MB"]
    assert percent(355 / 360) == "98.61\u202f%"
