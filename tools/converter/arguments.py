"""Model Optimizer's command line, as descriptors and users write it: text -> :class:`Arguments`.

Understood natively: ``--input_model --input_proto --input --input_shape --batch --output --mean_values --mean_file
--mean_file_offsets --scale_values --scale --reverse_input_channels --layout --disable_fusing --data_type
--compress_to_fp16``, and Caffe's ``--stage``. Anything else is an error, never ignored.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from omz.errors import ConversionError, UsageError

ALL_INPUTS = ""  # as a key: stated without the name of an input


@dataclass(frozen=True, slots=True)
class Arguments:
    """What to convert, and how.

    Attributes:
        input_model: The weights: a caffemodel, a PyTorch checkpoint, or a network in ONNX.
        input_proto: The network definition; None for the latter two, which tell the network themselves.
        inputs: Names of the inputs, if stated.
        input_shapes: Shapes, in the order of ``inputs`` or else of the net.
        batch: First dimension of every input, -1 for any; None leaves it.
        outputs: Where the net ends; empty for its own ends.
        stages: Of the net's state, beside those that a prototxt states.
        fuse: Fold layers that only scale and shift into their neighbours.
        mean_values, scale_values: By input name, ``""`` for any; see :mod:`omz.converter.preprocessing`.
        mean_file, mean_file_offsets: A mean picture, and where (row, column) the input lies in it; None for its middle.
        reverse_input_channels: See there.
        layouts: By input name, ``""`` for any.
        compress_to_fp16: Store weights in half precision.
        verify, verify_tolerance: Compare the IR with Caffe's layers; see :mod:`omz.converter.verify`.
    """

    input_model: Path
    input_proto: Path | None
    inputs: tuple[str, ...] = ()
    input_shapes: tuple[tuple[int, ...], ...] = ()
    batch: int | None = None
    outputs: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    fuse: bool = True
    mean_values: dict[str, tuple[float, ...]] | None = None
    mean_file: Path | None = None
    mean_file_offsets: tuple[int, int] | None = None
    scale_values: dict[str, tuple[float, ...]] | None = None
    reverse_input_channels: bool = False
    layouts: dict[str, str] | None = None
    compress_to_fp16: bool = True
    verify: bool = False
    verify_tolerance: float | None = None

    def with_precision(self, precision: str) -> Arguments:
        """Return these arguments for ``FP16`` or ``FP32``."""
        return replace(self, compress_to_fp16=precision.startswith("FP16"))

    def canonical(self) -> str:
        """Return the arguments that shape the model, without paths and precision, in one fixed form."""
        parts = []
        if self.inputs:
            parts.append(f"--input={','.join(self.inputs)}")
        if self.input_shapes:
            parts.append(f"--input_shape={','.join(map(_bracketed, self.input_shapes))}")
        if self.batch is not None:
            parts.append(f"--batch={self.batch}")
        if self.outputs:
            parts.append(f"--output={','.join(self.outputs)}")
        if self.stages:
            parts.append(f"--stage={','.join(self.stages)}")
        if not self.fuse:
            parts.append("--disable_fusing")
        if self.mean_file_offsets:
            parts.append("--mean_file_offsets=({},{})".format(*self.mean_file_offsets))
        for flag, by_name in (("mean_values", self.mean_values), ("scale_values", self.scale_values)):
            if by_name:
                parts.append(f"--{flag}={','.join(name + _bracketed(v) for name, v in by_name.items())}")
        if self.reverse_input_channels:
            parts.append("--reverse_input_channels")
        if self.layouts:
            stated = [f"{name}({layout})" if name else layout for name, layout in self.layouts.items()]
            parts.append(f"--layout={','.join(stated)}")
        return " ".join(parts)


def add_arguments(parser: argparse.ArgumentParser, *, caffe: bool = True) -> None:
    """Add Model Optimizer's flags to a parser: those for Caffe, or those for a PyTorch checkpoint or ONNX."""
    files = parser.add_argument_group("network")
    weights = "caffemodel: the weights" if caffe else "checkpoint (.pth, .pt, .safetensors) or .onnx"
    files.add_argument("--input_model", "-w", "-m", type=Path, required=True, metavar="M", help=weights)
    if caffe:
        files.add_argument(
            "--input_proto", "-d", type=Path, metavar="P", help="prototxt: the network (default: beside M)"
        )
    files.add_argument("--input", type=_names, default=(), metavar="NAME[,NAME]", help="names of the inputs")
    files.add_argument(
        "--input_shape",
        type=_shapes,
        default=(),
        metavar="[1,3,224,224]",
        help="shapes of the inputs; -1 for any size",
    )
    files.add_argument(
        "--batch", "-b", type=batch_size, metavar="N", help="first dimension of every input; -1 for any size"
    )
    files.add_argument(
        "--output", type=_names, default=(), metavar="NAME[,NAME]", help="end the net at these layers"
    )
    if caffe:
        files.add_argument(
            "--stage",
            type=_names,
            default=(),
            metavar="NAME[,NAME]",
            help="stages of the net, such as deploy",
        )
        files.add_argument(
            "--disable_fusing",
            nargs="?",
            const=True,
            default=False,
            type=_flag,
            metavar="BOOL",
            help="keep BatchNorm, Scale, Bias and Power as layers of their own",
        )
    bake = parser.add_argument_group("baked-in preprocessing (pictures are BGR, 0..255)")
    bake.add_argument(
        "--mean_values", type=_values, metavar="data[104,117,123]", help="subtracted, per channel"
    )
    if caffe:
        bake.add_argument(
            "--mean_file", type=Path, metavar="FILE", help="mean picture (.binaryproto) to subtract instead"
        )
        bake.add_argument(
            "--mean_file_offsets",
            type=_offsets,
            metavar="(Y,X)",
            help="where the input lies in the mean picture (default: in its middle)",
        )
    bake.add_argument(
        "--scale_values", type=_values, metavar="data[58.8]", help="divided by, per channel or one for all"
    )
    bake.add_argument("--scale", "-s", type=_number, metavar="X", help="divided by, everywhere")
    bake.add_argument(
        "--reverse_input_channels",
        nargs="?",
        const=True,
        default=False,
        type=_flag,
        metavar="BOOL",
        help="the network was trained on RGB",
    )
    bake.add_argument(
        "--layout", type=_layouts, metavar="data(NCHW)", help="layout of the inputs (default: NCHW)"
    )
    precision = parser.add_argument_group("precision of the weights (default: FP16, as ovc)")
    precision.add_argument(
        "--compress_to_fp16", nargs="?", const=True, type=_flag, metavar="BOOL", help="half precision"
    )
    precision.add_argument(
        "--data_type", choices=["FP16", "FP32", "half", "float"], help="the same, in older words"
    )
    add_verify_arguments(parser)


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
        type=_positive,
        metavar="X",
        help="largest difference over the largest magnitude (default: 3e-5 for FP32, 2e-2 for FP16)",
    )


def from_namespace(args: argparse.Namespace) -> Arguments:
    """Turn parsed flags into :class:`Arguments`.

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
    half = args.compress_to_fp16
    if args.data_type is not None:
        stated = args.data_type in ("FP16", "half")
        if half is not None and half != stated:
            raise UsageError(f"--data_type {args.data_type} contradicts --compress_to_fp16={half}")
        half = stated
    if args.input and args.input_shape and len(args.input) != len(args.input_shape):
        raise UsageError(
            f"{len(args.input)} names in --input, {len(args.input_shape)} shapes in --input_shape"
        )
    caffe = "input_proto" in args
    if args.verify and not caffe:
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
        verify=args.verify,
        verify_tolerance=args.verify_tolerance,
    )


def parse(texts: Sequence[str], *, caffe: bool = True) -> Arguments:
    """Parse ``model_optimizer_args`` of a descriptor, variables already replaced.

    Args:
        texts: The arguments.
        caffe: The model is one of Caffe, not a PyTorch checkpoint or in ONNX.

    Raises:
        ConversionError: An argument is not understood; names it.
    """
    parser = _Raising(prog="model_optimizer_args", add_help=False, allow_abbrev=False)
    add_arguments(parser, caffe=caffe)
    try:
        return from_namespace(parser.parse_args(list(texts)))
    except UsageError as error:
        raise ConversionError(str(error)) from error


class _Raising(argparse.ArgumentParser):
    """A parser that raises where argparse would print and exit."""

    def error(self, message: str) -> NoReturn:
        raise ConversionError(message)


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


def _bracketed(numbers: Sequence[float]) -> str:
    return f"[{','.join(repr(number).removesuffix('.0') for number in numbers)}]"


def _names(text: str) -> tuple[str, ...]:
    """``prob`` or ``data,im_info``; the port and type decorations of Model Optimizer are not accepted."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or any(set(name) & set("[]{}=>") for name in names):
        raise argparse.ArgumentTypeError(f"expected names separated by commas, got {text!r}")
    return names


def _shapes(text: str) -> tuple[tuple[int, ...], ...]:
    """``[1,3,224,224]``, ``1,3,224,224``, ``(1,3,224,224)`` or several with brackets, separated by commas."""
    plain = text.replace(" ", "")
    bracketed = re.fullmatch(r"[\[(][-0-9,]+[\])](,[\[(][-0-9,]+[\])])*", plain)
    lists = re.findall(r"[-0-9][-0-9,]*(?=[\])])", plain) if bracketed else [plain]
    try:
        shapes = tuple(tuple(int(number) for number in one.split(",")) for one in lists)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected shapes such as [1,3,224,224], got {text!r}") from None
    if any(number == 0 or number < -1 for shape in shapes for number in shape):
        raise argparse.ArgumentTypeError(f"dimensions must be positive, or -1 for any, got {text!r}")
    return shapes


_VALUES = re.compile(r"([^\[\](),]*)[\[(]([^\[\]()]+)[\])](?:,|$)")


def _values(text: str) -> dict[str, tuple[float, ...]]:
    """``data[104,117,123]``, ``[104,117,123]``, ``(104,117,123)``, or several with the names of inputs."""
    plain = text.replace(" ", "")
    found = list(_VALUES.finditer(plain))
    if not found or "".join(match.group() for match in found) != plain:
        raise argparse.ArgumentTypeError(f"expected values such as data[104,117,123], got {text!r}")
    values: dict[str, tuple[float, ...]] = {}
    for number, match in enumerate(found):
        name = match.group(1)
        if not name and len(found) > 1:
            name = f"#{number}"
        if name in values:
            raise argparse.ArgumentTypeError(f"names the input {name!r} twice: {text!r}")
        values[name] = tuple(_number(one) for one in match.group(2).split(","))
    if len({name.startswith("#") for name in values}) > 1:
        raise argparse.ArgumentTypeError(f"expected names for all lists of values or for none, got {text!r}")
    return values


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value != value or value in (float("inf"), float("-inf")):
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}")
    return value


def _layouts(text: str) -> dict[str, str]:
    """``NCHW``, ``data(NCHW)`` or several, separated by commas."""
    layouts: dict[str, str] = {}
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"(?:([^()]+)\()?\[?([A-Za-z]+)\]?\)?", part)
        if not match or (match.group(1) is None) == part.endswith(")"):
            raise argparse.ArgumentTypeError(f"expected layouts such as data(NCHW), got {text!r}")
        layouts[match.group(1) or ALL_INPUTS] = match.group(2).upper()
    return layouts


def batch_size(text: str) -> int:
    """Parse the value of ``--batch``, for argparse: at least 1, or -1 for any."""
    if not re.fullmatch(r"-1|[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"expected a positive number, or -1 for any, got {text!r}")
    return int(text)


def _offsets(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"[\[(]?(\d{1,9}),(\d{1,9})[\])]?", text.replace(" ", ""))
    if not match:
        raise argparse.ArgumentTypeError(f"expected two numbers such as (16,16), got {text!r}")
    return int(match[1]), int(match[2])


def _flag(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"expected True or False, got {text!r}")
