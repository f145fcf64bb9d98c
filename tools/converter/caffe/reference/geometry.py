"""Sizes and axes as Caffe computes them, one small function per rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Pair = tuple[int, int]


def convolution_size(size: int, kernel: int, pad: int, stride: int, dilation: int) -> int:
    """Return the output size of a convolution along one axis (rounded down)."""
    room = size + 2 * pad - (dilation * (kernel - 1) + 1)
    if room < 0:
        raise ValueError(f"kernel {kernel} (dilation {dilation}) does not fit in {size} + 2 * {pad}")
    return room // stride + 1


def pooling_size(size: int, kernel: int, pad: int, stride: int, *, ceil: bool) -> int:
    """Return the output size of a pooling along one axis.

    Caffe rounds up; if there is padding, a last window that would start behind the image and its leading
    padding is dropped.
    """
    exact = (size + 2 * pad - kernel) / stride
    out = (math.ceil(exact) if ceil else math.floor(exact)) + 1
    return out - 1 if pad and (out - 1) * stride >= size + pad else out


def axis_index(axis: int, dimensions: int) -> int:
    """Return a non-negative axis for ``axis``, which may count from the end."""
    if not -dimensions <= axis < dimensions:
        raise ValueError(f"axis {axis} is out of range for {dimensions} dimensions")
    return axis % dimensions


def convolution_geometry(parameters: Any) -> tuple[Pair, Pair, Pair, Pair]:
    """Return kernel, pad, stride and dilation, each (height, width), of a ConvolutionParameter."""

    def pair(repeated: Sequence[int], name: str, default: int) -> Pair:
        if name and (parameters.HasField(f"{name}_h") or parameters.HasField(f"{name}_w")):
            return getattr(parameters, f"{name}_h"), getattr(parameters, f"{name}_w")
        values = list(repeated) or [default]
        return (values[0], values[0]) if len(values) == 1 else (values[0], values[1])

    return (
        pair(parameters.kernel_size, "kernel", 1),
        pair(parameters.pad, "pad", 0),
        pair(parameters.stride, "stride", 1),
        pair(parameters.dilation, "", 1),
    )


def pooling_geometry(parameters: Any, size: Pair) -> tuple[Pair, Pair, Pair, bool]:
    """Return kernel, pad, stride, each (height, width), and whether sizes round up, of a PoolingParameter."""

    def pair(name: str, square: str) -> Pair:
        if parameters.HasField(f"{name}_h"):
            return getattr(parameters, f"{name}_h"), getattr(parameters, f"{name}_w")
        return getattr(parameters, square), getattr(parameters, square)

    if parameters.global_pooling:
        return size, (0, 0), (1, 1), True
    rounds_up = parameters.round_mode == parameters.CEIL and parameters.ceil_mode
    return pair("kernel", "kernel_size"), pair("pad", "pad"), pair("stride", "stride"), rounds_up


def reshaped(shape: Sequence[int], dims: Sequence[int], axis: int = 0, num_axes: int = -1) -> tuple[int, ...]:
    """Return the shape that a Reshape layer makes of ``shape``.

    ``dims`` replaces ``num_axes`` axes from ``axis`` on (-1: all that follow). In it 0 copies the dimension
    at the same place of the input, and a single -1 takes what is left.
    """
    start = axis if axis >= 0 else len(shape) + axis + 1
    end = len(shape) if num_axes == -1 else start + num_axes
    middle = [shape[start + place] if dim == 0 else dim for place, dim in enumerate(dims)]
    result = [*shape[:start], *middle, *shape[end:]]
    if -1 in result:
        rest = math.prod(dim for dim in result if dim != -1)
        result[result.index(-1)] = math.prod(shape) // rest
    if math.prod(result) != math.prod(shape):
        raise ValueError(f"{tuple(shape)} cannot become {tuple(result)}")
    return tuple(result)
