"""Reports as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omz.accuracy.metrics import confusions, worst_classes
from omz.command import printable, shortened
from omz.inference.statistics import round_to_three, three_digits

if TYPE_CHECKING:
    from rich.console import Console

    from omz.accuracy.evaluation import Report

LISTED = 10
NAMED = 20  # problems on stderr; the JSON has all
MAX_MESSAGE = 400  # letters of such a line; names in a list may be of any length


@dataclass(frozen=True, slots=True)
class Result:
    """A report with what it is compared to.

    Attributes:
        model: Name of the model.
        precision: Of the IR, such as FP16-INT8; see :func:`omz.inference.irs.precision_of`.
        report: See :func:`omz.accuracy.evaluation.evaluate`.
        references: The published accuracy by k, as a share.
        ks: For which k to tell the accuracy.
    """

    model: str
    precision: str
    report: Report
    references: dict[int, float]
    ks: tuple[int, ...] = (1, 5)

    def difference(self, k: int) -> float | None:
        """Return the accuracy less the reference, as a share; None without a reference."""
        return self.report.top(k).value - self.references[k] if k in self.references else None

    def is_below(self, tolerance: float) -> bool:
        """Tell whether any accuracy is below its reference by more than ``tolerance`` (a share)."""
        # published figures are rounded; so are these, so that the same figure is not below by 1e-6
        return any(
            (difference := self.difference(k)) is not None and -difference > tolerance + 5e-6 for k in self.ks
        )


def print_results(out: Console, results: Sequence[Result]) -> None:
    """Print the table, then what was noted, the worst classes and the most frequent errors of the first result."""
    first = results[0]
    report = first.report
    title = f"{first.model} on {report.dataset.name}, {report.images} images, {report.device}"
    out.print(f"\n{title}", style="bold", soft_wrap=True)
    out.print(_table(results))
    for note in dict.fromkeys(note for one in results for note in one.report.dataset.notes):
        out.print(f"  {printable(note)}", soft_wrap=True)
    if len(report.dataset.samples) < report.dataset.total:
        chosen = f"{len(report.dataset.samples)} of the dataset's {report.dataset.total} pictures, chosen at random"
        out.print(f"  {chosen}", soft_wrap=True)
    for fact, paths in report.peculiar.items():
        out.print(f"  {len(paths)} {fact}, such as {printable(paths[0].name)}", soft_wrap=True)
    _print_errors(out, report)


def _table(results: Sequence[Result]) -> Any:  # noqa: ANN401 - rich's, imported where it is used
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for heading in (
        "IR",
        "metric",
        "accuracy",
        "95 % interval",
        "reference",
        "difference",
        "correct",
        "images/s",
        "executed",
    ):
        table.add_column(heading, justify="left" if heading in ("IR", "metric", "executed") else "right")
    for result in results:
        report = result.report
        for k in result.ks:
            top, difference = report.top(k), result.difference(k)
            low, high = top.interval
            table.add_row(
                result.precision if k == result.ks[0] else "",
                f"top-{k}",
                f"{100 * top.value:.3f} %",
                f"{100 * low:.2f} - {100 * high:.2f}",
                f"{100 * result.references[k]:.3f} %" if k in result.references else "-",
                f"{100 * difference:+.3f}" if difference is not None else "-",
                f"{top.correct}/{top.count}",
                three_digits(report.images_per_second) if report.measured else "-",
                report.precision,
                style="red" if difference is not None and 100 * result.references[k] > 100 * high else "",
            )
    return table


def _print_errors(out: Console, report: Report) -> None:
    predictions, names = report.predictions, report.labels
    pairs = confusions([a.label for a in predictions], [a.ranking[0] for a in predictions], LISTED)
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


def to_json(result: Result) -> dict[str, Any]:
    """Return a result as JSON values; shares are 0 to 1."""
    report = result.report
    predictions = report.predictions
    pairs = confusions([a.label for a in predictions], [a.ranking[0] for a in predictions], LISTED)
    return {
        "model": result.model,
        "ir": str(report.path),
        "precision": result.precision,
        "device": report.device,
        "execution_precision": report.precision,
        "dataset": report.dataset.name,
        "labels": report.dataset.labels,
        "label_order": report.dataset.order,
        "notes": list(report.dataset.notes),
        "images": report.images,
        "images_in_dataset": report.dataset.total,
        "images_per_second": round_to_three(report.images_per_second, digits=5),
        "metrics": [_metric(result, k) for k in result.ks],
        "problems": [
            {"picture": str(problem.path), "kind": problem.kind, "message": problem.message}
            for problem in report.problems
        ],
        "peculiar": {fact: [str(path) for path in paths] for fact, paths in report.peculiar.items()},
        "classes": [
            {"index": one.index, "label": one.label, "correct": one.top1.correct, "images": one.top1.count}
            for one in report.per_class
        ],
        "confusions": [
            {"label": report.labels[pair.label], "answer": report.labels[pair.answer], "count": pair.count}
            for pair in pairs
        ],
        "advice": report.advice,
    }


def _metric(result: Result, k: int) -> dict[str, Any]:
    top = result.report.top(k)
    low, high = top.interval
    return {
        "name": f"accuracy@top{k}",
        "top_k": k,
        "accuracy": top.value,
        "interval_95": [low, high],
        "correct": top.correct,
        "reference": result.references.get(k),
        "difference": result.difference(k),
    }


def results_csv(results: Sequence[Result]) -> str:
    """Return a line for each result and metric; shares are 0 to 1."""

    def rows() -> Iterator[list[object]]:
        yield ["model", "precision", "dataset", "metric", "accuracy", "low_95", "high_95", "reference", "difference",
               "correct", "images", "images_per_second", "device"]  # fmt: skip
        for result in results:
            for k in result.ks:
                report, top = result.report, result.report.top(k)
                low, high = top.interval
                yield [
                    result.model, result.precision, report.dataset.name, f"accuracy@top{k}", top.value, low, high,
                    result.references.get(k), result.difference(k), top.correct, top.count,
                    round_to_three(report.images_per_second, digits=5), report.device,
                ]  # fmt: skip

    return _csv(rows())


def predictions_csv(results: Sequence[Result]) -> str:
    """Return a line for each picture of each result: true class, answer, its probability, and the ranking."""

    def rows() -> Iterator[list[object]]:
        yield [
            "model",
            "precision",
            "picture",
            "class",
            "label",
            "answer",
            "answer_label",
            "score",
            "ranking",
        ]
        for result in results:
            names = result.report.labels
            for answer in result.report.predictions:
                best = answer.ranking[0]
                yield [
                    result.model, result.precision, answer.path, answer.label, names[answer.label], best, names[best],
                    f"{answer.score:.6g}", " ".join(map(str, answer.ranking)),
                ]  # fmt: skip

    return _csv(rows())


def _csv(rows: Iterator[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def results_json(results: Sequence[Result], failed: Sequence[str]) -> str:
    """Return all results as a JSON document, with a line for each failure."""
    content = {"results": [to_json(result) for result in results], "failed": failed}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(target: str, text: str) -> None:
    r"""Write a file whole or not at all, or to stdout for ``-``; what is no UTF-8 in a file's name is escaped.

    Such a byte, 0xff say, is written as ``\udcff``: in JSON that is the same name again.
    """
    from omz.errors import InferenceError
    from omz.files import write_whole

    data = text.encode(errors="backslashreplace")
    if target == "-":
        sys.stdout.write(data.decode())
        sys.stdout.flush()  # a full disk is told here, not when all is over
    else:
        write_whole(Path(target), data, InferenceError)
