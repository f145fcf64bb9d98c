"""Caffe's layers in NumPy, written from their definition: one small function per layer type.

Each takes the layer message, the bottom blobs and the weights, all float64, and returns the top blobs. Clarity
and accuracy come before speed: this is what the translators are compared with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .geometry import (
    axis_index,
    convolution_geometry,
    convolution_size,
    pooling_geometry,
    pooling_size,
    reshaped,
)

Array = np.ndarray[Any, np.dtype[np.float64]]
Layer = Callable[[Any, Sequence[Array], Sequence[Array]], Array]

LAYERS: dict[str, Layer] = {}
FLT_MAX = float(np.finfo(np.float32).max)


def layer(*types: str) -> Callable[[Layer], Layer]:
    """Register the decorated function for Caffe's layer types of these names."""

    def register(function: Layer) -> Layer:
        LAYERS.update(dict.fromkeys(types, function))
        return function

    return register


@layer("Dropout", "Split")
def identity(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    return bottoms[0]  # Dropout scales while training, so that it does nothing at test time


@layer("Convolution")
def convolution(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    parameters = message.convolution_param
    kernel, pad, stride, dilation = convolution_geometry(parameters)
    x = np.pad(bottoms[0], ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    for axis in (0, 1):  # refuses kernels that do not fit
        convolution_size(bottoms[0].shape[2 + axis], kernel[axis], pad[axis], stride[axis], dilation[axis])
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    windows = sliding_window_view(x, extent, axis=(2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    weights = blobs[0].reshape(parameters.num_output, -1, *kernel)
    groups = [
        np.tensordot(
            part, filters, axes=((1, 4, 5), (1, 2, 3))
        )  # [N,C/g,H,W,h,w] x [O/g,C/g,h,w] -> [N,H,W,O/g]
        for part, filters in zip(
            np.split(windows, parameters.group, axis=1), np.split(weights, parameters.group), strict=True
        )
    ]
    y = np.moveaxis(np.concatenate(groups, axis=-1), -1, 1)
    return y + blobs[1].reshape(-1, 1, 1) if parameters.bias_term else y


@layer("InnerProduct")
def inner_product(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    parameters = message.inner_product_param
    axis = axis_index(parameters.axis, bottoms[0].ndim)
    x = bottoms[0].reshape(*bottoms[0].shape[:axis], -1)
    if parameters.transpose:
        y = x @ blobs[0].reshape(-1, parameters.num_output)
    else:
        y = x @ blobs[0].reshape(parameters.num_output, -1).T
    return y + blobs[1].reshape(-1) if parameters.bias_term else y


@layer("BatchNorm")
def batch_norm(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    parameters = message.batch_norm_param
    x = bottoms[0]
    if parameters.HasField("use_global_stats") and not parameters.use_global_stats:
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
    else:
        total = float(blobs[2].reshape(-1)[0])  # mean and variance are stored as sums weighted to this total
        factor = 0.0 if total == 0 else 1.0 / total
        mean, variance = factor * blobs[0].reshape(-1), factor * blobs[1].reshape(-1)
    shape = (1, -1) + (1,) * (x.ndim - 2) if x.ndim > 1 else (1,)  # a vector is one channel
    return (x - mean.reshape(shape)) / np.sqrt(variance + parameters.eps).reshape(shape)


@layer("Scale")
def scale(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    parameters = message.scale_param
    x = bottoms[0]
    # The factors are the second bottom if there is one, else the first weight blob; the bias follows.
    factors, *rest = [*bottoms[1:], *blobs]
    axis = 0 if factors.ndim == 0 else axis_index(parameters.axis, x.ndim)
    if factors.shape != x.shape[axis : axis + factors.ndim]:
        raise ValueError(f"factors {factors.shape} do not fit {x.shape} at axis {axis}")
    shape = factors.shape + (1,) * (x.ndim - axis - factors.ndim)
    y = x * factors.reshape(shape)
    return y + rest[0].reshape(shape) if parameters.bias_term else y


@layer("ReLU")
def relu(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    x = bottoms[0]
    return np.maximum(x, 0) + message.relu_param.negative_slope * np.minimum(x, 0)


@layer("Sigmoid")
def sigmoid(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    return 0.5 * np.tanh(0.5 * bottoms[0]) + 0.5  # equals 1 / (1 + exp(-x)) and never overflows


@layer("Pooling")
def pooling(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    parameters = message.pooling_param
    x = bottoms[0]
    size = x.shape[2:]
    kernel, pad, stride, ceil = pooling_geometry(parameters, size)
    rows, columns = (
        pooling_size(n, k, p, s, ceil=ceil) for n, k, p, s in zip(size, kernel, pad, stride, strict=True)
    )
    y = np.empty((*x.shape[:2], rows, columns), x.dtype)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride[0] - pad[0], column * stride[1] - pad[1]
            window = x[:, :, max(top, 0) : top + kernel[0], max(left, 0) : left + kernel[1]]
            if parameters.pool == parameters.MAX:
                y[:, :, row, column] = window.max(axis=(2, 3), initial=-FLT_MAX)
            else:
                # The divisor counts padding, but nothing behind it.
                height = min(top + kernel[0], size[0] + pad[0]) - top
                width = min(left + kernel[1], size[1] + pad[1]) - left
                y[:, :, row, column] = window.sum(axis=(2, 3)) / (height * width)
    return y


@layer("Axpy")
def axpy(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    a, x, y = bottoms  # the factor has one value per image and channel
    return a.reshape(*a.shape[:2], 1, 1) * x + y


@layer("Eltwise")
def eltwise(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    parameters = message.eltwise_param
    if len({x.shape for x in bottoms}) != 1:
        raise ValueError(f"bottoms differ in shape: {[x.shape for x in bottoms]}")
    if parameters.operation == parameters.SUM:
        coefficients = list(parameters.coeff) or [1.0] * len(bottoms)
        return sum((c * x for c, x in zip(coefficients, bottoms, strict=True)), np.zeros(bottoms[0].shape))
    if parameters.operation == parameters.PROD:
        return math.prod(bottoms, start=np.ones(bottoms[0].shape))
    return np.maximum.reduce(list(bottoms))


@layer("Concat")
def concat(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    parameters = message.concat_param
    axis = parameters.concat_dim if parameters.HasField("concat_dim") else parameters.axis
    return np.concatenate(bottoms, axis=axis_index(axis, bottoms[0].ndim))


@layer("Reshape")
def reshape(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    parameters = message.reshape_param
    shape = reshaped(bottoms[0].shape, parameters.shape.dim, parameters.axis, parameters.num_axes)
    return bottoms[0].reshape(shape)


@layer("Flatten")
def flatten(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    x = bottoms[0]
    start = axis_index(message.flatten_param.axis, x.ndim)
    end = axis_index(message.flatten_param.end_axis, x.ndim)
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


@layer("Softmax")
def softmax(message: Any, bottoms: Sequence[Array], blobs: Sequence[Array]) -> Array:
    axis = axis_index(message.softmax_param.axis, bottoms[0].ndim)
    powers = np.exp(bottoms[0] - bottoms[0].max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)
