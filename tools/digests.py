"""Digests of files that several processors compute at once."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

CHUNK_BYTES = 4 << 20


def tree_digest(descriptor: int, size: int, pool: ThreadPoolExecutor) -> bytes:
    """Return the SHA-256 of those of every 4 MiB of the first ``size`` bytes of an open file."""

    def one(start: int) -> bytes:
        return hashlib.sha256(os.pread(descriptor, min(CHUNK_BYTES, size - start), start)).digest()

    return hashlib.sha256(b"".join(pool.map(one, range(0, size, CHUNK_BYTES)))).digest()
