"""Layers that normalize, and those that scale and shift what they have normalized."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from omz.converter.caffe.caffe_pb2 import BNParameter, LayerParameter, LRNParameter
from omz.converter.caffe.reference.geometry import axis_index
from omz.converter.caffe.reference.pooling import average_pooling
from omz.converter.caffe.reference.registry import Array, Blob, double, layer


@layer("BatchNorm")
def batch_norm(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.batch_norm_param
    x = bottoms[0]
    if parameters.HasField("use_global_stats") and not parameters.use_global_stats:
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
    else:
        total = float(blobs[2].reshape(-1)[0])  # mean and variance are stored as sums weighted to this total
        factor = 0.0 if total == 0 else 1.0 / total
        mean, variance = factor * double(blobs[0]), factor * double(blobs[1])
    return (x - per_channel(mean, x)) / np.sqrt(per_channel(variance, x) + parameters.eps)


@layer("BN")
def bn(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    """Two forks: slope, bias, mean and variance; or caffe-segnet, whose INFERENCE mode has scale and shift alone."""
    parameters = message.bn_param
    x = bottoms[0]
    slope, bias, *statistics = (per_channel(double(blob), x) for blob in blobs)
    if not statistics:
        if parameters.bn_mode != BNParameter.INFERENCE:
            raise ValueError("BN in mode LEARN normalizes by each batch's own statistics")
        return slope * x + bias
    mean, variance = statistics
    eps = parameters.var_eps if parameters.HasField("var_eps") else parameters.eps
    return slope * (x - mean) / np.sqrt(variance + eps) + bias


@layer("Scale")
def scale(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.scale_param
    # The factors are the second bottom if there is one, else the first weight blob; the bias follows.
    values = [*bottoms[1:], *(double(blob) for blob in blobs)]
    factors, rest = values[0], values[1:]
    y = bottoms[0] * aligned(factors, bottoms[0], parameters.axis)
    if parameters.bias_term:
        y = y + aligned(rest[0].reshape(factors.shape), y, parameters.axis)
    return y


@layer("Bias")
def bias(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    terms = bottoms[1] if len(bottoms) > 1 else double(blobs[0])
    return bottoms[0] + aligned(terms, bottoms[0], message.bias_param.axis)


@layer("LRN")
def lrn(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.lrn_param
    x, size = bottoms[0], parameters.local_size
    if size % 2 == 0:
        raise ValueError(f"local_size must be odd, not {size}")
    if parameters.norm_region == LRNParameter.WITHIN_CHANNEL:
        # An average pooling, whose windows may reach over the border; k has no say in it.
        pad = (size - 1) // 2
        mean = average_pooling(x**2, (size, size), (pad, pad), (1, 1), ceil=True)
        height, width = x.shape[2:]
        return x * (1 + parameters.alpha * mean[:, :, :height, :width]) ** -parameters.beta
    squares = np.pad(x**2, ((0, 0), (size // 2, size // 2), (0, 0), (0, 0)))
    total = sum((squares[:, start : start + x.shape[1]] for start in range(size)), np.zeros(x.shape))
    return x * (parameters.k + parameters.alpha / size * total) ** -parameters.beta


@layer("MVN")
def mvn(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.mvn_param
    x = bottoms[0].reshape(bottoms[0].shape + (1,) * (4 - bottoms[0].ndim))
    axes = (1, 2, 3) if parameters.across_channels else (2, 3)
    y: Array = x - x.mean(axis=axes, keepdims=True)
    if parameters.normalize_variance:
        y = y / (np.sqrt((y**2).mean(axis=axes, keepdims=True)) + parameters.eps)  # eps outside of the root
    return y


@layer("Normalize")
def normalize(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    """SSD's: a blob divided by its L2 norm, over all of an image or over the channels of each pixel."""
    parameters = message.norm_param
    x = bottoms[0]
    axes = tuple(range(1, x.ndim)) if parameters.across_spatial else (1,)
    norm = np.sqrt((x**2).sum(axis=axes, keepdims=True) + parameters.eps)
    factors = double(blobs[0])
    return np.asarray(
        x / norm * (factors.reshape(()) if parameters.channel_shared else per_channel(factors, x))
    )


def per_channel(values: Array, x: Array) -> Array:
    """Return one value for each channel of ``x`` in a shape that broadcasts; a vector is one channel."""
    shape = (1, -1) + (1,) * (x.ndim - 2) if x.ndim > 1 else (1,)
    return values.reshape(shape)


def aligned(values: Array, x: Array, axis: int) -> Array:
    """Return ``values``, whose axes are those of ``x`` from ``axis`` on, in a shape that broadcasts."""
    start = 0 if values.ndim == 0 else axis_index(axis, x.ndim)
    if values.shape != x.shape[start : start + values.ndim]:
        raise ValueError(f"factors {values.shape} do not fit {x.shape} at axis {start}")
    return values.reshape(values.shape + (1,) * (x.ndim - start - values.ndim))
