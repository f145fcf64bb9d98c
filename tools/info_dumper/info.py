"""``omz info``: size and cost of converted networks, counted on the IR, beside the published figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.command import SUCCESS, add_common_arguments, add_json_argument, report_failures, run
from omz.errors import InferenceError, ZooError
from omz.files import write_output
from omz.inference.choice import add_choice_arguments, check_weights, choices
from omz.outgoing import describe, json_text, printable
from omz.outputs import check_outputs
from omz.parser import Parser
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.inference.locate import Network


@dataclass(frozen=True, slots=True)
class Info:
    """Figures of one IR, and what it says about itself; published figures are None where there are none."""

    name: str
    precision: str
    weights_bytes: int
    inputs: dict[str, str]
    outputs: dict[str, str]
    mparams: float
    gflops: float
    published_mparams: float | None = None
    published_gflops: float | None = None
    published_top1: float | None = None
    published_top5: float | None = None
    ir: str = ""
    output_kinds: str = ""  # see omz.converter.outputs
    labels: int = 0
    preparation: str = ""  # of pictures, in words; '' if the IR does not say


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz info --help``."""
    return run(build_parser(), _run, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(description="Count parameters and operations of converted networks on their IR.")
    add_choice_arguments(parser, "--model_dir", "-d", precision="the most exact one there")
    group = parser.add_argument_group("output")
    add_json_argument(group)
    add_common_arguments(parser)
    return parser


def _run(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return SUCCESS
    check_outputs({"--json": args.json}, {"-m": args.model or args.either})
    infos: list[Info] = []
    failed: list[str] = []
    for choice in choices(args):
        try:
            infos += _inspected(choice.find(), args)
        except ZooError as error:
            print(f"{choice.name}: error: {describe(error)}", file=sys.stderr)
            failed.append(choice.name)
    if args.json:
        write_output(args.json, json_text([asdict(info) for info in infos], indent=4) + "\n", InferenceError)
    if args.json != "-" and infos:
        print(as_text(infos))
    return report_failures(failed)


def _inspected(network: Network, args: argparse.Namespace) -> Iterator[Info]:
    for precision, xml in network.irs.items():
        check_weights(args, xml)
        yield inspect(network, precision, xml)
        if args.precisions is None:
            return
    if network.missing:
        raise InferenceError(f"no IR in {', '.join(network.missing)} (there are {', '.join(network.irs)})")


def inspect(network: Network, precision: str, xml: Path) -> Info:
    """Count an IR of a network.

    Raises:
        InferenceError: It cannot be read; says what to do.
        DescriptorError: What it says of itself is malformed.
    """
    import openvino as ov

    from omz.converter.graph import input_name
    from omz.inference.network import class_names, read_network
    from omz.inference.output import all_kinds, names_of
    from omz.inference.recorded import recorded_steps
    from omz.info_dumper.counting import count_cost
    from omz.zoo.step_effects import in_words

    read = read_network(ov.Core(), xml)
    cost = count_cost(read)
    steps = recorded_steps(read, xml)
    published = network.model.specification if network.model else None
    return Info(
        name=network.name,
        precision=precision,
        weights_bytes=xml.with_suffix(".bin").stat().st_size,
        inputs={input_name(value): str(value.get_partial_shape()) for value in read.inputs},
        outputs={names_of(value)[0]: str(value.get_partial_shape()) for value in read.outputs},
        mparams=cost.mparams,
        gflops=cost.gflops,
        published_mparams=published.mparams if published else None,
        published_gflops=published.gflops if published else None,
        published_top1=published.top1 if published else None,
        published_top5=published.top5 if published else None,
        ir=str(xml),
        output_kinds=" ".join(all_kinds(read, xml)),
        labels=len(class_names(read, xml)),
        preparation=in_words(steps) if steps else "",
    )


def as_text(infos: Sequence[Info]) -> str:
    """Lay the figures out as a table; of one IR, tell what it says about itself, too."""
    published = any(info.published_mparams or info.published_gflops or info.published_top1 for info in infos)
    head = [
        "model",
        "IR",
        "weights",
        "MParams",
        "page",
        "diff",
        "GFLOPs",
        "page",
        "diff",
        "top-1 %",
        "top-5 %",
    ]
    rows = [head]
    for info in infos:
        rows.append(
            [
                info.name,
                info.precision,
                f"{info.weights_bytes / 1e6:.1f} MB",
                *_beside(info.mparams, info.published_mparams),
                *_beside(info.gflops, info.published_gflops),
                _shown(info.published_top1),
                _shown(info.published_top5),
            ]
        )
    if not published:
        rows = [[*row[:4], row[6]] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if not number else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(lines if len(infos) > 1 else [*lines, "", *_said(infos[0])])


def _said(info: Info) -> list[str]:
    """Return what an IR says about itself, a line each."""
    inputs, outputs = (
        ", ".join(f"{name} {shape}" for name, shape in ports.items()) for ports in (info.inputs, info.outputs)
    )
    kinds = f", {info.output_kinds}" if info.output_kinds else ""
    return [
        f"input     {printable(inputs)}",
        f"output    {printable(outputs + kinds)}",
        f"labels    {info.labels or 'none'}",
        f"pictures  {info.preparation or 'the IR does not say how they are evaluated'}",
    ]


def _beside(counted: float, published: float | None) -> list[str]:
    if published is None:
        return [f"{counted:.4g}", "-", "-"]
    return [f"{counted:.3f}", f"{published:g}", f"{100 * (counted / published - 1):+.2f} %"]


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:g}"
