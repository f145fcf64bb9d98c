"""Which members an archive may have: by their names, and in a tar by their headers."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Self
from unicodedata import normalize

from omz.errors import DownloadError
from omz.zoo.fields import is_private

TAR_HEADER_BYTES = 64 << 10  # of a long name or of pax headers, which tarfile reads into memory
_TAR_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_DRIVE = re.compile(r"[A-Za-z]:")


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


class BoundedTarInfo(tarfile.TarInfo):
    """Refuses the extension headers with which a small archive could fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a header, see tarfile."""
        info = super().frombuf(buf, encoding, errors)
        if info.type in _TAR_EXTENSIONS and info.size > TAR_HEADER_BYTES:
            raise DownloadError(f"a header of the archive is larger than {TAR_HEADER_BYTES} bytes")
        return info
