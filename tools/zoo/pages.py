"""Model pages: ``omz pages`` writes ``README.md`` beside each descriptor, and tells which are out of date.

::

    omz pages --name 'se-*'      write the pages of these models
    omz pages --all --check      write nothing; exit status 1 if a page is not what its descriptor makes of it

Both print the paths of the pages concerned. :mod:`omz.zoo.page` holds the template. Files appear whole or not at
all, and a page that is up to date is left alone.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz import command
from omz.errors import DescriptorError
from omz.files import whole_file
from omz.outgoing import printable
from omz.parser import Parser
from omz.regular_files import open_regular
from omz.zoo import selection

if TYPE_CHECKING:
    from omz.zoo.schema import CompositeModel, Model

PAGE_FILE = "README.md"

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``omz pages``; see the module's docstring."""
    return command.run(build_parser(), _run, argv)


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(prog="omz pages", description="Write model pages from the descriptors.")
    selection.add_selection_arguments(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; print what is out of date, and exit with 1 if any is",
    )
    command.add_common_arguments(parser)
    return parser


def _run(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return command.SUCCESS
    from omz.zoo.page import MARK, render

    failed = []
    for model in selection.selected_models(args):
        path = model.directory / PAGE_FILE
        try:
            content = render(model).encode()
        except DescriptorError as error:
            log.error("%s", error)
            failed.append(model.name)
            continue
        there = _content(path) if path.is_file() else None
        if there == content:
            continue
        if there is not None and MARK.encode() not in there and not _is_ours(model):
            log.error("%s: is no page of `omz pages`, and stays. To have one written, move it away.", path)
            failed.append(model.name)
            continue
        print(printable(str(path)))
        if args.check:
            log.error("%s is out of date. Run: omz pages --name %s", path, model.name)
            failed.append(model.name)
        else:
            with whole_file(path, DescriptorError) as stream:
                stream.write(content)
    return command.report_failures(failed)


def _content(path: Path) -> bytes:
    with open_regular(path) as stream:
        return stream.read()


def _is_ours(model: Model | CompositeModel) -> bool:
    """Tell whether a page can be nobody else's: Open Model Zoo's own descriptors, whose pages stay, specify nothing."""
    return getattr(model, "specification", None) is not None
