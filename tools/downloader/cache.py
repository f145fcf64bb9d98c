"""A cache of downloaded files in Open Model Zoo's layout, so that both can share one folder.

Format 1: ``<cache_dir>/1/<first two hexadecimal digits>/<the others>`` of the file's SHA-384, in lower case;
``<cache_dir>/1/staging`` holds files that are being put there.

Where the file system can, an entry and the file of a model share their blocks (a reflink), or else are one file
with two names (a hard link); a copy is the last resort. Nothing of ours writes into a file that has its final name:
what changes is written beside it and renamed. Should anybody else do so, the entry no longer has the digest that its
name states, which is found before it is used again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from omz.downloader.files import require_space
from omz.downloader.hashes import CACHE_ALGORITHM, CHUNK_BYTES, Digester
from omz.downloader.pool import CancelToken
from omz.errors import DownloadError
from omz.files import share_blocks, writing
from omz.outgoing import describe
from omz.private import STALE_S, is_private, private_path
from omz.regular_files import open_regular
from omz.zoo.model_files import ModelFile

log = logging.getLogger(__name__)

FORMAT = "1"


class Cache:
    """Files by their SHA-384. What is taken out is verified: anybody may have written there.

    A cache that cannot be read or written is a warning, once, and no reason to fail.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder / FORMAT
        self._warned = False

    def path(self, sha384: str) -> Path:
        """Return where the file with this digest (96 hexadecimal digits) is, or would be."""
        digits = sha384.lower()
        return self._root / digits[:2] / digits[2:]

    def take(
        self, file: ModelFile, target: Path, cancel: CancelToken, progress: Callable[[int], None]
    ) -> bool:
        """Bring a file out of the cache, verified; an entry that is not what its name says is removed.

        Args:
            file: Must have a SHA-384 to be found; its size, if known, and all digests must hold.
            target: Where to; appears whole or not at all.
            cancel: Looked at after every chunk.
            progress: Called with the bytes so far.

        Returns:
            Whether it was there.

        Raises:
            DownloadError: ``target`` cannot be written.
        """
        if not file.checksum:
            return False
        entry = self.path(file.checksum)
        private = private_path(target.parent)
        try:
            with _opened(entry) as stream:
                if not (problem := _size_problem(stream, file)):
                    _link_or_copy(stream, entry, private, cancel)
            if not problem:
                # Of what has come out, not of the entry: that may have changed meanwhile, or the copy gone wrong.
                with open_regular(private) as stream:
                    problem = _digested(stream, file, cancel, progress).mismatch(file)
            if not problem:
                with writing(target, DownloadError):
                    private.replace(target)
                return True
            log.warning(
                "%s: not usable from the cache (%s: %s); fetching it again", file.name, entry, problem
            )
            self._drop(file.checksum, entry, cancel)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._warn(f"{entry}: the cache cannot be used: {error.strerror or error}")
        finally:
            with contextlib.suppress(OSError):
                private.unlink(missing_ok=True)
        return False

    def holds(self, file: ModelFile, cancel: CancelToken) -> bool:
        """Tell whether :meth:`take` would bring the file; reads it, and changes nothing."""
        if not file.checksum:
            return False
        try:
            with _opened(self.path(file.checksum)) as stream:
                return not _size_problem(stream, file) and not _digested(stream, file, cancel).mismatch(file)
        except OSError:
            return False

    def put(self, sha384: str, source: Path, cancel: CancelToken) -> None:
        """Bring a verified file into the cache."""
        staged = private_path(self._root / "staging")
        target = self.path(sha384)
        try:
            staged.parent.mkdir(parents=True, exist_ok=True)
            self._remove_stale(staged.parent)
            with open_regular(source) as stream:
                _link_or_copy(stream, source, staged, cancel)
            target.parent.mkdir(exist_ok=True)
            staged.replace(target)  # does nothing if both are one file already
        except (OSError, DownloadError) as error:
            self._warn(f"{self._root}: the cache does not take {source.name}: {describe(error)}")
        finally:
            with contextlib.suppress(OSError):
                staged.unlink()

    def _drop(self, sha384: str, entry: Path, cancel: CancelToken) -> None:
        """Remove an entry, unless it is what its name says and the descriptor is wrong."""
        digester = Digester([CACHE_ALGORITHM])
        with _opened(entry) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                cancel.check()
                digester.update(chunk)
        if digester.hexdigest(CACHE_ALGORITHM) != sha384:
            entry.unlink()

    def _warn(self, message: str) -> None:
        log.log(logging.DEBUG if self._warned else logging.WARNING, "%s", message)
        self._warned = True

    def _remove_stale(self, staging: Path) -> None:
        """Remove what Open Model Zoo's own tools have left, whose names do not tell whether they are at work."""
        for path in staging.iterdir():
            with contextlib.suppress(OSError):  # another process may be quicker
                if not is_private(path.name) and time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()


def _opened(entry: Path) -> BinaryIO:
    """Open an entry; a pipe or a device with such a name is none."""
    if not entry.is_file():
        raise FileNotFoundError(entry)
    return open_regular(entry)


def _size_problem(stream: BinaryIO, file: ModelFile) -> str | None:
    size = os.fstat(stream.fileno()).st_size
    return None if file.size in (None, size) else f"has {size} bytes, not {file.size}"


def _digested(
    stream: BinaryIO, file: ModelFile, cancel: CancelToken, progress: Callable[[int], None] = lambda _: None
) -> Digester:
    digester, done = Digester(digest.algorithm for digest in file.digests), 0
    while chunk := stream.read(CHUNK_BYTES):
        cancel.check()
        digester.update(chunk)
        done += len(chunk)
        progress(done)
    return digester


def _link_or_copy(stream: BinaryIO, path: Path, twin: Path, cancel: CancelToken) -> None:
    """Make ``twin``, a private path, a file like ``path``, which is open for reading as ``stream``.

    Raises:
        OSError: ``path`` cannot be read.
        DownloadError: ``twin`` cannot be written.
    """
    with writing(twin.parent, DownloadError):
        out = twin.open("xb")
    with out:
        if share_blocks(stream, out) or (_same_access(stream, out) and _link(path, twin)):
            return
        require_space(twin.parent, os.fstat(stream.fileno()).st_size)
        while chunk := stream.read(CHUNK_BYTES):
            cancel.check()
            with writing(twin.parent, DownloadError):
                out.write(chunk)
        with writing(twin.parent, DownloadError):
            out.flush()
            os.fsync(out.fileno())


def _same_access(stream: BinaryIO, out: BinaryIO) -> bool:
    """Tell whether two files have one owner and the same permissions.

    A file of ours must not be somebody else's to write, nor closed to those who may read what we make.
    """
    one, other = os.fstat(stream.fileno()), os.fstat(out.fileno())
    return (one.st_uid, one.st_gid, one.st_mode) == (other.st_uid, other.st_gid, other.st_mode)


def _link(path: Path, twin: Path) -> bool:
    """Give a file a second name, in place of the file that has it; not a symbolic link, which leads to a file only."""
    linked = private_path(twin.parent)
    try:
        os.link(path, linked)
        if linked.is_symlink():
            return False
        linked.replace(twin)
    except OSError:  # another disk, a file system without links, too many of them
        return False
    finally:
        with contextlib.suppress(OSError):
            linked.unlink()
    return True
