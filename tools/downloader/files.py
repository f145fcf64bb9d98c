"""The room that a download needs, the leftovers of killed runs, and a lock per folder."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from omz.downloader.pool import CancelToken
from omz.errors import DownloadError
from omz.files import take_lock
from omz.private import age_s, is_private, remove_dead
from omz.regular_files import regular_descriptor

log = logging.getLogger(__name__)

LOCK_NAME = ".omz.lock"
#: A lock is taken for stale after nothing has changed in its folder for so long. Longer than any silence or pause.
STALE_LOCK_S = 300.0


def require_space(folder: Path, size: int, others: int = 0) -> None:
    """Raise :class:`DownloadError` unless the disk that holds ``folder`` takes ``size`` bytes, besides ``others``."""
    free = shutil.disk_usage(folder).free
    if size > 0 and free < size + others:
        besides = f" besides {others} for other files on their way" if others else ""
        raise DownloadError(
            f"{folder}: needs {size} bytes{besides}, the disk has {free} bytes free. "
            "Free some space, or choose another -o."
        )


class Awaited(Protocol):
    """A file of which some bytes are there."""

    @property
    def held(self) -> int:
        """How many."""


class Room:
    """The room on the disks that files on their way still need. Each is refused while it is small, or will fit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: By identity: the disk that a file comes to, the file, and how many bytes it will have.
        self._claims: dict[int, tuple[int, Awaited, int]] = {}

    def require(self, folder: Path, size: int, file: Awaited) -> None:
        """Claim room for the ``size`` bytes that ``file`` still needs, until :meth:`leave`.

        Raises:
            DownloadError: There is not as much, besides what the other files need.
        """
        disk = folder.stat().st_dev
        with self._lock:
            self._claims.pop(id(file), None)
            claimed = [(total, other) for at, other, total in self._claims.values() if at == disk]
            require_space(folder, size, sum(max(total - other.held, 0) for total, other in claimed))
            self._claims[id(file)] = disk, file, size + file.held

    def leave(self, file: Awaited) -> None:
        """The file is there, or has been given up."""
        with self._lock:
            self._claims.pop(id(file), None)


def remove_leftovers(folder: Path) -> None:
    """Remove the private files and folders that dead processes have left in ``folder`` or below."""
    for place, folders, _ in os.walk(folder):
        folders[:] = [name for name in folders if not is_private(name)]
        remove_dead(Path(place))


@contextmanager
def folder_lock(folder: Path, cancel: CancelToken) -> Iterator[bool]:
    """Hold the lock of a model's folder, and remove it in the end; yield whether it could be had, and keeps others off.

    Where the folder or the file system takes no lock (read-only, some network disks) or takes it for show, the work
    goes on without, and so it does if the lock looks stale: temporary names are private and files appear by renaming,
    so the lock saves work only.
    """
    from filelock import FileLock, Timeout

    path = folder / LOCK_NAME
    lock = FileLock(path, thread_local=False)
    told = held = False
    while not held:
        try:
            lock.acquire(timeout=0.2, poll_interval=0.05)
            held = True
        except Timeout:
            cancel.check()
            if not told:
                log.info("%s: waiting for another process that is working here", folder)
                told = True
            if _silence_s(folder) > STALE_LOCK_S:
                log.warning("%s: nobody works here any more; going on without the lock %s", folder, path)
                break
        except (OSError, NotImplementedError) as error:
            log.debug("%s: no lock: %s", folder, error)
            break
    try:
        yield held and keeps_off(path)
    finally:
        if held:  # who waits for it sees that it has gone, and makes one anew
            with suppress(OSError):
                path.unlink()
        lock.release()


def keeps_off(path: Path) -> bool:
    """Tell whether the lock that somebody holds on ``path`` refuses a second one, as not all file systems do."""
    try:
        second = regular_descriptor(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not take_lock(second)
    finally:
        os.close(second)


def _silence_s(folder: Path) -> float:
    """Return for how long nothing has changed in ``folder`` or below.

    The lock says nothing: some releases of filelock change it whenever they try to take it.
    """
    return min(age_s(path) for path in [folder, *folder.rglob("*")] if path.name != LOCK_NAME)
