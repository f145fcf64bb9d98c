"""``omz_quantizer``: quantize converted models to 8 bits, as Open Model Zoo's tool of that name does."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.accuracy.arguments import add_list_arguments
from omz.command import (
    SUCCESS,
    add_common_arguments,
    describe,
    positive_number,
    report_failures,
    run,
)
from omz.errors import UsageError, ZooError
from omz.files import check_writable
from omz.parser import Parser
from omz.quantizer.options import (
    BIAS_CORRECTIONS,
    DEFAULT_SUBSET,
    DEVICES,
    OVERFLOW_FIXES,
    PRESETS,
    Options,
)
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.quantizer.calibration import Sample
    from omz.quantizer.quantize import Quantized
    from omz.zoo.accuracy_check import Evaluation
    from omz.zoo.schema import Model

log = logging.getLogger(__name__)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(
        description="Quantize converted models to 8 bits, calibrated with the pictures of a data set.",
    )
    selection.add_selection_arguments(parser)
    group = parser.add_argument_group("input and output")
    group.add_argument(
        "--model_dir", type=Path, default=Path(), metavar="DIR", help="what omz_converter -o was"
    )
    group.add_argument(
        "--dataset_dir", type=Path, metavar="DIR",
        help="folder of pictures, in it or in folders in it; not needed for the bundled digits",
    )  # fmt: skip
    add_list_arguments(group)
    group.add_argument(
        "-o", "--output_dir", type=Path, metavar="DIR", help="root of the new IRs (default: the model_dir)"
    )
    group.add_argument(
        "--precisions", metavar="P[,P]",
        help="FP16-INT8 (from the FP16 IR), FP32-INT8 (from the FP32 IR) or both (default: both)",
    )  # fmt: skip
    group.add_argument(
        "--definitions", type=Path, metavar="FILE", help="dataset definitions, in place of the toolkit's"
    )
    group.add_argument("--dry_run", action="store_true", help="print what would be done, do nothing")
    group = parser.add_argument_group("quantization")
    group.add_argument(
        "--subset_size", type=positive_number, default=DEFAULT_SUBSET, metavar="N",
        help=f"pictures to calibrate with (default: {DEFAULT_SUBSET})",
    )  # fmt: skip
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of their choice (default: 0)")
    group.add_argument(
        "--preset", choices=PRESETS, default="performance",
        help="mixed: activations may have a zero point (default: performance)",
    )  # fmt: skip
    group.add_argument(
        "--bias_correction", choices=BIAS_CORRECTIONS, default="",
        help="full takes longer (default: full for nets with squeeze-and-excitation blocks, else fast)",
    )  # fmt: skip
    group.add_argument(
        "--overflow_fix", choices=OVERFLOW_FIXES, default="",
        help="layers whose weights keep to 7 bits; all is for CPUs without VNNI "
        "(default: first_layer for a CPU, else off)",
    )  # fmt: skip
    group.add_argument("--target_device", type=str.upper, choices=DEVICES, default="CPU", help="default: CPU")
    group.add_argument(
        "--max_drop", type=float, metavar="X",
        help="give layers back to floating point until no more than X of top-1 is lost on the data set "
        "(0.01 is one point)",
    )  # fmt: skip
    for old in ("--pot", "-p", "--python"):  # what scripts may still hand to Open Model Zoo's quantizer
        parser.add_argument(old, dest="old", help=argparse.SUPPRESS)
    add_common_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz_quantizer --help``."""
    return run(build_parser(), _run, argv)


@dataclass(frozen=True, slots=True)
class _Task:
    """One IR to make of another."""

    model: Model
    precision: str  # FP16-INT8 or FP32-INT8
    xml: Path
    output: Path


def _run(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return SUCCESS
    if args.old:
        log.warning("--pot and --python have no effect: NNCF runs inside this program")
    options = Options(args.preset, args.bias_correction, args.overflow_fix, args.target_device, args.max_drop)
    tasks = list(_tasks(args))
    if args.dry_run:
        for task in tasks:
            print(_told(task, args))
        return SUCCESS
    if tasks:
        from omz.quantizer import backend

        backend.load()
    failed = []
    for task in tasks:
        where = f"{task.model.name} {task.precision}"
        try:
            with _spinner(where, args.quiet):
                result = _quantize(task, options, args)
        except (ZooError, OSError, MemoryError) as error:  # one model that fails must not stop the others
            log.debug("%s", where, exc_info=True)
            print(f"{where}: error: {describe(error)}", file=sys.stderr)
            failed.append(where)
        else:
            _report(where, result)
    return report_failures(failed)


def _tasks(args: argparse.Namespace) -> Iterator[_Task]:
    from omz.converter.zoo_model import ir_path
    from omz.zoo.schema import QUANTIZED_PRECISIONS

    wanted = selection.parse_precisions(args.precisions)
    if not wanted & set(QUANTIZED_PRECISIONS):
        raise UsageError(f"--precisions {args.precisions}: expected {' or '.join(QUANTIZED_PRECISIONS)}")
    output_dir = args.output_dir or args.model_dir
    for model in (stage for chosen in selection.selected_models(args) for stage in chosen.stages):
        if not model.quantizable:
            log.info("%s: skipped, its descriptor does not say that it is quantizable", model.name)
        for precision in model.quantization_output_precisions:
            if precision in wanted:
                source = ir_path(model, args.model_dir, precision.removesuffix("-INT8"))
                yield _Task(model, precision, source, ir_path(model, output_dir, precision))


def _quantize(task: _Task, options: Options, args: argparse.Namespace) -> Quantized:
    from omz.accuracy.evaluation import input_shape
    from omz.inference.preparation import preprocessing_of
    from omz.quantizer.quantize import quantize_model
    from omz.zoo.accuracy_check import load_evaluation

    if not task.xml.is_file():
        precision = task.precision.removesuffix("-INT8")
        raise UsageError(
            f"{task.xml}: is not there. Make it with: "
            f"{shlex.join(['omz_converter', '--name', task.model.name, '--precisions', precision])}"
        )
    check_writable(task.output, "--output_dir")
    evaluation = load_evaluation(task.model.directory / "accuracy-check.yml")
    samples, validation = _pictures(task, evaluation, options, args)
    return quantize_model(
        task.xml,
        samples,
        preprocessing_of(evaluation.steps, input_shape(task.xml)),
        options,
        output=task.output,
        validation=validation,
        compress_to_fp16=task.precision.startswith("FP16"),
        seed=args.seed,
    )


def _pictures(
    task: _Task, evaluation: Evaluation, options: Options, args: argparse.Namespace
) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Return the pictures to calibrate with, and those to measure on where that is asked for.

    Raises:
        ZooError: There are none, or their classes are needed and cannot be told.
    """
    from omz.accuracy.datasets import classes_of
    from omz.accuracy.definitions import load_definition
    from omz.quantizer.pictures import find_pictures

    definition = load_definition(evaluation.dataset, args.definitions, evaluation.own)
    if args.dataset_dir is None and not definition.bundled:
        raise UsageError(
            f"dataset {definition.name!r} does not come with the toolkit. Give its folder with --dataset_dir"
        )
    return find_pictures(
        definition,
        args.dataset_dir,
        classes_of(definition, task.xml),
        count=args.subset_size,
        seed=args.seed,
        classes_needed=options.max_drop is not None,
        label_order=args.label_order,
        annotations=args.annotations,
        source_option="--dataset_dir",
    )


def _told(task: _Task, args: argparse.Namespace) -> str:
    data = f", calibrated with {args.subset_size} pictures" + (
        f" of {args.dataset_dir}" if args.dataset_dir else ""
    )
    return f"{task.model.name}: {task.xml} -> {task.output}{data}"


def _report(where: str, result: Quantized) -> None:
    log.info("%s", result.xml)
    log.info(
        "%s: %d pictures, %s bias correction, %.1f s",
        where,
        result.pictures,
        result.bias_correction,
        result.seconds,
    )
    if result.top1 is not None and result.top1_before is not None:
        log.info(
            "%s: top-1 %.2f %%, %+.2f points",
            where,
            100 * result.top1,
            100 * (result.top1 - result.top1_before),
        )
        back = ", ".join(result.given_back) or "none"
        log.info("%s: layers given back to floating point: %s", where, back)


@contextmanager
def _spinner(title: str, quiet: bool) -> Iterator[None]:
    """Show on stderr, where that is a terminal, how long it has taken so far."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(f"quantizing {title}")
        yield


if __name__ == "__main__":
    raise SystemExit(main())
