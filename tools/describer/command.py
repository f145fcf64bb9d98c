"""``omz add``: a network of one's own becomes a model, as those of the zoo are.

It takes what ``caffe2ir``, ``torch2ir`` and ``onnx2ir`` take, and writes ``public/<name>/`` in a models folder: the
files of the network (or where they can be had), ``model.yml``, ``accuracy-check.yml`` and a page.
"""

from __future__ import annotations

import argparse
import logging
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omz.command import SUCCESS, add_common_arguments, add_json_argument, run
from omz.converter import model_optimizer as mo
from omz.converter.caffe2ir import FOREIGN
from omz.converter.picture_steps import add_step_arguments, steps_stated
from omz.describer.network_files import CHECKPOINT_SUFFIXES, ONNX_SUFFIX
from omz.errors import DescriptorError, UsageError
from omz.files import write_output
from omz.outgoing import json_text, printable
from omz.outputs import check_outputs
from omz.parser import Parser
from omz.zoo import catalogue
from omz.zoo.pages import PAGE_FILE

if TYPE_CHECKING:
    from omz.converter.arguments import Arguments
    from omz.describer.add import Added

log = logging.getLogger(__name__)

FRAMEWORKS = ("caffe", "onnx", "pytorch")
#: Options of networks in Caffe alone.
_CAFFE_ONLY = ("input_proto", "stage", "disable_fusing", "mean_file", "mean_file_offsets")


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(
        foreign=(*FOREIGN, "--name"),
        description="Add a network of your own to a models folder: then all commands take it by its name.",
        epilog="Without --url, the files are copied to the models folder.",
    )
    group = parser.add_argument_group("model")
    group.add_argument("--name", "-n", required=True, metavar="N", help="what it shall be called")
    group.add_argument(
        "--models_root", type=Path, metavar="DIR",
        help=f"folder of descriptors, made if need be; the model goes to DIR/public/N (default: "
        f"{catalogue.ROOT_VARIABLE})",
    )  # fmt: skip
    group.add_argument(
        "--labels", default="", metavar="LIST",
        help="names of the classes: a list of the toolkit, such as imagenet_2012, or a file",
    )  # fmt: skip
    group.add_argument("--description", default="", metavar="TEXT", help="what the network is, in words")
    group.add_argument("--license", default="", metavar="TEXT|URL", help="of the weights (default: unknown)")
    group.add_argument(
        "--url", action="append", default=[], metavar="URL",
        help="where everybody can get a file; one for each, in this order: prototxt, caffemodel, mean file; or the "
        "network, files of its weights",
    )  # fmt: skip
    group.add_argument(
        "--force", action="store_true", help="replace a model of this name; other files in its folder stay"
    )
    mo.add_network_arguments(
        parser,
        weights="caffemodel, .onnx, or checkpoint of timm's ResNet family (.pth, .pt, .safetensors)",
    )
    group = parser.add_argument_group("files with other suffixes")
    group.add_argument("--framework", choices=FRAMEWORKS, help="of the network (default: by its files)")
    add_step_arguments(parser)
    group = parser.add_argument_group("output")
    add_json_argument(group, "what was written")
    group.add_argument("--dry_run", action="store_true", help="print the descriptor, write nothing")
    parser.add_argument(  # of command lines for Model Optimizer
        "--data_type", "--compress_to_fp16", dest="precision", nargs="?", const=True, help=argparse.SUPPRESS
    )
    add_common_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``omz add --help``."""
    return run(build_parser(), _run, argv)


def _run(args: argparse.Namespace) -> int:
    arguments = _arguments(args)
    steps = steps_stated(args)
    if args.precision:
        log.warning("--data_type and --compress_to_fp16 have no effect here: omz_converter has --precisions")
    from omz.describer.add import add_model

    root = args.models_root or catalogue.default_root()
    check_outputs({"--json": args.json}, {"-m": arguments.input_model, "-d": arguments.input_proto})
    added = add_model(
        args.name,
        arguments,
        root,
        labels=args.labels,
        steps=steps,
        description=args.description,
        license_text=args.license,
        urls=args.url,
        replace=args.force,
        dry_run=args.dry_run,
    )
    if args.json:
        write_output(args.json, json_text(_as_json(added, root), indent=4) + "\n", DescriptorError)
    if args.json == "-":
        pass
    elif args.dry_run:
        print(added.texts[catalogue.MODEL_FILE], end="")
    elif not args.quiet:
        print(_as_text(added, root))
    return SUCCESS


def _arguments(args: argparse.Namespace) -> Arguments:
    """Return what to convert, by the framework that the files are of.

    Raises:
        UsageError: That cannot be told, or options are for another one.
    """
    weights, framework = args.input_model, args.framework
    if framework is None:
        suffix = weights.suffix.lower()
        framework = (
            "onnx" if suffix == ONNX_SUFFIX else "pytorch" if suffix in CHECKPOINT_SUFFIXES else "caffe"
        )
        if framework == "caffe" and not args.input_proto and not weights.with_suffix(".prototxt").exists():
            raise UsageError(
                f"--input_model {weights}: neither a checkpoint nor ONNX by its suffix, and there is no "
                f"{weights.with_suffix('.prototxt').name} beside it. Say with --input_proto where that is, or with "
                "--framework what it is"
            )
    if framework == "onnx" and weights.suffix != ONNX_SUFFIX:
        raise UsageError(f"--input_model {weights}: a network in ONNX needs the suffix {ONNX_SUFFIX}")
    if framework != "caffe":
        for option in _CAFFE_ONLY:
            if getattr(args, option):
                raise UsageError(f"--{option} is for networks of Caffe; {weights} is one of {framework}")
    return mo.from_namespace(args, caffe=framework == "caffe")


def next_commands(added: Added, root: Path) -> list[str]:
    """Return the commands that take the model further, as a shell takes them."""
    name = added.model.name
    where = [] if root == catalogue.default_root() else ["--models_root", str(root)]
    zoo = [["omz_downloader"], ["omz_converter"], ["accuracy_check", "-s", "PICTURES"]]
    return [
        *(shlex.join([command, "--name", name, *where, *more]) for command, *more in zoo),
        shlex.join(["classification_demo", "-m", name, "-i", "PICTURES"]),
    ]


def _as_text(added: Added, root: Path) -> str:
    model = added.model
    names = sorted([*added.texts, PAGE_FILE, *(file.name for file in added.files if not file.url)])
    return "\n".join(
        [
            printable(f"{model.name}: {model.framework}, {_outputs(added)}, in {model.directory}:"),
            f"  {printable(', '.join(names))}",
            "",
            "Next (PICTURES is a folder, to measure on with a folder in it for each class):",
            *(f"  {printable(command)}" for command in next_commands(added, root)),
        ]
    )


def _outputs(added: Added) -> str:
    return ", ".join(f"{one.name} {one.shape} of {one.values}" for one in added.model.output_info)


def _as_json(added: Added, root: Path) -> dict[str, Any]:
    model = added.model
    return {
        "name": model.name,
        "framework": model.framework,
        "directory": str(model.directory),
        "files": [file.model_dump(by_alias=True, exclude_none=True) for file in model.files],
        "input_info": [one.model_dump() for one in model.input_info],
        "output_info": [one.model_dump() for one in model.output_info],
        "model_optimizer_args": model.model_optimizer_args,
        "quantizable": model.quantizable,
        "written": sorted([*added.texts, PAGE_FILE]),
        "next": next_commands(added, root),
    }
