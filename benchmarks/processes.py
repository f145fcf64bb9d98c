"""Run whole processes and read off what the operating system says they took."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


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

    Before each of them, ``prepare`` is called; its time does not count.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            prepare()
            result = run(command)
            if turn:
                runs[name].append(result)
    return runs


def median_wall(runs: Sequence[Run]) -> float:
    """Return the median wall time in seconds."""
    return median(one.wall_s for one in runs)


def peak(runs: Sequence[Run]) -> int:
    """Return the largest peak memory in bytes."""
    return max(one.peak_bytes for one in runs)
