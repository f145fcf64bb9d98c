"""PyTorch's zip format (torch >= 1.6): an archive of members that are stored, not compressed, and so can be mapped.

``<name>/data.pkl`` is the object, ``<name>/data/<key>`` the bytes of each storage, ``<name>/byteorder`` says which
order these have. Zip's own rules: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from omz.converter.pytorch.pickle_data import MAX_PICKLE_BYTES, read_pickle
from omz.converter.pytorch.tensors import Extent
from omz.converter.pytorch.torch_objects import NAMES, StorageTable
from omz.errors import ParseError

MAGIC = b"PK\x03\x04"
MAX_MEMBERS = 100_000
MAX_DIRECTORY_BYTES = 16 << 20

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END = struct.Struct("<4sHHHHLLH")
_END64 = struct.Struct("<4sQHHLLQQQQ")
_LOCATOR64 = struct.Struct("<4sLQL")
_ENCRYPTED, _STORED, _ZIP64_FIELD = 0x0001, 0, 0x0001
_SEE_ZIP64 = 0xFFFFFFFF
_LONGEST_COMMENT = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in the archive: its local header and its bytes."""

    header: int
    start: int
    size: int
    compressed: bool
    encrypted: bool


def read_zip(mapped: mmap.mmap) -> tuple[object, dict[str, Extent]]:
    """Read a checkpoint in the zip format.

    Returns:
        The object that was saved, and where each storage is in the file, by key.

    Raises:
        ParseError: The archive is damaged, not one of ``torch.save``, or holds anything that is not data.
    """
    members = _members(mapped)
    root = _root(mapped, members)
    index = members[f"{root}data.pkl"]
    if index.size > MAX_PICKLE_BYTES:
        raise ParseError(f"its data.pkl has {index.size} bytes; at most {MAX_PICKLE_BYTES} are read")
    content, _ = read_pickle(
        mapped[index.start : index.start + index.size], 0, names=NAMES, load_persistent=StorageTable().load
    )
    prefix = f"{root}data/"
    extents = {
        name.removeprefix(prefix): Extent(member.start, member.size)
        for name, member in members.items()
        if name.startswith(prefix)
    }
    return content, extents


def _root(mapped: mmap.mmap, members: dict[str, _Member]) -> str:
    """Return what the names of all members begin with, once it is clear that torch.save wrote the archive."""
    roots = [
        name.removesuffix("data.pkl")
        for name in members
        if name.count("/") == 1 and name.endswith("/data.pkl")
    ]
    if len(roots) != 1:
        raise ParseError(
            f"is a zip archive with {len(roots)} members named data.pkl, where torch.save writes one. "
            "If the checkpoint is inside, unpack it."
        )
    root = roots[0]
    if any(name == f"{root}constants.pkl" or name.startswith(f"{root}code/") for name in members):
        raise ParseError(
            "is a TorchScript archive, a program with weights. "
            "Load it with torch.jit.load and save the state_dict() of the module with torch.save."
        )
    for name, member in members.items():
        if member.encrypted:
            raise ParseError(f"member {_quoted(name)} is encrypted")
        if member.compressed:
            raise ParseError(
                f"member {_quoted(name)} is compressed; torch.save does not. Pack it with `zip -0`."
            )
    byte_order = members.get(f"{root}byteorder")
    if byte_order and mapped[byte_order.start : byte_order.start + min(byte_order.size, 16)] != b"little":
        raise ParseError(
            "was written on a big-endian machine, which is not supported. Save it on a little-endian one."
        )
    return root


def _members(mapped: mmap.mmap) -> dict[str, _Member]:
    """Return the members by name. No two share a byte."""
    count, start, stop = _directory(mapped)
    if count > MAX_MEMBERS:
        raise ParseError(f"a zip archive of {count} members; at most {MAX_MEMBERS} are read")
    members: dict[str, _Member] = {}
    spans: list[tuple[int, int, str]] = []
    for raw_name, member, packed_size in _entries(mapped, start, stop, count):
        name = raw_name.decode("utf-8", "replace")
        if name in members:
            raise ParseError(f"two members are named {_quoted(name)}")
        if member.start + packed_size > start:
            raise ParseError(f"member {_quoted(name)} reaches outside the archive; is the file cut off?")
        members[name] = member
        spans.append((member.header, member.start + packed_size, name))
    spans.sort()
    for (_, end, _), (header, _, name) in pairwise(spans):
        if header < end:
            raise ParseError(f"member {_quoted(name)} overlaps another")
    return members


def _directory(mapped: mmap.mmap) -> tuple[int, int, int]:
    """Return the number of entries in the central directory, its start and its end."""
    at = mapped.rfind(b"PK\x05\x06", max(0, len(mapped) - _END.size - _LONGEST_COMMENT))
    if at < 0 or at + _END.size > len(mapped):
        raise ParseError("a zip archive without an end. Is the file cut off? Download it again.")
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(mapped, at)
    if disk or first_disk or here != count or at + _END.size + comment != len(mapped):
        raise ParseError("a zip archive whose end is damaged. Download it again.")
    end = at
    locator = at - _LOCATOR64.size
    if locator >= 0 and mapped[locator : locator + 4] == b"PK\x06\x07":
        end = _LOCATOR64.unpack_from(mapped, locator)[2]
        if end + _END64.size > locator or mapped[end : end + 4] != b"PK\x06\x06":
            raise ParseError("a zip archive whose end is damaged. Download it again.")
        count, size, start = _END64.unpack_from(mapped, end)[7:]
    if start + size != end:
        raise ParseError("a zip archive whose directory is not where it should be. Is the file cut off?")
    if size > MAX_DIRECTORY_BYTES:
        raise ParseError(
            f"a zip archive whose directory has {size} bytes; at most {MAX_DIRECTORY_BYTES} are read"
        )
    return count, start, end


def _entries(mapped: mmap.mmap, at: int, stop: int, count: int) -> Iterator[tuple[bytes, _Member, int]]:
    """Yield name, member and size in the archive of each entry of the central directory."""
    for _ in range(count):
        if at + _CENTRAL.size > stop or mapped[at : at + 4] != b"PK\x01\x02":
            raise ParseError("a zip archive whose directory is damaged")
        fields = _CENTRAL.unpack_from(mapped, at)
        flags, method, packed, size, name_size, extra_size, comment_size = (*fields[3:5], *fields[8:13])
        header = fields[16]
        name_at = at + _CENTRAL.size
        extra_at = name_at + name_size
        at = extra_at + extra_size + comment_size
        if at > stop:
            raise ParseError("a zip archive whose directory is damaged")
        name = mapped[name_at:extra_at]
        if _SEE_ZIP64 in (packed, size, header):
            size, packed, header = _wide_fields(
                mapped[extra_at : extra_at + extra_size], size, packed, header
            )
        start = _data_start(mapped, header, name, flags, method)
        compressed = method != _STORED or packed != size
        yield name, _Member(header, start, size, compressed, bool(flags & _ENCRYPTED)), packed
    if at != stop:
        raise ParseError("a zip archive whose directory has more in it than it says")


def _wide_fields(extra: bytes, *fields: int) -> list[int]:
    """Return size, packed size and header's position, with zip64's where a field refers to them."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        at += 4
        wanted = sum(field == _SEE_ZIP64 for field in fields)
        if kind == _ZIP64_FIELD and 8 * wanted <= size <= len(extra) - at:
            wide = iter(struct.unpack_from(f"<{wanted}Q", extra, at))
            return [next(wide) if field == _SEE_ZIP64 else field for field in fields]
        at += size
    raise ParseError("a zip archive whose directory lacks the size of a member")


def _data_start(mapped: mmap.mmap, header: int, name: bytes, flags: int, method: int) -> int:
    """Return where a member's bytes begin: behind its local header, which repeats what the directory says."""
    if header + _LOCAL.size > len(mapped) or mapped[header : header + 4] != MAGIC:
        raise ParseError("a zip archive whose directory points to no member. Is the file cut off?")
    fields = _LOCAL.unpack_from(mapped, header)
    name_size, extra_size = fields[9:11]
    name_at = header + _LOCAL.size
    same_name = name_size == len(name) and mapped[name_at : name_at + name_size] == name
    if not same_name or fields[3] != method or (fields[2] ^ flags) & _ENCRYPTED:
        raise ParseError("a zip archive that describes a member differently in two places")
    return int(name_at + name_size + extra_size)


def _quoted(name: str) -> str:
    return ascii(name[:80])
