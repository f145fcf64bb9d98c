"""Results as text for people, on stdout: coloured tables on a terminal, plain ones elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from omz.console import BAR, bar
from omz.inference.ranking import Prediction
from omz.inference.statistics import PERCENTILES, LatencySummary, histogram, three_digits

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_predictions(
    out: Console, title: str, predictions: Sequence[Prediction], *, raw: bool = False
) -> None:
    """Print one picture's classes as aligned columns: rank, probability, bar, class.

    Args:
        out: Where to.
        title: Name of the picture.
        predictions: Best first.
        raw: Class indexes and scores in full precision in place of percents and bars.
    """
    out.print(title, style="bold", soft_wrap=True)
    for rank, prediction in enumerate(predictions, start=1):
        score = f"{prediction.score:.9g}" if raw else f"{100 * prediction.score:6.2f} %"
        middle = f"#{prediction.index:<5}" if raw else f"{bar(prediction.score):<{BAR}}"
        style = "green" if rank == 1 else ""
        out.print(f"  {rank:>2}  {score:>14}  {middle}  {prediction.label}", style=style, soft_wrap=True)


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
