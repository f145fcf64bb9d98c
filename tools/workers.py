"""Call a function many times, side by side in processes of ours; what one call dies of fails that call alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from omz.child import Child


def call_all(
    function: Callable[..., object],
    calls: Sequence[Sequence[object]],
    jobs: int,
    first: tuple[Callable[..., object], object],
) -> Iterator[Exception | None]:
    """Call a function with each of the arguments.

    A child serves one call after another, so that it imports what it needs once; after a death there is a new one.

    Args:
        function: Of a module.
        calls: The arguments of each call.
        jobs: So many children at most.
        first: A function and its argument, which each child calls before.

    Yields:
        The error of each call, None if there was none, in their order; :class:`~omz.child.Death` among them.
    """
    children: list[Child] = []
    mine = threading.local()
    stopped = threading.Event()

    def one(arguments: Sequence[object]) -> Exception | None:
        try:
            child: Child | None = getattr(mine, "child", None)
            if child is None or child.ended:
                child = mine.child = Child()
                children.append(child)
                if stopped.is_set():
                    child.interrupt()
                child.call(*first)
            child.call(function, *arguments)
        except Exception as error:
            return error
        return None

    pool = ThreadPoolExecutor(min(jobs, len(calls)))
    try:
        futures = [pool.submit(one, arguments) for arguments in calls]
        for future in futures:
            yield future.result()
    finally:  # of Ctrl-C as well: a child that is at work clears away what it has begun
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.interrupt()
        pool.shutdown()
        for child in children:
            child.close()
