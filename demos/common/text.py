"""Results as text for people, on stdout: coloured tables on a terminal, plain ones elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from omz.console import BAR, bar
from omz.inference.ranking import Prediction, none_above
from omz.inference.statistics import PERCENTILES, LatencySummary, histogram, three_digits

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_predictions(
    out: Console,
    title: str,
    predictions: Sequence[Prediction],
    *,
    raw: bool = False,
    threshold: float | None = None,
) -> None:
    """Print one picture's classes as aligned columns: rank, score, bar (of scores from 0 to 1), class.

    Args:
        out: Where to.
        title: Name of the picture.
        predictions: Best first.
        raw: Class indexes and scores in full precision in place of percents and bars.
        threshold: Above which classes are listed.
    """
    out.print(title, style="bold", soft_wrap=True)
    for rank, prediction in enumerate(predictions, start=1):
        score = prediction.text(2)
        if raw and prediction.score is not None:
            score = f"{prediction.score:.9g}"
        share = bar(prediction.score) if prediction.share and prediction.score is not None else ""
        middle = f"#{prediction.index:<5}" if raw else f"{share:<{BAR}}"
        style = "green" if rank == 1 else ""
        out.print(f"  {rank:>2}  {score:>14}  {middle}  {prediction.label}", style=style, soft_wrap=True)
    if not predictions and threshold is not None:
        out.print(f"  {none_above(threshold)}", style="dim")


def latency_table(summaries: Mapping[str, LatencySummary], title: str) -> Table:
    """Return a table of latencies in milliseconds, a row for each stage."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("stage")
    for heading in ("mean", *(f"p{q:g}" for q in PERCENTILES), "max"):
        table.add_column(heading, justify="right")
    for stage, summary in summaries.items():
        figures = (summary.mean, *summary.percentiles.values(), summary.maximum)
        table.add_row(stage, *map(three_digits, figures))
    return table


def histogram_lines(milliseconds: Sequence[float]) -> list[str]:
    """Return a histogram, a line for each range of latencies."""
    ranges = histogram(milliseconds)
    most = max(count for _, _, count in ranges)
    return [
        f"  {three_digits(low):>8} - {three_digits(high):>8} ms  {bar(count / most, 40):<40}  {count}"
        for low, high, count in ranges
    ]
