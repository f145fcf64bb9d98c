"""``omz_info_dumper``: descriptors as a JSON list, with the fields of Open Model Zoo's information dumper."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omz import command
from omz.errors import ZooError
from omz.files import write_output
from omz.outgoing import json_text
from omz.outputs import check_outputs
from omz.parser import Parser
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.zoo.schema import CompositeModel, Model


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``omz_info_dumper``."""
    return command.run(build_parser(), _run, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(description="Print what the descriptors say of models, as JSON.")
    selection.add_selection_arguments(parser)
    command.add_json_argument(parser.add_argument_group("output"), "them", default="-")
    command.add_common_arguments(parser)
    return parser


def _run(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return command.SUCCESS
    check_outputs({"--json": args.json})
    described = [describe(model) for model in selection.selected_models(args)]
    write_output(args.json, json_text(described, indent=4) + "\n", ZooError)
    return command.SUCCESS


def describe(model: Model | CompositeModel) -> dict[str, Any]:
    """Return what is known of a model, as plain JSON values.

    The keys, their order and their values are those of Open Model Zoo 2023.3. ``accuracy_config`` and
    ``model_config`` are absolute paths, or None where there is no such file; ``model_stages`` has an entry for
    each stage of a composite model, and is empty for all others.
    """
    from omz.zoo.schema import CompositeModel

    inputs, stages = ([], model.stages) if isinstance(model, CompositeModel) else (model.input_info, [])
    return {
        "name": model.name,
        "composite_model_name": model.composite_model_name,
        "description": model.description,
        "framework": model.framework,
        "license_url": model.license,
        "accuracy_config": _path(model.directory / "accuracy-check.yml"),
        "model_config": _path(model.directory / "model.yml"),
        "precisions": model.precisions,
        "quantization_output_precisions": model.quantization_output_precisions,
        "subdirectory": str(model.subdirectory),
        "task_type": model.task_type,
        "input_info": [
            {"name": given.name, "shape": given.shape or [], "layout": given.layout or ""} for given in inputs
        ],
        "model_stages": [describe(stage) for stage in stages],
    }


def _path(path: Path) -> str | None:
    return str(path.resolve()) if path.is_file() else None
