"""``accuracy_check``: accuracy of converted models on a dataset, as Open Model Zoo's tool of that name has it."""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from omz.accuracy.arguments import (
    add_definitions_argument,
    add_list_arguments,
    add_preparation_arguments,
    add_source_argument,
)
from omz.accuracy.method import CONFIG_FILE, asked_for, dataset_of, evaluation_of, preparation_for
from omz.command import SUCCESS, add_common_arguments, add_json_argument, report_failures, run
from omz.converter.picture_steps import steps_stated
from omz.errors import InferenceError, UsageError, ZooError
from omz.files import write_output
from omz.inference.arguments import (
    add_device_argument,
    add_execution_argument,
    add_labels_argument,
    add_network_arguments,
    add_requests_argument,
    network_ports,
)
from omz.inference.choice import add_choice_arguments, check_weights, choices, tree
from omz.outgoing import describe, printable
from omz.outputs import check_outputs
from omz.parser import Parser
from omz.zoo.selection import is_made, precision_list, print_all

if TYPE_CHECKING:
    from omz.accuracy.datasets import Dataset
    from omz.accuracy.output import Result
    from omz.inference.choice import Choice
    from omz.inference.locate import Network
    from omz.zoo.accuracy_check import Evaluation

log = logging.getLogger(__name__)

#: Options that name a file to write, or - for stdout.
OUTPUTS = ("json", "csv", "predictions")


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(
        description="Measure the accuracy of converted models on a dataset, with 95 % confidence.",
        epilog="Exit status 1: a model failed, a picture could not be read, or an accuracy is below its reference.",
    )
    add_choice_arguments(parser, "--models", config=True)
    group = parser.add_argument_group("what is measured")
    group.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="an accuracy-check.yml, in place of --name"
    )
    group.add_argument(
        "--entry", default="", metavar="NAME",
        help="which of the models in the accuracy-check.yml (default: the first for OpenVINO)",
    )  # fmt: skip
    add_source_argument(
        group,
        "a folder for each class, or pictures with a list of their classes; not needed for the "
        "bundled digits",
    )
    add_labels_argument(group)
    add_list_arguments(group)
    add_definitions_argument(group)
    group.add_argument(
        "--subsample", "--subsample_size", "-ss", "--ss", default="0", type=sample_count, metavar="N", dest="subsample",
        help="take N pictures at random, or N%% of them",
    )  # fmt: skip
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the random choice (default: 0)")
    add_network_arguments(parser.add_argument_group("where the IR leaves it open"))
    add_preparation_arguments(parser)
    group = parser.add_argument_group("inference")
    add_device_argument(group, "-td", "--target_devices")
    add_execution_argument(group)
    add_requests_argument(group)
    group.add_argument(
        "--resume", type=Path, nargs="?", const=Path(".accuracy_check"), metavar="DIR",
        help="keep the answers so far in DIR (default: .accuracy_check) and go on from there",
    )  # fmt: skip
    group = parser.add_argument_group("output")
    group.add_argument(
        "--tolerance", type=share, metavar="X",
        help="exit 1 if an accuracy is below its reference by more than X (0.01 is one point)",
    )  # fmt: skip
    add_json_argument(group)
    group.add_argument(
        "--csv", metavar="FILE", help="write the results as CSV; - for stdout, instead of the text"
    )
    group.add_argument(
        "--predictions", metavar="FILE",
        help="write the answer for every picture as CSV; - for stdout, instead of the text",
    )  # fmt: skip
    add_common_arguments(parser)
    return parser


def share(text: str) -> float:
    """Parse a number from 0 to 1 for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 0 to 1; 0.01 is one point")
    return value


def sample_count(text: str) -> Callable[[int], int]:
    """Parse ``500`` or ``10%`` for argparse, into what gives the number of pictures from that of all; 0 means all.

    >>> sample_count("500")(50000), sample_count("10%")(360), sample_count("0")(360)
    (500, 36, 0)
    """
    number, percent = text.removesuffix("%"), text.endswith("%")
    if not number.isdecimal() or len(number) > 9 or (percent and not 0 < int(number) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of pictures, or 1% to 100%")
    return lambda total: max(1, total * int(number) // 100) if percent else int(number)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``accuracy_check --help``."""
    return run(build_parser(), _check, argv)


def _check(args: argparse.Namespace) -> int:
    if args.print_all:
        print_all(args)
        return SUCCESS
    _check_usage(args)
    results: list[Result] = []
    failed: list[str] = []
    for job in _jobs(args):
        measured, failures = _check_model(job, args)
        results += measured
        failed += failures
    return report_failures(failed + _write(results, failed, args))


def _write(results: Sequence[Result], failed: Sequence[str], args: argparse.Namespace) -> list[str]:
    """Write all outputs that were asked for, whatever becomes of the others; return what failed."""
    from omz.accuracy.output import predictions_csv, results_csv, results_json

    texts: dict[str, Callable[[], str]] = {
        "json": lambda: results_json(results, failed),
        "csv": lambda: results_csv(results),
        "predictions": lambda: predictions_csv(results),
    }
    unwritten: list[str] = []
    for name in OUTPUTS:
        if target := getattr(args, name):
            with _collected(f"--{name}", unwritten):
                write_output(target, texts[name](), InferenceError)
    return unwritten


@dataclass(frozen=True, slots=True)
class _Job:
    """A network to measure: ``plan`` tells which one, and how, when it is called."""

    name: str
    plan: Callable[[], tuple[Network, Evaluation | None]]


def _check_usage(args: argparse.Namespace) -> None:
    """Check what needs no model and no data.

    Raises:
        UsageError: Options contradict each other, or an output cannot be written.
    """
    if args.config is not None and is_made(args):
        raise UsageError("-c and --name, --list or --all exclude each other")
    if precision_list(args.precisions) and tree(args).suffix == ".xml":
        raise UsageError(f"-m {tree(args)} is one IR; --precisions chooses among those of a folder")
    steps_stated(args)
    check_outputs(
        {f"--{name}": getattr(args, name) for name in OUTPUTS},
        {"-a": args.annotations, "--labels": args.labels, "-m": args.model or args.either},
    )


def _jobs(args: argparse.Namespace) -> Iterator[_Job]:
    if args.config:
        yield _Job(CONFIG_FILE, lambda: _configured(args))
        return
    for choice in choices(args):
        yield _Job(choice.name, partial(_chosen, choice, args.entry))


def _configured(args: argparse.Namespace) -> tuple[Network, Evaluation]:
    """Return what the file of ``-c`` asks for, and the network: that of its name, unless another is given."""
    from omz.inference.locate import find_network, network_in
    from omz.zoo.accuracy_check import load_evaluation

    evaluation = load_evaluation(args.config, name=args.entry)
    wanted = precision_list(args.precisions)
    if args.model is not None:
        return find_network(args.model, tree(args), precisions=wanted, root=args.models_root), evaluation
    try:
        return network_in(tree(args), evaluation.model, wanted), evaluation
    except InferenceError:
        try:  # a folder of IRs, whatever their name
            return find_network(tree(args), precisions=wanted), evaluation
        except InferenceError:
            pass
        raise


def _chosen(choice: Choice, entry: str) -> tuple[Network, Evaluation | None]:
    network = choice.find()
    return network, evaluation_of(network, entry)


def _check_model(job: _Job, args: argparse.Namespace) -> tuple[list[Result], list[str]]:
    """Measure all IRs of a model; return the results, and what failed in a line each."""
    results: list[Result] = []
    failed: list[str] = []
    with _collected(job.name, failed):
        network, evaluation = job.plan()
        name = evaluation.model if evaluation else network.name
        failed += [
            f"{name} {precision}: no such IR, there are {', '.join(network.irs)}. Make it with omz_converter or "
            "omz_quantizer."
            for precision in network.missing
        ]
        dataset = _dataset(network, evaluation, args)
        for precision, xml in network.irs.items():
            with _collected(f"{name} {precision}", failed):
                result = _measure(name, precision, xml, evaluation, dataset, args)
                results.append(result)
                failed.extend(_verdicts(result, args.tolerance))
        compared = any(figure.pairs for result in results for figure in result.figures)
        if results and args.tolerance is not None and not compared:
            log.warning("%s: --tolerance compares nothing, as no figure has a reference", name)
    if results and "-" not in (args.json, args.csv, args.predictions):
        from omz.accuracy.text import print_results
        from omz.console import console

        print_results(console(), results)
    return results, failed


@contextmanager
def _collected(what: str, failed: list[str]) -> Iterator[None]:
    """Turn an error into a line of ``failed``: one failing model does not stop the others."""
    try:
        yield
    except (ZooError, OSError) as error:
        log.debug("%s", what, exc_info=True)
        failed.append(f"{what}: {describe(error)}")


def _dataset(network: Network, evaluation: Evaluation | None, args: argparse.Namespace) -> Dataset:
    found = dataset_of(
        network,
        evaluation,
        args.source,
        labels=args.labels or "",
        label_order=args.label_order,
        annotations=args.annotations,
        allow_outside=args.allow_outside,
        definitions=args.definitions,
        subsample=args.subsample,
        seed=args.seed,
        ports=network_ports(args),
    )
    return asked_for(found, evaluation)


def _measure(
    name: str,
    precision: str,
    xml: Path,
    evaluation: Evaluation | None,
    dataset: Dataset,
    args: argparse.Namespace,
) -> Result:
    from omz.accuracy.evaluation import RANKS, evaluate
    from omz.accuracy.figures import figures_of
    from omz.accuracy.output import Result
    from omz.accuracy.text import problem_lines

    check_weights(args, xml)
    resume = args.resume and args.resume / f"{name}-{precision}.jsonl"
    preparation = preparation_for(
        xml, evaluation, args.config or CONFIG_FILE, network_ports(args), steps_stated(args)
    )
    with _progress_bar(f"{name} {precision}", args.quiet) as progress:
        report = evaluate(
            xml,
            dataset,
            preparation,
            device=args.device,
            precision=args.infer_precision,
            requests=args.num_infer_requests,
            ranks=max(RANKS, evaluation.ranks if evaluation else 0),
            resume=resume,
            ports=network_ports(args),
            progress=progress,
        )
    for line in problem_lines(report):
        log.warning("%s", line)
    if text := report.advice:
        log.warning("%s", text)
    figures = figures_of(evaluation.metrics if evaluation else (), report)
    for figure in figures:
        if figure.top_k >= len(report.labels):
            log.warning(
                "%s: top-%d says nothing of a network with %d classes", name, figure.top_k, len(report.labels)
            )
    return Result(name, precision, report, figures, preparation.told)


def _verdicts(result: Result, tolerance: float | None) -> Iterator[str]:
    """Yield why a result is no success."""
    where = f"{result.model} {result.precision}"
    if result.report.problems:
        yield f"{where}: {len(result.report.problems)} pictures could not be read"
    if tolerance is not None and result.is_below(tolerance):
        yield f"{where}: below the reference by more than {tolerance:g}"


@contextmanager
def _progress_bar(title: str, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show progress on stderr where that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    from omz.safe_console import progress

    title_column = TextColumn("{task.description}", style="progress.description", markup=False)
    columns = (title_column, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress(*columns, transient=True) as bar:
        task = bar.add_task(printable(title))
        yield lambda done, total: bar.update(task, completed=done, total=total)


if __name__ == "__main__":
    raise SystemExit(main())
