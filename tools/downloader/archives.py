"""Unpack an archive that may be hostile: regular files below one folder, bounded in number and size.

A link that stays within the folder becomes what it leads to: the same file under a second name, or a folder of such
files. So nothing can be written through a link, now or by whoever moves the files on, and none is left to lead
elsewhere once something else has been put in its way.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Self, cast
from unicodedata import normalize

from omz.downloader.files import require_space
from omz.downloader.links import MAX_LENGTH, Link, Links
from omz.downloader.pool import CancelToken
from omz.errors import DownloadError
from omz.files import writing
from omz.zoo.fields import is_private

CHUNK_BYTES = 1 << 20
XZ_MEMORY_BYTES = 256 << 20  # `xz -9` needs 65 MiB
TAR_HEADER_BYTES = 64 << 10  # of a long name or of pax headers, which tarfile reads into memory
ZIP_DIRECTORY_BYTES = 32 << 20  # which zipfile reads into memory; 300 bytes for each member at most
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
        DownloadError: The archive is damaged, too large, or holds a path or a link that leads out of the folder, or
            a device.
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
        self._names = Names(archive.name)
        self._links: list[Link] = []
        self.files: list[PurePosixPath] = []

    def unpack_zip(self) -> None:
        with _BoundedReads(self._archive) as raw, zipfile.ZipFile(raw) as archive:
            members = archive.infolist()
            require_space(self._target.parent, sum(member.file_size for member in members))
            for member in members:
                kind = stat.S_IFMT(member.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                    raise self._names.refusal(member.filename, "is a device")
                if member.compress_type == zipfile.ZIP_LZMA:  # its memory cannot be bounded
                    raise self._names.refusal(member.filename, "is packed in a way that is not accepted")
                if kind == stat.S_IFLNK:
                    with archive.open(member) as target:
                        self._add_link(member.filename, target.read(MAX_LENGTH + 1).decode(), hard=False)
                    continue
                with ExitStack() as stack:
                    content = None if member.is_dir() else stack.enter_context(archive.open(member))
                    self._add(member.filename, content, member.file_size)
        self._make_links()

    def unpack_tar(self, kind: str) -> None:
        with _decompressed(self._archive, kind) as stream:
            counted = _Counted(stream, self._count)
            with tarfile.open(
                fileobj=cast("IO[bytes]", counted), mode="r|", tarinfo=BoundedTarInfo
            ) as archive:
                for member in archive:
                    if member.issym() or member.islnk():
                        require_small_headers(member, archive, self._names)
                        self._add_link(member.name, member.linkname, hard=member.islnk())
                    else:
                        require_plain_member(member, archive, self._names)
                        self._add(member.name, archive.extractfile(member), member.size)
            # Behind the end mark of the tar are the checksums of the compressed stream.
            while counted.read(CHUNK_BYTES):
                pass
        self._make_links()

    def _add(self, name: str, content: IO[bytes] | None, size: int) -> None:
        """Write one member; ``content`` is None for a folder."""
        self._count_member()
        path = self._names.checked(name, is_folder=content is None)
        with writing(self._target / path, DownloadError):
            folder = path if content is None else path.parent
            (self._target / folder).mkdir(parents=True, exist_ok=True)
        if content is None:
            return
        with writing(self._target / path, DownloadError):
            out = (self._target / path).open("xb")
        with out:
            if self._copy(content, out) != size:
                raise self._names.refusal(name, "is truncated")
        self.files.append(path)

    def _add_link(self, name: str, target: str, *, hard: bool) -> None:
        """Take note of a link, which may come before the member that it leads to."""
        self._count_member()
        if max(len(name), len(target)) > MAX_LENGTH:
            raise self._names.refusal(name, f"is a link of more than {MAX_LENGTH} characters")
        # To the names, it is a file: nothing can be below it.
        self._links.append(Link(self._names.checked(name, is_folder=False), target, hard))

    def _make_links(self) -> None:
        """Put what the links lead to in their places, after all other members."""
        if not self._links:
            return
        links = Links(self._links, self._names.members(), self._names.refusal)
        for path, real in links.stand_ins():
            self._count_member()
            self._cancel.check()
            place = self._target / path
            with writing(place, DownloadError):
                (place if real is None else place.parent).mkdir(parents=True, exist_ok=True)
            if real is not None:
                self._double(self._target / real, place)
                self.files.append(path)

    def _double(self, file: Path, place: Path) -> None:
        """Give a file a second name, or where the disk has no such thing, copy it."""
        try:
            os.link(file, place)
        except OSError:
            require_space(place.parent, file.stat().st_size)
            with writing(place, DownloadError), file.open("rb") as content, place.open("xb") as out:
                while chunk := content.read(CHUNK_BYTES):
                    self._count(len(chunk))
                    out.write(chunk)

    def _count_member(self) -> None:
        self._members += 1
        if self._members > self._most_members:
            raise DownloadError(f"{self._archive.name}: holds more than {self._most_members} members")

    def _copy(self, content: IO[bytes], out: BinaryIO) -> int:
        copied = 0
        while chunk := content.read(CHUNK_BYTES):
            copied += len(chunk)
            if isinstance(
                content, zipfile.ZipExtFile
            ):  # of a tar every byte is counted, as headers may be bombs, too
                self._count(len(chunk))
            with writing(self._target, DownloadError):
                out.write(chunk)
        return copied

    def _count(self, size: int) -> None:
        self._cancel.check()
        self._bytes += size
        if self._bytes > self._most_bytes:
            raise DownloadError(f"{self._archive.name}: unpacks to more than {self._most_bytes} bytes")


class Names:
    """The names of an archive's members: each once, plainly inside the folder, on every kind of disk."""

    def __init__(self, archive: str) -> None:
        self._archive = archive
        #: By the name that a disk without upper case knows it by: the path, and whether it is a folder.
        self._seen: dict[str, tuple[PurePosixPath, bool]] = {}

    def checked(self, name: str, *, is_folder: bool) -> PurePosixPath:
        """Return the path of a member.

        Raises:
            DownloadError: It leads elsewhere, has odd characters, or is in the way of another one.
        """
        path = PurePosixPath(name)
        odd = "\\" in name or _DRIVE.match(name) or not name.isprintable()
        if odd or path.is_absolute() or ".." in path.parts:
            raise self.refusal(name, "is not plainly inside the folder")
        if is_private(path):
            raise self.refusal(name, "has a name that the toolkit keeps for its own files")
        if path == PurePosixPath():
            if is_folder:
                return path
            raise self.refusal(name, "has no name")
        for folder in list(path.parents)[-2::-1]:  # from the outermost one, without "."
            self._take(name, folder, is_folder=True)
        self._take(name, path, is_folder=is_folder)
        return path

    def members(self) -> Iterator[tuple[PurePosixPath, bool]]:
        """Yield all paths so far, with the folders that they are in, and whether each is a folder."""
        yield from self._seen.values()

    def refusal(self, name: str, why: str) -> DownloadError:
        """Return the error for a member that is not accepted."""
        return DownloadError(f"{self._archive}: member {name[:200]!r} {why}; nothing was unpacked")

    def _take(self, name: str, path: PurePosixPath, *, is_folder: bool) -> None:
        known = self._seen.setdefault(normalize("NFC", str(path)).casefold(), (path, is_folder))
        first = known[0] is path
        if known[0] != path:
            raise self.refusal(name, f"and {str(known[0])[:200]!r} are one name on some disks")
        if known[1] != is_folder or not (first or is_folder):
            raise self.refusal(name, "is there twice")


def require_plain_member(member: tarfile.TarInfo, archive: tarfile.TarFile, names: Names) -> None:
    """Raise :class:`DownloadError` unless a member of a tar is a plain file or a folder, with small headers."""
    if not (member.isreg() or member.isdir()):
        raise names.refusal(member.name, "is a link or a device")
    require_small_headers(member, archive, names)


def require_small_headers(member: tarfile.TarInfo, archive: tarfile.TarFile, names: Names) -> None:
    """Raise :class:`DownloadError` unless the headers of a member of a tar are small and ask for nothing odd."""
    if member.sparse is not None or member.size < 0:
        raise names.refusal(member.name, "is packed in a way that is not accepted")
    if sum(map(len, archive.pax_headers.values())) > TAR_HEADER_BYTES:  # those for all members add up
        raise names.refusal(member.name, f"comes after headers of more than {TAR_HEADER_BYTES} bytes")


class _Counted:
    """Reads a stream and tells how many bytes have come out of it."""

    def __init__(self, stream: IO[bytes], count: Callable[[int], None]) -> None:
        self._stream, self._count = stream, count

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._count(len(data))
        return data


class _BoundedReads(io.FileIO):
    """A file of which nobody reads much at once, whatever size the file says that its parts have."""

    def read(self, size: int | None = -1) -> bytes:
        most = ZIP_DIRECTORY_BYTES + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) == most:
            raise zipfile.BadZipFile(f"its directory is larger than {ZIP_DIRECTORY_BYTES} bytes")
        return data


class BoundedTarInfo(tarfile.TarInfo):
    """Refuses the extension headers with which a small archive could fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a header, see tarfile."""
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
