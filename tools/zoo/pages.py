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
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from omz import command
from omz.errors import DescriptorError
from omz.zoo import selection

PAGE_FILE = "README.md"

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``omz pages``; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="omz pages", description="Write model pages from the descriptors.")
    selection.add_selection_arguments(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; print what is out of date, and exit with 1 if any is",
    )
    command.add_common_arguments(parser)
    return command.run(parser, _run, argv)


def _run(args: argparse.Namespace) -> int:
    if args.print_all:
        selection.print_all(args)
        return command.SUCCESS
    from omz.zoo.page import render

    failed = []
    for model in selection.selected_models(args):
        path = model.directory / PAGE_FILE
        try:
            content = render(model).encode()
        except DescriptorError as error:
            log.error("%s", error)
            failed.append(model.name)
            continue
        if path.is_file() and path.read_bytes() == content:
            continue
        print(path)
        if args.check:
            log.error("%s is out of date. Run: omz pages --name %s", path, model.name)
            failed.append(model.name)
        else:
            write_whole(path, content)
    return command.report_failures(failed)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there under its name whole, or as it was before."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
        try:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
            Path(temporary.name).chmod(0o644)
            Path(temporary.name).replace(path)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise
