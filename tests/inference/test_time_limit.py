"""A bound on the time of work: its result, its error, or neither in time."""

from __future__ import annotations

import threading
import time

import pytest

from omz.inference.time_limit import within


def test_the_result_or_the_error_of_the_work_comes_back():
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)


def test_who_takes_too_long_is_left_alone():
    go_on = threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.1, lambda: go_on.wait(30))
    assert time.monotonic() - began < 10
    go_on.set()
