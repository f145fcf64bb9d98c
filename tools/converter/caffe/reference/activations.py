"""Layers that take every number by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from omz.converter.caffe.caffe_pb2 import LayerParameter
from omz.converter.caffe.reference.normalization import per_channel
from omz.converter.caffe.reference.registry import Array, Blob, double, layer


@layer("ReLU")
def relu(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    x = bottoms[0]
    return np.maximum(x, 0) + message.relu_param.negative_slope * np.minimum(x, 0)


@layer("ReLU6")
def relu6(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    return np.minimum(np.maximum(bottoms[0], 0), message.relu6_param.n)


@layer("PReLU")
def prelu(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    x, slopes = bottoms[0], double(blobs[0])
    shared = message.prelu_param.channel_shared
    return np.maximum(x, 0) + (slopes.reshape(()) if shared else per_channel(slopes, x)) * np.minimum(x, 0)


@layer("ELU")
def elu(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    x = bottoms[0]
    return np.maximum(x, 0) + message.elu_param.alpha * np.expm1(np.minimum(x, 0))


@layer("Sigmoid")
def sigmoid(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    return logistic(bottoms[0])


@layer("Swish")
def swish(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    return bottoms[0] * logistic(message.swish_param.beta * bottoms[0])


@layer("TanH")
def tanh(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    return np.tanh(bottoms[0])


@layer("AbsVal")
def absval(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    return np.abs(bottoms[0])


@layer("BNLL")
def bnll(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    """Binomial normal log likelihood: log(1 + exp(x)), without overflow."""
    x = bottoms[0]
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@layer("Power")
def power(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.power_param
    return (parameters.shift + parameters.scale * bottoms[0]) ** parameters.power


@layer("Exp")
def exp(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.exp_param
    exponent = parameters.shift + parameters.scale * bottoms[0]
    return np.exp(exponent) if parameters.base == -1 else parameters.base**exponent


@layer("Log")
def log(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.log_param
    natural = np.log(parameters.shift + parameters.scale * bottoms[0])
    return natural if parameters.base == -1 else natural / np.log(parameters.base)


@layer("Clip")
def clip(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    return np.maximum(np.minimum(bottoms[0], message.clip_param.max), message.clip_param.min)


@layer("Threshold")
def threshold(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    return (bottoms[0] > message.threshold_param.threshold).astype(np.float64)


def logistic(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) in a form that never overflows."""
    return 0.5 * np.tanh(0.5 * x) + 0.5
