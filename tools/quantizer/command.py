"""``omz_quantizer``: quantize converted models to 8 bits, as Open Model Zoo's tool of that name does."""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from omz.accuracy.arguments import add_list_arguments, add_source_argument
from omz.accuracy.method import evaluation_of, preparation_for
from omz.command import (
    SUCCESS,
    add_common_arguments,
    add_json_argument,
    describe,
    positive_number,
    report_failures,
    run,
)
from omz.errors import InferenceError, UsageError, ZooError
from omz.files import check_writable, write_output
from omz.inference.arguments import add_labels_argument, add_network_arguments, network_ports
from omz.inference.choice import add_choice_arguments
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
    from omz.inference.ports import Ports
    from omz.quantizer.calibration import Sample
    from omz.quantizer.quantize import Quantized
    from omz.quantizer.tasks import Task
    from omz.zoo.accuracy_check import Evaluation
    from omz.zoo.class_list import ClassList

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
    group.add_argument(
        "--definitions", type=Path, metavar="FILE", help="dataset definitions, in place of the toolkit's"
    )
    group.add_argument("--dry_run", action="store_true", help="print what would be done, do nothing")
    add_json_argument(group, "what was made")
    add_network_arguments(parser.add_argument_group("where the IR leaves it open"))
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
    tasks = tasks_of(args)
    if args.dry_run:
        for task in tasks:
            print(_told(task, args))
        return SUCCESS
    if tasks:
        from omz.quantizer import backend

        backend.load()
    failed: list[str] = []
    made: list[dict[str, object]] = []
    for task in tasks:
        where = f"{task.network.name} {task.precision}"
        try:
            with _spinner(where, args.quiet):
                result = _quantize(task, options, args)
        except (ZooError, OSError, MemoryError) as error:  # one model that fails must not stop the others
            log.debug("%s", where, exc_info=True)
            print(f"{where}: error: {describe(error)}", file=sys.stderr)
            failed.append(where)
        else:
            made.append(result.to_json() | {"model": task.network.name, "precision": task.precision})
            _report(where, result)
    if args.json:
        content = {"quantized": made, "failed": failed}
        write_output(args.json, json.dumps(content, indent=2) + "\n", ZooError)
    return report_failures(failed)


def _quantize(task: Task, options: Options, args: argparse.Namespace) -> Quantized:
    from omz.quantizer.quantize import quantize_model

    if not task.xml.is_file():
        precision = task.precision.removesuffix("-INT8")
        raise UsageError(
            f"{task.xml}: is not there. Make it with: "
            f"{shlex.join(['omz_converter', '--name', task.network.name, '--precisions', precision])}"
        )
    check_writable(task.output, "--output")
    evaluation = evaluation_of(task.network)
    samples, validation = _pictures(task, evaluation, options, args)
    preparation = preparation_for(task.xml, evaluation, ports=network_ports(args))
    log.info("%s %s: pictures: %s", task.network.name, task.precision, preparation.told)
    return quantize_model(
        task.xml,
        samples,
        preparation,
        options,
        output=task.output,
        validation=validation,
        compress_to_fp16=task.precision.startswith("FP16"),
        ports=network_ports(args),
        seed=args.seed,
    )


def _pictures(
    task: Task, evaluation: Evaluation | None, options: Options, args: argparse.Namespace
) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Return the pictures to calibrate with, and those to measure on where that is asked for.

    Raises:
        ZooError: There are none, or their classes are needed and cannot be told.
    """
    from omz.accuracy.datasets import classes_of
    from omz.accuracy.definitions import Definition, load_definition
    from omz.inference.classes import network_classes
    from omz.quantizer.pictures import find_pictures

    measured, ports = options.max_drop is not None, network_ports(args)
    if evaluation is None:
        if args.source is None:
            raise UsageError("give a folder of pictures with --source: the network is none of the zoo's")
        definition = Definition(name=args.source.resolve().name or str(args.source))
        # pictures are enough; which classes there are counts only where they are measured on
        find = network_classes if measured else _classes
        classes = find(task.xml, args.labels, ports=ports)
    else:
        definition = load_definition(evaluation.dataset, args.definitions, evaluation.own)
        if args.source is None and not definition.bundled:
            raise UsageError(
                f"dataset {definition.name!r} does not come with the toolkit. Give its folder with --source"
            )
        if args.labels:
            classes = network_classes(task.xml, args.labels, ports=ports)
        else:
            classes = classes_of(definition, task.xml, ports)
    return find_pictures(
        definition,
        args.source,
        classes,
        count=args.subset_size,
        seed=args.seed,
        classes_needed=measured,
        label_order=args.label_order,
        annotations=args.annotations,
        source_option="--source",
    )


def _classes(xml: Path, labels: str | None, *, ports: Ports) -> ClassList:
    """Return the classes of a network; none where its output does not tell them."""
    from omz.inference.classes import network_classes
    from omz.zoo.class_list import ClassList

    try:
        return network_classes(xml, labels, ports=ports)
    except InferenceError as error:
        if labels:
            raise
        log.debug("%s", error)
        return ClassList(())


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
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(f"quantizing {title}")
        yield


if __name__ == "__main__":
    raise SystemExit(main())
