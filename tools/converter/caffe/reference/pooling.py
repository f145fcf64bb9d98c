"""Pooling (``pooling_layer.cpp``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from omz.converter.caffe.caffe_pb2 import LayerParameter, PoolingParameter

from .geometry import Pair, pooling_geometry, pooling_size
from .registry import Array, Blob, layer

FLT_MAX = float(np.finfo(np.float32).max)


@layer("Pooling")
def pooling(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.pooling_param
    if len(message.top) > 1 or parameters.pool == PoolingParameter.STOCHASTIC:
        raise ValueError("the reference has neither pooling masks nor stochastic pooling")
    height, width = bottoms[0].shape[2:]
    kernel, pad, stride, ceil = pooling_geometry(parameters, (height, width))
    if parameters.pool == PoolingParameter.MAX:
        return max_pooling(bottoms[0], kernel, pad, stride, ceil=ceil)
    return average_pooling(bottoms[0], kernel, pad, stride, ceil=ceil)


def max_pooling(x: Array, kernel: Pair, pad: Pair, stride: Pair, *, ceil: bool) -> Array:
    """Return the maximum of each window; of an empty one, the least float."""
    for axis, (k, p, s) in enumerate(zip(kernel, pad, stride, strict=True), start=2):
        size = pooling_size(x.shape[axis], k, p, s, ceil=ceil)
        x = np.maximum.reduce(list(_shifted(x, axis, size, k, p, s, -FLT_MAX)))
    return x


def average_pooling(x: Array, kernel: Pair, pad: Pair, stride: Pair, *, ceil: bool) -> Array:
    """Return the sum of each window over its size, in which padding counts, but nothing behind it."""
    for axis, (k, p, s) in enumerate(zip(kernel, pad, stride, strict=True), start=2):
        length = x.shape[axis]
        size = pooling_size(length, k, p, s, ceil=ceil)
        starts = np.arange(size) * s - p
        counts = np.minimum(starts + k, length + p) - starts
        total = sum(_shifted(x, axis, size, k, p, s, 0.0), np.zeros(()))
        x = total / counts.reshape(-1, *[1] * (x.ndim - 1 - axis))
    return x


def _shifted(x: Array, axis: int, size: int, kernel: int, pad: int, stride: int, fill: float) -> list[Array]:
    """Return, for each place in the window, what the ``size`` windows along one axis have there."""
    behind = max(0, (size - 1) * stride + kernel - pad - x.shape[axis])
    widths = [(pad, behind) if place == axis else (0, 0) for place in range(x.ndim)]
    padded = np.moveaxis(np.pad(x, widths, constant_values=fill), axis, 0)
    reach = (size - 1) * stride + 1
    return [np.moveaxis(padded[start : start + reach : stride], 0, axis) for start in range(kernel)]
