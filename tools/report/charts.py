"""Charts as SVG. All are 340 units wide, about the width of a phone, so that their text is readable there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omz.report.markup import Html, tag

if TYPE_CHECKING:
    from omz.inference.statistics import LatencySummary

WIDTH = 340
_ROW, _BAR = 34, 20
_PLOT_HEIGHT, _BINS = 96, 28


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart: its name, length, the length as text, and which of the colours it has (from 0)."""

    name: str
    value: float
    text: str
    colour: int


def bar_chart(title: str, bars: Sequence[Bar]) -> Html:
    """Draw horizontal bars that begin at zero.

    Args:
        title: For those who cannot see the chart, before the figures.
        bars: At least one, with values of 0 or more.
    """
    most = max(bar.value for bar in bars) or 1.0
    room = WIDTH - 84 - 78  # between the names and the longest figure
    rows = []
    for number, bar in enumerate(bars):
        top = number * _ROW + (_ROW - _BAR) / 2
        length = max(room * bar.value / most, 1.5)
        middle = top + _BAR / 2
        rows += [
            tag("text", bar.name, x=0, y=middle, class_="name"),
            tag("rect", x=84, y=top, width=length, height=_BAR, rx=3, class_=f"c{bar.colour}"),
            tag("text", bar.text, x=84 + length + 7, y=middle, class_="figure"),
        ]
    figures = ", ".join(f"{bar.name} {bar.text}" for bar in bars)
    return _svg(f"{title}: {figures}", len(bars) * _ROW, rows)


def latency_chart(name: str, milliseconds: Sequence[float], summary: LatencySummary, colour: int) -> Html:
    """Draw how often each latency was measured, with a mark at the median; the last bin takes what is beyond p99.

    Args:
        name: What was measured, such as a precision.
        milliseconds: At least one latency.
        summary: Of the same.
        colour: Which of the colours, from 0.
    """
    from omz.inference.statistics import histogram, three_digits

    bins = histogram(milliseconds, _BINS)
    most = max(count for _, _, count in bins)
    step = WIDTH / len(bins)
    bottom = 18 + _PLOT_HEIGHT  # the median's figure is above
    p50, p99 = summary.percentiles["p50"], summary.percentiles["p99"]
    low, span = bins[0][0], max(p99 - bins[0][0], 1e-9)
    middle = WIDTH * (p50 - low) / span if len(bins) > 1 else WIDTH / 2
    end = "start" if middle < WIDTH / 2 else "end"
    parts = [
        tag(
            "rect",
            x=number * step + 0.6,
            y=bottom - _PLOT_HEIGHT * count / most,
            width=step - 1.2,
            height=_PLOT_HEIGHT * count / most,
            class_=f"c{colour}",
        )
        for number, (_, _, count) in enumerate(bins)
        if count
    ]
    parts += [
        tag("line", x1=0, y1=bottom, x2=WIDTH, y2=bottom, class_="axis"),
        tag("line", x1=middle, y1=4, x2=middle, y2=bottom, class_="mark"),
        tag(
            "text",
            f"median {three_digits(p50)} ms",
            x=middle + (5 if end == "start" else -5),
            y=9,
            text_anchor=end,
            class_="figure",
        ),
        tag("text", f"{three_digits(low)} ms", x=0, y=bottom + 12, class_="tick"),
        tag(
            "text",
            f"p99 {three_digits(p99)} ms and more",
            x=WIDTH,
            y=bottom + 12,
            text_anchor="end",
            class_="tick",
        ),
    ]
    figures = (
        f"median {three_digits(p50)} ms, 99th percentile {three_digits(p99)} ms, {summary.count} inferences"
    )
    return _svg(f"Latency of {name}: {figures}", bottom + 22, parts)


def share_bar(share: float, *, first: bool) -> Html:
    """Draw a share (0 to 1) as a bar as wide as its place; its figure stands beside it, so it has no words."""
    return tag(
        "svg",
        tag("rect", width=100, height=6, rx=1, class_="track"),
        tag(
            "rect", width=100 * min(max(share, 0.0), 1.0), height=6, rx=1, class_="best" if first else "other"
        ),
        viewBox="0 0 100 6",
        preserveAspectRatio="none",
        class_="share",
        aria_hidden="true",
    )


def _svg(words: str, height: float, parts: Sequence[str]) -> Html:
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_label=words,
        class_="chart",
    )
