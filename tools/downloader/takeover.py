"""Who may go on with what is there of a file, told by its name and its lock.

While a process writes to it, it is called ``.<name>.<machine><random>.part`` and locked; at rest, ``.<name>.part``.
Taking one over is a matter of renaming, which only one process can do, whatever locks are worth on the file system:

- One at rest is anybody's who may write to it. What only has such a name (a folder, a link, a file of another user) is
  left where it is; then what we leave keeps its private name.
- One whose process was killed is taken over only if its lock is free, locks work, and the process cannot be on another
  machine. Failing that, it is left alone until it is old.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path

from omz.downloader.files import keeps_off
from omz.downloader.partial_state import State, held_by, is_of_this_boot, state_of
from omz.files import take_lock
from omz.private import STALE_S, age_s, machine
from omz.regular_files import regular_descriptor


def held_bytes(target: Path) -> int | None:
    """Return how many bytes of ``target`` wait for the next run to go on; None if there is nothing."""
    states = [state for _, state in claimable(target) if state]
    return max((held_by(state) for state in states), default=None)


def remove_partials(target: Path) -> None:
    """Remove what killed runs have left of ``target``, which is there already."""
    for path, _ in claimable(target):
        if opened := take_over(path, target):
            opened[0].unlink(missing_ok=True)
            os.close(opened[1])


def resting_path(target: Path) -> Path:
    """Return the name of what is there of ``target`` while nobody writes to it."""
    return target.with_name(f".{_stem(target)}.part")


def private_path(target: Path) -> Path:
    """Return a name for what is there of ``target`` that no other process uses."""
    return target.with_name(f".{_stem(target)}.{machine()}{secrets.token_hex(4)}.part")


def claimable(target: Path) -> Sequence[tuple[Path, State | None]]:
    """Return the unfinished files of ``target`` with their states, the one that holds most first."""
    names = re.compile(re.escape(f".{_stem(target)}.") + "(?:[0-9a-f]{16}\\.)?part")
    found = []
    with suppress(FileNotFoundError), os.scandir(target.parent) as entries:
        for entry in entries:
            if names.fullmatch(entry.name):
                path = Path(entry.path)
                found.append((path, _read_state(path)))
    return sorted(found, key=lambda item: held_by(item[1]), reverse=True)


def take_over(path: Path, target: Path) -> tuple[Path, int, State] | None:
    """Make an unfinished file ours; remove it if it is of no use, and leave it alone if it may be in use."""
    private, at_rest = private_path(target), path == resting_path(target)
    with ExitStack() as stack, suppress(OSError):  # not ours to touch, or another process is quicker
        descriptor = _opened(path, os.O_RDWR)
        stack.callback(os.close, descriptor)
        if not take_lock(descriptor) or not (at_rest or _is_dead(path, descriptor)):
            return None
        path = path.rename(private)
        if not os.path.samestat(path.stat(), os.fstat(descriptor)):
            return None  # another process has had it meanwhile; a later run will find what it left
        if state := state_of(descriptor):
            stack.pop_all()
            return path, descriptor, state
        path.unlink()
    return None


def is_free(resting: Path) -> bool:
    """Tell whether a file may come to rest at a name: there is nothing, or something that we could use."""
    try:
        os.close(_opened(resting, os.O_RDWR))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _read_state(path: Path) -> State | None:
    with suppress(OSError), os.fdopen(_opened(path, os.O_RDONLY), "rb") as stream:
        return state_of(stream.fileno())
    return None


def _opened(path: Path, mode: int) -> int:
    """Open a regular file, and nothing else of that name, such as a link to a file elsewhere.

    Raises:
        OSError: There is none, or none that we may open so.
    """
    return regular_descriptor(path, mode | os.O_NOFOLLOW)


def _stem(target: Path) -> str:
    name = target.name
    # With the dots, the digits and the suffix, names can have 255 bytes.
    return name if len(name.encode()) <= 220 else sha256(name.encode()).hexdigest()


def _is_dead(path: Path, descriptor: int) -> bool:
    """Tell whether the process that wrote to a file is no more, given that the file's lock is ours now."""
    if age_s(path) > STALE_S:
        return True
    ours = path.name.removesuffix(".part").rpartition(".")[2].startswith(machine())
    return (ours or is_of_this_boot(descriptor)) and keeps_off(path)
