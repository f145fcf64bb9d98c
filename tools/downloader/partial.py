"""A file that is on its way: its bytes beside the target, and what is known of them, for another run to go on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from omz.downloader.hashes import Digester, Follower
from omz.downloader.partial_state import Origin, State
from omz.downloader.pool import Cancelled, CancelToken
from omz.downloader.ranges import Span, size, without
from omz.downloader.takeover import claimable, is_free, private_path, remove_partials, resting_path, take_over
from omz.errors import DownloadError
from omz.files import take_lock, writing

#: How often the state is written, and how often it is forced to the disk, in seconds.
SAVED_S, DURABLE_S = 0.01, 10.0


class Partial:
    """The file that is to become ``target``. Several threads may write to it at once.

    Attributes:
        origin: Where the bytes come from that are there; None before :meth:`begin`.
        missing: What is not there yet, in order.
    """

    def __init__(self, target: Path, algorithms: Collection[str]) -> None:
        self.target, self._algorithms = target, algorithms
        self.origin: Origin | None = None
        self.missing: list[Span] = []
        self._unsafe: list[Span] = []
        self._path: Path | None = None
        self._descriptor = -1
        self._follower: Follower | None = None
        self._saved = self._durable = 0.0
        self._lock = threading.Lock()

    @property
    def total(self) -> int | None:
        """How many bytes the file will have, if that is known."""
        origin = self.origin  # other threads may ask
        return None if origin is None else origin.total

    @property
    def held(self) -> int:
        """How many bytes of the file are there."""
        total = self.total
        return 0 if total is None else total - size(self.missing)

    def begin(self, origin: Origin, limit: int) -> None:
        """Begin with nothing, in a new file: a process that wrongly thinks the old one its own does no harm.

        Args:
            origin: Where the bytes will come from.
            limit: The most that may come, in bytes, if the size is not known.
        """
        self.discard()
        self._path = private_path(self.target)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        take_lock(self._descriptor)
        self.origin = origin
        end = limit if origin.total is None else origin.total
        self.missing = [(0, end)] if end else []
        self._unsafe = list(self.missing)
        self._follower = Follower(self._descriptor, self._algorithms)
        self._durable = time.monotonic()
        self._save()

    def go_on_from(self, origin: Origin) -> None:
        """The missing bytes will come from ``origin``."""
        self.origin = origin

    def write(self, start: int, data: bytes) -> int:
        """Write bytes that are missing at ``start``; return how many there are now.

        Raises:
            Cancelled: The file has been given up, while this thread was waiting for the bytes.
            OSError: The disk is full, or takes no more for another reason.
        """
        view, position = memoryview(data), start
        with self._lock:
            if self._descriptor < 0:
                raise Cancelled
            while view:
                written = os.pwrite(self._descriptor, view, position)
                view, position = view[written:], position + written
            self.missing = without(self.missing, start, position)
            if self._follower:
                self._follower.advance(self._contiguous)
            now = time.monotonic()
            if now - self._durable > DURABLE_S:
                os.fdatasync(self._descriptor)
                self._unsafe, self._durable, self._saved = list(self.missing), now, 0.0
            if now - self._saved > SAVED_S:
                self._save()
                self._saved = now
            return position if self.total is None else self.held

    def end(self, total: int) -> None:
        """The file ends here: what was beyond ``total`` is not missing."""
        with self._lock:
            self.missing = without(self.missing, total, max((end for _, end in self.missing), default=total))
            if self.origin:
                self.origin = Origin(self.origin.source, total, self.origin.version)

    def digester(self, cancel: CancelToken) -> Digester:
        """Return the digests of the file once it is complete.

        Raises:
            OSError: The file could not be read back.
        """
        if self._follower is None or self.missing:
            raise ValueError("the file is not complete")
        os.fdatasync(self._descriptor)  # while the last bytes are hashed
        return self._follower.digester(cancel)

    def commit(self) -> None:
        """Give the complete, verified file its final name, durably."""
        if self._path is None or self.total is None:
            raise ValueError("there is no file")
        os.ftruncate(self._descriptor, self.total)
        os.fsync(self._descriptor)
        self._path.replace(self.target)
        self._close()
        sync_folder(self.target.parent)
        remove_partials(self.target)

    def discard(self) -> None:
        """Drop all that is there."""
        if self._path:
            self._path.unlink(missing_ok=True)
        self._close()

    def release(self) -> None:
        """Leave what is there to the next run, if it is of any use."""
        if not (self._path and self.held):
            return self.discard()
        try:
            if self._save() and is_free(resting_path(self.target)):
                self._path.replace(resting_path(self.target))
        finally:
            self._close()

    def _adopt(self, path: Path, descriptor: int, state: State) -> None:
        self._path, self._descriptor = path, descriptor
        self.origin, self.missing, self._unsafe = state.origin, state.missing, state.unsafe
        self._durable = time.monotonic()
        self._follower = Follower(descriptor, self._algorithms)
        self._follower.advance(self._contiguous)

    @property
    def _contiguous(self) -> int:
        """How many bytes there are from the start without a hole."""
        if self.missing:
            return self.missing[0][0]
        return self.total or 0

    def _save(self) -> bool:
        """Write the state behind the bytes; return whether there is one and the disk took it."""
        if self.origin is None or self.origin.total is None:
            return False
        block = State(self.origin, self.missing, self._unsafe).encode()
        return block is not None and os.pwrite(self._descriptor, block, self.origin.total) == len(block)

    def _close(self) -> None:
        if self._follower:
            self._follower.stop()
            self._follower = None
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor, self._path, self.origin, self.missing = -1, None, None, []


@contextmanager
def claimed(target: Path, algorithms: Collection[str]) -> Iterator[Partial]:
    """Yield what earlier runs have left of ``target``, or an empty :class:`Partial`.

    When the block ends, what has not been committed is left to the next run.

    Raises:
        DownloadError: The disk is full, or does not take the file for another reason.
    """
    partial = Partial(target, algorithms)
    with writing(target, DownloadError):
        for path, _ in claimable(target):
            if opened := take_over(path, target):
                if partial.origin is None:
                    partial._adopt(*opened)
                else:
                    opened[0].unlink(missing_ok=True)
                    os.close(opened[1])
        try:
            yield partial
        finally:
            with suppress(OSError):  # of no importance beside what ended the block
                partial.release()


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where it can be done."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
