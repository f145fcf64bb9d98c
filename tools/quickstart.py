"""``omz quickstart``: the whole main job on the bundled sample, without a network.

Download, convert, quantize, classify, measure: each step tells the command that does the same.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from omz.command import FAILURE, SUCCESS, add_common_arguments, run
from omz.errors import ZooError
from omz.parser import Parser
from omz.report.command import seconds

if TYPE_CHECKING:
    from rich.console import Console

    from omz.inference.classification import Classified
    from omz.report.findings import Variant
    from omz.zoo.schema import Model

SAMPLE = "se-resnext-digits"
NEXT = "se-resnext-50"
PRECISIONS = ("FP32", "FP16")
QUANTIZED = "FP16-INT8"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz quickstart --help``."""
    return run(build_parser(), _run, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(description="The whole main job on the bundled sample, without a network.")
    parser.add_argument(
        "-o",
        "--output",
        "--output_dir",
        dest="output_dir",
        type=Path,
        default=Path("quickstart"),
        metavar="DIR",
        help="where everything goes",
    )
    parser.add_argument("-d", "--device", default="CPU", help="OpenVINO device (default: CPU)")
    parser.add_argument(
        "-time",
        "--time",
        type=seconds,
        default=1.0,
        metavar="S",
        help="seconds for each measurement (default: 1)",
    )
    add_common_arguments(parser)
    return parser


def _run(args: argparse.Namespace) -> int:
    log = logging.getLogger("omz")
    level = log.level
    if not args.verbose:  # the steps tell what the logs would
        log.setLevel(logging.WARNING)
    try:
        return _steps(args)
    finally:
        log.setLevel(level)


def _steps(args: argparse.Namespace) -> int:
    from omz.console import console
    from omz.converter.zoo_model import convert_model, ir_path
    from omz.downloader.download import download_models
    from omz.inference.classification import classify
    from omz.inference.locate import network_in
    from omz.report.collect import collect
    from omz.report.command import write
    from omz.report.html import render
    from omz.report.options import Options
    from omz.zoo.catalogue import load_model, packaged_root

    _check_device(args.device)
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

    exact = ir_path(model, folder, PRECISIONS[0])
    _step(
        out,
        3,
        "Quantize",
        f"omz_quantizer --name {SAMPLE} --model_dir {folder} -o {folder} --precisions {QUANTIZED}",
    )
    if find_spec("nncf"):
        quantized = _quantize(model, ir_path(model, folder, "FP16"), ir_path(model, folder, QUANTIZED))
        out.print(f"  {quantized}  {quantized.with_suffix('.bin').stat().st_size / 1000:.1f} kB of weights")
    else:
        out.print("  Left out, as NNCF is not installed. To get it: pip install 'omz-toolkit[int8]'")

    images, sheet = _from_here(model.directory) / "images", folder / "classified.png"
    _step(out, 4, "Classify", f"classification_demo -m {exact} -i {images} -d {args.device} --no_show")
    results = classify(exact, images, device=args.device, keep_images=True)
    _print_results(out, results)
    _write_sheet(results, sheet, model)
    out.print(f"  all of them as one picture: {sheet}")

    page = folder / "report.html"
    again = ["omz", "report", "--name", SAMPLE, "-m", str(folder), "-d", args.device, "-o", str(page)]
    _step(
        out,
        5,
        "Measure accuracy and speed",
        f"accuracy_check --name {SAMPLE} -m {folder} -d {args.device}",
        shlex.join(again),
    )
    findings = collect(
        network_in(folder, SAMPLE, model=model), Options(device=args.device, seconds=args.time)
    )
    _print_figures(out, findings.variants)
    if findings.variants[-1].quantization:
        out.print("  (INT8 was calibrated on pictures of the same set, without their classes.)")
    write(page, render(findings, [["omz", "quickstart", "-o", str(folder)], again]))
    out.print(f"  all of it as one page: {page}")

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


def _check_device(device: str) -> None:
    """Check that a device is there, before anything is made.

    Raises:
        InferenceError: It is not; names those that are.
    """
    import openvino as ov

    from omz.inference.devices import parse_device

    parse_device(device, ov.Core().available_devices)


def _from_here(path: Path) -> Path:
    """Return a path relative to the working directory where that is shorter to read."""
    real = path.resolve()  # in a checkout, `omz` is made of links
    return real.relative_to(Path.cwd()) if real.is_relative_to(Path.cwd()) else path


def _quantize(model: Model, xml: Path, output: Path) -> Path:
    """Quantize an IR, calibrated with the pictures that come with the model."""
    from omz.accuracy.datasets import open_dataset, take
    from omz.accuracy.definitions import load_definition
    from omz.accuracy.evaluation import input_shape
    from omz.inference.preparation import preprocessing_of
    from omz.quantizer.options import DEFAULT_SUBSET
    from omz.quantizer.quantize import quantize_model
    from omz.zoo.accuracy_check import load_evaluation

    evaluation = load_evaluation(model.directory / "accuracy-check.yml")
    samples = take(open_dataset(load_definition(evaluation.dataset)), DEFAULT_SUBSET).samples
    prepare = preprocessing_of(evaluation.steps, input_shape(xml))
    return quantize_model(xml, samples, prepare, output=output, compress_to_fp16=True, seed=0).xml


def _step(out: Console, number: int, title: str, *commands: str) -> None:
    out.print(f"\n{number}. {title}", style="bold")
    for command in commands:
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
            first.text(),
            second.label,
            second.text(),
            style="green" if right else "red",
        )
    out.print(table)


def _write_sheet(results: Sequence[Classified], path: Path, model: Model) -> None:
    from omz.demos.common.drawing import SheetItem, contact_sheet
    from omz.demos.common.writers import write_picture

    items = [
        SheetItem(
            result.image,
            result.top[0].label,
            result.top[0].text(),
            result.top[0].label == Path(result.source).stem.replace("_", " "),
        )
        for result in results
        if result.image is not None
    ]
    if not items:
        raise ZooError(f"{path}: no picture to draw")
    write_picture(path, contact_sheet(items, title=f"{model.name}: what the network says"))


def _print_figures(out: Console, variants: Sequence[Variant]) -> None:
    from rich import box
    from rich.table import Table

    from omz.inference.statistics import three_digits

    table = Table(box=box.SIMPLE_HEAD)
    headings = ("IR", "size", "top-1", "95 % interval", "latency p50", "inferences/s", "executed on")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("IR", "executed on") else "right")
    for variant in variants:
        speed, accuracy = variant.speed, variant.accuracy
        table.add_row(
            variant.precision,
            f"{variant.size / 1000:.0f} kB",
            f"{100 * accuracy.value:.2f} %" if accuracy else "-",
            " - ".join(f"{100 * bound:.2f}" for bound in accuracy.interval or ()) if accuracy else "-",
            f"{three_digits(speed.latency.percentiles['p50'])} ms",
            three_digits(speed.throughput),
            f"{', '.join(speed.devices)} {'i8, ' if variant.quantization else ''}{speed.executed_as}",
        )
    out.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
