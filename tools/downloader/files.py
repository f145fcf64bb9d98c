"""The room that a download needs, the leftovers of killed runs, and a lock per folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omz.downloader.pool import CancelToken
from omz.errors import DownloadError
from omz.files import PRIVATE_PREFIX, PRIVATE_SUFFIX

log = logging.getLogger(__name__)

LOCK_NAME = ".omz.lock"


def require_space(folder: Path, size: int) -> None:
    """Raise :class:`DownloadError` unless the disk that holds ``folder`` has ``size`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DownloadError(
            f"{folder}: needs {size} bytes, the disk has {free} bytes free. Free some space, or choose another -o."
        )


def remove_leftovers(folder: Path) -> None:
    """Remove the private files and folders that killed runs have left in ``folder`` or below."""
    for path in sorted(folder.rglob(f"{PRIVATE_PREFIX}*{PRIVATE_SUFFIX}")):
        log.debug("removing %s, left over from a run that was killed", path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def folder_lock(folder: Path, cancel: CancelToken) -> Iterator[bool]:
    """Hold the lock of a model's folder; yield whether it could be had.

    Where the folder or the file system takes no lock (read-only, some network disks) the work goes on without:
    temporary names are private and files appear by renaming, so the lock saves work only.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_NAME, thread_local=False)
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
        except (OSError, NotImplementedError) as error:
            log.debug("%s: no lock: %s", folder, error)
            break
    try:
        yield held
    finally:
        lock.release()
