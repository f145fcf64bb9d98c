"""The page: findings as one HTML file that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from omz.command import shortened
from omz.report.charts import Bar, bar_chart, latency_chart, share_bar
from omz.report.findings import Findings, Sample, Variant
from omz.report.markup import Html, joined, link, tag
from omz.zoo.page import FRAMEWORKS

if TYPE_CHECKING:
    from omz.inference.images import Image
    from omz.inference.ranking import Prediction

#: Nothing is loaded but what is in the file, and no script runs, whatever a label or a description might hold.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MAX_NAME = 80  # letters of a class or of a file's name
TIMES = "\N{MULTIPLICATION SIGN}"
_PICTURE_SIDE = 224  # pixels; twice the size at which it is shown


def render(findings: Findings, commands: Sequence[Sequence[str]]) -> str:
    """Return the page of what was found.

    Args:
        findings: What :func:`omz.report.collect.collect` gathered.
        commands: Those that make all of it again, as lists of words.
    """
    model = findings.model
    title = model.specification.title if model.specification else model.name
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content="omz report"),
        tag("title", f"{model.name}: report"),
        tag("style", Html(files("omz.report").joinpath("report.css").read_text(encoding="utf-8"))),
    )
    body = tag(
        "body",
        tag(
            "header", tag("h1", model.name), tag("p", _lead(title, findings), class_="lead"), _tiles(findings)
        ),
        tag(
            "main",
            _section("Precisions", _table(findings.variants), _table_note(findings)),
            _section("Speed and size", _charts(findings.variants)),
            _section("Latency", _latencies(findings.variants), tag("p", _LATENCY_NOTE, class_="note")),
            _samples(findings),
            _section("The model", tag("div", _facts(findings), class_="card")),
            _section(
                "Measured on", tag("div", _description_list(findings.environment, "facts"), class_="card")
            ),
            _section(
                "Make it again", tag("div", tag("pre", "\n".join(map(shlex.join, commands))), class_="card")
            ),
        ),
        tag("footer", "Written by omz report. This file loads nothing from elsewhere."),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _section(title: str, *content: str) -> Html:
    return tag("section", tag("h2", title), *content)


def _lead(title: str, findings: Findings) -> str:
    """Say in a sentence or two what the network is and what the fastest form of it gains."""
    exact, fast = findings.variants[0], max(findings.variants, key=lambda one: one.speed.throughput)
    if exact is fast:
        return f"{title}."
    gain = fast.speed.throughput / exact.speed.throughput
    text = f"{title}. {fast.precision} runs at {gain:.2f} times the throughput of {exact.precision}"
    text += f", at {fast.size / exact.size:.2f} times its size"
    if fast.accuracy and exact.accuracy:
        gained = 100 * (fast.accuracy.top1 - exact.accuracy.top1)
        text += "; its top-1 is "
        text += (
            f"{abs(gained):.2f} points {'higher' if gained > 0 else 'lower'}"
            if round(gained, 2)
            else "the same"
        )
        low, high = exact.accuracy.interval
        if round(gained, 2) and low <= fast.accuracy.top1 <= high:
            text += ", which is within the confidence interval"
    return f"{text}."


def _tiles(findings: Findings) -> Html:
    exact, fast = findings.variants[0], max(findings.variants, key=lambda one: one.speed.throughput)
    quick = min(findings.variants, key=_median)
    tiles = []
    if exact.accuracy:
        tiles.append((f"Top-1, {exact.precision}", percent(exact.accuracy.top1)))
    elif (published := findings.model.specification) and published.top1 is not None:
        tiles.append(("Top-1, published", f"{published.top1:g} %"))
    tiles += [
        (f"Median latency, {quick.precision}", f"{_three(_median(quick))} ms"),
        (f"Inferences a second, {fast.precision}", thousands(fast.speed.throughput)),
    ]
    if findings.info:
        tiles += [
            ("Parameters", f"{_three(findings.info.mparams)} M"),
            ("GFLOPs", _three(findings.info.gflops)),
        ]
    return _description_list(tiles, "tiles", each="div")


def _description_list(rows: Sequence[tuple[str, str]], style: str, *, each: str = "") -> Html:
    pairs = [joined(tag("dt", heading), tag("dd", text)) for heading, text in rows]
    return tag("dl", *(tag(each, pair) if each else pair for pair in pairs), class_=style)


def _table(variants: Sequence[Variant]) -> Html:
    """Lay the figures out with a column for each precision, so that a phone shows all of them."""
    exact = variants[0]
    rows: list[tuple[str, Sequence[str]]] = [
        ("Size", [_beside(megabytes(one.size), one.size / exact.size, one is exact) for one in variants]),
        *_accuracy_rows(variants),
    ]
    for name in ("p50", "p99"):
        rows.append(
            (f"Latency {name}, ms", [_three(one.speed.latency.percentiles[name]) for one in variants])
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
    measured = [one.accuracy for one in variants]
    if not any(measured):
        return []
    return [
        (
            "Top-1",
            [
                joined(
                    percent(one.top1),
                    tag("small", f"{100 * one.interval[0]:.2f} to {100 * one.interval[1]:.2f}"),
                )
                if one
                else "-"
                for one in measured
            ],
        ),
        ("Top-5", [percent(one.top5) if one else "-" for one in measured]),
    ]


def _table_note(findings: Findings) -> Html:
    text = (
        "Size is that of both files of the IR. Latency is that of one inference at a time, throughput that of as "
        "many at a time as the device asks for; both of inference alone, on inputs set beforehand"
    )
    text += "." if findings.samples else ", of noise, as no pictures were given."
    accuracy = findings.variants[0].accuracy
    if accuracy:
        text += (
            f" Accuracy is that on {accuracy.images} pictures of {accuracy.dataset}, with the bounds of the 95 % "
            "confidence interval."
        )
        if accuracy.problems:
            text += f" {accuracy.problems} more could not be read."
        text += "".join(f" {shortened(note, 300)}." for note in accuracy.notes)
    return tag("p", text, class_="note")


def _beside(figure: str, ratio: float, is_reference: bool) -> Html:
    return joined(figure) if is_reference else joined(figure, tag("small", f"{ratio:.2f} {TIMES}"))


def _charts(variants: Sequence[Variant]) -> Html:
    charts = [
        (
            "Inferences a second",
            [(one.speed.throughput, thousands(one.speed.throughput)) for one in variants],
        ),
        (
            "Median latency",
            [(_median(one), f"{_three(_median(one))} ms") for one in variants],
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


def _latencies(variants: Sequence[Variant]) -> Html:
    cards = [
        tag(
            "div",
            tag("h3", one.precision),
            latency_chart(one.precision, one.speed.latencies_ms, one.speed.latency, place),
            class_="card",
        )
        for place, one in enumerate(variants)
    ]
    return tag("div", *cards, class_="grid charts")


def _samples(findings: Findings) -> Html:
    if not findings.samples:
        return Html("")
    exact = findings.variants[0].precision
    skipped = [
        tag("p", f"Not shown: {shortened(name, MAX_NAME)}: {shortened(reason, 200)}", class_="note")
        for name, reason in findings.skipped.items()
    ]
    cards = tag("div", *map(_sample, findings.samples), class_="grid")
    return _section(f"What the network says ({exact})", cards, *skipped)


def _sample(sample: Sample) -> Html:
    name = shortened(sample.name, MAX_NAME)
    (first, *_) = tops = list(sample.top.values())
    best = first[0]
    picture = tag(
        "img",
        src=data_uri(sample.image),
        width=112,
        height=112,
        alt=f"Picture {name}: {shortened(best.label, MAX_NAME)}, {_percent(best)}",
    )
    classes = [
        tag(
            "li",
            tag("span", shortened(prediction.label, MAX_NAME)),
            tag("span", _percent(prediction)),
            share_bar(prediction.score, first=not place),
        )
        for place, prediction in enumerate(first)
    ]
    return tag(
        "figure",
        picture,
        tag("ol", *classes),
        tag("figcaption", tag("b", name), _agreement(sample) if len(tops) > 1 else ""),
        class_="card sample",
    )


def _agreement(sample: Sample) -> str:
    """Say which precisions give another answer than the first does."""
    (_, exact), *others = sample.top.items()
    differing = [
        f"{precision} says {shortened(top[0].label, MAX_NAME)}, {_percent(top[0])}"
        for precision, top in others
        if top[0].index != exact[0].index
    ]
    if differing:
        return f": {'; '.join(differing)}"
    return f": the same in {' and '.join(precision for precision, _ in others)}"


def _facts(findings: Findings) -> Html:
    model, info, published = findings.model, findings.info, findings.model.specification
    rows: list[tuple[str, str]] = [("Name", model.name), ("Description", model.description.strip())]
    if published:
        rows.append(("Paper", link(published.paper, published.title)))
    rows += [("Task", model.task_type.replace("_", " ")), ("Source framework", FRAMEWORKS[model.framework])]
    for port in model.input_info:
        shape = _product(port.shape or [])
        order = f", {published.channel_order}" if published else ""
        rows.append(("Input", f"{port.name}: {shape} {port.layout or ''}{order}".strip()))
    rows += [("Output", f"{port.name}: {_product(port.shape)}, {port.values}") for port in model.output_info]
    if info:
        rows.append(("Parameters", _counted(info.mparams, info.published_mparams, "million")))
        rows.append(("Operations", _counted(info.gflops, info.published_gflops, "GFLOPs")))
    if published:
        shares = [(1, published.top1), (5, published.top5)]
        rows += [(f"Top-{k}, published", f"{share:g} %") for k, share in shares if share is not None]
    name = published.license_name if published else model.license
    rows.append(("Licence", link(model.license, name)))
    rows += [
        (
            f"{variant.precision} is",
            shortened(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts)),
        )
        for variant in findings.variants
        if (facts := variant.quantization.items())
    ]
    rows += [("Note", note) for note in (published.notes if published else [])]
    return _description_list(rows, "facts")


def _counted(figure: float, published: float | None, unit: str) -> str:
    text = f"{_three(figure)} {unit}, counted on the IR"
    return text if published is None else f"{text}; {published:g} published"


def _product(sizes: Sequence[int]) -> str:
    return f" {TIMES} ".join(map(str, sizes))


def _percent(prediction: Prediction) -> str:
    return f"{100 * prediction.score:.1f} %"


def _median(variant: Variant) -> float:
    return variant.speed.latency.percentiles["p50"]


def _three(value: float) -> str:
    from omz.inference.statistics import three_digits

    return three_digits(value)


def thousands(value: float) -> str:
    r"""Write a figure with three significant digits and narrow spaces between thousands.

    >>> thousands(3612.4), thousands(17.03)
    ('3\u202f610', '17.0')
    """
    text = _three(value)
    return f"{int(text):,}".replace(",", "\u202f") if text.isdecimal() else text


def percent(share: float) -> str:
    r"""Write a share as a percentage with two decimals, which stays in one line.

    >>> percent(355 / 360)
    '98.61\u202f%'
    """
    return f"{100 * share:.2f}\u202f%"


def megabytes(size: int) -> str:
    """Write a size in bytes as kB or MB (powers of ten), with three significant digits.

    >>> megabytes(687_100), megabytes(110_600_000)
    ('687 kB', '111 MB')
    """
    return f"{_three(size / 1e6)} MB" if size >= 1_000_000 else f"{_three(size / 1e3)} kB"


def data_uri(image: Image) -> str:
    """Return a picture as an address that holds it, no larger than needed; small pictures keep their pixels."""
    from omz.inference import opencv

    cv2 = opencv.load()
    height, width = image.shape[:2]
    if (scale := _PICTURE_SIDE / max(height, width)) < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"
