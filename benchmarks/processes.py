"""Run whole processes and read off what the operating system says they, and others meanwhile, took."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

Result = TypeVar("Result")

#: Share of the processor that others took, from which on a measurement is no good.
DISTURBED = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: wall time in seconds, peak resident memory in bytes."""

    wall_s: float
    peak_bytes: int


def run(command: Sequence[str]) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: It failed; its last words are told.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None  # noqa: S101 - a pipe was asked for
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit status {process.returncode}: {said.decode()[-500:]}")
    return Run(wall, usage.ru_maxrss * 1024)


def interleaved(
    commands: dict[str, Sequence[str]], rounds: int, prepare: Callable[[], object] = lambda: None
) -> dict[str, list[Run]]:
    """Run all commands in turn, ``rounds`` times after one warm-up, so that a machine's moods meet them alike.

    Each round has an order of its own, lest one command always find the disk as the same other has left it. Before
    each command, ``prepare`` is called; its time does not count.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    order = random.Random(0)
    for turn in range(rounds + 1):
        for name in order.sample(list(commands), len(commands)):
            prepare()
            result = run(commands[name])
            if turn:
                runs[name].append(result)
    return runs


def median_wall(runs: Sequence[Run]) -> float:
    """Return the median wall time in seconds."""
    return median(one.wall_s for one in runs)


def times_as_long(runs: Sequence[Run], others: Sequence[Run]) -> float:
    """Return the median of the ratios of wall times, round by round."""
    return median(one.wall_s / other.wall_s for one, other in zip(runs, others, strict=True))


def peak(runs: Sequence[Run]) -> int:
    """Return the largest peak memory in bytes."""
    return max(one.peak_bytes for one in runs)


def with_others(work: Callable[[], Result]) -> tuple[Result, float]:
    """Do something, and return with its result the share of the processor that others took meanwhile (Linux only)."""
    began, busy, own = time.perf_counter(), busy_seconds(), own_seconds()
    result = work()
    others = (busy_seconds() - busy) - (own_seconds() - own)
    return result, max(0.0, others) / ((time.perf_counter() - began) * cores())


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy_seconds() -> float:
    """Return the processor time that all processes have taken since the start of the machine; 0 if not Linux."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return 0.0
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # without idle and waiting for disks


def own_seconds() -> float:
    """Return the processor time of this process and those that it has started and that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
