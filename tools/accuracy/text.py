"""Results as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from omz.accuracy.figures import ROUNDING
from omz.accuracy.metrics import worst_classes
from omz.accuracy.output import LISTED
from omz.inference.statistics import three_digits
from omz.outgoing import printable, shortened

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from omz.accuracy.figures import Figure
    from omz.accuracy.output import Result
    from omz.accuracy.report import Report

_MEAN = "mean_average_precision"
NAMED = 20  # problems on stderr; the JSON has all
MAX_MESSAGE = 400  # letters of such a line; names in a list may be of any length


def print_results(out: Console, results: Sequence[Result]) -> None:
    """Print the table, then what was noted, the worst classes and the most frequent errors of the first result."""
    first = results[0]
    report = first.report
    title = f"{first.model} on {report.dataset.name}, {report.images} images, {report.device}"
    out.print(f"\n{printable(title)}", style="bold", soft_wrap=True)
    out.print(_table(results))
    out.print(f"  speed: {_speeds(results)}", soft_wrap=True)
    for words in dict.fromkeys(one.preparation for one in results if one.preparation):
        out.print(f"  pictures: {printable(words)}", soft_wrap=True)
    for note in dict.fromkeys(note for one in results for note in one.notes):
        out.print(f"  {printable(note)}", soft_wrap=True)
    if len(report.dataset.samples) < report.dataset.total:
        chosen = f"{len(report.dataset.samples)} of the dataset's {report.dataset.total} pictures, chosen at random"
        out.print(f"  {chosen}", soft_wrap=True)
    for fact, paths in report.peculiar.items():
        out.print(f"  {len(paths)} {fact}, such as {printable(paths[0].name)}", soft_wrap=True)
    for figure in first.figures:
        _print_parts(out, figure)
    _print_errors(out, report)


def _table(results: Sequence[Result]) -> Table:
    """Return the figures, no wider than 80 columns: what nothing is published of has no column, speed is told below."""
    from rich import box
    from rich.table import Table

    published = any(figure.reference is not None for result in results for figure in result.figures)
    headings = ["IR", "metric", "value", "95 % interval"]
    headings += ["reference", "differs"] if published else []
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in [*headings, "correct"]:
        table.add_column(heading, justify="left" if heading in ("IR", "metric") else "right")
    for result in results:
        for place, figure in enumerate(result.figures):
            low, high = figure.top.interval if figure.top else (0.0, figure.value)
            missed = figure.reference is not None and figure.reference > high + ROUNDING
            beside = (
                "-" if figure.reference is None else f"{100 * figure.reference:.3f} %",
                "-" if figure.difference is None else f"{100 * figure.difference:+.3f}",
            )
            table.add_row(
                "" if place else result.precision,
                _title(figure),
                f"{100 * figure.value:.3f} %",
                f"{100 * low:.2f} - {100 * high:.2f}" if figure.top else "-",
                *(beside if published else ()),
                f"{figure.top.correct}/{figure.top.count}" if figure.top else "-",
                style="red" if missed else "",
            )
    return table


def _speeds(results: Sequence[Result]) -> str:
    """Return how many pictures a second each IR had, and in what the device computed."""
    return ", ".join(
        f"{result.precision} {three_digits(result.report.images_per_second)} images/s in {result.report.precision}"
        if result.report.measured
        else f"{result.precision} in {result.report.precision}"
        for result in results
    )


def _title(figure: Figure) -> str:
    """Return a name that leaves room for the other columns."""
    if figure.type == "accuracy":
        return f"top-{figure.top_k}"
    if figure.type == _MEAN:
        return "mAP"
    mean = ", mean" if figure.parts else ""
    return printable(shortened(figure.name.removeprefix("classification_"), 30)) + mean


def _print_parts(out: Console, figure: Figure) -> None:
    """Print the classes that a metric is lowest of; those without pictures are counted elsewhere."""
    parts = sorted((part for part in figure.parts if part.images), key=lambda part: (part.value, part.index))
    if not parts:
        return
    name = figure.name.removeprefix("mean_").replace("_", " ") if figure.type == _MEAN else figure.name
    out.print(f"\n{name}, lowest", style="bold")
    for part in parts[:LISTED]:
        reference = "" if part.reference is None else f"  (published {100 * part.reference:.2f} %)"
        out.print(
            f"  {100 * part.value:6.2f} %  {part.images:>4} images  {part.label}{reference}", soft_wrap=True
        )


def _print_errors(out: Console, report: Report) -> None:
    names, pairs = report.labels, report.confusions(LISTED)
    if not pairs:
        return
    out.print("\nworst classes (top-1)", style="bold")
    for one in worst_classes(report.per_class, LISTED):
        out.print(
            f"  {100 * one.top1.value:6.2f} %  {one.top1.correct}/{one.top1.count}  {one.label}",
            soft_wrap=True,
        )
    out.print("\nmost frequent errors", style="bold")
    for pair in pairs:
        out.print(
            f"  {pair.count:>4} x  {names[pair.label]}  taken for  {names[pair.answer]}", soft_wrap=True
        )


def problem_lines(report: Report) -> Iterator[str]:
    """Yield a line for each picture that could not be measured, up to :data:`NAMED`, and one on how many more."""
    for problem in report.problems[:NAMED]:
        yield f"{problem.kind}: {shortened(printable(problem.message), MAX_MESSAGE)}"
    kinds = [problem.kind for problem in report.problems]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    if kinds:
        yield f"{counts} of {len(report.dataset.samples)} pictures; the figures are of the other {report.images}"
