"""``caffe2ir``: convert any prototxt + caffemodel, with Model Optimizer's flags.

Its body also serves ``torch2ir`` and ``onnx2ir``, which differ in the files that they take.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.command import SUCCESS, add_common_arguments, run
from omz.converter import model_optimizer as mo
from omz.converter.picture_steps import add_step_arguments, steps_stated
from omz.errors import ConversionError, UsageError
from omz.outgoing import printable
from omz.parser import Parser
from omz.suggestions import files_near

if TYPE_CHECKING:
    from omz.converter.arguments import Arguments

#: Model Optimizer's options that are spelt as others of ours.
FOREIGN = ("--input", "--output")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``caffe2ir --help``."""
    return run(build_parser(), convert, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    return standalone_parser("Convert any prototxt + caffemodel, with Model Optimizer's flags.", caffe=True)


def standalone_parser(description: str, *, caffe: bool) -> Parser:
    """Return a parser for one network that is named by its files: of Caffe, in a PyTorch checkpoint, or in ONNX."""
    parser = Parser(
        description=description,
        epilog="As in Model Optimizer, --input names the network's inputs, and --output where it ends; the IR goes to "
        "--output_dir.",
        foreign=FOREIGN,
    )
    mo.add_arguments(parser, caffe=caffe)
    add_step_arguments(parser)
    target = parser.add_argument_group("IR")
    target.add_argument(
        "--output_dir", "-o", type=Path, default=Path(), metavar="DIR", help="where to (default: here)"
    )
    target.add_argument(
        "--model_name", "-n", metavar="N", help="name of the .xml and .bin (default: the weights' name)"
    )
    target.add_argument(
        "--labels",
        metavar="LIST",
        help="class names for Model API: a list of the toolkit, such as imagenet_2012, or a file (docs/labels.md)",
    )
    target.add_argument(
        "--model_info",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a further word for whoever reads the IR, such as interpolation=bicubic",
    )
    add_common_arguments(parser)
    return parser


def convert(args: argparse.Namespace) -> int:
    """Convert what a :func:`standalone_parser` has parsed."""
    arguments = mo.from_namespace(args)
    name = args.model_name or arguments.input_model.stem
    if not re.fullmatch(r"[^/\\\0]+", name) or name in (".", ".."):
        raise UsageError(f"--model_name {name!r}: expected a plain file name")
    _check_files(arguments)
    labels = _labels(args.labels)
    model_info = dict(map(_stated, args.model_info))
    steps = steps_stated(args)
    from omz.converter.network import build_network

    began = time.perf_counter()
    precision = "FP16" if arguments.compress_to_fp16 else "FP32"
    network = build_network(arguments, name, labels, model_info, steps)
    xml = network.save(args.output_dir / f"{name}.xml", precision, verify=arguments.verify)
    if not args.quiet:
        print(f"{printable(str(xml))}  {precision}, {time.perf_counter() - began:.2f} s", file=sys.stderr)
    return SUCCESS


def _check_files(arguments: Arguments) -> None:
    """Refuse files that are not there, the one that was typed before the one that is taken to be beside it.

    With the prototxt alone, layers that are not supported are told before the weights are asked for.
    """
    if arguments.input_proto is not None and arguments.input_proto.exists():
        return
    for path in (arguments.input_model, arguments.input_proto):
        if path is not None and not path.exists():
            raise ConversionError(f"{path}: no such file.{files_near(path)}")


def _stated(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch("[a-z_]+", key) or key == "labels":
        raise UsageError(
            f"--model_info {text!r}: expected KEY=VALUE, the key in small letters, other than labels"
        )
    return key, value


def _labels(stated: str | None) -> list[str]:
    if not stated:
        return []
    from omz.zoo.labels import read_labels

    return [label.name for label in read_labels(stated)]


if __name__ == "__main__":
    raise SystemExit(main())
