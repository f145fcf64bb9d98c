"""A bound on the time of work that cannot be interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


#: Work that takes no longer is not told of.
MOMENT_S = 1.0


def within(seconds: float, work: Callable[[], Result], tell: Callable[[], None] = lambda: None) -> Result:
    """Return what ``work()`` returns, or raise what it raises; Ctrl-C is obeyed while it is waited for.

    The work has a thread of its own. Where it takes too long, it is left to itself, and does not keep the process from
    ending.

    Args:
        seconds: The bound.
        work: What is done.
        tell: Called once if it takes longer than a moment.

    Raises:
        TimeoutError: It was not done in time.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="time limit", daemon=True).start()
    moment = min(MOMENT_S, seconds)
    try:
        return future.result(moment)
    except TimeoutError:
        if future.done():  # the work's own
            raise
    tell()
    return future.result(seconds - moment)
