"""The command ``omz bundle``: pack downloaded models into one file, for machines without a network."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from omz import command
from omz.downloader.command import add_progress_format, reporter_for
from omz.parser import Parser
from omz.zoo import selection


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``omz bundle`` and return its exit status."""
    return command.run(build_parser(), _body, argv)


def build_parser() -> Parser:
    """Return the parser of ``omz bundle``."""
    parser = Parser(
        description="Pack downloaded models, verified, with their descriptors and licences, into one tar. "
        "`omz_downloader --from_bundle FILE` installs them elsewhere without a network.",
    )
    selection.add_selection_arguments(parser)
    group = parser.add_argument_group("bundle")
    group.add_argument("-o", "--output", metavar="FILE", type=Path, help="the bundle to write")
    group.add_argument(
        "-d",
        "--download_dir",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="where omz_downloader has put the models (default: here)",
    )
    group.add_argument(
        "--precisions",
        metavar="P[,P...]",
        help="of files that come in several precisions (such as FP16,FP32), pack these only",
    )
    add_progress_format(group)
    command.add_common_arguments(parser)
    return parser


def _body(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return command.SUCCESS
    from omz.downloader.packing import pack
    from omz.downloader.pool import CancelToken
    from omz.errors import UsageError

    if args.output is None:
        raise UsageError("-o FILE is needed: the bundle to write")
    precisions = selection.parse_precisions(args.precisions)
    models = selection.selected_models(args)
    with reporter_for(args, verb="pack") as reporter:
        pack(
            models,
            args.download_dir.absolute(),
            args.output.absolute(),
            precisions=precisions,
            reporter=reporter,
            cancel=CancelToken(),
        )
    return command.SUCCESS


if __name__ == "__main__":
    raise SystemExit(main())
