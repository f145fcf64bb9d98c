"""Files from outside are opened here: regular ones, and without waiting.

Whoever names a file may name a pipe that nobody writes to, a device without an end, or a socket. Opening the one and
reading the other never come back. So it is looked at before it is opened, opened without blocking, and looked at again.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedReader

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotRegularError(OSError):
    """A name leads to what is no regular file; ``strerror`` says to what, and how to mend it."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(errno.EINVAL, f"is no regular file but {what}; write it to a file first", str(path))


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: There is none, or it may not be read; a :class:`NotRegularError` if there is something else.
    """
    return os.fdopen(regular_descriptor(path), "rb")


def regular_descriptor(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file as :func:`os.open` does.

    Args:
        path: Links are followed unless ``flags`` say otherwise.
        flags: Of :func:`os.open`, such as ``os.O_RDWR | os.O_NOFOLLOW``.

    Raises:
        OSError: As for :func:`open_regular`.
    """
    try:  # first: to open a device may do something, and who writes to a pipe notices
        _check(path, path.lstat() if flags & os.O_NOFOLLOW else path.stat(), flags)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    try:
        found = os.fstat(descriptor)
        _check(path, found, flags)
        if found.st_size == 0 and not flags & os.O_WRONLY:
            _check_empty(path, descriptor)
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def told_otherwise(path: Path) -> str:
    """Return what a name leads to, and how to mend it; '' if to a file, a folder or nothing."""
    try:
        _check(path, path.stat())
    except NotRegularError as reason:
        return str(reason.strerror)
    except (OSError, ValueError):  # ValueError: of a NUL in the name
        pass
    return ""


def _check(path: Path, found: os.stat_result, flags: int = os.O_RDONLY) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFCHR and flags & os.O_ACCMODE == os.O_WRONLY:
        return  # what is only written to may be /dev/null or /dev/full: it answers at once
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind not in (stat.S_IFREG, stat.S_IFLNK):  # a link that is not to be followed: the system refuses it
        raise NotRegularError(path, _KINDS.get(kind, "no file"))


def _check_empty(path: Path, descriptor: int) -> None:
    """Check that an empty file is: those of /proc say that they are, and some of them wait, or have no end."""
    try:
        empty = not os.read(descriptor, 1) or os.fstat(descriptor).st_size > 0  # written to meanwhile
    except OSError:
        empty = False
    if not empty:
        raise NotRegularError(path, "made by the system while it is read")
    os.lseek(descriptor, 0, os.SEEK_SET)
