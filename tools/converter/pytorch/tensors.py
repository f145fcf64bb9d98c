"""Arrays on a mapped file: element types, and tensors as views with offset and strides."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omz.errors import ParseError

Array = NDArray[Any]

MAX_AXES = 32  # what every NumPy can hold
MAX_ELEMENTS = 1 << 40  # of one tensor, however it is expanded


@dataclass(frozen=True, slots=True)
class ElementType:
    """What a tensor is made of.

    Attributes:
        name: As PyTorch has it, such as ``float32``.
        stored: How its bytes are read. NumPy has no bfloat16: these are 16-bit integers, the upper half of a float32.
    """

    name: str
    stored: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        """Bytes of one element."""
        return self.stored.itemsize


#: All that can be read, by name.
ELEMENT_TYPES = {
    name: ElementType(name, np.dtype(stored))
    for name, stored in {
        "float64": "<f8",
        "float32": "<f4",
        "float16": "<f2",
        "bfloat16": "<u2",
        "int64": "<i8",
        "int32": "<i4",
        "int16": "<i2",
        "int8": "i1",
        "uint64": "<u8",
        "uint32": "<u4",
        "uint16": "<u2",
        "uint8": "u1",
        "bool": "?",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of bytes of the file, inside it: where it starts, and its size."""

    start: int
    size: int


class MappedTensors:
    """Makes arrays on a mapped file. The arrays keep the mapping alive."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped = mapped
        self._widened: dict[int, Array] = {}  # bfloat16 storages as float32, by their start

    def view(
        self,
        element: ElementType,
        storage: Extent,
        *,
        first: int,
        stop: int,
        shape: Sequence[object],
        strides: Sequence[object],
    ) -> Array:
        """Return a tensor as an array.

        Args:
            element: The type of the elements. bfloat16 is returned as float32: the storage is copied once, whatever
                the number of tensors on it. All other types are views.
            storage: The bytes that the storage has in the file. Storages do not overlap.
            first: The first element, counted from the storage's start.
            stop: The end of what belongs to the tensor, counted likewise.
            shape: The size of each axis.
            strides: The step of each axis, in elements.

        Raises:
            ParseError: The shape is no shape, or an element lies outside.
        """
        sizes, steps = _checked(shape, strides)
        if 0 in sizes:
            return np.empty(sizes, np.float32 if element.name == "bfloat16" else element.stored)
        last = first + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
        if not 0 <= first <= last < min(stop, storage.size // element.size_bytes):
            raise ParseError(
                f"shape {sizes}, strides {steps} and offset {first} reach outside its storage of {stop} elements"
            )
        buffer: Any = self._mapped
        offset, stored = storage.start, element.stored
        if element.name == "bfloat16":
            buffer = self._as_float32(storage)
            offset, stored = 0, buffer.dtype
        return np.ndarray(
            sizes,
            stored,
            buffer,
            offset + first * stored.itemsize,
            tuple(step * stored.itemsize for step in steps),
        )

    def _as_float32(self, storage: Extent) -> Array:
        if storage.start not in self._widened:
            halves: Array = np.frombuffer(self._mapped, "<u2", storage.size // 2, storage.start)
            self._widened[storage.start] = (halves.astype(np.uint32) << 16).view(np.float32)
        return self._widened[storage.start]


def _checked(shape: Sequence[object], strides: Sequence[object]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if len(shape) != len(strides) or len(shape) > MAX_AXES:
        raise ParseError(
            f"has {len(shape)} axes and {len(strides)} strides; at most {MAX_AXES}, as many of both"
        )
    sizes = tuple(size for size in shape if type(size) is int and 0 <= size <= MAX_ELEMENTS)
    steps = tuple(step for step in strides if type(step) is int and 0 <= step <= MAX_ELEMENTS)
    if len(sizes) != len(shape) or len(steps) != len(shape):
        raise ParseError(f"its sizes and strides are not integers of 0 to {MAX_ELEMENTS}")
    elements = 1
    for size in sizes:
        elements *= max(size, 1)
        if elements > MAX_ELEMENTS:
            raise ParseError(f"has more than {MAX_ELEMENTS} elements")
    return sizes, steps
