"""Safetensors: the size of a header, the header in JSON, and the bytes of the tensors without a hole.

The format and its rules: https://github.com/huggingface/safetensors#format. The size of the header is bounded more
tightly here (the format's own bound is 100 MB), since JSON takes many times its size in memory.
"""

from __future__ import annotations

import json
import mmap
import struct
from math import prod

from omz.converter.pytorch.tensors import ELEMENT_TYPES, Array, Extent, MappedTensors
from omz.errors import ParseError

MAX_HEADER_BYTES = 8 << 20  # some 80 000 tensors
_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


def is_safetensors(mapped: mmap.mmap) -> bool:
    """Say whether the file begins like one: the size of a header, and a JSON object. It may still be damaged."""
    return mapped[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and mapped[5:_LENGTH_BYTES] == b"\0\0\0"


def read_safetensors(mapped: mmap.mmap) -> dict[str, Array]:
    """Read a file of the safetensors format.

    Returns:
        The tensors by name, in the order of the header; see ``MappedTensors.view`` for what is a view.

    Raises:
        ParseError: The file breaks a rule of the format, or has elements of an unknown type.
    """
    (size,) = struct.unpack_from("<Q", mapped, 0)
    data_start = _LENGTH_BYTES + size
    if size > MAX_HEADER_BYTES:
        raise ParseError(f"a safetensors header of {size} bytes; at most {MAX_HEADER_BYTES} are read")
    if data_start > len(mapped):
        raise ParseError("ends within its safetensors header. Is the file cut off? Download it again.")
    header = _header(mapped[_LENGTH_BYTES:data_start])
    tensors = MappedTensors(mapped)
    extents: dict[str, Extent] = {}
    state: dict[str, Array] = {}
    for name, entry in header.items():
        if name == _METADATA:
            continue
        match entry:
            case {
                "dtype": str(type_name),
                "shape": list(shape),
                "data_offsets": [int(begin), int(end)],
                **others,
            }:
                if others:
                    raise ParseError(f"tensor {_quoted(name)}: has more in its entry than the format knows")
            case _:
                raise ParseError(f"tensor {_quoted(name)}: is not described by dtype, shape and data_offsets")
        if type_name not in _TYPES:
            raise ParseError(
                f"tensor {_quoted(name)}: elements of type {_quoted(type_name)} are not supported"
            )
        element = ELEMENT_TYPES[_TYPES[type_name]]
        if (
            type(begin) is not int
            or type(end) is not int
            or not 0 <= begin <= end <= len(mapped) - data_start
        ):
            raise ParseError(
                f"tensor {_quoted(name)}: reaches outside the file. Is it cut off? Download it again."
            )
        extents[name] = extent = Extent(data_start + begin, end - begin)
        if not all(type(axis) is int and 0 <= axis < 2**48 for axis in shape) or len(shape) > 32:
            raise ParseError(f"tensor {_quoted(name)}: its shape is none")
        if prod(shape) * element.size_bytes != extent.size:
            raise ParseError(
                f"tensor {_quoted(name)}: shape {shape} of {type_name} is not {extent.size} bytes"
            )
        strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
        state[name] = tensors.view(element, extent, first=0, stop=prod(shape), shape=shape, strides=strides)
    _check_no_holes(extents, data_start, len(mapped))
    return state


def _header(text: bytes) -> dict[str, object]:
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:  # what is not UTF-8 or JSON; numbers of thousands of digits
        raise ParseError("its safetensors header is not JSON") from error
    if not isinstance(header, dict):
        raise ParseError("its safetensors header is not a JSON object")
    return header


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    items = dict(pairs)
    if len(items) != len(pairs):
        raise ParseError("its safetensors header has a name twice")
    return items


def _check_no_holes(extents: dict[str, Extent], start: int, end: int) -> None:
    """The tensors fill the file, so that nothing else can be hidden in it."""
    for name, extent in sorted(extents.items(), key=lambda item: (item[1].start, item[1].size)):
        if extent.start != start:
            raise ParseError(f"tensor {_quoted(name)}: overlaps another, or leaves a hole before it")
        start = extent.start + extent.size
    if start != end:
        raise ParseError(f"{end - start} bytes follow the last tensor; safetensors files have none")


def _quoted(name: str) -> str:
    return ascii(name[:80])
