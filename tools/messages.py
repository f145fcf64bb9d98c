"""Logs, warnings and failures of threads while a command runs: one line each, ours alone, unless ``--verbose``."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from omz.diversion import diverted, tell_libraries
from omz.outgoing import describe, indented, printable_lines
from omz.redaction import redacted

#: The first parts of our loggers' names; a module that is run by ``python -m`` has the second.
OURS = ("omz", "__main__")
_log = logging.getLogger(__name__)
_libraries = logging.getLogger("libraries")


class Formatter(logging.Formatter):
    """Formats records without credentials and escapes; tracebacks only if asked for.

    Further lines of a message are indented, so that none looks like a message of its own.
    """

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__("%(levelname)s: %(message)s")
        self._tracebacks = tracebacks

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the record's message with its level."""
        return indented(redacted(super().formatMessage(record)))

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        if self._tracebacks:
            return printable_lines(redacted(super().format(record)))
        record.message = record.getMessage()
        return self.formatMessage(record)


def start(level: int) -> None:
    """Log to stderr: what libraries say with ``--verbose`` alone, but for their errors."""
    verbose = level <= logging.DEBUG
    handler = _Handler(sys.stderr)
    handler.setFormatter(Formatter(tracebacks=verbose))
    if not verbose:
        handler.addFilter(_is_ours)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for library in ("urllib3", "filelock"):
        logging.getLogger(library).setLevel(logging.WARNING)


@contextmanager
def kept_short(level: int) -> Iterator[None]:
    """Start the log, and tell all else that a process may say in lines of it, for the time of the block."""
    before = logging.raiseExceptions, warnings.showwarning
    start(level)
    logging.raiseExceptions = False  # what a library cannot format is no news for anybody
    warnings.showwarning = _warned
    hooks = threading.excepthook, sys.unraisablehook
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_failed
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _ignored
    try:
        with diverted(_tell_of_library if level <= logging.DEBUG else None):
            yield
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        logging.raiseExceptions, warnings.showwarning = before


class _Handler(logging.StreamHandler):  # type: ignore[type-arg] # it is not generic at run time
    """Tells what C libraries have written before what comes after it."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != _libraries.name:
            tell_libraries(_tell_of_library if logging.getLogger().isEnabledFor(logging.DEBUG) else None)
        super().emit(record)


def _tell_of_library(line: str) -> None:
    _libraries.debug("a library says: %s", line)


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    _libraries.warning("%s:%d: %s: %s", filename, lineno, category.__name__, message)


def _is_ours(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR or record.name.partition(".")[0] in OURS


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is None or isinstance(failed.exc_value, SystemExit):
        return
    name = failed.thread.name if failed.thread else "a thread"
    _log.error(
        "%s: %s: %s", name, failed.exc_type.__name__, describe(failed.exc_value), exc_info=failed.exc_value
    )


def _ignored(failed: sys.UnraisableHookArgs) -> None:
    if failed.exc_value is not None:
        _log.warning(
            "%s: %s: %s", failed.err_msg or "ignored", failed.exc_type.__name__, describe(failed.exc_value),
            exc_info=failed.exc_value,
        )  # fmt: skip
