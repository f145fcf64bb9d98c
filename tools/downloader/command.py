"""The command ``omz_downloader``: fetch and verify model files."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from omz import command
from omz.errors import UsageError
from omz.files import read_bounded
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.downloader.progress import Reporter
    from omz.downloader.sources import SourceOpener

DEFAULT_ATTEMPTS = 5
#: ``--jobs auto``. The number of processors says nothing about a network; servers are asked politely.
AUTO_JOBS = 4
#: Mirrors for when ``--mirror`` names none, with spaces between.
MIRROR_VARIABLE = "OMZ_MIRROR"
MAX_HEADERS_BYTES = 64 << 10
#: Headers that decide what the bytes of an answer are.
OWN_HEADERS = {
    "accept-encoding", "connection", "content-length", "host", "if-range", "range", "transfer-encoding",
}  # fmt: skip
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


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
        "--mirror",
        metavar="URL",
        action="append",
        help="asked before the sources of the descriptors, for URL/<subdirectory>/<file>; may be given several "
        f"times (default: those in {MIRROR_VARIABLE}, with spaces between)",
    )
    group.add_argument(
        "--header",
        metavar="'NAME: VALUE'|@FILE",
        type=_headers,
        action="append",
        default=[],
        help="header of requests, or a file with one a line; sent to the mirrors if there are any, else to the hosts "
        "of the descriptors' addresses, and to none that they redirect to",
    )
    group.add_argument(
        "--limit_rate",
        metavar="RATE",
        type=_rate,
        help="most bytes per second of all jobs together, such as 500K or 2M (units of 1024, as with curl)",
    )
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
    from omz.downloader.addresses import Mirrors
    from omz.downloader.download import download_models

    precisions = selection.parse_precisions(args.precisions)
    mirrors = args.mirror or os.environ.get(MIRROR_VARIABLE, "").split()
    sources = Mirrors(mirrors)
    models = selection.selected_models(args)
    with _reporter(args) as reporter:
        failed = download_models(
            models,
            args.output_dir.absolute(),
            cache_dir=args.cache_dir and args.cache_dir.absolute(),
            attempts=args.num_attempts,
            jobs=args.jobs,
            precisions=precisions,
            reporter=reporter,
            sources=sources,
            opener=_opener(args, mirrors_only=bool(mirrors)),
        )
    return command.report_failures(failed)


def _opener(args: argparse.Namespace, *, mirrors_only: bool) -> SourceOpener | None:
    """Return what opens sources as the command line asks for; None for the usual one."""
    if not args.header and not args.limit_rate:
        return None
    from omz.downloader.rate import RateLimit
    from omz.downloader.sources import SourceOpener

    headers = {name: value for headers in args.header for name, value in headers.items()}
    rate = RateLimit(args.limit_rate) if args.limit_rate else None
    return SourceOpener(headers=headers, mirrors_only=mirrors_only, rate=rate)


def _headers(text: str) -> dict[str, str]:
    """Parse ``NAME: VALUE`` or ``@FILE``, for argparse; what is wrong is told without the value."""
    if not text.startswith("@"):
        return dict([_header(text)])
    try:
        content = read_bounded(Path(text[1:]), MAX_HEADERS_BYTES, "list of headers", UsageError).decode()
    except (UsageError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return dict(_header(line) for line in content.splitlines() if line.strip())


def _header(text: str) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not _HEADER_NAME.fullmatch(name) or not (value.isprintable() and value.isascii()):
        shown = name if colon and _HEADER_NAME.fullmatch(name) else "it"
        raise argparse.ArgumentTypeError(
            f"expected 'NAME: VALUE' of plain characters; {shown} is not like that"
        )
    if name.lower() in OWN_HEADERS:
        raise argparse.ArgumentTypeError(f"{name} is a header that the downloader sets by itself")
    return name, value


def _rate(text: str) -> float:
    """Parse bytes per second, with a unit or without, for argparse."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([KMG]?)", text, re.IGNORECASE)
    rate = float(match[1]) * 1024 ** " KMG".index(match[2].upper() or " ") if match else 0
    if rate < 1:
        raise argparse.ArgumentTypeError(
            f"expected bytes per second such as 800000, 500K or 2M, not {text!r}"
        )
    return rate


def _reporter(args: argparse.Namespace) -> AbstractContextManager[Reporter]:
    from omz.downloader import progress

    if args.progress_format == "json":
        return nullcontext(progress.JsonReporter(sys.stdout))
    if args.quiet:
        return nullcontext(progress.NullReporter())
    return progress.BarReporter() if sys.stderr.isatty() else nullcontext(progress.LogReporter())


if __name__ == "__main__":
    raise SystemExit(main())
