"""Threads that do not outlive a Ctrl-C, and the token that tells them to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was told to stop."""


class CancelToken(threading.Event):
    """Set once, when the run is to stop; every loop that takes long looks at it."""

    def check(self) -> None:
        """Raise :class:`Cancelled` if the run is to stop."""
        if self.is_set():
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the moment at which the run is to stop."""
        self.wait(seconds)
        self.check()


class DaemonPool:
    """Like ``ThreadPoolExecutor``, but an exiting interpreter does not wait for its threads.

    A thread may be inside a read from a server that has gone quiet, for as long as the read time-out; Ctrl-C
    must not take as long as that.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True)
            for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def size(self) -> int:
        """How many threads there are."""
        return len(self._threads)

    def submit(self, task: Callable[[], Result]) -> Future[Result]:
        """Queue a task; tasks start in the order in which they are submitted."""
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)

        self._tasks.put(run)
        return future

    def close(self, timeout_s: float) -> bool:
        """Let the threads end after what is queued; return whether all have ended in time."""
        for _ in self._threads:
            self._tasks.put(None)
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
