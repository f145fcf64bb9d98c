"""Model Optimizer's command line, as descriptors and users write it: text -> :class:`Arguments`.

Understood natively: ``--input_model --input_proto --input --input_shape --batch --output --mean_values --mean_file
--mean_file_offsets --scale_values --scale --reverse_input_channels --layout --disable_fusing --data_type
--compress_to_fp16``, and Caffe's ``--stage``. Anything else is an error, never ignored.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from omz.converter.arguments import ALL_INPUTS, Arguments
from omz.converter.flag_values import (
    batch_size,
    finite_float,
    layouts_by_input,
    name_list,
    positive_float,
    shape_list,
    truth_value,
    two_offsets,
    values_by_input,
)
from omz.errors import ConversionError, UsageError
from omz.parser import Parser


def add_arguments(parser: argparse.ArgumentParser, *, caffe: bool = True) -> None:
    """Add Model Optimizer's flags to a parser: those for Caffe, or those for a PyTorch checkpoint or ONNX."""
    add_network_arguments(parser, caffe=caffe)
    precision = parser.add_argument_group("precision of the weights (default: FP16, as ovc)")
    precision.add_argument(
        "--compress_to_fp16", nargs="?", const=True, type=truth_value, metavar="BOOL", help="half precision"
    )
    precision.add_argument(
        "--data_type", choices=["FP16", "FP32", "half", "float"], help="the same, in older words"
    )
    add_verify_arguments(parser)


def add_network_arguments(parser: argparse.ArgumentParser, *, caffe: bool = True, weights: str = "") -> None:
    """Add the flags that say which network it is: its files, its part, and the preprocessing baked in.

    Args:
        parser: The command's.
        caffe: Those for Caffe as well.
        weights: What ``--input_model`` is, where a command takes other files than ``caffe`` says.
    """
    files = parser.add_argument_group("network")
    usual = "caffemodel: the weights" if caffe else "checkpoint (.pth, .pt, .safetensors) or .onnx"
    weights = weights or usual
    files.add_argument("--input_model", "-w", "-m", type=Path, required=True, metavar="M", help=weights)
    if caffe:
        files.add_argument(
            "--input_proto", "-d", type=Path, metavar="P", help="prototxt: the network (default: beside M)"
        )
    files.add_argument(
        "--input", type=name_list, default=(), metavar="NAME[,NAME]", help="names of the inputs"
    )
    files.add_argument(
        "--input_shape",
        type=shape_list,
        default=(),
        metavar="[1,3,224,224]",
        help="shapes of the inputs; -1 for any size",
    )
    files.add_argument(
        "--batch", "-b", type=batch_size, metavar="N", help="first dimension of every input; -1 for any size"
    )
    files.add_argument(
        "--output", type=name_list, default=(), metavar="NAME[,NAME]", help="end the net at these layers"
    )
    if caffe:
        files.add_argument(
            "--stage",
            type=name_list,
            default=(),
            metavar="NAME[,NAME]",
            help="stages of the net, such as deploy",
        )
        files.add_argument(
            "--disable_fusing",
            nargs="?",
            const=True,
            default=False,
            type=truth_value,
            metavar="BOOL",
            help="keep BatchNorm, Scale, Bias and Power as layers of their own",
        )
    bake = parser.add_argument_group("baked-in preprocessing (pictures are BGR, 0..255)")
    bake.add_argument(
        "--mean_values", type=values_by_input, metavar="data[104,117,123]", help="subtracted, per channel"
    )
    if caffe:
        bake.add_argument(
            "--mean_file", type=Path, metavar="FILE", help="mean picture (.binaryproto) to subtract instead"
        )
        bake.add_argument(
            "--mean_file_offsets",
            type=two_offsets,
            metavar="(Y,X)",
            help="where the input lies in the mean picture (default: in its middle)",
        )
    bake.add_argument(
        "--scale_values",
        type=values_by_input,
        metavar="data[58.8]",
        help="divided by, per channel or one for all",
    )
    bake.add_argument("--scale", "-s", type=finite_float, metavar="X", help="divided by, everywhere")
    bake.add_argument(
        "--reverse_input_channels",
        nargs="?",
        const=True,
        default=False,
        type=truth_value,
        metavar="BOOL",
        help="the network was trained on RGB",
    )
    bake.add_argument(
        "--layout", type=layouts_by_input, metavar="data(NCHW)", help="layout of the inputs (default: NCHW)"
    )


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--verify`` and its tolerance."""
    check = parser.add_argument_group("check")
    check.add_argument(
        "--verify",
        action="store_true",
        help="compare the IR with Caffe's layers; remove it if it differs (Caffe only)",
    )
    check.add_argument(
        "--verify_tolerance",
        type=positive_float,
        metavar="X",
        help="largest difference over the largest magnitude (default: 3e-5 for FP32, 2e-2 for FP16)",
    )


def from_namespace(args: argparse.Namespace, *, caffe: bool | None = None) -> Arguments:
    """Turn parsed flags into :class:`Arguments`.

    Args:
        args: Of :func:`add_arguments`, or of :func:`add_network_arguments` alone.
        caffe: Whether the network is one of Caffe, for a parser that takes others as well.

    Raises:
        UsageError: Two flags contradict each other.
    """
    scale = args.scale_values
    if args.scale is not None:
        if scale:
            raise UsageError("--scale and --scale_values say the same; give one of them")
        if args.scale == 0:
            raise UsageError("--scale 0: the input would be divided by it")
        scale = {ALL_INPUTS: (args.scale,)}
    half = getattr(args, "compress_to_fp16", None)
    if getattr(args, "data_type", None) is not None:
        stated = args.data_type in ("FP16", "half")
        if half is not None and half != stated:
            raise UsageError(f"--data_type {args.data_type} contradicts --compress_to_fp16={half}")
        half = stated
    if args.input and args.input_shape and len(args.input) != len(args.input_shape):
        raise UsageError(
            f"{len(args.input)} names in --input, {len(args.input_shape)} shapes in --input_shape"
        )
    caffe = "input_proto" in args if caffe is None else caffe
    verify = getattr(args, "verify", False)
    if verify and not caffe:
        raise UsageError("--verify compares with Caffe's layers, which only Caffe networks have")
    mean_file = args.mean_file if caffe else None
    if mean_file and args.mean_values:
        raise UsageError("--mean_file and --mean_values say the same; give one of them")
    if caffe and args.mean_file_offsets and not mean_file:
        raise UsageError("--mean_file_offsets goes with --mean_file")
    return Arguments(
        input_model=args.input_model,
        input_proto=args.input_proto or args.input_model.with_suffix(".prototxt") if caffe else None,
        inputs=args.input,
        input_shapes=args.input_shape,
        batch=args.batch,
        outputs=args.output,
        stages=args.stage if caffe else (),
        fuse=not (caffe and args.disable_fusing),
        mean_file=mean_file,
        mean_file_offsets=args.mean_file_offsets if caffe else None,
        mean_values=_for_inputs(args.mean_values, args.input, "--mean_values"),
        scale_values=_for_inputs(scale, args.input, "--scale_values"),
        reverse_input_channels=args.reverse_input_channels,
        layouts=args.layout,
        compress_to_fp16=True if half is None else half,
        verify=verify,
        verify_tolerance=getattr(args, "verify_tolerance", None),
    )


def parse(texts: Sequence[str], *, caffe: bool = True) -> Arguments:
    """Parse ``model_optimizer_args`` of a descriptor, variables already replaced.

    Args:
        texts: The arguments.
        caffe: The model is one of Caffe, not a PyTorch checkpoint or in ONNX.

    Raises:
        ConversionError: An argument is not understood; names it.
    """
    parser = _Raising(prog="model_optimizer_args", add_help=False)
    parser.given = texts
    add_arguments(parser, caffe=caffe)
    try:
        return from_namespace(parser.parse_args(list(texts)))
    except UsageError as error:
        raise ConversionError(str(error)) from error


class _Raising(Parser):
    """A parser that raises where argparse would print and exit."""

    def error(self, message: str) -> NoReturn:
        raise ConversionError(self.explained(message))


def _for_inputs(
    values: dict[str, tuple[float, ...]] | None, inputs: tuple[str, ...], flag: str
) -> dict[str, tuple[float, ...]] | None:
    """Resolve values that were stated without names, several in a row, to the inputs in their order."""
    if not values or not any(name.startswith("#") for name in values):
        return values
    if len(inputs) != len(values):
        raise UsageError(
            f"{flag} has {len(values)} lists of values without names; --input must name as many inputs"
        )
    return dict(zip(inputs, values.values(), strict=True))
