"""PyTorch's legacy format (torch < 1.6): five pickles in a row, then the storages.

The pickles are a magic number, the version of the format, facts on the machine that wrote it, the object, and the keys
of the storages in the order in which they follow; each storage is its number of elements (int64) and its bytes.
"""

from __future__ import annotations

import mmap
import struct

from omz.converter.pytorch.pickle_data import read_pickle
from omz.converter.pytorch.tensors import Extent
from omz.converter.pytorch.torch_objects import NAMES, StorageTable
from omz.errors import ParseError

MAGIC = b"\x80"  # of a pickle of protocol 2 or later
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
VERSION = 1001
_COUNT_BYTES = 8


def read_legacy(mapped: mmap.mmap) -> tuple[object, dict[str, Extent]]:
    """Read a checkpoint in the legacy format.

    Returns:
        The object that was saved, and where each storage is in the file, by key.

    Raises:
        ParseError: The file is damaged, or holds anything that is not data.
    """
    table = StorageTable()
    magic, at = read_pickle(mapped, 0, names=NAMES)
    if magic != MAGIC_NUMBER:
        raise ParseError("is a pickle, but not a file of torch.save")
    version, at = read_pickle(mapped, at, names={})
    if version != VERSION:
        raise ParseError(f"is not of version {VERSION} of PyTorch's legacy format, the only one there is")
    machine, at = read_pickle(mapped, at, names={})
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ParseError(
            "was written on a big-endian machine, which is not supported. Save it on a little-endian one."
        )
    content, at = read_pickle(mapped, at, names=NAMES, load_persistent=table.load)
    keys, at = read_pickle(mapped, at, names={})
    if not isinstance(keys, list):
        raise ParseError("the list of storages is no list")
    return content, _extents(mapped, at, keys, table)


def _extents(mapped: mmap.mmap, at: int, keys: list[object], table: StorageTable) -> dict[str, Extent]:
    extents: dict[str, Extent] = {}
    for key in keys:
        storage = table.storages.get(key) if isinstance(key, str) else None
        if storage is None or storage.key in extents:
            raise ParseError("the list of storages names one that no tensor has, or names it twice")
        if at + _COUNT_BYTES > len(mapped):
            raise ParseError("ends before its last storage. Is the file cut off? Download it again.")
        (count,) = struct.unpack_from("<q", mapped, at)
        if count != storage.count:
            raise ParseError(f"a storage at byte {at} has {count} elements, {storage.count} are declared")
        extent = Extent(at + _COUNT_BYTES, count * storage.element.size_bytes)
        at = extent.start + extent.size
        if at > len(mapped):
            raise ParseError(
                f"ends in the middle of a storage, {at - len(mapped)} bytes are missing. "
                "Is the file cut off? Download it again."
            )
        extents[storage.key] = extent
    return extents
