"""``omz report``: a model and its converted forms on one self-contained HTML page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.accuracy.arguments import add_list_arguments, add_preparation_arguments, add_source_argument
from omz.command import SUCCESS, add_common_arguments, positive_number, run
from omz.converter.picture_steps import steps_stated
from omz.errors import InferenceError, UsageError, ZooError
from omz.files import check_writable
from omz.inference.arguments import (
    add_device_argument,
    add_execution_argument,
    add_input_argument,
    add_labels_argument,
    add_network_arguments,
    network_ports,
)
from omz.inference.choice import add_choice_arguments, check_weights, choices
from omz.outgoing import printable
from omz.outputs import check_outputs
from omz.parser import Parser
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.inference.locate import Network


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz report --help``."""
    return run(build_parser(), _run, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(
        description="Measure a converted model in all of its precisions and write one HTML page that holds "
        "everything: figures, charts, pictures with their classes. It loads nothing from elsewhere."
    )
    add_choice_arguments(parser, "--model_dir")
    group = parser.add_argument_group("report")
    add_labels_argument(group)
    group.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where the page goes (default: <name>.html)"
    )
    add_input_argument(group, default="those that come with the model, if any do")
    group.add_argument(
        "--pictures",
        type=positive_number,
        default=12,
        metavar="N",
        help="pictures shown at most (default: 12)",
    )
    add_source_argument(
        group, "labelled pictures to measure accuracy on, as accuracy_check takes them (default: those that come with "
        "the model, if any do)",
    )  # fmt: skip
    add_list_arguments(group)
    group.add_argument(
        "--subsample",
        type=positive_number,
        default=0,
        metavar="N",
        help="measure accuracy on so many of them",
    )
    add_device_argument(group)
    add_execution_argument(group)
    group.add_argument(
        "-time",
        "--time",
        type=seconds,
        default=3.0,
        metavar="S",
        help="seconds for each measurement, two for each precision (default: 3)",
    )
    add_network_arguments(group)
    add_preparation_arguments(parser)
    add_common_arguments(parser)
    return parser


def seconds(text: str) -> float:
    """Parse the time of a measurement for argparse: more than 0 seconds, up to an hour."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"must be a number of seconds up to 3600, not {text!r}")
    return value


def _run(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return SUCCESS
    from omz.report.again import commands
    from omz.report.collect import collect
    from omz.report.html import render
    from omz.report.options import Options

    if args.output:
        check_writable(args.output, "--output")
    network = _the_network(args)
    output = args.output or Path(f"{network.name}.html")
    irs = network.irs.values()
    check_outputs(
        {"--output": output},
        {"-m": (*irs, *(xml.with_suffix(".bin") for xml in irs)), "-i": args.input, "--labels": args.labels,
         "-a": args.annotations},
    )  # fmt: skip
    findings = collect(
        network,
        Options(
            pictures=args.input or (),
            device=args.device,
            infer_precision=args.infer_precision,
            seconds=args.time,
            sample_count=args.pictures,
            dataset=args.source,
            annotations=args.annotations,
            allow_outside=args.allow_outside,
            label_order=args.label_order,
            labels=args.labels or "",
            subsample=args.subsample,
            ports=network_ports(args),
            steps=steps_stated(args),
        ),
    )
    write(output, render(findings, commands(findings, args, build_parser())))
    print(printable(str(output)))
    return SUCCESS


def _the_network(args: argparse.Namespace) -> Network:
    """Return the network that is asked for, with all IRs that are.

    Raises:
        UsageError: They are several.
        InferenceError: It, or a precision of it, is not there.
    """
    chosen = choices(args)
    if len(chosen) != 1:
        names = ", ".join(choice.name for choice in chosen)
        raise UsageError(f"a report is of one model; choose one of {names}")
    network = chosen[0].find()
    if network.missing:
        raise InferenceError(
            f"{network.name}: no IR in {', '.join(network.missing)} (there are {', '.join(network.irs)}). "
            "Make it with omz_converter or omz_quantizer."
        )
    for xml in network.irs.values():
        check_weights(args, xml)
    return network


def write(path: Path, page: str) -> None:
    """Write a page; it appears whole or not at all.

    Raises:
        ZooError: It cannot be written.
    """
    from omz.files import whole_file, writing

    with writing(path, ZooError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, ZooError) as stream:
        stream.write(page.encode(errors="backslashreplace"))  # of a file's name that is no UTF-8


if __name__ == "__main__":
    raise SystemExit(main())
