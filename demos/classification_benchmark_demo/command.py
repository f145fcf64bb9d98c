"""``classification_benchmark_demo``: speed and accuracy of a classifier, with Open Model Zoo's flags."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from omz.accuracy.arguments import add_label_order_argument
from omz.command import SUCCESS, add_common_arguments, add_json_argument, run
from omz.demos.common.options import add_fast_decode_argument, resolution
from omz.inference import arguments
from omz.outputs import check_outputs
from omz.parser import Parser

if TYPE_CHECKING:
    from omz.demos.common.display import Window
    from omz.inference.ground_truth import GroundTruth
    from omz.inference.pipeline import Outcome

DEFAULT_SECONDS = 10


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(
        description="Measure a classifier: throughput end to end and of inference alone, latency of every stage, "
        "and accuracy with -gt.",
        epilog="Esc or q in the window, or Ctrl-C, stops and prints the report.",
    )
    arguments.add_model_arguments(parser)
    arguments.add_inference_arguments(parser)
    group = parser.add_argument_group("input and output")
    arguments.add_input_argument(group)
    add_fast_decode_argument(group)
    group.add_argument(
        "-gt",
        "--ground_truth",
        "--annotations",
        metavar="FILE",
        help="list of the pictures and their classes, as accuracy_check takes it: lines './<picture> <class index>' "
        "(-1 is the class 'other'), or CSV; or a folder with a folder for each class",
    )
    add_label_order_argument(group)
    group.add_argument(
        "-nt", "--num_top", type=arguments.positive, metavar="N", help="top results (default: 5)"
    )
    arguments.add_listing_arguments(group)
    group.add_argument(
        "-res", "--resolution", type=resolution, default=(1280, 720), metavar="WxH",
        help="size of the picture grid (default: 1280x720)",
    )  # fmt: skip
    group.add_argument(
        "-time", "--time", type=duration, default=DEFAULT_SECONDS, metavar="S",
        help=f"seconds of each measurement, end to end and inference only (default: {DEFAULT_SECONDS}); "
        "0 or -1: end to end until stopped",
    )  # fmt: skip
    group.add_argument(
        "--repeats",
        type=arguments.positive,
        default=1,
        metavar="N",
        help="measure N times and show the spread",
    )
    group.add_argument("-no_show", "--no_show", action="store_true", help="open no window")
    group.add_argument(
        "-auto_resize",
        "--auto_resize",
        action="store_true",
        help="for compatibility: pictures are always resized",
    )
    group.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="picture of the grid: green is right, red is wrong (best class)",
    )
    add_json_argument(group, "the report")
    add_common_arguments(parser)
    return parser


def duration(text: str) -> float:
    """Parse seconds for argparse: -1, 0 or more."""
    if not re.fullmatch(r"-1|\d{1,9}(\.\d{1,9})?", text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, or 0 or -1 for no limit")
    return float(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``classification_benchmark_demo --help``."""
    return run(build_parser(), _demo, argv)


def _demo(args: argparse.Namespace) -> int:
    from omz.console import console
    from omz.demos.classification_benchmark_demo.grid import draw_grid
    from omz.demos.classification_benchmark_demo.text import print_report
    from omz.demos.common.display import open_window
    from omz.demos.common.drawing import MAX_TILES
    from omz.demos.common.writers import PICTURE_SUFFIXES, write_json, write_picture
    from omz.errors import UsageError
    from omz.inference.benchmark import benchmark
    from omz.inference.choice import one_ir
    from omz.inference.sources import open_sources

    if args.output and Path(args.output).suffix.lower() not in PICTURE_SUFFIXES:
        raise UsageError(f"-o {args.output}: expected a picture file, one of {', '.join(PICTURE_SUFFIXES)}")
    source = open_sources(args.input)
    xml = one_ir(args)
    check_outputs(
        {"-o": args.output, "--json": args.json},
        arguments.files_read(args, xml) | {"-gt": args.ground_truth},
    )
    window = open_window("classification_benchmark_demo", no_show=args.no_show)
    try:
        truth = _truth(xml, args)
        report = benchmark(
            xml,
            source,
            device=arguments.device_options(args),
            labels=args.labels,
            ground_truth=truth,
            input_options=arguments.input_options(args),
            top_k=args.num_top,
            threshold=args.threshold,
            output=args.output_name,
            seconds=args.time,
            repeats=args.repeats,
            requests=args.num_infer_requests,
            fast_decode=args.fast_decode,
            classify_at_least=MAX_TILES if args.output else 0,
            keep_images=window is not None,
            on_outcome=_shower(window, truth, args) if window else None,
        )
    finally:
        if window:
            window.close()
    if args.output:
        write_picture(Path(args.output), draw_grid(report, source, args.resolution))
    if args.json:
        write_json(args.json, report.to_json())
    if args.json != "-":
        print_report(console(), report)
    return SUCCESS


def _truth(xml: Path, args: argparse.Namespace) -> GroundTruth | None:
    from omz.inference.classes import network_classes
    from omz.inference.ground_truth import find_truth

    if not args.ground_truth:
        return None
    classes = network_classes(xml, args.labels, ports=arguments.network_ports(args))
    return find_truth(args.ground_truth, classes, args.label_order)


def _shower(window: Window, truth: GroundTruth | None, args: argparse.Namespace) -> Callable[[Outcome], bool]:
    """Return what shows outcomes in the window and tells whether to go on."""
    from omz.demos.classification_benchmark_demo.grid import LiveGrid
    from omz.inference.statistics import three_digits

    grid = LiveGrid(args.resolution, truth, args.threshold)
    began = shown = perf_counter()
    count = 0

    def show(outcome: Outcome) -> bool:
        nonlocal shown, count
        count += 1
        grid.update(outcome)
        now = perf_counter()
        if now - shown < 0.1:
            return True
        shown = now
        return window.show(grid.draw(f"{three_digits(count / (now - began))} FPS"))

    return show


if __name__ == "__main__":
    raise SystemExit(main())
