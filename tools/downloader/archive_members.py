"""Which members an archive may have: by their names, and in a tar by their headers."""

from __future__ import annotations

import re
import tarfile
from pathlib import PurePosixPath
from unicodedata import normalize

from omz.downloader.tar_headers import TAR_HEADER_BYTES
from omz.errors import DownloadError
from omz.zoo.fields import is_private

#: Of a member: characters of its name, and folders that it is in.
MAX_NAME, MAX_FOLDERS = 1024, 100
_DRIVE = re.compile(r"[A-Za-z]:")


class Place:
    """A file, a folder or a link of an archive."""

    __slots__ = ("inner", "is_folder", "name", "parent")

    def __init__(self, name: str, parent: Place | None, *, is_folder: bool) -> None:
        self.name, self.parent, self.is_folder = name, parent, is_folder
        #: By the names that a disk without upper case knows them by.
        self.inner: dict[str, Place] = {}

    def child(self, name: str) -> Place | None:
        """Return what has a name in it, or would have on some disks."""
        return self.inner.get(_key(name))

    def path(self) -> PurePosixPath:
        """Return where it is, from the folder of the archive."""
        parts, place = [], self
        while place.parent:
            parts.append(place.name)
            place = place.parent
        return PurePosixPath(*reversed(parts))


def _key(name: str) -> str:
    return name.lower() if name.isascii() else normalize("NFC", name).casefold()


class Names:
    """The names of an archive's members: each once, plainly inside the folder, on every kind of disk.

    To check one takes a time that grows with its length, however many there are already.

    Attributes:
        root: The folder of the archive.
        num_implied: How many folders are there that are no members themselves.
    """

    def __init__(self, archive: str) -> None:
        self._archive = archive
        self.root = Place("", None, is_folder=True)
        self.num_implied = 0

    def checked(self, name: str, *, is_folder: bool) -> PurePosixPath:
        """Return the path of a member.

        Raises:
            DownloadError: It leads elsewhere, has odd characters, or is in the way of another one.
        """
        if len(name) > MAX_NAME or name.count("/") > MAX_FOLDERS:
            raise self.refusal(
                name, f"has more than {MAX_NAME} characters, or is in more than {MAX_FOLDERS} folders"
            )
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
        place = self.root
        for part in path.parts[:-1]:
            place = self._taken(name, place, part, is_folder=True)
        self._taken(name, place, path.name, is_folder=is_folder, is_member=True)
        return path

    def refusal(self, name: str, why: str) -> DownloadError:
        """Return the error for a member that is not accepted."""
        return DownloadError(f"{self._archive}: member {name[:200]!r} {why}; nothing was unpacked")

    def _taken(
        self, name: str, folder: Place, part: str, *, is_folder: bool, is_member: bool = False
    ) -> Place:
        """Return what has the name ``part`` in a folder, on the way to the member ``name``; made if need be."""
        there = folder.child(part)
        if there is None:
            self.num_implied += not is_member
            there = folder.inner[_key(part)] = Place(part, folder, is_folder=is_folder)
        elif there.name != part:
            other = str(there.path())[:200]
            raise self.refusal(name, f"and {other!r} are one name on some disks")
        elif there.is_folder != is_folder or not is_folder:
            raise self.refusal(name, "is there twice")
        return there


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
