"""Pooling (``pooling_layer.cpp``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from omz.converter.caffe.caffe_pb2 import LayerParameter, PoolingParameter
from omz.converter.caffe.reference.geometry import Pair, pooling_geometry, pooling_sizes
from omz.converter.caffe.reference.registry import Array, Blob, layer_of_tops

FLT_MAX = float(np.finfo(np.float32).max)


@layer_of_tops("Pooling")
def pooling(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> list[Array]:
    parameters = message.pooling_param
    height, width = bottoms[0].shape[2:]
    kernel, pad, stride, ceil = pooling_geometry(parameters, (height, width))
    if parameters.pool == PoolingParameter.STOCHASTIC:
        raise ValueError("Caffe has no stochastic pooling on the CPU")
    if parameters.pool == PoolingParameter.AVE:
        return [average_pooling(bottoms[0], kernel, pad, stride, ceil=ceil)]
    tops = [max_pooling(bottoms[0], kernel, pad, stride, ceil=ceil)]
    if len(message.top) > 1:
        tops.append(max_mask(bottoms[0], kernel, pad, stride, ceil=ceil))
    return tops


def max_pooling(x: Array, kernel: Pair, pad: Pair, stride: Pair, *, ceil: bool) -> Array:
    """Return the maximum of each window; of an empty one, the least float."""
    for axis, size, k, p, s in _axes(x, kernel, pad, stride, ceil=ceil):
        x = np.maximum.reduce(_shifted(x, axis, size, k, p, s, -FLT_MAX))
    return x


def max_mask(x: Array, kernel: Pair, pad: Pair, stride: Pair, *, ceil: bool) -> Array:
    """Return where in its plane each window has its maximum, the first of equals; of an empty window, -1."""
    height, width = x.shape[2:]
    places = np.broadcast_to(np.arange(float(height * width)).reshape(height, width), x.shape)
    windows, indices = [x], [places]
    for axis, size, k, p, s in _axes(x, kernel, pad, stride, ceil=ceil):
        windows = [part for one in windows for part in _shifted(one, axis, size, k, p, s, -FLT_MAX)]
        indices = [part for one in indices for part in _shifted(one, axis, size, k, p, s, -1.0)]
    first = np.argmax(windows, axis=0, keepdims=True)
    mask: Array = np.take_along_axis(np.stack(indices), first, axis=0)[0]
    return mask


def average_pooling(x: Array, kernel: Pair, pad: Pair, stride: Pair, *, ceil: bool) -> Array:
    """Return the sum of each window over its size, in which padding counts, but nothing behind it."""
    for axis, size, k, p, s in _axes(x, kernel, pad, stride, ceil=ceil):
        starts = np.arange(size) * s - p
        counts = np.minimum(starts + k, x.shape[axis] + p) - starts
        total = np.add.reduce(_shifted(x, axis, size, k, p, s, 0.0))
        x = total / counts.reshape(-1, *[1] * (x.ndim - 1 - axis))
    return x


def _axes(
    x: Array, kernel: Pair, pad: Pair, stride: Pair, *, ceil: bool
) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield axis, output size, kernel, pad and stride of height and width."""
    height, width = x.shape[2:]
    sizes = pooling_sizes((height, width), kernel, pad, stride, ceil=ceil)
    yield from zip((2, 3), sizes, kernel, pad, stride, strict=True)


def _shifted(x: Array, axis: int, size: int, kernel: int, pad: int, stride: int, fill: float) -> list[Array]:
    """Return, for each place in the window, what the ``size`` windows along one axis have there."""
    behind = max(0, (size - 1) * stride + kernel - pad - x.shape[axis])
    widths = [(pad, behind) if place == axis else (0, 0) for place in range(x.ndim)]
    padded = np.moveaxis(np.pad(x, widths, constant_values=fill), axis, 0)
    reach = (size - 1) * stride + 1
    return [np.moveaxis(padded[start : start + reach : stride], 0, axis) for start in range(kernel)]
