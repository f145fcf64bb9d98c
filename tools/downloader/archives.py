"""Unpack an archive that may be hostile: regular files below one folder, bounded in number and size.

A link that stays within the folder becomes what it leads to: the same file under a second name, or a folder of such
files. So nothing can be written through a link, now or by whoever moves the files on, and none is left to lead
elsewhere once something else has been put in its way.
"""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from omz.downloader.archive_members import Names, require_plain_member, require_small_headers
from omz.downloader.archive_streams import CHUNK_BYTES, BoundedReads, Counted, decompressed
from omz.downloader.files import require_space
from omz.downloader.links import MAX_LENGTH, Link, Links
from omz.downloader.pool import CancelToken
from omz.downloader.tar_headers import bounded_headers
from omz.errors import DownloadError
from omz.files import writing
from omz.regular_files import open_regular, regular_descriptor


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold; less where the archive is small."""

    members: int = 100_000
    total_bytes: int = 16 << 30
    #: Most bytes unpacked for one of the archive, above the first 64 MiB. Weights reach 10, zip bombs 1000.
    ratio: int = 100

    def members_for(self, archive: Path) -> int:
        """Return how many members this archive may have; packed, one takes some ten bytes, and often many more."""
        return min(self.members, 2000 + archive.stat().st_size // 16)

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
        self._members, self._most_members = 0, limits.members_for(archive)
        self._bytes, self._most_bytes = 0, limits.bytes_for(archive)
        self._names = Names(archive.name)
        self._links: list[Link] = []
        self.files: list[PurePosixPath] = []

    def unpack_zip(self) -> None:
        with BoundedReads(regular_descriptor(self._archive)) as raw, zipfile.ZipFile(raw) as archive:
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
                    content = (
                        None if member.filename.endswith("/") else stack.enter_context(archive.open(member))
                    )
                    self._add(member.filename, content, member.file_size)
        self._make_links()

    def unpack_tar(self, kind: str) -> None:
        with decompressed(self._archive, kind) as stream:
            counted = Counted(stream, self._count)
            with tarfile.open(
                fileobj=cast("IO[bytes]", counted),
                mode="r|",
                tarinfo=bounded_headers(self._archive.stat().st_size),
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
        links = Links(self._links, self._names.root, self._names.refusal)
        self._count_member(links.count())
        for path, real in links.stand_ins():
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
            with writing(place, DownloadError), open_regular(file) as content, place.open("xb") as out:
                while chunk := content.read(CHUNK_BYTES):
                    self._count(len(chunk))
                    out.write(chunk)

    def _count_member(self, count: int = 1) -> None:
        self._members += count
        if self._members + self._names.num_implied > self._most_members:
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
