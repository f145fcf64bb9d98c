"""Command line options that say which network runs where and how, and what they become."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import UsageError
from omz.inference.choice import add_model_argument, add_precisions_argument, add_tree_arguments
from omz.inference.devices import HINTS, MAX_REQUESTS, PRECISIONS, DeviceOptions
from omz.inference.resizing import RESIZE_TYPES
from omz.zoo.selection import add_root_argument

if TYPE_CHECKING:
    from omz.inference.classifier import InputOptions
    from omz.inference.ports import Ports


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``-m``, its tree and precision, and what says how a picture becomes input."""
    group = parser.add_argument_group("model")
    add_model_argument(group)
    add_tree_arguments(group)
    add_precisions_argument(group, "the most exact one there")
    add_root_argument(group)
    add_labels_argument(group, "-labels")
    add_network_arguments(group)
    group.add_argument(
        "--resize_type",
        choices=RESIZE_TYPES,
        default="",
        metavar="TYPE",
        help=f"{', '.join(RESIZE_TYPES)} (default: what the IR says, else standard, which stretches)",
    )
    group.add_argument(
        "-reverse_input_channels",
        "--reverse_input_channels",
        action="store_true",
        help="turn BGR pictures into RGB, for a model that does not do it itself",
    )
    for name, does in (("mean_values", "subtract"), ("scale_values", "then divide by")):
        group.add_argument(
            f"-{name}",
            f"--{name}",
            nargs="+",
            default=[],
            metavar="X",
            help=f"{does} one value per channel, or one for all",
        )


def add_labels_argument(group: argparse._ActionsContainer, *old: str) -> None:
    """Add ``--labels``: the names of the network's classes."""
    group.add_argument(
        *old, "--labels", metavar="FILE", help="label file or list name (default: the labels in the IR)"
    )


def add_device_argument(group: argparse._ActionsContainer, *old: str) -> None:
    """Add ``-d``, ``--device``: where the network runs."""
    group.add_argument(
        "-d",
        "--device",
        *old,
        default="CPU",
        help="CPU, GPU, GPU.1, NPU, AUTO:GPU,CPU, MULTI:.., HETERO:.. (default: CPU)",
    )


def add_network_arguments(group: argparse._ActionsContainer) -> None:
    """Add what tells a network's input and output where the IR leaves them open."""
    group.add_argument(
        "-layout",
        "--layout",
        default="",
        metavar="NCHW",
        help="layout of the model's input, NCHW or NHWC (default: as the IR or the shape tells)",
    )
    group.add_argument(
        "--input_shape",
        type=four_sizes,
        default=(),
        metavar="[1,3,224,224]",
        help="shape of the model's input, in its own order, for one that takes pictures of any size",
    )
    group.add_argument(
        "--output_name", default="", metavar="NAME", help="which output to take, of a model that has several"
    )


def network_ports(args: argparse.Namespace) -> Ports:
    """Return what the command line says of the network's input and output."""
    from omz.inference.ports import Ports

    return Ports(args.layout, args.input_shape, args.output_name)


def add_listing_arguments(group: argparse._ActionsContainer) -> None:
    """Add ``--threshold``: which classes to list."""
    group.add_argument(
        "--threshold",
        type=share,
        metavar="X",
        help="list only classes with a score above X, from 0 to 1 (default: 0.5 where several classes may hold "
        "for one picture, else all)",
    )


def add_input_argument(group: argparse._ActionsContainer, *, video: bool = False, default: str = "") -> None:
    """Add ``-i``, which names pictures: several words at a time, several times.

    Args:
        group: Where to.
        video: Whether a video or a camera is taken as well.
        default: What is taken where it is not given, for the help; '': it is required.
    """
    taken = "pictures, folders of them, 'patterns' (** for any folders), @list.txt, http(s) addresses"
    if video:
        taken += "; or one video: a file, an http, rtsp or rtmp address, a camera (0, /dev/video0)"
    if default:
        taken += f" (default: {default})"
    group.add_argument(
        "-i", "--input", nargs="+", action="extend", required=not default, metavar="INPUT", help=taken
    )


def add_execution_argument(group: argparse._ActionsContainer) -> None:
    """Add ``--infer_precision``: the type that floating-point layers are computed in."""
    group.add_argument(
        "-infer_precision",
        "--infer_precision",
        choices=PRECISIONS,
        default="",
        help="default: the device chooses",
    )


def add_requests_argument(group: argparse._ActionsContainer) -> None:
    """Add ``-nireq``: how many pictures the device works on at a time."""
    group.add_argument(
        "-nireq",
        "--num_infer_requests",
        type=requests,
        default=0,
        metavar="N",
        help="infer requests in flight",
    )


def add_inference_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says where and how inference runs."""
    group = parser.add_argument_group("inference")
    add_device_argument(group)
    group.add_argument(
        "-hint",
        "--hint",
        choices=HINTS,
        default="",
        help="default: throughput; none with -nstreams or -nthreads",
    )
    add_requests_argument(group)
    group.add_argument(
        "-nstreams", "--num_streams", default="", metavar="N", help="streams; also per device: CPU:2,GPU:1"
    )
    group.add_argument("-nthreads", "--num_threads", type=count, default=0, metavar="N", help="CPU threads")
    add_execution_argument(group)
    group.add_argument(
        "-cache_dir",
        "--cache_dir",
        default="",
        metavar="DIR",
        help="keep compiled models here for a faster start",
    )


def device_options(args: argparse.Namespace) -> DeviceOptions:
    """Return the device settings that the command line asks for."""
    return DeviceOptions(
        device=args.device,
        hint=args.hint,
        streams=args.num_streams,
        threads=args.num_threads,
        precision=args.infer_precision,
        cache_dir=args.cache_dir,
    )


def input_options(args: argparse.Namespace) -> InputOptions:
    """Return the input settings that the command line asks for."""
    from omz.inference.classifier import InputOptions

    return InputOptions(
        layout=args.layout,
        resize_type=args.resize_type,
        reverse_channels=args.reverse_input_channels,
        mean=channel_values("--mean_values", args.mean_values),
        scale=channel_values("--scale_values", args.scale_values),
        shape=args.input_shape,
    )


def channel_values(option: str, words: list[str]) -> tuple[float, ...]:
    """Parse a number for each channel (1, 3 or 4), given as one word or several, with blanks or commas between.

    >>> channel_values("--mean_values", ["104", "117", "123"]), channel_values("-mean_values", ["1.5, 2 3"])
    ((104.0, 117.0, 123.0), (1.5, 2.0, 3.0))
    """
    parts = re.split(r"[\s,]+", " ".join(words).strip("[] ")) if words else []
    try:
        numbers = tuple(map(float, parts))
    except ValueError:
        numbers = (math.nan,)
    if len(numbers) not in (0, 1, 3, 4) or not all(map(math.isfinite, numbers)):
        raise UsageError(
            f"{option} {' '.join(words)}: expected a number for each channel (1, 3 or 4), or one for all"
        )
    return numbers


def four_sizes(text: str) -> tuple[int, ...]:
    """Parse the shape of an input for argparse.

    >>> four_sizes("[1,3,224,224]"), four_sizes("1, 28, 28, 1")
    ((1, 3, 224, 224), (1, 28, 28, 1))
    """
    plain = text.replace(" ", "")
    match = re.fullmatch(r"[\[(]?(\d{1,6}(?:,\d{1,6}){3})[\])]?", plain)
    sizes = tuple(map(int, match[1].split(","))) if match else (0,)
    if 0 in sizes:
        raise argparse.ArgumentTypeError(f"{text!r}: expected four sizes, such as [1,3,224,224]")
    return sizes


def share(text: str) -> float:
    """Parse a number from 0 to 1 for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 0 to 1")
    return value


def count(text: str) -> int:
    """Parse a number of 0 or more for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of 0 or more")
    return int(text)


def requests(text: str) -> int:
    """Parse a number of infer requests for argparse: each has a thread and its own tensors."""
    number = count(text)
    if number > MAX_REQUESTS:
        raise argparse.ArgumentTypeError(f"{text!r}: expected no more than {MAX_REQUESTS}")
    return number


def positive(text: str) -> int:
    """Parse a number of 1 or more for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of 1 or more")
    return int(text)


def files_read(args: argparse.Namespace, xml: Path) -> dict[str, Sequence[str | Path] | str | None]:
    """Return what a demo reads, by options, for :func:`omz.outputs.check_outputs`."""
    return {"-m": (xml, xml.with_suffix(".bin")), "--labels": args.labels, "-i": args.input}
