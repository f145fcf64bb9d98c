"""How a run tells what it is doing: log lines, bars on a terminal, or JSON events."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from omz.outgoing import json_text, printable
from omz.streams import has_no_reader

if TYPE_CHECKING:
    from rich.progress import TaskID

log = logging.getLogger(__name__)

JSON_INTERVAL_S = 0.1
LOG_INTERVAL_S = 10.0


class Reporter(Protocol):
    """Told what happens, from several threads at once. Every begin is followed by its end, also on failure.

    Models and files are named as in the catalogue and in the descriptor; sizes are in bytes, None if not known.
    """

    def run_begin(self, num_files: int, size: int) -> None:
        """A run begins; its ``num_files`` files have ``size`` bytes, as far as that is known."""

    def model_begin(self, model: str, num_files: int) -> None:
        """The download of ``num_files`` files begins."""

    def model_end(self, model: str, *, successful: bool) -> None:
        """The download has ended; ``successful`` if every file is there and verified."""

    def file_begin(self, model: str, file: str, size: int | None) -> None:
        """The work on a file begins, which will have ``size`` bytes."""

    def file_progress(self, model: str, file: str, size: int) -> None:
        """``size`` bytes are there; at first those of an earlier run, less than before when a transfer starts again."""

    def file_end(self, model: str, file: str, *, successful: bool) -> None:
        """The work on a file has ended."""

    def postprocessing_begin(self, model: str) -> None:
        """Post-processing begins."""

    def postprocessing_end(self, model: str) -> None:
        """Post-processing has ended, well or not."""


class NullReporter:
    """Tells nobody; the base of those that leave something out."""

    def run_begin(self, num_files: int, size: int) -> None:
        """See :class:`Reporter`."""

    def model_begin(self, model: str, num_files: int) -> None:
        """See :class:`Reporter`."""

    def model_end(self, model: str, *, successful: bool) -> None:
        """See :class:`Reporter`."""

    def file_begin(self, model: str, file: str, size: int | None) -> None:
        """See :class:`Reporter`."""

    def file_progress(self, model: str, file: str, size: int) -> None:
        """See :class:`Reporter`."""

    def file_end(self, model: str, file: str, *, successful: bool) -> None:
        """See :class:`Reporter`."""

    def postprocessing_begin(self, model: str) -> None:
        """See :class:`Reporter`."""

    def postprocessing_end(self, model: str) -> None:
        """See :class:`Reporter`."""


class _Throttle:
    """Lets through one progress of a file in each interval."""

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s, self._clock = interval_s, clock
        self._last: dict[tuple[str, str], float] = {}

    def start(self, key: tuple[str, str]) -> None:
        self._last[key] = self._clock()

    def passes(self, key: tuple[str, str]) -> bool:
        now = self._clock()
        if key in self._last and now - self._last[key] < self._interval_s:
            return False
        self._last[key] = now
        return True

    def end(self, key: tuple[str, str]) -> None:
        self._last.pop(key, None)


class LogReporter(NullReporter):
    """A few log lines per model; a line every ten seconds while a file is on its way."""

    def __init__(self) -> None:
        self._throttle = _Throttle(LOG_INTERVAL_S)
        self._sizes: dict[tuple[str, str], int | None] = {}
        self._arrived: dict[tuple[str, str], int] = {}

    def file_begin(self, model: str, file: str, size: int | None) -> None:
        """Remember the size; nothing is logged until something has happened."""
        self._sizes[model, file] = size
        self._throttle.start((model, file))

    def file_progress(self, model: str, file: str, size: int) -> None:
        """Log how far the file is."""
        self._arrived[model, file] = size
        if self._throttle.passes((model, file)):
            size_known = self._sizes[model, file]
            whole = "an unknown size" if size_known is None else megabytes(size_known)
            log.info("%s: %s: %s of %s", model, file, megabytes(size), whole)

    def file_end(self, model: str, file: str, *, successful: bool) -> None:
        """Log that the file is there; failures are told with the model."""
        arrived = self._arrived.pop((model, file), 0)
        if successful:
            log.info("%s: %s: %s, verified", model, file, megabytes(arrived))
        self._throttle.end((model, file))


class JsonReporter(NullReporter):
    """Open Model Zoo's progress report: one JSON object a line, told apart by ``$type``.

    Args:
        stream: Where to.
        interval_s: Between two reports of how far a file is, in seconds.
        verb: What is done with files, for ``$type``.
    """

    def __init__(
        self, stream: TextIO, interval_s: float = JSON_INTERVAL_S, *, verb: str = "download"
    ) -> None:
        self._verb = verb
        self._stream, self._lock = stream, threading.Lock()
        self._throttle = _Throttle(interval_s)
        self._held_back: dict[tuple[str, str], int] = {}

    def _emit(self, event: str, **members: str | int | bool | None) -> None:
        line = json_text({"$type": event, **members})
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()
            if has_no_reader():  # a program that has asked for events and is no more wants no files
                raise BrokenPipeError

    def model_begin(self, model: str, num_files: int) -> None:
        """See :class:`Reporter`."""
        self._emit(f"model_{self._verb}_begin", model=model, num_files=num_files)

    def model_end(self, model: str, *, successful: bool) -> None:
        """See :class:`Reporter`."""
        self._emit(f"model_{self._verb}_end", model=model, successful=successful)

    def file_begin(self, model: str, file: str, size: int | None) -> None:
        """See :class:`Reporter`."""
        self._emit(f"model_file_{self._verb}_begin", model=model, model_file=file, size=size)

    def file_progress(self, model: str, file: str, size: int) -> None:
        """Emit at most one event an interval and file; the last one comes with :meth:`file_end` at the latest."""
        if self._throttle.passes((model, file)):
            self._held_back.pop((model, file), None)
            self._emit(f"model_file_{self._verb}_progress", model=model, model_file=file, size=size)
        else:
            self._held_back[model, file] = size

    def file_end(self, model: str, file: str, *, successful: bool) -> None:
        """See :class:`Reporter`."""
        if (size := self._held_back.pop((model, file), None)) is not None:
            self._emit(f"model_file_{self._verb}_progress", model=model, model_file=file, size=size)
        self._throttle.end((model, file))
        self._emit(f"model_file_{self._verb}_end", model=model, model_file=file, successful=successful)

    def postprocessing_begin(self, model: str) -> None:
        """See :class:`Reporter`."""
        self._emit("model_postprocessing_begin", model=model)

    def postprocessing_end(self, model: str) -> None:
        """See :class:`Reporter`."""
        self._emit("model_postprocessing_end", model=model)


class BarReporter(NullReporter):
    """A bar for each file that is on its way and one for all; a context manager, as it takes over stderr."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._arrived: dict[tuple[str, str], int] = {}
        self._all: TaskID | None = None
        self._expected = self._all_arrived = 0

    def __enter__(self) -> Self:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from omz.safe_console import progress

        self._shown = progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            stream=self._stream,
        )
        self._progress = self._shown.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._all is not None:
            self._progress.remove_task(self._all)
        self._shown.__exit__(kind, error, trace)

    def run_begin(self, num_files: int, size: int) -> None:
        """Show a bar for all files, if there are several."""
        if num_files > 1:
            self._expected = size
            self._all = self._progress.add_task(f"all {num_files} files", total=size)

    def file_begin(self, model: str, file: str, size: int | None) -> None:
        """Show a bar; one that only moves, where the size is not known."""
        with self._lock:
            self._tasks[model, file] = self._progress.add_task(printable(f"{model}/{file}"), total=size)

    def file_progress(self, model: str, file: str, size: int) -> None:
        """Move the bar. What was there before counts as done, but not as fast; so does what has to come again."""
        with self._lock:
            task, before = self._tasks[model, file], self._arrived.get((model, file))
            self._arrived[model, file] = size
            if before is None or size < before:
                self._progress.reset(task, completed=size)
            else:
                self._progress.update(task, completed=size)
            if self._all is not None:
                if before is None:
                    self._expected -= size  # no longer to be fetched
                else:
                    self._all_arrived += size - before
                self._progress.update(self._all, completed=self._all_arrived, total=self._expected)

    def file_end(self, model: str, file: str, *, successful: bool) -> None:
        """Take the bar away, and leave a line if the file is there."""
        with self._lock:
            task = self._tasks.pop((model, file))
            self._arrived.pop((model, file), None)
        if successful:
            log.info("%s: %s: verified", model, file)
        self._progress.remove_task(task)


def megabytes(size: int) -> str:
    """Return a size for people, in units of 10^6 bytes (10^3 below one)."""
    return f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{size / 1e3:.1f} kB"
