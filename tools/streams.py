"""stdout and stderr while a command runs: text that is lost stops no work, and nothing but text reaches a terminal.

Whatever is printed is cleaned of what a terminal would obey. :mod:`omz.safe_console` alone, which cleans texts before
it colours them, writes past that.

Python's own streams raise wherever a line happens to be printed, once a disk is full or a reader has gone: the work
that is under way would be lost with it, and what is raised while the interpreter ends changes nothing any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from omz.outgoing import encodable, printable_lines


class Guarded:
    """A stream that raises nothing when it cannot be written to, and escapes all but text, ends of lines and tabs.

    Attributes:
        stream: Where to.
        lost: Why text was lost; None if none was.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a stream has
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write text, cleaned, unless some was lost already."""
        self.write_as_it_is(printable_lines(text))
        return len(text)

    def write_as_it_is(self, text: str) -> int:
        """Write what is clean, or is to be obeyed, unless some was lost already."""
        if self.lost is None:
            try:
                if not text.isascii():
                    text = encodable(text, getattr(self.stream, "encoding", None) or "utf-8")
                self.stream.write(text)
            except OSError as error:
                self._lose(error)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write lines."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand over what was written."""
        if self.lost is None:
            try:
                self.stream.flush()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.lost = error
        # What is left in buffers goes to where it is taken; else it would fail again when the interpreter ends.
        with suppress(OSError, ValueError):  # of a stream that is no file
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)
            self.stream.flush()


class _Unguarded:
    """A guarded stream, as it is to whoever cleans texts before."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self.write = guarded.write_as_it_is

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a stream has
        return getattr(self._guarded, name)


def unguarded(stream: TextIO) -> TextIO:
    """Return a stream that writes as it is what it is given, for what has been cleaned before."""
    return cast("TextIO", _Unguarded(stream)) if isinstance(stream, Guarded) else stream


@contextmanager
def guarded() -> Iterator[Guarded]:
    """Guard both streams while the block runs; gives that of stdout, flushed when the block has ended."""
    _open_closed()
    before = sys.stdout, sys.stderr
    out, err = Guarded(sys.stdout), Guarded(sys.stderr)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = before


def is_lost() -> bool:
    """Tell whether nobody gets what is printed: the reader of stdout has gone, or it is full."""
    return isinstance(sys.stdout, Guarded) and sys.stdout.lost is not None


def has_no_reader() -> bool:
    """Tell whether the reader of stdout has gone, which ends what only reports."""
    return isinstance(sys.stdout, Guarded) and isinstance(sys.stdout.lost, BrokenPipeError)


def _open_closed() -> None:
    """Open those of stdin, stdout and stderr that were closed when we were started (``>&-``).

    Else a file of ours would have their number, and be written to by whatever prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # to write to stdout stays an error
            os.set_inheritable(os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY), True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
