"""Files that appear whole or not at all, the leftovers of killed runs, and a lock per folder."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from omz.downloader.pool import CancelToken
from omz.errors import DownloadError

log = logging.getLogger(__name__)

LOCK_NAME = ".omz.lock"
_PRIVATE = ".omz-"


def private_path(folder: Path) -> Path:
    """Return a name in ``folder`` that nobody else uses, and that :func:`remove_leftovers` knows."""
    return folder / f"{_PRIVATE}{secrets.token_hex(8)}.part"


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Open a private temporary file beside ``target`` that takes its name when the block ends well.

    On any exception the temporary file is removed and ``target`` is left as it was.

    Raises:
        DownloadError: The disk is full, or does not take the file for another reason.
    """
    path = private_path(target.parent)
    try:
        with writing(target), path.open("xb") as stream:  # mode "x": the user's umask, nobody else's file
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with writing(target):
            path.replace(target)
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn an operating system's refusal to write into a :class:`DownloadError` that names ``target``."""
    try:
        yield
    except BrokenPipeError:  # of the progress report on stdout; no fault of the disk
        raise
    except OSError as error:
        raise DownloadError(
            f"{target}: cannot be written: {error.strerror or error}. Check the free space and the permissions."
        ) from error


def require_space(folder: Path, size: int) -> None:
    """Raise :class:`DownloadError` unless the disk that holds ``folder`` has ``size`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DownloadError(
            f"{folder}: needs {size} bytes, the disk has {free} bytes free. Free some space, or choose another -o."
        )


def remove_leftovers(folder: Path) -> None:
    """Remove the private files and folders that killed runs have left in ``folder`` or below."""
    for path in sorted(folder.rglob(f"{_PRIVATE}*.part")):
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
