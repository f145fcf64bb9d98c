"""Results as JSON, which holds names exactly, and as CSV, in which spreadsheets find text and no formulas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omz.inference.statistics import round_to_three
from omz.outgoing import csv_text, json_text

if TYPE_CHECKING:
    from omz.accuracy.figures import Figure
    from omz.accuracy.report import Report

LISTED = 10


@dataclass(frozen=True, slots=True)
class Result:
    """A report with its figures.

    Attributes:
        model: Name of the model.
        precision: Of the IR, such as FP16-INT8; see :func:`omz.inference.locate.precision_of`.
        report: See :func:`omz.accuracy.evaluation.evaluate`.
        figures: See :func:`omz.accuracy.figures.figures_of`.
        preparation: How its pictures were prepared and who says so, in words.
    """

    model: str
    precision: str
    report: Report
    figures: tuple[Figure, ...]
    preparation: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know of the dataset and of the figures, in words."""
        return (*self.report.dataset.notes, *(figure.note for figure in self.figures if figure.note))

    def is_below(self, tolerance: float) -> bool:
        """Tell whether any figure is below its reference by more than ``tolerance`` (a share)."""
        return any(figure.is_below(tolerance) for figure in self.figures)


def to_json(result: Result) -> dict[str, Any]:
    """Return a result as JSON values; shares are 0 to 1."""
    report = result.report
    pairs = report.confusions(LISTED)
    return {
        "model": result.model,
        "ir": str(report.path),
        "precision": result.precision,
        "device": report.device,
        "execution_precision": report.precision,
        "dataset": report.dataset.name,
        "labels": report.dataset.labels,
        "label_order": report.dataset.order,
        "notes": list(result.notes),
        "preparation": result.preparation,
        "images": report.images,
        "images_in_dataset": report.dataset.total,
        "images_per_second": round_to_three(report.images_per_second, digits=5),
        "metrics": [_metric(figure) for figure in result.figures],
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


def _metric(figure: Figure) -> dict[str, Any]:
    found: dict[str, Any] = {"name": figure.name, "type": figure.type}
    if figure.top_k:
        found["top_k"] = figure.top_k
    if figure.type == "accuracy":
        found["accuracy"] = figure.value
    found["value"] = figure.value
    if figure.top:
        found |= {"interval_95": list(figure.top.interval), "correct": figure.top.correct}
    found |= {"reference": figure.reference, "difference": figure.difference}
    if figure.parts:
        found["classes"] = [
            {
                "index": part.index,
                "label": part.label,
                "value": part.value,
                "images": part.images,
                "reference": part.reference,
            }
            for part in figure.parts
        ]
    return found


def results_csv(results: Sequence[Result]) -> str:
    """Return a line for each result and metric, and for each class of a metric that has them; shares are 0 to 1."""

    def rows() -> Iterator[list[object]]:
        yield ["model", "precision", "dataset", "metric", "class", "value", "low_95", "high_95", "reference",
               "difference", "correct", "images", "images_per_second", "device"]  # fmt: skip
        for result in results:
            report = result.report
            for figure in result.figures:
                where = [result.model, result.precision, report.dataset.name, figure.name]
                speed = [round_to_three(report.images_per_second, digits=5), report.device]
                low, high, correct = (
                    (*figure.top.interval, figure.top.correct) if figure.top else (None, None, None)
                )
                yield [
                    *where, "", figure.value, low, high, figure.reference, figure.difference, correct, report.images,
                    *speed,
                ]  # fmt: skip
                for part in figure.parts:
                    difference = None if part.reference is None else part.value - part.reference
                    yield [
                        *where, part.label, part.value, None, None, part.reference, difference, None, part.images,
                        *speed,
                    ]  # fmt: skip

    return csv_text(rows())


def predictions_csv(results: Sequence[Result]) -> str:
    """Return a line for each picture of each result: true class, answer, its score, and the ranking."""

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
                true = sorted(answer.labels) if result.report.multi_label else [answer.label]
                told = [" ".join(map(str, true)), ", ".join(names[index] for index in true)]
                yield [
                    result.model, result.precision, answer.path, *told, best, names[best],
                    "" if answer.score is None else f"{answer.score:.6g}", " ".join(map(str, answer.ranking)),
                ]  # fmt: skip

    return csv_text(rows())


def results_json(results: Sequence[Result], failed: Sequence[str]) -> str:
    """Return all results as a JSON document, with a line for each failure."""
    content = {"results": [to_json(result) for result in results], "failed": failed}
    return json_text(content, indent=2) + "\n"
