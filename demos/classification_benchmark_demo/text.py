"""The benchmark's report as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omz.console import bar
from omz.demos.common.text import histogram_lines, latency_table
from omz.inference.statistics import Spread, three_digits
from omz.inference.unreadable import summary
from omz.outgoing import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from omz.inference.benchmark_report import Report


def print_report(out: Console, report: Report) -> None:
    """Print throughput, latencies, a histogram, accuracy, and on what they were measured."""
    precision = f", {report.precision}" if report.precision else ""
    streams = f", {report.streams} streams" if report.streams is not None else ""
    out.print(printable(report.model), style="bold", soft_wrap=True)
    out.print(
        f"device {report.device}, executed on {', '.join(report.execution_devices)}{precision}; hint {report.hint}"
        f"{streams}, {report.requests} infer requests",
        soft_wrap=True,
    )
    how = "loaded from the cache" if report.from_cache else "compiled"
    reduced = ", large JPEG ones decoded at a part of their size" if report.fast_decode else ""
    out.print(f"{how} in {three_digits(report.compile_seconds)} s; {report.pictures} pictures{reduced}\n")
    out.print(_throughput_table(report))
    out.print(latency_table(report.latencies, "latency end to end, ms"))
    if report.inference_latency:
        out.print(latency_table({"inference": report.inference_latency}, "latency inference only, ms"))
    if report.total_ms:
        out.print("from decoding to result", style="bold")
        for line in histogram_lines(report.total_ms):
            out.print(line, style="cyan", soft_wrap=True)
    if report.accuracy:
        out.print(f"\naccuracy on {report.accuracy.counted} pictures", style="bold")
        for k, share in report.accuracy.top.items():
            out.print(f"  top-{k}  {100 * share:6.2f} %  {bar(share, 40)}", style="green")
        if report.accuracy.without_truth:
            out.print(f"  without ground truth: {report.accuracy.without_truth}", style="yellow")
        for note in report.truth.notes if report.truth else ():
            out.print(f"  {printable(note)}", soft_wrap=True)
    elif report.truth:
        out.print("\nno picture is named in the ground truth", style="yellow")
    if report.unreadable:
        out.print(f"\n{summary(len(report.unreadable))}", style="red")


def _throughput_table(report: Report) -> Table:
    from rich import box
    from rich.table import Table

    runs = len(report.end_to_end.values)
    title = "throughput, pictures/s" + (f", {runs} repeats" if runs > 1 else "")
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("")
    for heading in ("median", "min", "max"):
        table.add_column(heading, justify="right")
    for name, spread in (("end to end", report.end_to_end), ("inference only", report.inference_only)):
        table.add_row(name, *_figures(spread))
    share = report.end_to_end.median / report.inference_only.median if report.inference_only.median else 0.0
    table.add_row("end to end / inference only", three_digits(share), "", "", style="dim")
    return table


def _figures(spread: Spread) -> tuple[str, str, str]:
    return three_digits(spread.median), three_digits(min(spread.values)), three_digits(max(spread.values))
