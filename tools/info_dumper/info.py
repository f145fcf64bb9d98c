"""``omz info``: size and cost of converted models, counted on the IR, beside the published figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.command import SUCCESS, add_common_arguments, describe, report_failures, run
from omz.errors import InferenceError, ZooError
from omz.parser import Parser
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.zoo.schema import Model


@dataclass(frozen=True, slots=True)
class Info:
    """Figures of one model; published ones are None where the descriptor has none."""

    name: str
    precision: str
    weights_bytes: int
    inputs: dict[str, str]
    outputs: dict[str, str]
    mparams: float
    gflops: float
    published_mparams: float | None
    published_gflops: float | None
    published_top1: float | None
    published_top5: float | None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz info --help``."""
    return run(build_parser(), _run, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(description="Count parameters and operations of converted models on their IR.")
    selection.add_selection_arguments(parser)
    group = parser.add_argument_group("info")
    group.add_argument(
        "-d", "--model_dir", type=Path, default=Path(), metavar="DIR", help="what omz_converter -o was"
    )
    group.add_argument(
        "--precision", metavar="P", help="which IR to count (default: the most exact one there)"
    )
    group.add_argument("--json", action="store_true", help="print a JSON list")
    add_common_arguments(parser)
    return parser


def _run(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return SUCCESS
    infos, failed = [], []
    for model in (stage for chosen in selection.selected_models(args) for stage in chosen.stages):
        try:
            infos.append(inspect(model, args.model_dir, args.precision))
        except ZooError as error:
            print(f"{model.name}: error: {describe(error)}", file=sys.stderr)
            failed.append(model.name)
    print(json.dumps([asdict(info) for info in infos], indent=4) if args.json else as_text(infos))
    return report_failures(failed)


def inspect(model: Model, model_dir: Path, precision: str | None = None) -> Info:
    """Count the IR of a model.

    Raises:
        InferenceError: There is no IR, or it cannot be read; says what to do.
    """
    wanted = [precision] if precision else ["FP32", "FP16"]
    paths = {p: model_dir / model.subdirectory / p / f"{model.name}.xml" for p in wanted}
    found = next((p for p, path in paths.items() if path.is_file()), None)
    if found is None:
        raise InferenceError(
            f"{paths[wanted[0]]}: is not there. Make it with: omz_converter --name {model.name} (and its -d and -o)"
        )
    import openvino as ov

    from omz.converter.graph import input_name
    from omz.info_dumper.counting import count_cost

    xml = paths[found]
    try:
        network = ov.Core().read_model(xml)
    except RuntimeError as error:
        raise InferenceError(
            f"{xml}: is no readable IR. Convert the model again with omz_converter."
        ) from error
    cost = count_cost(network)
    published = model.specification
    return Info(
        name=model.name,
        precision=found,
        weights_bytes=xml.with_suffix(".bin").stat().st_size,
        inputs={input_name(value): str(value.get_partial_shape()) for value in network.inputs},
        outputs={value.get_any_name(): str(value.get_partial_shape()) for value in network.outputs},
        mparams=cost.mparams,
        gflops=cost.gflops,
        published_mparams=published.mparams if published else None,
        published_gflops=published.gflops if published else None,
        published_top1=published.top1 if published else None,
        published_top5=published.top5 if published else None,
    )


def as_text(infos: Sequence[Info]) -> str:
    """Lay the figures out as a table."""
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
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not number else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _beside(counted: float, published: float | None) -> list[str]:
    if published is None:
        return [f"{counted:.4g}", "-", "-"]
    return [f"{counted:.3f}", f"{published:g}", f"{100 * (counted / published - 1):+.2f} %"]


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:g}"
