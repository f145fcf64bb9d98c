"""``omz_quantizer``: quantize converted models to 8 bits, as Open Model Zoo's tool of that name does."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from omz.accuracy.arguments import (
    add_definitions_argument,
    add_list_arguments,
    add_preparation_arguments,
    add_source_argument,
)
from omz.command import (
    SUCCESS,
    add_common_arguments,
    add_json_argument,
    positive_number,
    report_failures,
    run,
)
from omz.converter.picture_steps import steps_stated
from omz.errors import ZooError
from omz.files import write_output
from omz.inference.arguments import add_labels_argument, add_network_arguments, network_ports
from omz.inference.choice import add_choice_arguments, check_weights
from omz.outgoing import describe, json_text, printable
from omz.outputs import check_outputs
from omz.parser import Parser
from omz.quantizer.by_path import Pictures, quantize_task
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
    from omz.quantizer.quantize import Quantized
    from omz.quantizer.tasks import Task

log = logging.getLogger(__name__)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(
        description="Quantize converted models to 8 bits, calibrated with the pictures of a data set.",
    )
    add_choice_arguments(parser, "--model_dir", precision=None)
    group = parser.add_argument_group("input and output")
    add_source_argument(
        group, "pictures, in it or in folders in it; not needed for the bundled digits", "--dataset_dir"
    )
    add_labels_argument(group)
    add_list_arguments(group)
    group.add_argument(
        "-o", "--output", "--output_dir", type=Path, metavar="DIR",
        help="root of the new IRs, or the .xml file of one (default: beside their sources: FP16/net.xml becomes "
        "FP16-INT8/net.xml, and net.xml net-FP16-INT8.xml)",
    )  # fmt: skip
    group.add_argument(
        "--precisions", metavar="P[,P]",
        help="FP16-INT8 (from the FP16 IR), FP32-INT8 (from the FP32 IR) or both (default: both, or that of the IR "
        "given)",
    )  # fmt: skip
    add_definitions_argument(group)
    group.add_argument("--dry_run", action="store_true", help="print what would be done, do nothing")
    add_json_argument(group, "what was made")
    add_network_arguments(parser.add_argument_group("where the IR leaves it open"))
    add_preparation_arguments(parser)
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
    group.add_argument(
        "--target_device", "--device", type=str.upper, choices=DEVICES, default="CPU", help="default: CPU"
    )
    group.add_argument(
        "--max_drop", type=float, metavar="X",
        help="give layers back to floating point until no more than X of top-1 or mAP is lost on the data set "
        "(0.01 is one point)",
    )  # fmt: skip
    for old in ("--pot", "-p", "--python"):  # what scripts may still hand to Open Model Zoo's quantizer
        parser.add_argument(old, dest="old", help=argparse.SUPPRESS)
    add_common_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz_quantizer --help``."""
    return run(build_parser(), _run, argv)


def _run(args: argparse.Namespace) -> int:
    from omz.quantizer.tasks import tasks_of

    if args.print_all:
        selection.print_all(args)
        return SUCCESS
    if args.old:
        log.warning("--pot and --python have no effect: NNCF runs inside this program")
    options = Options(args.preset, args.bias_correction, args.overflow_fix, args.target_device, args.max_drop)
    pictures = _pictures(args)
    tasks = tasks_of(args)
    if args.dry_run:
        for task in tasks:
            print(_told(task, args))
        return SUCCESS
    for task in tasks:
        read = {task.network.name: (task.xml, task.xml.with_suffix(".bin"))}
        check_outputs({"--output": task.output}, read)
        check_outputs({"--json": args.json}, read | {"--output": (task.output,)})
    if tasks:
        from omz.quantizer import backend

        backend.load()
    failed: list[str] = []
    made: list[dict[str, object]] = []
    for task in tasks:
        where = f"{task.network.name} {task.precision}"
        try:
            with _spinner(where, args.quiet):
                if task.xml.is_file():  # else it is told how to make it
                    check_weights(args, task.xml)
                result = quantize_task(task, options, pictures, network_ports(args))
        except (ZooError, OSError, MemoryError) as error:  # one model that fails must not stop the others
            log.debug("%s", where, exc_info=True)
            print(f"{where}: error: {describe(error)}", file=sys.stderr)
            failed.append(where)
        else:
            made.append(result.to_json() | {"model": task.network.name, "precision": task.precision})
            _report(where, result)
    if args.json:
        content = {"quantized": made, "failed": failed}
        write_output(args.json, json_text(content, indent=2) + "\n", ZooError)
    return report_failures(failed)


def _pictures(args: argparse.Namespace) -> Pictures:
    """Return the pictures that the command line asks for."""
    return Pictures(
        args.source,
        args.labels or "",
        args.label_order,
        args.annotations,
        args.definitions,
        args.subset_size,
        args.seed,
        steps=steps_stated(args),
        allow_outside=args.allow_outside,
    )


def _told(task: Task, args: argparse.Namespace) -> str:
    data = f", calibrated with {args.subset_size} pictures" + (f" of {args.source}" if args.source else "")
    return f"{task.network.name}: {task.xml} -> {task.output}{data}"


def _report(where: str, result: Quantized) -> None:
    log.info("%s", result.xml)
    log.info(
        "%s: %d pictures, %s bias correction, %.1f s",
        where,
        result.pictures,
        result.bias_correction,
        result.seconds,
    )
    if result.value is not None and result.value_before is not None:
        log.info(
            "%s: %s %.2f %%, %+.2f points",
            where,
            result.measure,
            100 * result.value,
            100 * (result.value - result.value_before),
        )
        back = ", ".join(result.given_back) or "none"
        log.info("%s: layers given back to floating point: %s", where, back)


@contextmanager
def _spinner(title: str, quiet: bool) -> Iterator[None]:
    """Show on stderr, where that is a terminal, how long it has taken so far."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    from omz.safe_console import progress

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with progress(*columns, transient=True) as spinner:
        spinner.add_task(printable(f"quantizing {title}"))
        yield


if __name__ == "__main__":
    raise SystemExit(main())
