"""The command ``omz_downloader``: fetch and verify model files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from omz import command
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.downloader.progress import Reporter

DEFAULT_ATTEMPTS = 5
#: ``--jobs auto``. The number of processors says nothing about a network; servers are asked politely.
AUTO_JOBS = 4


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``omz_downloader`` and return its exit status."""
    return command.run(build_parser(), _body, argv)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``omz_downloader``."""
    parser = argparse.ArgumentParser(
        description="Fetch model files, verify their size and digest, and post-process them. "
        "What is there already is not fetched again.",
    )
    selection.add_selection_arguments(parser)
    group = parser.add_argument_group("download")
    group.add_argument(
        "-o", "--output_dir", metavar="DIR", type=Path, default=Path(), help="where models go (default: here)"
    )
    group.add_argument("--cache_dir", metavar="DIR", type=Path, help="cache of files, shared between runs")
    group.add_argument(
        "--num_attempts",
        metavar="N",
        type=command.positive_number,
        default=DEFAULT_ATTEMPTS,
        help="how often in a row each source is asked in vain (default: %(default)s)",
    )
    group.add_argument(
        "-j",
        "--jobs",
        metavar="N|auto",
        type=lambda text: AUTO_JOBS if text == "auto" else command.positive_number(text),
        default=1,
        help=f"how many files are fetched at once (default: %(default)s; auto: {AUTO_JOBS})",
    )
    group.add_argument(
        "--segments",
        metavar="N",
        type=command.positive_number,
        default=1,
        help="how many connections fetch one large file at once, where its server allows it (default: %(default)s)",
    )
    group.add_argument(
        "--precisions",
        metavar="P[,P...]",
        help="of files that come in several precisions (such as FP16,FP32), fetch these only",
    )
    group.add_argument(
        "--progress_format",
        choices=("text", "json"),
        default="text",
        help="json: one event a line on stdout, as Open Model Zoo documents them",
    )
    command.add_common_arguments(parser)
    return parser


def _body(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return command.SUCCESS
    from omz.downloader.download import download_models

    precisions = selection.parse_precisions(args.precisions)
    models = selection.selected_models(args)
    with _reporter(args) as reporter:
        failed = download_models(
            models,
            args.output_dir.absolute(),
            cache_dir=args.cache_dir and args.cache_dir.absolute(),
            attempts=args.num_attempts,
            jobs=args.jobs,
            segments=args.segments,
            precisions=precisions,
            reporter=reporter,
        )
    return command.report_failures(failed)


def _reporter(args: argparse.Namespace) -> AbstractContextManager[Reporter]:
    from omz.downloader import progress

    if args.progress_format == "json":
        return nullcontext(progress.JsonReporter(sys.stdout))
    if args.quiet:
        return nullcontext(progress.NullReporter())
    return progress.BarReporter() if sys.stderr.isatty() else nullcontext(progress.LogReporter())


if __name__ == "__main__":
    raise SystemExit(main())
