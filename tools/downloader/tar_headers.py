"""The headers of a tar before tarfile reads them: small, few and well-formed.

Python's tarfile takes a time for them that grows with the square of their size (CVE-2024-6232, and its like), reads
maps of sparse files of any length, and copies the headers that are for all members to each of them.
"""

from __future__ import annotations

import re
import tarfile
from typing import Any, ClassVar, NoReturn, Self

from omz.errors import DownloadError

#: Of a long name or of pax headers, which tarfile reads into memory.
TAR_HEADER_BYTES = 64 << 10
#: Of all of them in an archive, and of those that are for all members.
MAX_BYTES, MAX_GLOBAL_RECORDS = 1 << 20, 100
#: Of these for each byte of the archive: packed well, a name of a hundred letters takes ten.
BYTES_PER_BYTE = 16
_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_LENGTH = re.compile(rb"[1-9]\d{0,5} ")
#: What patterns of tarfile go through again from each of its digits; times and digests have fewer.
_MANY_DIGITS = re.compile(rb"\d{32}")


class BoundedTarInfo(tarfile.TarInfo):
    """Refuses the extension headers with which a small archive could fill the memory, or take long."""

    #: What headers may still come, in bytes; see :func:`bounded_headers`.
    left: ClassVar[int] = MAX_BYTES

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a header, see tarfile."""
        info = super().frombuf(buf, encoding, errors)
        if info.type in _EXTENSIONS:
            if info.size > TAR_HEADER_BYTES:
                raise DownloadError(f"a header of the archive is larger than {TAR_HEADER_BYTES} bytes")
            cls.left -= info.size + tarfile.BLOCKSIZE
            if cls.left < 0:
                raise DownloadError("the headers of the archive are larger than its members need")
        return info

    def _proc_pax(self, archive: Any) -> Any:  # noqa: ANN401 - tarfile's own
        """Check the records of a pax header, then have tarfile read them."""
        stream = archive.fileobj
        padded = stream.read(-(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        records = _count_records(padded[: self.size])
        if self.type == tarfile.XGLTYPE and len(archive.pax_headers) + records > MAX_GLOBAL_RECORDS:
            raise DownloadError(
                f"the archive has headers of more than {MAX_GLOBAL_RECORDS} records for all members"
            )
        archive.fileobj = _Again(padded, stream)
        try:
            return super()._proc_pax(archive)  # type: ignore[misc]  # not in the stubs
        finally:
            archive.fileobj = stream

    def _refuse(self, *_: object) -> NoReturn:
        raise DownloadError(f"member {self.name[:200]!r} is packed in a way that is not accepted")

    #: Maps of sparse files.
    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse


def bounded_headers(size: int) -> type[BoundedTarInfo]:
    """Return what tarfile is to make of the members of one archive.

    Args:
        size: Of the archive, as it is packed.
    """
    return type("Headers", (BoundedTarInfo,), {"left": MAX_BYTES + BYTES_PER_BYTE * size})


class _Again:
    """A stream, with what has been read from it before it once more."""

    def __init__(self, before: bytes, stream: Any) -> None:  # noqa: ANN401 - a file, or tarfile's stream
        self._before, self._stream = before, stream

    def read(self, size: int) -> bytes:
        if not self._before:
            data: bytes = self._stream.read(size)
            return data
        data, self._before = self._before[:size], self._before[size:]
        return data

    def tell(self) -> int:
        return int(self._stream.tell()) - len(self._before)


def _count_records(content: bytes) -> int:
    """Return how many records a pax header has, ``<length> <key>=<value>`` each, in a time that grows with its size.

    Raises:
        DownloadError: It has something else, or what tarfile would take long for.
    """
    at = count = 0
    while at < len(content) and content[at]:
        length = _LENGTH.match(content, at)
        end = at + int(length[0]) if length else 0
        if not length or content[end - 1 : end] != b"\n" or content.find(b"=", length.end(), end) < 0:
            raise DownloadError("a header of the archive is malformed")
        at, count = end, count + 1
    if _MANY_DIGITS.search(content):
        raise DownloadError("a header of the archive has numbers of more than 31 digits")
    return count
