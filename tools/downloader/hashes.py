"""Digests of files, counted while the bytes pass by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from omz.downloader.pool import CancelToken
from omz.zoo.schema import ModelFile

CHUNK_BYTES = 1 << 20
CACHE_ALGORITHM = "sha384"  # names the files of the cache


class Digester:
    """Several digests of one stream at once."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashes = {algorithm: hashlib.new(algorithm) for algorithm in algorithms}

    def update(self, data: bytes) -> None:
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


def is_whole(path: Path, file: ModelFile, cancel: CancelToken) -> bool:
    """Tell whether ``path`` is a file with the size, if known, and every digest that the descriptor states."""
    if not path.is_file() or file.size not in (None, path.stat().st_size):
        return False
    digester = Digester(digest.algorithm for digest in file.digests)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            cancel.check()
            digester.update(chunk)
    return digester.mismatch(file) is None
