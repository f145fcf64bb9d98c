"""Networks in ONNX written byte by byte, as no library of protobuf writes them."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from nets.onnx_nets import value

WEIGHTS = np.arange(16, dtype=np.float32).reshape(4, 4)
#: Where OpenVINO's reader takes the offset for an address of its own memory.
IN_MEMORY = "*/_ORT_MEM_ADDR_/*"


def varint(number: int, width: int = 0) -> bytes:
    """Return a number in as many bytes as it needs, or in ``width``."""
    out = bytearray()
    while number > 0x7F or len(out) + 1 < width:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, payload: bytes | int, tag_width: int = 0, size_width: int = 0) -> bytes:
    """Return a field of a message: a number, or what has a length."""
    if isinstance(payload, int):
        return varint(number << 3, tag_width) + varint(payload, size_width)
    return varint(number << 3 | 2, tag_width) + varint(len(payload), size_width) + payload


def model_bytes(graph: bytes, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """Return a model of the bytes of a graph."""
    return before + field(1, 8) + field(8, field(2, 13)) + field(7, graph) + after


def dense(weights: bytes) -> bytes:
    """Return a graph, ``y = x w``, with the bytes of the tensor ``w``."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    ends = [field(11 + at, value(name, (1, 4)).SerializeToString()) for at, name in enumerate("xy")]
    return field(1, node.SerializeToString()) + field(2, b"g") + field(5, weights) + b"".join(ends)


def entry(key: str, content: str | bytes) -> bytes:
    """Return an entry of ``external_data``."""
    return field(
        13, field(1, key.encode()) + field(2, content if isinstance(content, bytes) else content.encode())
    )


def elsewhere(*entries: bytes, shape: tuple[int, ...] = (4, 4), marked: bytes = field(14, 1)) -> bytes:
    """Return a tensor ``w`` of floats with data in another file."""
    dims = b"".join(field(1, size) for size in shape)
    return dims + field(2, TensorProto.FLOAT) + field(8, b"w") + b"".join(entries) + marked


def inside() -> bytes:
    """Return the same tensor with its data in the ONNX file."""
    return numpy_helper.from_array(WEIGHTS, "w").SerializeToString()
