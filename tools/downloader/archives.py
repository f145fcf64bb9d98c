"""Unpack an archive that may be hostile: regular files below one folder, bounded in number and size."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Self, cast

from omz.downloader.files import require_space
from omz.downloader.pool import CancelToken
from omz.errors import DownloadError
from omz.files import writing

CHUNK_BYTES = 1 << 20
XZ_MEMORY_BYTES = 256 << 20  # `xz -9` needs 65 MiB
TAR_HEADER_BYTES = 1 << 20  # of a long name or of pax headers, which tarfile reads into memory
_TAR_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold; ``total_bytes`` also falls with the size of the archive."""

    members: int = 100_000
    total_bytes: int = 16 << 30
    #: Most bytes unpacked for one of the archive, above the first 64 MiB. Weights reach 10, zip bombs 1000.
    ratio: int = 100

    def bytes_for(self, archive: Path) -> int:
        """Return how many bytes may come out of this archive."""
        return min(self.total_bytes, (64 << 20) + self.ratio * archive.stat().st_size)


def unpack(
    archive: Path, kind: str, target: Path, *, limits: Limits | None = None, cancel: CancelToken
) -> list[PurePosixPath]:
    """Unpack ``archive`` into the empty or missing folder ``target``.

    Permissions, owners and times of the members are not taken over.

    Args:
        archive: A file whose digest has been verified; its contents are still not trusted.
        kind: "zip", "tar", "gztar", "bztar" or "xztar".
        target: Should be private; on an error it holds a part of the members.
        limits: How much may come out.
        cancel: Looked at after every chunk.

    Returns:
        The paths of the files below ``target``, in the order of the archive.

    Raises:
        DownloadError: The archive is damaged, too large, or holds a path outside the folder, a link or a device.
    """
    unpacker = _Unpacker(archive, target, limits or Limits(), cancel)
    try:
        if kind == "zip":
            unpacker.unpack_zip()
        else:
            unpacker.unpack_tar(kind)
    # zipfile raises RuntimeError for encrypted members and NotImplementedError for odd compression.
    except (
        zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError,
        ValueError, RuntimeError, OSError,
    ) as error:  # fmt: skip
        raise DownloadError(
            f"{archive.name}: cannot be unpacked as {kind}: {error or 'ends too early'}"
        ) from error
    return unpacker.files


class _Unpacker:
    def __init__(self, archive: Path, target: Path, limits: Limits, cancel: CancelToken) -> None:
        self._archive, self._target, self._cancel = archive, target, cancel
        self._members, self._most_members = 0, limits.members
        self._bytes, self._most_bytes = 0, limits.bytes_for(archive)
        self.files: list[PurePosixPath] = []

    def unpack_zip(self) -> None:
        with zipfile.ZipFile(self._archive) as archive:
            members = archive.infolist()
            require_space(self._target.parent, sum(member.file_size for member in members))
            for member in members:
                mode = member.external_attr >> 16
                if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise self._refusal(member.filename, "is a link or a device")
                if member.compress_type == zipfile.ZIP_LZMA:  # its memory cannot be bounded
                    raise self._refusal(member.filename, "is packed in a way that is not accepted")
                with ExitStack() as stack:
                    content = None if member.is_dir() else stack.enter_context(archive.open(member))
                    self._add(member.filename, content, member.file_size)

    def unpack_tar(self, kind: str) -> None:
        with (
            _decompressed(self._archive, kind) as stream,
            tarfile.open(fileobj=stream, mode="r|", tarinfo=_BoundedTarInfo) as archive,
        ):
            for member in archive:
                if not (member.isreg() or member.isdir()):
                    raise self._refusal(member.name, "is a link or a device")
                content = archive.extractfile(member) if member.isreg() else None
                self._add(member.name, content, member.size)
            # Behind the end mark of the tar are the checksums of the compressed stream.
            while chunk := stream.read(CHUNK_BYTES):
                self._count(len(chunk))

    def _add(self, name: str, content: IO[bytes] | None, size: int) -> None:
        self._members += 1
        if self._members > self._most_members:
            raise DownloadError(f"{self._archive.name}: holds more than {self._most_members} members")
        path = self._checked(name)
        if content is None:
            with writing(self._target / path, DownloadError):
                (self._target / path).mkdir(parents=True, exist_ok=True)
            return
        if path == PurePosixPath():
            raise self._refusal(name, "has no name")
        with writing(self._target / path, DownloadError):
            (self._target / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            out = (self._target / path).open("xb")
        except FileExistsError:
            raise self._refusal(name, "is there twice") from None
        with out:
            if self._copy(content, out) != size:
                raise self._refusal(name, "is truncated")
        self.files.append(path)

    def _copy(self, content: IO[bytes], out: BinaryIO) -> int:
        copied = 0
        while chunk := content.read(CHUNK_BYTES):
            copied += len(chunk)
            self._count(len(chunk))
            with writing(self._target, DownloadError):
                out.write(chunk)
        return copied

    def _count(self, size: int) -> None:
        self._cancel.check()
        self._bytes += size
        if self._bytes > self._most_bytes:
            raise DownloadError(f"{self._archive.name}: unpacks to more than {self._most_bytes} bytes")

    def _checked(self, name: str) -> PurePosixPath:
        path = PurePosixPath(name)
        odd = "\\" in name or _DRIVE.match(name) or any(ord(c) < 32 for c in name)
        if odd or path.is_absolute() or ".." in path.parts:
            raise self._refusal(name, "is not plainly inside the folder")
        return path

    def _refusal(self, name: str, why: str) -> DownloadError:
        return DownloadError(f"{self._archive.name}: member {name[:200]!r} {why}; nothing was unpacked")


class _BoundedTarInfo(tarfile.TarInfo):
    """Refuses the extension headers with which a small archive could fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        if info.type in _TAR_EXTENSIONS and info.size > TAR_HEADER_BYTES:
            raise DownloadError(f"a header of the archive is larger than {TAR_HEADER_BYTES} bytes")
        return info


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
def _decompressed(path: Path, kind: str) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
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
