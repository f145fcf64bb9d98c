"""Streams of archives that neither fill the memory nor come out uncounted."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from omz.regular_files import open_regular

CHUNK_BYTES = 1 << 20
XZ_MEMORY_BYTES = 256 << 20  # `xz -9` needs 65 MiB
ZIP_DIRECTORY_BYTES = 32 << 20  # which zipfile reads into memory; 300 bytes for each member at most


class Counted:
    """Reads a stream and tells how many bytes have come out of it."""

    def __init__(self, stream: IO[bytes], count: Callable[[int], None]) -> None:
        self._stream, self._count = stream, count

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        data = self._stream.read(size)
        self._count(len(data))
        return data


class BoundedReads(io.FileIO):
    """A file of which nobody reads much at once, whatever size the file says that its parts have."""

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes; more than a directory may have are refused."""
        most = ZIP_DIRECTORY_BYTES + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) == most:
            raise zipfile.BadZipFile(f"its directory is larger than {ZIP_DIRECTORY_BYTES} bytes")
        return data


class _XzReader(io.RawIOBase):
    """Like ``lzma.open``, with a limit on the memory that the stream can ask for."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self._decompressor = raw, self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            packed = b""
            if self._decompressor.eof:  # another stream may follow, as with `cat a.xz b.xz`
                packed = self._decompressor.unused_data.lstrip(b"\0") or self._raw.read(CHUNK_BYTES).lstrip(
                    b"\0"
                )
                if not packed:
                    return b""
                self._decompressor = self._new()
            elif self._decompressor.needs_input:
                packed = self._raw.read(CHUNK_BYTES)
                if not packed:
                    raise EOFError("the compressed stream ends too early")
            if data := self._decompressor.decompress(packed, max_length=size):
                return data


@contextmanager
def decompressed(path: Path, kind: str) -> Iterator[IO[bytes]]:
    """Open the tar in a file of a kind, "tar", "gztar", "bztar" or "xztar"; it can be read, and nothing else."""
    with open_regular(path) as raw:
        match kind:
            case "gztar":
                stream: object = gzip.GzipFile(fileobj=raw)
            case "bztar":
                stream = bz2.BZ2File(raw)
            case "xztar":
                stream = _XzReader(raw)
            case _:
                stream = raw
        yield cast("IO[bytes]", stream)  # tarfile reads it, and does nothing else
