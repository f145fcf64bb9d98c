"""Digests of files: of whole ones, and of one that is being written, by a thread that follows the writer."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from omz.downloader.pool import CancelToken
from omz.regular_files import open_regular
from omz.zoo.model_files import ModelFile

CHUNK_BYTES = 1 << 20
CACHE_ALGORITHM = "sha384"  # names the files of the cache


class Digester:
    """Several digests of one stream at once."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashes = {algorithm: hashlib.new(algorithm) for algorithm in algorithms}

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        for running in self._hashes.values():
            running.update(data)

    def hexdigest(self, algorithm: str) -> str:
        """Return the digest so far, in lower-case hexadecimal digits."""
        return self._hashes[algorithm].hexdigest()

    def mismatch(self, file: ModelFile) -> str | None:
        """Return what is wrong with the digests of ``file``, or None if all of them hold."""
        for digest in file.digests:
            got = self.hexdigest(digest.algorithm)
            if not digest.holds(got):
                expected = f"{digest.hexdigest}..." if digest.is_prefix else digest.hexdigest
                return f"{digest.algorithm} is {got}, expected {expected}"
        return None


class Follower:
    """Digests of a file that is being written, counted in a thread of its own behind the writer.

    It reads the bytes back from the file: what an earlier run has left and what is arriving now go the same way, the
    digest is that of what the file really holds, and hashing takes place while the writer waits for the network.

    Args:
        descriptor: The file, open for reading until :meth:`stop` has returned.
        algorithms: Names that :func:`hashlib.new` takes.
    """

    def __init__(self, descriptor: int, algorithms: Iterable[str]) -> None:
        self._descriptor, self._digester = descriptor, Digester(algorithms)
        self._written = self._hashed = 0
        self._stopped = False
        self._fault: OSError | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name="digest", daemon=True)
        self._thread.start()

    def advance(self, written: int) -> None:
        """The first ``written`` bytes of the file are there, and will not change."""
        with self._changed:
            self._written = max(self._written, written)
            self._changed.notify_all()

    def digester(self, cancel: CancelToken) -> Digester:
        """Wait for the thread to catch up; return the digests of all that has been written.

        Raises:
            OSError: The file could not be read back.
        """
        with self._changed:
            while self._hashed < self._written and not self._fault:
                self._changed.wait(0.2)
                cancel.check()
            if self._fault:
                raise self._fault
            return self._digester

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def _follow(self) -> None:
        buffer = memoryview(bytearray(CHUNK_BYTES))
        try:
            while (size := self._available()) is not None:
                read = os.preadv(self._descriptor, [buffer[:size]], self._hashed)
                if not read:
                    raise OSError(f"the file ends after {self._hashed} bytes")
                self._digester.update(buffer[:read])
                with self._changed:
                    self._hashed += read
                    self._changed.notify_all()
        except OSError as fault:
            with self._changed:
                self._fault = fault
                self._changed.notify_all()

    def _available(self) -> int | None:
        """Wait for bytes that are not hashed yet; return how many there are, or None when it is time to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._written > self._hashed)
            return None if self._stopped else self._written - self._hashed


def is_whole(path: Path, file: ModelFile, cancel: CancelToken) -> bool:
    """Tell whether ``path`` is a file with the size, if known, and every digest that the descriptor states."""
    if not path.is_file() or file.size not in (None, path.stat().st_size):
        return False
    digester = Digester(digest.algorithm for digest in file.digests)
    with open_regular(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            cancel.check()
            digester.update(chunk)
    return digester.mismatch(file) is None
