"""Private files: what is unfinished, beside its target, under a name that tells whose it is.

``.omz-<machine>-<boot>-<process>-<start>-<random>.part``, with a suffix where a library chooses a format by it.
One rule for files and folders of that name, in each folder that is written to:

- What a process of this boot has made is left alone while that process lives, and removed once it is dead. A number of
  a process that is given out again is told by when the process started.
- What was made on this machine before it started last is removed.
- Of all else (another machine on a shared disk, another container) nobody here knows whether its maker lives. It is
  removed once nothing in it has changed for 24 hours.

What is there already and is set aside until its successor has its place ends with ``.aside.<name>`` instead. Nobody
removes that, for it may be all that is left of what somebody has put into it; see :func:`left_aside`.

No locks: not every file system has them, and what is written by its name has no file to hold one on.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

#: What nobody can tell to be dead is taken for dead once it has not changed for so long, in seconds.
STALE_S = 24 * 3600
#: How long a folder is not looked through again, in seconds: many files may be written into one.
_AGAIN_S = 10.0

#: The second form is an older one, which told the machine only.
_NAME = re.compile(
    r"\.omz-(?P<machine>[0-9a-f]{8})-"
    r"(?:(?P<boot>[0-9a-f]{8})-(?P<process>[1-9][0-9]{0,9})-(?P<start>[0-9]{1,20})-[0-9a-f]{8}|[0-9a-f]{16})"
    r"\.(?:part(?:\.[0-9A-Za-z]{1,8})?|aside\.(?P<aside>.+))"
)
#: When each folder was looked through last.
_looked: dict[Path, float] = {}


def private_path(folder: Path, suffix: str = "") -> Path:
    """Return a name in ``folder`` that nobody else uses; what dead processes have left there is removed.

    Args:
        folder: Need not be there yet.
        suffix: Such as ``.avi``, for a library that asks for one.
    """
    _look_through(folder)
    return folder / f"{_stem()}.part{suffix}"


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """Make a folder in ``parent`` that is removed in the end, and that nobody else may look into.

    Raises:
        OSError: It cannot be made.
    """
    path = private_path(parent)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def aside_path(target: Path) -> Path:
    """Return a name for what is at ``target`` now, while something else takes its place."""
    return target.with_name(f"{_stem()}.aside.{target.name}")


def left_aside(target: Path) -> list[Path]:
    """Return what processes have set aside for ``target`` that died before they were done."""
    with suppress(FileNotFoundError), os.scandir(target.parent) as entries:
        named = [(Path(entry.path), _NAME.fullmatch(entry.name)) for entry in entries]
        return [
            path for path, name in named if name and name["aside"] == target.name and _is_dead(path, name)
        ]
    return []


def is_private(name: str) -> bool:
    """Tell whether a file of that name is unfinished, or left over."""
    return _NAME.fullmatch(name) is not None


def remove_dead(folder: Path) -> None:
    """Remove the private files and folders in ``folder``, not below, whose makers are dead."""
    _remove(folder, _is_dead)


def age_s(path: Path) -> float:
    """Return the seconds since a file was written to; 0 if it has gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


@cache
def machine() -> str:
    """Return 8 hexadecimal digits that stay the same on this machine, and differ on others."""
    return _digits(os.uname().nodename, "/etc/machine-id")


def _stem() -> str:
    process = os.getpid()
    return f".omz-{machine()}-{_boot()}-{process}-{_start_of(process)}-{secrets.token_hex(4)}"


def _look_through(folder: Path) -> None:
    if not _looked:
        atexit.register(_leave)
    now = time.monotonic()
    if now - _looked.get(folder, -_AGAIN_S) >= _AGAIN_S:
        _looked[folder] = now
        remove_dead(folder)


def _leave() -> None:
    """Remove what this process has not finished: at its end, threads may hang in a read that never ends."""
    for folder in _looked:
        _remove(folder, lambda path, name: _is_ours(name) and int(name["process"]) == os.getpid())


def _remove(folder: Path, condition: Callable[[Path, re.Match[str]], bool]) -> None:
    with suppress(OSError), os.scandir(folder) as entries:  # not there, or not ours to read
        for entry in entries:
            name = _NAME.fullmatch(entry.name)
            if name and not name["aside"]:
                # another process is quicker, it is not ours to remove, or folders are nested too deep for Python
                with suppress(OSError, RecursionError):
                    _remove_if(condition, name, entry)


def _remove_if(
    condition: Callable[[Path, re.Match[str]], bool], name: re.Match[str], entry: os.DirEntry[str]
) -> None:
    path = Path(entry.path)
    if condition(path, name):
        log.debug("removing %s, left over from a process that has ended", path)
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(path)
        else:
            path.unlink()


def _is_dead(path: Path, name: re.Match[str]) -> bool:
    """Tell whether the process that made a private file is no more."""
    if _is_ours(name):
        return not _lives(int(name["process"]), name["start"])
    changed = _last_change(path)
    if name["machine"] == machine() and changed < _booted():
        return True
    return time.time() - changed > STALE_S


def _is_ours(name: re.Match[str]) -> bool:
    """Tell whether a name's number of a process is one of those that this process knows."""
    return name["machine"] == machine() and name["boot"] == _boot()


def _lives(process: int, start: str) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # of another user: /proc may not show it
        pass
    try:
        fields = _fields(process)
    except OSError:  # hidden, or no Linux: it may be alive
        return True
    return fields[0] not in "ZX" and start in ("0", fields[19])  # a zombie writes no more


def _fields(process: int) -> list[str]:
    """Return what the kernel tells of a process, from its state on; see proc(5)."""
    # between its number and its state is its name in parentheses, which may hold anything
    return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _start_of(process: int) -> str:
    """Return when a process started, in ticks; 0 where that is not told."""
    try:
        return _fields(process)[19]
    except OSError:
        return "0"


def _last_change(path: Path) -> float:
    """Return when a file, or the file in a folder that was last written to, was written to."""
    below = (Path(folder) / name for folder, _, names in os.walk(path) for name in ("", *names))
    last = 0.0
    for each in (path, *below):
        with suppress(OSError):
            last = max(last, each.lstat().st_mtime)
    return last


@cache
def _booted() -> float:
    """Return when this machine started; 0 where that is not told."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if clock is None else time.time() - time.clock_gettime(clock)


@cache
def _boot() -> str:
    """Return 8 hexadecimal digits that are the same wherever a number means the same process."""
    spaces = ""
    for kind in ("pid", "time"):  # containers number their processes anew, and may shift when they started
        with suppress(OSError):
            spaces += str(Path(f"/proc/self/ns/{kind}").readlink())
    if sys.platform == "linux" and not spaces:  # without /proc, containers are not told apart: nobody knows
        return secrets.token_hex(4)
    return _digits(spaces, "/proc/sys/kernel/random/boot_id")


def _digits(text: str, file: str) -> str:
    with suppress(OSError):
        text += Path(file).read_text()
    return hashlib.sha256(text.encode()).hexdigest()[:8]
