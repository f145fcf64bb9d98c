"""Write a state_dict as ``torch.save`` did before version 1.6, without PyTorch."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"<f4": "FloatStorage", "<f2": "HalfStorage", "<f8": "DoubleStorage", "<i8": "LongStorage"}


def write_legacy(path: Path, state: Mapping[str, np.ndarray[Any, Any]]) -> Path:
    """Write a file; every tensor has a storage of its own.

    Args:
        path: Where to.
        state: Tensors by name, of the types in :data:`STORAGES`.
    """
    system = {
        "protocol_version": PROTOCOL,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    keys = {name: str(94_000_000 + number) for number, name in enumerate(state)}
    with path.open("wb") as stream:
        for head in (MAGIC, PROTOCOL, system):
            stream.write(pickle.dumps(head, protocol=2))
        stream.write(_state(state, keys))
        stream.write(pickle.dumps(sorted(keys.values()), protocol=2))
        for name in sorted(state, key=keys.__getitem__):
            stream.write(struct.pack("<q", state[name].size))
            np.ascontiguousarray(state[name]).tofile(stream)
    return path


def _state(state: Mapping[str, np.ndarray[Any, Any]], keys: Mapping[str, str]) -> bytes:
    """Return the pickle of the dictionary, opcode by opcode: its classes are PyTorch's, which need not be there."""
    empty = _global("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
    items = b"".join(_text(name) + _tensor(array, keys[name], empty) for name, array in state.items())
    return pickle.PROTO + b"\x02" + empty + pickle.MARK + items + pickle.SETITEMS + pickle.STOP


def _tensor(array: np.ndarray[Any, Any], key: str, no_hooks: bytes) -> bytes:
    storage = _global("torch", STORAGES[array.dtype.str])
    place = _tuple(_text("storage"), storage, _text(key), _text("cpu"), _number(array.size), pickle.NONE)
    strides = (
        [stride // array.itemsize for stride in np.ascontiguousarray(array).strides] if array.ndim else []
    )
    arguments = _tuple(
        place + pickle.BINPERSID,
        _number(0),
        _tuple(*map(_number, array.shape)),
        _tuple(*map(_number, strides)),
        pickle.NEWFALSE,
        no_hooks,
    )
    return _global("torch._utils", "_rebuild_tensor_v2") + arguments + pickle.REDUCE


def _tuple(*parts: bytes) -> bytes:
    return pickle.MARK + b"".join(parts) + pickle.TUPLE


def _text(text: str) -> bytes:
    return pickle.BINUNICODE + struct.pack("<I", len(text.encode())) + text.encode()


def _number(number: int) -> bytes:
    return pickle.BININT + struct.pack("<i", number)


def _global(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()
