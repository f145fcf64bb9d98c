"""Try a stranger's file out in another process first, and bound what it may take of memory and time.

OpenVINO looks for much of what it needs without looking whether it is there, folds what a file of a hundred bytes calls
a terabyte, and ends the process with it. What a command will do with a file, a child does before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from omz.child import Child, Death, Limits
from omz.errors import ZooError
from omz.files import data_bytes

#: What a sound network needs no more than, of memory for each byte of its files, and in any case; and of time.
MEMORY_FACTOR, MEMORY_BYTES = 4, 512 << 20
SECONDS, BYTES_PER_SECOND = 10, 50_000_000
#: An environment variable, for networks that are sound and need more, of both.
FACTOR = "OMZ_TRIAL_FACTOR"


def try_out(
    function: Callable[..., None] | str,
    *arguments: object,
    where: Path,
    files: Sequence[Path],
    error: type[ZooError],
) -> None:
    """Call a function of a module in a process that may die of it.

    Args:
        function: Does all that will be done with the files; what it needs is imported with its module. Also as
            ``module:name``.
        arguments: Of it.
        where: The file that a message is about.
        files: Those whose sizes bound what is taken.
        error: What to raise.

    Raises:
        ZooError: An ``error``: the process died, or wanted too much; or what the function raises.
    """
    with Child(quiet=True) as child:
        try:
            child.call(function, *arguments, limits=limits(files))
        except Death as death:
            if death.cause == "signal":
                raise error(f"{where}: is not a sound network: OpenVINO {death} on it") from death
            raise error(
                f"{where}: is refused: OpenVINO {death} on it. If it is sound, {FACTOR}=2 allows for twice as much"
            ) from death


def limits(files: Sequence[Path]) -> Limits:
    """Return what a network in these files may take."""
    size = sum(map(data_bytes, files))
    try:
        factor = max(1.0, float(os.environ.get(FACTOR, "1")))
    except ValueError:
        factor = 1.0
    return Limits(
        int(factor * (MEMORY_FACTOR * size + MEMORY_BYTES)), factor * (SECONDS + size / BYTES_PER_SECOND)
    )
