"""Sizes and axes as Caffe computes them, one small function per rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

from omz.converter.caffe.caffe_pb2 import ConvolutionParameter, PoolingParameter

Pair = tuple[int, int]
Sizes = tuple[int, ...]


def convolution_size(size: int, kernel: int, pad: int, stride: int, dilation: int) -> int:
    """Return the output size of a convolution along one axis (rounded down)."""
    room = size + 2 * pad - (dilation * (kernel - 1) + 1)
    if room < 0:
        raise ValueError(f"kernel {kernel} (dilation {dilation}) does not fit in {size} + 2 * {pad}")
    return room // stride + 1


def deconvolution_size(size: int, kernel: int, pad: int, stride: int, dilation: int) -> int:
    """Return the output size of a deconvolution along one axis: the input size of the convolution it reverses."""
    out = stride * (size - 1) + dilation * (kernel - 1) + 1 - 2 * pad
    if out < 1:
        raise ValueError(f"pad {pad} leaves nothing of a deconvolution of {size} with kernel {kernel}")
    return out


def pooling_size(
    size: int, kernel: int, pad: int, stride: int, *, ceil: bool, padded: bool | None = None
) -> int:
    """Return the output size of a pooling along one axis.

    Caffe rounds up; if there is padding, a last window that would start behind the image and its leading
    padding is dropped. Padding along one axis (``padded``) makes it look at both.
    """
    exact = (size + 2 * pad - kernel) / stride
    out = (math.ceil(exact) if ceil else math.floor(exact)) + 1
    clips = pad > 0 if padded is None else padded
    return out - 1 if clips and (out - 1) * stride >= size + pad else out


def pooling_sizes(size: Pair, kernel: Pair, pad: Pair, stride: Pair, *, ceil: bool) -> Pair:
    """Return the output height and width of a pooling."""
    height, width = (
        pooling_size(*axis, ceil=ceil, padded=any(pad))
        for axis in zip(size, kernel, pad, stride, strict=True)
    )
    return height, width


def axis_index(axis: int, dimensions: int) -> int:
    """Return a non-negative axis for ``axis``, which may count from the end."""
    if not -dimensions <= axis < dimensions:
        raise ValueError(f"axis {axis} is out of range for {dimensions} dimensions")
    return axis % dimensions


def convolution_geometry(
    parameters: ConvolutionParameter, spatial_axes: int = 2
) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    """Return kernel, pad, stride and dilation, each with a value for every spatial axis."""

    def values(repeated: Sequence[int], name: str, default: int) -> Sizes:
        if name and (parameters.HasField(f"{name}_h") or parameters.HasField(f"{name}_w")):
            if spatial_axes != 2:
                raise ValueError(f"{name}_h and {name}_w are for two spatial axes, not {spatial_axes}")
            return getattr(parameters, f"{name}_h"), getattr(parameters, f"{name}_w")
        stated = list(repeated) or [default]
        if len(stated) not in (1, spatial_axes):
            raise ValueError(f"{len(stated)} values for {spatial_axes} spatial axes")
        return tuple(stated * spatial_axes if len(stated) == 1 else stated)

    return (
        values(parameters.kernel_size, "kernel", 1),
        values(parameters.pad, "pad", 0),
        values(parameters.stride, "stride", 1),
        values(parameters.dilation, "", 1),
    )


def pooling_geometry(parameters: PoolingParameter, size: Pair) -> tuple[Pair, Pair, Pair, bool]:
    """Return kernel, pad, stride, each (height, width), and whether sizes round up, of a PoolingParameter."""

    def pair(name: str, square: str) -> Pair:
        if parameters.HasField(f"{name}_h"):
            return getattr(parameters, f"{name}_h"), getattr(parameters, f"{name}_w")
        return getattr(parameters, square), getattr(parameters, square)

    if parameters.global_pooling:
        return size, (0, 0), (1, 1), True
    rounds_up = parameters.round_mode == PoolingParameter.CEIL and parameters.ceil_mode
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
