"""File descriptor 2 while a command runs: what C libraries (FFmpeg, libjpeg, OpenVINO) write there goes to the log."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from omz.streams import Guarded

#: So much of what libraries write is kept until it is logged.
KEPT_BYTES = 1 << 16


class Diversion:
    """File descriptor 2 leads elsewhere, for libraries; our own messages go to where it led before.

    No pipe: one that nobody empties would hold up whoever writes. With ``keep`` it is a file in memory of fixed size,
    into which no more goes than fits.
    """

    def __init__(self, stream: Guarded, *, keep: bool) -> None:
        self._stream, self._before = stream, stream.stream
        self._before.flush()
        own = os.dup(2)
        encoding = getattr(self._before, "encoding", None)
        self._own = open(own, "w", buffering=1, encoding=encoding, errors="backslashreplace")  # noqa: PTH123, SIM115 - closed by end()
        self._sink = _bounded_file() if keep else os.open(os.devnull, os.O_RDWR)
        stream.stream = self._own
        os.dup2(self._sink, 2)

    def take(self) -> list[str]:
        """Return the lines that libraries have written since the last time."""
        data = b""
        with suppress(OSError):  # of a thread that logs while the command ends
            data = os.pread(self._sink, os.lseek(self._sink, 0, os.SEEK_CUR), 0)
            os.lseek(self._sink, 0, os.SEEK_SET)
        return [line for line in data.decode(errors="replace").split("\n") if line.strip()]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """File descriptor 2 leads to where it did before, for child processes that are started in the block."""
        os.dup2(self._own.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(self._sink, 2)

    def end(self) -> None:
        """Leave all as it was."""
        with suppress(OSError):
            self._own.flush()
        os.dup2(self._own.fileno(), 2)
        self._stream.stream = self._before
        with suppress(OSError):  # of what could not be flushed
            self._own.close()
        os.close(self._sink)


_diversion: Diversion | None = None


@contextmanager
def diverted(tell: Callable[[str], None] | None = None) -> Iterator[None]:
    """Keep what libraries write to file descriptor 2 off the terminal for the time of the block.

    Nothing happens where stderr is not file descriptor 2, as in a notebook.

    Args:
        tell: Told each line; None for nobody.
    """
    global _diversion
    if _diversion is not None or not isinstance(sys.stderr, Guarded) or not _is_descriptor_2(sys.stderr):
        yield
        return
    try:
        _diversion = diversion = Diversion(sys.stderr, keep=tell is not None)
    except OSError:  # no file descriptor is left; work goes on, or fails of that in its own words
        yield
        return
    try:
        yield
    finally:
        tell_libraries(tell)
        _diversion = None
        diversion.end()


def tell_libraries(tell: Callable[[str], None] | None) -> None:
    """Tell what libraries have written since the last time."""
    if tell is not None and _diversion is not None:
        for line in _diversion.take():
            tell(line)


@contextmanager
def stderr_for_children() -> Iterator[None]:
    """Within the block child processes inherit stderr as our user sees it; they divert it themselves."""
    if _diversion is None:
        yield
    else:
        with _diversion.paused():
            yield


def _is_descriptor_2(stream: Guarded) -> bool:
    try:
        return bool(stream.fileno() == 2)
    except (OSError, ValueError, AttributeError):
        return False


def _bounded_file() -> int:
    """Return a file in memory of :data:`KEPT_BYTES` that cannot grow."""
    try:
        file = os.memfd_create("stderr", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(file, KEPT_BYTES)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    except (AttributeError, OSError):  # no Linux, or a strict sandbox
        return os.open(os.devnull, os.O_RDWR)
    return file
