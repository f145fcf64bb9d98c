"""``omz_converter``: convert downloaded models of the zoo to IR."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from omz.command import SUCCESS, add_common_arguments, positive_number, report_failures, run
from omz.converter.flag_values import batch_size
from omz.converter.model_optimizer import add_verify_arguments
from omz.diversion import stderr_for_children
from omz.errors import ConversionError, ZooError
from omz.messages import kept_short
from omz.outgoing import describe
from omz.parser import Parser
from omz.streams import guarded
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.zoo.schema import Model

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz_converter --help``."""
    return run(build_parser(), _run, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(description="Convert downloaded models to OpenVINO IR.")
    selection.add_selection_arguments(parser)
    group = parser.add_argument_group("conversion")
    group.add_argument(
        "-d", "--download_dir", type=Path, default=Path(), metavar="DIR", help="what omz_downloader -o was"
    )
    group.add_argument(
        "-o", "--output", "--output_dir", type=Path, dest="output_dir", metavar="DIR",
        help="root of the IRs (default: the download_dir)",
    )  # fmt: skip
    group.add_argument("--precisions", metavar="P[,P]", help="FP16, FP32 or both (default: both)")
    group.add_argument(
        "-b",
        "--batch",
        type=batch_size,
        metavar="N",
        help="first dimension of every input; -1 for any size (default: the descriptor's)",
    )
    group.add_argument(
        "--add_mo_arg", action="append", default=[], metavar="ARG", help="a further argument, as in caffe2ir"
    )
    group.add_argument(
        "--dry_run",
        action="store_true",
        help="print the conversions as caffe2ir, onnx2ir or torch2ir commands, do nothing",
    )
    group.add_argument(
        "-j",
        "--jobs",
        type=lambda text: os.cpu_count() or 1 if text == "auto" else positive_number(text),
        default=1,
        metavar="N|auto",
        help="conversions at a time (default: 1)",
    )
    add_verify_arguments(parser)
    _add_old_arguments(parser)
    add_common_arguments(parser)
    return parser


def _add_old_arguments(parser: argparse.ArgumentParser) -> None:
    """Accept what scripts may still hand to Open Model Zoo's converter."""
    parser.add_argument("--add-mo-arg", dest="add_mo_arg", action="append", help=argparse.SUPPRESS)
    parser.add_argument("--dry-run", dest="dry_run", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--mo", help=argparse.SUPPRESS)
    parser.add_argument("-p", "--python", help=argparse.SUPPRESS)


def _run(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return SUCCESS
    if args.mo or args.python:
        log.warning("--mo and --python have no effect: no Model Optimizer is run")
    if args.batch is not None:
        args.add_mo_arg = [*args.add_mo_arg, f"--batch={args.batch}"]
    if args.verify:
        tolerance = [] if args.verify_tolerance is None else [f"--verify_tolerance={args.verify_tolerance}"]
        args.add_mo_arg = [*args.add_mo_arg, "--verify", *tolerance]
    wanted = selection.parse_precisions(args.precisions)
    models = [stage for model in selection.selected_models(args) for stage in model.stages]
    output_dir = args.output_dir or args.download_dir
    work: list[tuple[Model, list[str]]] = []
    for model in models:
        precisions = [p for p in model.precisions if p in wanted]
        if model.model_optimizer_args is None:
            log.info("%s: is an IR already, nothing to convert", model.name)
        elif not precisions:
            log.info("%s: skipped, it can be had in %s", model.name, " and ".join(model.precisions))
        else:
            work.append((model, precisions))
    if args.dry_run:
        return _dry_run(args, work, output_dir)
    failed = []
    for model, error in _results(args, work, output_dir):
        if error is not None:
            if args.verbose:
                log.error("%s", model.name, exc_info=error)
            told = isinstance(error, ZooError | OSError | MemoryError)
            prefix = "" if told else f"{type(error).__name__}: "
            print(f"{model.name}: error: {prefix}{describe(error)}", file=sys.stderr)
            failed.append(model.name)
    return report_failures(failed)


def _results(
    args: argparse.Namespace, work: Sequence[tuple[Model, list[str]]], output_dir: Path
) -> Iterator[tuple[Model, BaseException | None]]:
    """Convert all, and yield each model with its error or None, in the order of the selection."""
    from omz.converter.zoo_model import convert_by_path

    root = selection.models_root(args)
    calls = [
        (model.directory / "model.yml", root, args.download_dir, output_dir, precisions, args.add_mo_arg)
        for model, precisions in work
    ]
    if args.jobs == 1 or len(work) < 2:
        for (model, _), call in zip(work, calls, strict=True):
            try:
                convert_by_path(*call)
            except Exception as error:  # one model that fails must not stop the others
                yield model, error
            else:
                yield model, None
        return
    from omz.child import Death
    from omz.workers import call_all

    # Processes, as OpenVINO holds Python's lock while it builds a graph.
    with stderr_for_children():
        outcomes = call_all(convert_by_path, calls, args.jobs, (_start_worker, logging.getLogger().level))
        for (model, _), outcome in zip(work, outcomes, strict=True):
            yield (
                model,
                ConversionError(f"the conversion {outcome}") if isinstance(outcome, Death) else outcome,
            )


#: What holds until a worker ends.
_worker = ExitStack()


def _start_worker(level: int) -> None:
    _worker.enter_context(guarded())
    _worker.enter_context(kept_short(level))


def _dry_run(args: argparse.Namespace, work: Sequence[tuple[Model, list[str]]], output_dir: Path) -> int:
    from omz.converter.zoo_model import checked_arguments, standalone_command

    failed = []
    for model, precisions in work:
        try:
            arguments = checked_arguments(model, args.download_dir, output_dir, args.add_mo_arg)
            for precision in precisions:
                print(standalone_command(model, arguments, output_dir, precision))
        except ZooError as error:
            print(f"{model.name}: error: {describe(error)}", file=sys.stderr)
            failed.append(model.name)
    return report_failures(failed)


if __name__ == "__main__":
    raise SystemExit(main())
