"""Layers that compute one number out of several: of several bottoms, or along the axes of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from omz.converter.caffe.caffe_pb2 import EltwiseParameter, LayerParameter, ReductionParameter
from omz.converter.caffe.reference.geometry import axis_index
from omz.converter.caffe.reference.registry import Array, Blob, layer


@layer("Eltwise")
def eltwise(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.eltwise_param
    if len({x.shape for x in bottoms}) != 1:
        raise ValueError(f"bottoms differ in shape: {[x.shape for x in bottoms]}")
    if parameters.operation == EltwiseParameter.SUM:
        coefficients = list(parameters.coeff) or [1.0] * len(bottoms)
        bottoms = [c * x for c, x in zip(coefficients, bottoms, strict=True)]
    operation = {
        EltwiseParameter.SUM: np.add,
        EltwiseParameter.PROD: np.multiply,
        EltwiseParameter.MAX: np.maximum,
    }[parameters.operation]
    return np.asarray(operation.reduce(bottoms))


@layer("Axpy")
def axpy(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    """SENet's: a * x + y, where a has one value per image and channel."""
    a, x, y = bottoms
    return a.reshape(*a.shape[:2], 1, 1) * x + y


@layer("Reduction")
def reduction(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.reduction_param
    axis = axis_index(parameters.axis, bottoms[0].ndim)
    x = bottoms[0].reshape(*bottoms[0].shape[:axis], -1)
    if parameters.operation == ReductionParameter.ASUM:
        x = np.abs(x)
    elif parameters.operation == ReductionParameter.SUMSQ:
        x = x**2
    total = x.mean(axis=-1) if parameters.operation == ReductionParameter.MEAN else x.sum(axis=-1)
    return np.asarray(parameters.coeff * total)


@layer("ArgMax")
def argmax(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.argmax_param
    x, k = bottoms[0], parameters.top_k
    if parameters.HasField("axis"):
        axis = axis_index(parameters.axis, x.ndim)
        best = largest(x, k, axis)
        return np.take_along_axis(x, best, axis) if parameters.out_max_val else best.astype(np.float64)
    rows = x.reshape(x.shape[0], -1)
    best = largest(rows, k, 1)
    tops = [best.astype(np.float64)]
    if parameters.out_max_val:
        tops.append(np.take_along_axis(rows, best, 1))
    return np.stack(tops, axis=1).reshape(x.shape[0], len(tops), k, *[1] * (x.ndim - 3))


def largest(x: Array, k: int, axis: int) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Return the places of the ``k`` largest along an axis, in falling order; of equals, the last comes first."""
    return np.flip(np.argsort(x, axis=axis, stable=True), axis).take(range(k), axis)


@layer("Softmax")
def softmax(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    axis = axis_index(message.softmax_param.axis, bottoms[0].ndim)
    powers = np.exp(bottoms[0] - bottoms[0].max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))
