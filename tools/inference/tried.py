"""IRs of others are tried out in another process before this one reads them, once; those of ours are not.

See :mod:`omz.vouching` for how they are told apart, :mod:`omz.trial` for what a process may take, and
:mod:`omz.inference.trial_runs` for what it does.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from omz import vouching
from omz.converter.pairs import check_pair, read_pair
from omz.errors import InferenceError
from omz.trial import try_out

if TYPE_CHECKING:
    from omz.inference.classifier import InputOptions

#: Where its functions are. They read IRs as all others do, by way of this module: so it knows them by name.
_RUNS = "omz.inference.trial_runs"
#: Whoever loads a network reads it as well.
_READ = "read"

_log = logging.getLogger(__name__)
_here = False


def require_readable(path: Path) -> None:
    """Try out whether an IR can be read, if nobody knows.

    Raises:
        InferenceError: It cannot; or what else comes of it there.
    """
    _require(path, _READ, "read", path)


def require_runnable(
    path: Path,
    inputs: InputOptions,
    labels: str | Path | Sequence[str] | None,
    output: str,
) -> None:
    """Try out whether a classifier can be loaded and run, if nobody knows.

    It is done on the CPU, whatever the device is.
    """
    use = f"classify {inputs.layout} {list(inputs.shape)} {output}"
    _require(path, use, "classify", path, inputs, labels, output)


def require_reshapable(path: Path, layout: str, shape: Sequence[int]) -> None:
    """Try out whether a network can be read and be given a shape, if nobody knows."""
    if shape:
        _require(path, f"reshape {layout} {list(shape)}", "reshape", path, layout, tuple(shape))


def require_computable(path: Path, layout: str, shape: Sequence[int]) -> None:
    """Try out whether a network that takes pictures can be compiled and run as a whole, if nobody knows."""
    _require(path, f"compute {layout} {list(shape)}", "compute", path, layout, tuple(shape))


def _require(path: Path, use: str, function: str, *arguments: object) -> None:
    if _here or path.suffix != ".xml" or not path.with_suffix(".bin").is_file():
        return
    if vouching.known(path, use):
        return
    with suppress(OSError):  # who reads it says what is wrong
        read_pair(path, lambda: check_pair(path))
    _log.debug("%s: is not known here; it is tried out in another process (%s)", path, use)
    files = [path, path.with_suffix(".bin")]
    try_out(f"{_RUNS}:{function}", *arguments, where=path, files=files, error=InferenceError)
    vouching.remember(path, use)
    if use != _READ:
        vouching.remember(path, _READ)


def this_process_may_die() -> None:
    """Read IRs without asking, from now on."""
    global _here
    _here = True
