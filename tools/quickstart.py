"""``omz quickstart``: the whole main job on the bundled sample, without a network.

Download, convert, classify, benchmark: each step tells the command that does the same.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.command import FAILURE, SUCCESS, add_common_arguments, run
from omz.errors import ZooError

if TYPE_CHECKING:
    from rich.console import Console

    from omz.demos.classification_benchmark_demo import Report
    from omz.demos.classification_demo import Classified
    from omz.zoo.schema import Model

SAMPLE = "se-resnext-digits"
NEXT = "se-resnext-50"
PRECISIONS = ("FP32", "FP16")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz quickstart --help``."""
    parser = argparse.ArgumentParser(
        description="The whole main job on the bundled sample, without a network."
    )
    parser.add_argument(
        "-o",
        "--output_dir",
        type=Path,
        default=Path("quickstart"),
        metavar="DIR",
        help="where everything goes",
    )
    parser.add_argument("-d", "--device", default="CPU", help="OpenVINO device (default: CPU)")
    parser.add_argument(
        "-time", type=float, default=2.0, metavar="S", help="seconds for each measurement (default: 2)"
    )
    add_common_arguments(parser)
    return run(parser, _run, argv)


def _run(args: argparse.Namespace) -> int:
    from omz.converter.zoo_model import convert_model, ir_path
    from omz.demos.classification_benchmark_demo import benchmark
    from omz.demos.classification_demo import classify
    from omz.demos.common.console import console
    from omz.downloader.download import download_models
    from omz.zoo.catalogue import load_model, packaged_root

    if not args.verbose:  # the steps below tell what the logs would
        logging.getLogger("omz").setLevel(logging.WARNING)
    began = time.perf_counter()
    out, folder = console(), args.output_dir
    root = packaged_root()
    model = load_model(root / "samples" / SAMPLE / "model.yml", root)

    _step(out, 1, "Download", f"omz_downloader --name {SAMPLE} -o {folder}")
    if download_models([model], folder):
        return FAILURE
    for file in model.files:
        path = folder / model.subdirectory / file.name
        out.print(f"  {path}  {path.stat().st_size / 1000:.1f} kB, verified")

    _step(out, 2, "Convert", f"omz_converter --name {SAMPLE} -d {folder} -o {folder}")
    for xml in convert_model(model, folder, folder, PRECISIONS):
        out.print(f"  {xml}  {xml.with_suffix('.bin').stat().st_size / 1000:.1f} kB of weights")

    irs = {precision: ir_path(model, folder, precision) for precision in PRECISIONS}
    data = _from_here(model.directory)
    images, heldout, sheet = data / "images", data / "heldout", folder / "classified.png"
    _step(out, 3, "Classify", f"classification_demo -m {irs['FP32']} -i {images} -d {args.device} --no_show")
    results = classify(irs["FP32"], images, device=args.device, keep_images=True)
    _print_results(out, results)
    _write_sheet(results, sheet, model)
    out.print(f"  all of them as one picture: {sheet}")

    _step(
        out,
        4,
        "Benchmark",
        f"classification_benchmark_demo -m {irs['FP32']} -i {heldout} -gt {heldout}.txt "
        f"-d {args.device} -time {args.time:g} -no_show",
    )
    reports = {
        precision: benchmark(
            ir, heldout, device=args.device, ground_truth=f"{heldout}.txt", seconds=args.time
        )
        for precision, ir in irs.items()
    }
    _print_reports(out, reports, irs)

    out.print(
        f"\nDone in {time.perf_counter() - began:.1f} s. Now the real thing (110 MB to download):\n",
        style="bold",
    )
    out.print(
        f"  omz_downloader --name {NEXT}\n"
        f"  omz_converter --name {NEXT}\n"
        f"  classification_demo -m {NEXT} -i <folder with your pictures>\n"
        f"  classification_benchmark_demo -m {NEXT} -i <folder with your pictures>\n"
    )
    return SUCCESS


def _from_here(path: Path) -> Path:
    """Return a path relative to the working directory where that is shorter to read."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _step(out: Console, number: int, title: str, command: str) -> None:
    out.print(f"\n{number}. {title}", style="bold")
    out.print(f"  $ {command}", style="dim", soft_wrap=True)


def _print_results(out: Console, results: Sequence[Classified]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for heading, justify in (
        ("picture", "left"),
        ("says", "left"),
        ("sure", "right"),
        ("or", "left"),
        ("", "right"),
    ):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for result in results:
        first, second = result.top[:2]
        right = first.label == Path(result.source).stem.replace("_", " ")
        table.add_row(
            Path(result.source).name,
            first.label,
            f"{100 * first.score:.1f} %",
            second.label,
            f"{100 * second.score:.1f} %",
            style="green" if right else "red",
        )
    out.print(table)


def _write_sheet(results: Sequence[Classified], path: Path, model: Model) -> None:
    from omz.demos.common.drawing import SheetItem, contact_sheet, percent
    from omz.demos.common.writers import write_picture

    items = [
        SheetItem(
            result.image,
            result.top[0].label,
            percent(result.top[0].score),
            result.top[0].label == Path(result.source).stem.replace("_", " "),
        )
        for result in results
        if result.image is not None
    ]
    if not items:
        raise ZooError(f"{path}: no picture to draw")
    write_picture(path, contact_sheet(items, title=f"{model.name}: what the network says"))


def _print_reports(out: Console, reports: dict[str, Report], irs: dict[str, Path]) -> None:
    from rich import box
    from rich.table import Table

    from omz.demos.common.statistics import three_digits

    table = Table(box=box.SIMPLE_HEAD)
    headings = ("IR", "weights", "top-1", "pictures/s", "inferences/s", "p50 ms", "p99 ms", "executed on")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("IR", "executed on") else "right")
    for precision, report in reports.items():
        latency = report.inference_latency
        table.add_row(
            precision,
            f"{irs[precision].with_suffix('.bin').stat().st_size / 1000:.0f} kB",
            f"{100 * report.accuracy.top[1]:.2f} %" if report.accuracy else "-",
            three_digits(report.end_to_end.median),
            three_digits(report.inference_only.median),
            three_digits(latency.percentiles["p50"]) if latency else "-",
            three_digits(latency.percentiles["p99"]) if latency else "-",
            f"{', '.join(report.execution_devices)} {report.precision}",
        )
    out.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
