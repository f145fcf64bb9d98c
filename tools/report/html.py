"""The page: findings as one HTML file that loads nothing and runs nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from omz.inference.statistics import three_digits
from omz.outgoing import shortened
from omz.report.findings import Findings
from omz.report.markup import Html, description_list, link, section, tag
from omz.report.precisions import advices, bar_charts, figure_note, figure_table, latency_charts
from omz.report.quantities import TIMES, percent, thousands
from omz.report.samples import samples
from omz.zoo.page_texts import FRAMEWORKS

if TYPE_CHECKING:
    from omz.info_dumper.info import Info
    from omz.zoo.schema import Model

#: Nothing is loaded but what is in the file, and no script runs, whatever a label or a description might hold.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render(findings: Findings, commands: Sequence[Sequence[str]]) -> str:
    """Return the page of what was found.

    Args:
        findings: What :func:`omz.report.collect.collect` gathered.
        commands: Those that make all of it again, as lists of words.
    """
    name = findings.network.name
    title = findings.published.title if findings.published else name
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content="omz report"),
        tag("title", f"{name}: report"),
        tag("style", Html(files("omz.report").joinpath("report.css").read_text(encoding="utf-8"))),
    )
    body = tag(
        "body",
        tag("header", tag("h1", name), tag("p", _lead(title, findings), class_="lead"), _tiles(findings)),
        tag(
            "main",
            section(
                "Precisions",
                advices(findings.variants),
                figure_table(findings.variants),
                figure_note(findings),
            ),
            section("Speed and size", bar_charts(findings.variants)),
            section("Latency", latency_charts(findings.variants)),
            samples(findings),
            section("The model", tag("div", _facts(findings), class_="card")),
            section(
                "Measured on", tag("div", description_list(findings.environment, "facts"), class_="card")
            ),
            section(
                "Make it again", tag("div", tag("pre", "\n".join(map(shlex.join, commands))), class_="card")
            ),
        ),
        tag("footer", "Written by omz report. This file loads nothing from elsewhere."),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _lead(title: str, findings: Findings) -> str:
    """Say in a sentence or two what the network is and what the fastest form of it gains."""
    exact, fast = findings.variants[0], max(findings.variants, key=lambda one: one.speed.throughput)
    if exact is fast:
        return f"{title}."
    gain = fast.speed.throughput / exact.speed.throughput
    text = f"{title}. {fast.precision} runs at {gain:.2f} times the throughput of {exact.precision}"
    text += f", at {fast.size / exact.size:.2f} times its size"
    if fast.accuracy and exact.accuracy:
        gained = 100 * (fast.accuracy.value - exact.accuracy.value)
        text += f"; its {exact.accuracy.name} is "
        text += (
            f"{abs(gained):.2f} points {'higher' if gained > 0 else 'lower'}"
            if round(gained, 2)
            else "the same"
        )
        interval = exact.accuracy.interval
        if round(gained, 2) and interval and interval[0] <= fast.accuracy.value <= interval[1]:
            text += ", which is within the confidence interval"
    return f"{text}."


def _tiles(findings: Findings) -> Html:
    exact, fast = findings.variants[0], max(findings.variants, key=lambda one: one.speed.throughput)
    quick = min(findings.variants, key=lambda one: one.median_ms)
    tiles = []
    if exact.accuracy:
        name = exact.accuracy.name.replace("top", "Top")
        tiles.append((f"{name}, {exact.precision}", percent(exact.accuracy.value)))
    elif (published := findings.published) and published.top1 is not None:
        tiles.append(("Top-1, published", f"{published.top1:g} %"))
    tiles += [
        (f"Median latency, {quick.precision}", f"{three_digits(quick.median_ms)} ms"),
        (f"Inferences a second, {fast.precision}", thousands(fast.speed.throughput)),
    ]
    tiles += [
        ("Parameters", f"{three_digits(findings.info.mparams)} M"),
        ("GFLOPs", three_digits(findings.info.gflops)),
    ]
    return description_list(tiles, "tiles", each="div")


def _facts(findings: Findings) -> Html:
    info, published = findings.info, findings.published
    rows: list[tuple[str, str]] = [("Name", findings.network.name)]
    model = findings.network.model
    rows += _described(model) if model else _said(info)
    rows.append(("Parameters", _counted(info.mparams, info.published_mparams, "million")))
    rows.append(("Operations", _counted(info.gflops, info.published_gflops, "GFLOPs")))
    if info.preparation:
        rows.append(("Pictures", f"{info.preparation}, to measure it"))
    if published:
        shares = [(1, published.top1), (5, published.top5)]
        rows += [(f"Top-{k}, published", f"{share:g} %") for k, share in shares if share is not None]
    if model:
        rows.append(("Licence", link(model.license, published.license_name if published else model.license)))
    rows += [
        (
            f"{variant.precision} is",
            shortened(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts)),
        )
        for variant in findings.variants
        if (facts := variant.quantization.items())
    ]
    rows += [("Note", note) for note in (published.notes if published else [])]
    return description_list(rows, "facts")


def _described(model: Model) -> list[tuple[str, str]]:
    """Return what a descriptor says of its model."""
    published = model.specification
    rows: list[tuple[str, str]] = [("Description", model.description.strip())]
    if published:
        rows.append(("Paper", link(published.paper, published.title)))
    rows += [("Task", model.task_type.replace("_", " ")), ("Source framework", FRAMEWORKS[model.framework])]
    for port in model.input_info:
        shape = _product(port.shape or [])
        order = f", {published.channel_order}" if published else ""
        rows.append(("Input", f"{port.name}: {shape} {port.layout or ''}{order}".strip()))
    rows += [("Output", f"{port.name}: {_product(port.shape)}, {port.values}") for port in model.output_info]
    return rows


def _said(info: Info) -> list[tuple[str, str]]:
    """Return what an IR says of a network of one's own."""
    rows = [("Input", f"{shortened(name, 80)}: {shape}") for name, shape in info.inputs.items()]
    kinds = info.output_kinds.split() or [""] * len(info.outputs)
    rows += [
        ("Output", ", ".join(filter(None, [f"{shortened(name, 80)}: {shape}", kind])))
        for (name, shape), kind in zip(info.outputs.items(), kinds, strict=False)
    ]
    return [*rows, ("Labels", str(info.labels or "none"))]


def _counted(figure: float, published: float | None, unit: str) -> str:
    text = f"{three_digits(figure)} {unit}, counted on the IR"
    return text if published is None else f"{text}; {published:g} published"


def _product(sizes: Sequence[int]) -> str:
    return f" {TIMES} ".join(map(str, sizes))
