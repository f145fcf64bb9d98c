"""What all commands share: exit statuses, one-line errors, ``--verbose`` and ``--quiet``."""

from __future__ import annotations

import argparse
import atexit
import gc
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from omz.errors import UsageError, ZooError
from omz.messages import kept_short
from omz.outgoing import describe, indented
from omz.parser import Parser
from omz.redaction import redacted
from omz.streams import guarded
from omz.version import __version__

#: A package that OpenVINO does without.
TELEMETRY = "openvino_telemetry"

SUCCESS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has: ``--verbose``, ``--quiet`` and ``--version``."""
    group = parser.add_argument_group("messages")
    group.add_argument("--verbose", action="store_true", help="debug messages, and tracebacks of errors")
    group.add_argument("--quiet", action="store_true", help="no progress, warnings and errors only")
    group.add_argument("--version", action="version", version=f"%(prog)s {__version__}")


def add_json_argument(
    group: argparse._ActionsContainer, what: str = "the results", default: str | None = None
) -> None:
    """Add ``--json``: a file for what programs read; stdout if none is named."""
    instead = " (default)" if default else ", instead of the text"
    group.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", default=default,
        help=f"write {what} as JSON; - or no name: to stdout{instead}",
    )  # fmt: skip


def run(
    parser: argparse.ArgumentParser,
    body: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None = None,
) -> int:
    """Parse ``argv``, run ``body`` and turn what it raises into an exit status.

    Args:
        parser: A parser that :func:`add_common_arguments` has been applied to.
        body: The command; returns its exit status.
        argv: Arguments without the program name; ``sys.argv[1:]`` by default.

    Returns:
        0 if all that was asked for was done, 1 on failure, 2 on wrong usage, 130 on Ctrl-C. That the reader of stdout
        has gone (``| head``) is no failure of ours; that stdout is full or closed is one.
    """
    _hasten()
    _leave_current_folder()
    return printing(parser.prog, lambda: _status(parser, body, argv))


def printing(prog: str, body: Callable[[], int]) -> int:
    """Run ``body`` and return its exit status, or 1 if stdout did not take all that it printed."""
    with guarded() as stdout:
        status = body()
        stdout.flush()  # a full disk is told here, not when all is over
        if stdout.lost is not None and not isinstance(stdout.lost, BrokenPipeError):
            print(f"{prog}: error: stdout: cannot be written: {stdout.lost.strerror}", file=sys.stderr)
            status = status or FAILURE
    return status


def _status(
    parser: argparse.ArgumentParser,
    body: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None,
) -> int:
    if isinstance(parser, Parser):
        parser.given = sys.argv[1:] if argv is None else argv
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:  # argparse exits by itself; callers of main() get a status instead
        return stop.code if isinstance(stop.code, int) else USAGE
    with kept_short(logging.DEBUG if args.verbose else logging.WARNING if args.quiet else logging.INFO):
        return _outcome(parser.prog, body, args)


def _outcome(prog: str, body: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    try:
        return body(args)
    except BrokenPipeError:  # the reader of stdout has gone, and there is nothing else to do
        return SUCCESS
    except KeyboardInterrupt:
        print(f"{prog}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ZooError, OSError, MemoryError) as error:
        if args.verbose:
            print(redacted(traceback.format_exc()), file=sys.stderr)
        print(f"{prog}: error: {describe(error)}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else FAILURE
    except Exception as error:  # a defect of ours: still one line for the user, and where to report it
        if args.verbose:
            print(redacted(traceback.format_exc()), file=sys.stderr)
        print(
            f"{prog}: internal error: {type(error).__name__}: {describe(error)}\n"
            "Please report this; run again with --verbose for the traceback.",
            file=sys.stderr,
        )
        return FAILURE


def _leave_current_folder() -> None:
    """Import nothing from the current folder, where ``python -m`` has put it first; nor shall what we start.

    What starts other processes, and is none of ours, is told by the environment. OpenVINO's telemetry is one, which
    starts a process at every import; without its package there is none. A user's own script that calls a command is
    left as it is.
    """
    main = sys.modules["__main__"]
    by_name = getattr(main.__spec__, "name", "").partition(".")[0] == "omz"
    if by_name and not sys.flags.safe_path and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109 - as Python wrote it
        del sys.path[0]
    script = getattr(main, "__file__", None) or ""
    if by_name or os.path.dirname(script) == os.path.dirname(sys.executable):  # noqa: PTH120 - pathlib is slow
        os.environ["PYTHONSAFEPATH"] = "1"
        sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]  # as if it were not installed


def _hasten() -> None:
    """Leave out work that a command which is soon done has nothing of."""
    # What imports make stays: there is little for the collector to find among it, now or at the end.
    gc.set_threshold(10_000)
    atexit.register(gc.freeze)
    # To look for plugins, pydantic reads what is known of every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def report_failures(names: Sequence[str]) -> int:
    """List failed models on stderr under ``FAILED:`` and return the exit status of the command."""
    if not names:
        return SUCCESS
    print("\nFAILED:", *map(indented, names), sep="\n", file=sys.stderr)
    return FAILURE


def positive_number(text: str) -> int:
    """Parse a whole number of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)
