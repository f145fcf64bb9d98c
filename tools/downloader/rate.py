"""A limit on the rate of a whole run, whatever the number of its connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: What was not used in so many seconds may be caught up on.
BURST_S = 0.25


class RateLimit:
    """Makes those who take bytes wait, so that all together take no more than a number of bytes per second.

    Args:
        bytes_per_s: The rate.
        clock: Tells the time, in seconds.
        sleep: Waits, for seconds.
    """

    def __init__(
        self,
        bytes_per_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bytes_per_s, self._clock, self._sleep = bytes_per_s, clock, sleep
        self._lock = threading.Lock()
        self._paid_until = clock()

    @property
    def portion(self) -> int:
        """How many bytes to take at once, so that nobody has to wait long."""
        return max(int(self._bytes_per_s * BURST_S), 1)

    def take(self, size: int) -> None:
        """Account for ``size`` bytes, and wait until they are within the rate."""
        with self._lock:
            now = self._clock()
            self._paid_until = max(self._paid_until, now - BURST_S) + size / self._bytes_per_s
            wait_s = self._paid_until - now
        if wait_s > 0:
            self._sleep(wait_s)
