"""The command ``omz_downloader``: fetch and verify model files."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from omz import command
from omz.errors import UsageError
from omz.files import read_bounded
from omz.outgoing import json_text
from omz.parser import Parser
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.downloader.addresses import Whence
    from omz.downloader.progress import Reporter
    from omz.downloader.sources import SourceOpener
    from omz.zoo.schema import CompositeModel, Model

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


def build_parser() -> Parser:
    """Return the parser of ``omz_downloader``."""
    parser = Parser(
        description="Fetch model files, verify their size and digest, and post-process them. "
        "What is there already is not fetched again.",
    )
    selection.add_selection_arguments(
        parser, "models (one of the first four is needed, unless there is --from_bundle)", required=False
    )
    group = parser.add_argument_group("download")
    group.add_argument(
        "-o", "--output", "--output_dir", metavar="DIR", type=Path, dest="output_dir", default=Path(),
        help="where models go (default: here)",
    )  # fmt: skip
    group.add_argument("--cache_dir", metavar="DIR", type=Path, help="cache of files, shared between runs")
    group.add_argument(
        "--from_bundle",
        metavar="FILE",
        type=Path,
        help="install from a file that `omz bundle` has made, without any network: all models in it, or those chosen",
    )
    what = group.add_mutually_exclusive_group()
    what.add_argument(
        "--verify_only",
        action="store_true",
        help="fetch nothing; tell whether each file is ok, missing, corrupt or partial; exit status 0 if all are ok",
    )
    what.add_argument(
        "--dry_run",
        action="store_true",
        help="fetch nothing; tell what would be fetched, from where, and how much it is",
    )
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
    add_progress_format(group)
    command.add_common_arguments(parser)
    return parser


def add_progress_format(group: argparse._ArgumentGroup) -> None:
    """Add the option that turns the report into events for programs."""
    group.add_argument(
        "--progress_format",
        choices=("text", "json"),
        default="text",
        help="json: one event a line on stdout, as Open Model Zoo documents them",
    )


def _body(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return command.SUCCESS
    if not selection.is_made(args) and not args.from_bundle:
        raise UsageError("one of --name, --list, --all, --print_all and --from_bundle is needed")
    precisions = selection.parse_precisions(args.precisions)
    mirrors = args.mirror or os.environ.get(MIRROR_VARIABLE, "").split()
    models, sources = _choice(args, mirrors)
    if args.verify_only:
        return _verify(args, models, precisions)
    if args.dry_run:
        return _plan(args, models, precisions, sources)
    from omz.downloader.download import download_models

    with reporter_for(args) as reporter:
        failed = download_models(
            models,
            args.output_dir.absolute(),
            cache_dir=args.cache_dir and args.cache_dir.absolute(),
            attempts=args.num_attempts,
            segments=args.segments,
            jobs=args.jobs,
            precisions=precisions,
            reporter=reporter,
            sources=sources,
            opener=_opener(args, mirrors_only=bool(mirrors)),
        )
    return command.report_failures(failed)


def _choice(
    args: argparse.Namespace, mirrors: Sequence[str]
) -> tuple[Sequence[Model | CompositeModel], Whence]:
    """Return the models that the command line asks for, and where their files are to be had."""
    if not args.from_bundle:
        from omz.downloader.addresses import Mirrors

        return selection.selected_models(args), Mirrors(mirrors)
    if args.mirror:
        raise UsageError("--from_bundle uses no network, hence no --mirror")
    from omz.downloader.bundle import Bundle
    from omz.zoo import catalogue

    bundle = Bundle(args.from_bundle.absolute())
    if selection.is_made(args):
        return selection.selected_models(args), bundle.sources
    root = selection.models_root(args)
    return bundle.models(catalogue.load_all(root), root), bundle.sources


def _verify(args: argparse.Namespace, models: Sequence[Model | CompositeModel], precisions: set[str]) -> int:
    """Tell how the files of the models are; models with a file that is not ok have failed."""
    from omz.downloader import inventory
    from omz.downloader.download import STOP_S
    from omz.downloader.pool import CancelToken, DaemonPool

    pool, cancel, output_dir = DaemonPool(args.jobs, "verify"), CancelToken(), args.output_dir.absolute()

    def findings(model: Model | CompositeModel) -> list[inventory.Finding]:
        return [f for stage in model.stages for f in inventory.verify(stage, precisions, output_dir, cancel)]

    futures = [(model, pool.submit(partial(findings, model))) for model in models]
    failed: dict[str, None] = {}  # an ordered set
    try:
        for model, future in futures:
            for finding in future.result():
                problem = f"  {finding.problem}" if finding.problem else ""
                _tell(args, finding.event(), f"{finding.state:8} {finding.model}/{finding.file}{problem}")
                if finding.state is not inventory.State.OK:
                    failed[model.name] = None
    finally:
        cancel.set()  # for temporary folders to be removed after Ctrl-C
        pool.close(STOP_S)
    return command.report_failures(list(failed))


def _plan(
    args: argparse.Namespace,
    models: Sequence[Model | CompositeModel],
    precisions: set[str],
    sources: Whence,
) -> int:
    """Tell what a download would do."""
    from omz.downloader import inventory
    from omz.downloader.cache import Cache
    from omz.downloader.pool import CancelToken

    cache = Cache(args.cache_dir.absolute()) if args.cache_dir else None
    output_dir, plans = args.output_dir.absolute(), []
    stages = {stage.subdirectory: stage for model in models for stage in model.stages}
    for stage in stages.values():
        for planned in inventory.plan(stage, precisions, output_dir, sources, cache, CancelToken()):
            plans.append(planned)
            _tell(args, planned.event(), planned.in_words())
    total = inventory.Total.of(plans)
    _tell(args, total.event(), total.in_words())
    return command.SUCCESS


def _tell(args: argparse.Namespace, event: dict[str, object], line: str) -> None:
    print(json_text(event) if args.progress_format == "json" else line, flush=True)


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


def reporter_for(args: argparse.Namespace, verb: str = "download") -> AbstractContextManager[Reporter]:
    """Return the reporter that the command line asks for; ``verb`` says in events what is done with files."""
    from omz.downloader import progress

    if args.progress_format == "json":
        return nullcontext(progress.JsonReporter(sys.stdout, verb=verb))
    if args.quiet:
        return nullcontext(progress.NullReporter())
    return progress.BarReporter() if sys.stderr.isatty() else nullcontext(progress.LogReporter())


if __name__ == "__main__":
    raise SystemExit(main())
