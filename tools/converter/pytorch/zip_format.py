"""PyTorch's zip format (torch >= 1.6): an archive of members that are stored, not compressed, and so can be mapped.

``<name>/data.pkl`` is the object, ``<name>/data/<key>`` the bytes of each storage, ``<name>/byteorder`` says which
order these have. Zip's own rules: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
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
_LONGEST_COMMENT = 0xFFFF


def read_zip(mapped: mmap.mmap) -> tuple[object, dict[str, Extent]]:
    """Read a checkpoint in the zip format.

    Returns:
        The object that was saved, and where each storage is in the file, by key.

    Raises:
        ParseError: The archive is damaged, not one of ``torch.save``, or holds anything that is not data.
    """
    members = _members(mapped)
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
    byte_order = members.get(f"{root}byteorder")
    if byte_order and mapped[byte_order.start : byte_order.start + min(byte_order.size, 16)] != b"little":
        raise ParseError(
            "was written on a big-endian machine, which is not supported. Save it on a little-endian one."
        )
    index = members[f"{root}data.pkl"]
    if index.size > MAX_PICKLE_BYTES:
        raise ParseError(f"its data.pkl has {index.size} bytes; at most {MAX_PICKLE_BYTES} are read")
    content, _ = read_pickle(
        mapped[index.start : index.start + index.size], 0, names=NAMES, load_persistent=StorageTable().load
    )
    prefix = f"{root}data/"
    return content, {
        name.removeprefix(prefix): extent for name, extent in members.items() if name.startswith(prefix)
    }


def _members(mapped: mmap.mmap) -> dict[str, Extent]:
    """Return where the bytes of each member are. No two members share a byte."""
    count, start, stop = _directory(mapped)
    if count > MAX_MEMBERS:
        raise ParseError(f"a zip archive of {count} members; at most {MAX_MEMBERS} are read")
    members: dict[bytes, Extent] = {}
    taken: list[tuple[int, int, bytes]] = []
    for name, header, size in _entries(mapped, start, stop, count):
        if name in members:
            raise ParseError(f"two members are named {_quoted(name)}")
        data = _data_start(mapped, header, name)
        if data + size > start:
            raise ParseError(f"member {_quoted(name)} reaches outside the archive; is the file cut off?")
        members[name] = Extent(data, size)
        taken.append((header, data + size, name))
    taken.sort()
    for (_, end, _), (header, _, name) in pairwise(taken):
        if header < end:
            raise ParseError(f"member {_quoted(name)} overlaps another")
    return {name.decode("utf-8", "replace"): extent for name, extent in members.items()}


def _directory(mapped: mmap.mmap) -> tuple[int, int, int]:
    """Return the number of entries in the central directory, its start and its end."""
    at = mapped.rfind(b"PK\x05\x06", max(0, len(mapped) - _END.size - _LONGEST_COMMENT))
    if at < 0 or at + _END.size > len(mapped):
        raise ParseError("a zip archive without an end. Is the file cut off? Download it again.")
    _, disk, first_disk, _, count, size, start, comment = _END.unpack_from(mapped, at)
    if disk or first_disk or at + _END.size + comment != len(mapped):
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


def _entries(mapped: mmap.mmap, at: int, stop: int, count: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, position of the local header and size of each entry of the central directory."""
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
        if 0xFFFFFFFF in (packed, size, header):
            extra = mapped[extra_at : extra_at + extra_size]
            size, packed, header = _wide_fields(extra, name, size, packed, header)
        if flags & _ENCRYPTED:
            raise ParseError(f"member {_quoted(name)} is encrypted")
        if method != _STORED or packed != size:
            raise ParseError(
                f"member {_quoted(name)} is compressed; torch.save does not. Pack it with `zip -0`."
            )
        yield name, header, size
    if at != stop:
        raise ParseError("a zip archive whose directory has more in it than it says")


def _wide_fields(extra: bytes, name: bytes, *fields: int) -> list[int]:
    """Return size, packed size and header's position, those of 0xFFFFFFFF replaced by zip64's."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        at += 4
        if kind == _ZIP64_FIELD and at + size <= len(extra):
            wide = iter(struct.unpack_from(f"<{size // 8}Q", extra, at))
            try:
                return [next(wide) if field == 0xFFFFFFFF else field for field in fields]
            except StopIteration:
                break
        at += size
    raise ParseError(f"member {_quoted(name)} has no sizes")


def _data_start(mapped: mmap.mmap, header: int, name: bytes) -> int:
    if header + _LOCAL.size > len(mapped) or mapped[header : header + 4] != MAGIC:
        raise ParseError(f"member {_quoted(name)} is not where the directory says; is the file cut off?")
    fields = _LOCAL.unpack_from(mapped, header)
    flags, method, name_size, extra_size = (*fields[2:4], *fields[9:11])
    name_at = header + _LOCAL.size
    same_name = name_size == len(name) and mapped[name_at : name_at + name_size] == name
    if not same_name or flags & _ENCRYPTED or method != _STORED:
        raise ParseError(f"member {_quoted(name)} is described differently in two places of the archive")
    return int(name_at + name_size + extra_size)


def _quoted(name: bytes) -> str:
    return ascii(name[:80].decode("utf-8", "replace"))
