"""The precisions of a model beside each other: a table of their figures, and charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from omz.accuracy.figures import ROUNDING
from omz.inference.statistics import three_digits
from omz.outgoing import shortened
from omz.report.charts import Bar, bar_chart, latency_chart
from omz.report.findings import Findings, Variant
from omz.report.markup import Html, joined, tag
from omz.report.quantities import TIMES, megabytes, percent, thousands

if TYPE_CHECKING:
    from omz.accuracy.figures import Figure


def figure_table(variants: Sequence[Variant]) -> Html:
    """Lay the figures out with a column for each precision, so that a phone shows all of them."""
    exact = variants[0]
    rows: list[tuple[str, Sequence[str]]] = [
        ("Size", [_beside(megabytes(one.size), one.size / exact.size, one is exact) for one in variants]),
        *_accuracy_rows(variants),
    ]
    for name in ("p50", "p99"):
        rows.append(
            (f"Latency {name}, ms", [three_digits(one.speed.latency.percentiles[name]) for one in variants])
        )
    rates = [one.speed.throughput for one in variants]
    rows += [
        (
            "Inferences a second",
            [_beside(thousands(rate), rate / rates[0], place == 0) for place, rate in enumerate(rates)],
        ),
        ("Floating point as", [one.speed.executed_as or "-" for one in variants]),
    ]
    head = [
        tag("th", tag("span", class_=f"dot c{place}"), one.precision, scope="col")
        for place, one in enumerate(variants)
    ]
    body = [
        tag("tr", tag("th", heading, scope="row"), *(tag("td", cell) for cell in cells))
        for heading, cells in rows
    ]
    table = tag(
        "table",
        tag("thead", tag("tr", tag("th", "Precision", scope="col"), *head)),
        tag("tbody", *body),
    )
    return tag(
        "div", table, class_="card scroll", role="region", aria_label="Figures by precision", tabindex="0"
    )


def _accuracy_rows(variants: Sequence[Variant]) -> list[tuple[str, Sequence[str]]]:
    """Return a row for each figure, and below it one with the published figure and how far off it is."""
    measured = [one.accuracy for one in variants]
    first = next(filter(None, measured), None)
    rows: list[tuple[str, Sequence[str]]] = []
    for place, figure in enumerate(first.figures if first else ()):
        figures = [one.figures[place] if one else None for one in measured]
        title = _title(figure)
        rows.append((title, [_figure(one) if one else "-" for one in figures]))
        if figure.reference is not None:
            rows.append((f"{title}, published", [_published(one) if one else "-" for one in figures]))
    return rows


def _title(figure: Figure) -> str:
    """Return the name of a figure in words; that of a class in it is a stranger's."""
    if figure.type == "accuracy":
        return f"Top-{figure.top_k}"
    if figure.type == "mean_average_precision":
        return "Mean average precision"
    name = shortened(figure.name.removeprefix("classification_").replace("_", " "), 40)
    return f"{name[:1].upper()}{name[1:]}{', mean of the classes' if figure.parts else ''}"


def _figure(figure: Figure) -> Html:
    if not figure.top:
        return joined(percent(figure.value))
    low, high = figure.top.interval
    return joined(percent(figure.value), tag("small", f"{100 * low:.2f} to {100 * high:.2f}"))


def _published(figure: Figure) -> Html:
    if figure.reference is None or figure.difference is None:
        return joined("-")
    return joined(percent(figure.reference), tag("small", f"measured {100 * figure.difference:+.2f}"))


def figure_note(findings: Findings) -> Html:
    """Say what the figures of the table are."""
    text = (
        "Size is that of both files of the IR. Latency is that of one inference at a time, throughput that of as "
        "many at a time as the device asks for; both of inference alone, on inputs set beforehand"
    )
    text += "." if findings.samples else ", of noise, as no pictures were given."
    accuracy = findings.variants[0].accuracy
    if accuracy:
        text += (
            f" Accuracy is that on {accuracy.images} pictures of {accuracy.dataset}"
            f"{', with the bounds of the 95 % confidence interval' if accuracy.interval else ''}."
        )
        if accuracy.problems:
            text += f" {accuracy.problems} more could not be read."
        text += f" Pictures were {shortened(accuracy.preparation, 300)}."
        text += "".join(f" {shortened(note, 300)}." for note in accuracy.notes)
        if missed := _below_published(findings.variants):
            text += f" The published top-1 is above the interval of {' and '.join(missed)}."
    return tag("p", text, class_="note")


def _below_published(variants: Sequence[Variant]) -> list[str]:
    """Return the precisions of which chance alone does not explain that they are below the published figure."""
    return [
        one.precision
        for one in variants
        if one.accuracy
        and (published := one.accuracy.figures[0].reference) is not None
        and one.accuracy.interval
        and published > one.accuracy.interval[1] + ROUNDING
    ]


def advices(variants: Sequence[Variant]) -> Html:
    """Say what to try of precisions whose accuracy is at chance level."""
    told: dict[str, list[str]] = {}
    for one in variants:
        if one.accuracy and one.accuracy.advice:
            told.setdefault(one.accuracy.advice, []).append(one.precision)
    return joined(
        *(
            tag("p", f"{' and '.join(precisions)}: {shortened(advice, 600)}", class_="warning")
            for advice, precisions in told.items()
        )
    )


def _beside(figure: str, ratio: float, is_reference: bool) -> Html:
    return joined(figure) if is_reference else joined(figure, tag("small", f"{ratio:.2f} {TIMES}"))


def bar_charts(variants: Sequence[Variant]) -> Html:
    """Draw throughput, latency and size, a bar for each precision."""
    charts = [
        (
            "Inferences a second",
            [(one.speed.throughput, thousands(one.speed.throughput)) for one in variants],
        ),
        (
            "Median latency",
            [(one.median_ms, f"{three_digits(one.median_ms)} ms") for one in variants],
        ),
        ("Size", [(float(one.size), megabytes(one.size)) for one in variants]),
    ]
    cards = []
    for title, figures in charts:
        bars = [
            Bar(one.precision, value, text, place)
            for place, (one, (value, text)) in enumerate(zip(variants, figures, strict=True))
        ]
        cards.append(tag("div", tag("h3", title), bar_chart(title, bars), class_="card"))
    return tag("div", *cards, class_="grid charts")


_LATENCY_NOTE = (
    "How often each latency was measured; the tallest bar is the most frequent. The axis begins at the fastest "
    "inference, and the last bar holds all that took longer than 99 % of them. Each has a scale of its own."
)


def latency_charts(variants: Sequence[Variant]) -> Html:
    """Draw how often each latency was measured, a chart for each precision, and say how to read it."""
    cards = [
        tag(
            "div",
            tag("h3", one.precision),
            latency_chart(one.precision, one.speed.latencies_ms, one.speed.latency, place),
            class_="card",
        )
        for place, one in enumerate(variants)
    ]
    return joined(tag("div", *cards, class_="grid charts"), tag("p", _LATENCY_NOTE, class_="note"))
