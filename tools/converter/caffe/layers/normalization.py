"""Layers that scale and shift: BatchNorm and BN with trained statistics, Scale, Bias."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray

from omz.converter.caffe.batch_norm import batchnorm_coefficients, bn_coefficients, is_merged
from omz.converter.caffe.caffe_pb2 import BiasParameter, ScaleParameter
from omz.converter.caffe.caffemodel import Blob
from omz.converter.caffe.layers.arguments import canonical_axis, expect_inputs, static_dims, weights
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import integers, per_channel, shape_of
from omz.errors import ShapeError


@translates("BatchNorm")
def translate_batch_norm(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the normalization with trained statistics into a multiplication and an addition.

    Args:
        layer: Reads ``eps`` and ``use_global_stats``; three blobs, see :func:`batchnorm_coefficients`.
        inputs: One tensor (N, C, ...) with fixed C; one axis alone is one channel.

    Returns:
        One tensor of the same shape.
    """
    expect_inputs(layer, inputs, 1)
    rank = len(shape_of(inputs[0]))
    channels = static_dims(layer, inputs[0], [1])[0] if rank > 1 else 1
    weights(layer, (channels,), (channels,), (1,))  # tells wrong shapes in the words of all layers
    scale, shift = batchnorm_coefficients(layer)
    return [_scaled_and_shifted(inputs[0], scale, shift, 1 if rank > 1 else 0)]


@translates("BN")
def translate_bn(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the batch normalization of forks, see :func:`bn_coefficients`.

    Args:
        layer: Reads ``eps``, ``var_eps`` and ``bn_mode``; four blobs or two, of C numbers each.
        inputs: One tensor (N, C, ...) with fixed C.

    Returns:
        One tensor of the same shape.

    Raises:
        ShapeError: The input has no channels, or the blobs do not fit it.
        UnsupportedLayerError: The layer asks for the statistics of the batch.
    """
    expect_inputs(layer, inputs, 1)
    shape = shape_of(inputs[0])
    if len(shape) < 2:
        raise ShapeError(f"{layer}: expected a bottom with at least 2 axes, got {shape}")
    channels = static_dims(layer, inputs[0], [1])[0]
    weights(
        layer, *[(channels,)] * (2 if is_merged(layer) else 4)
    )  # tells wrong shapes in the words of all layers
    scale, shift = bn_coefficients(layer)
    return [_scaled_and_shifted(inputs[0], scale, shift, 1)]


@translates("Scale")
def translate_scale(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate a product with a blob that spans some axes, and the addition of another (``scale_layer.cpp``).

    Args:
        layer: Reads ``axis``, ``num_axes`` (-1: all from axis on, 0: one number) and ``bias_term``.
        inputs: The tensor to scale; or that and the scale, whose shape is that of the first from ``axis`` on.

    Returns:
        One tensor of the first one's shape.

    Raises:
        ShapeError: The scale does not fit.
    """
    expect_inputs(layer, inputs, 1, 2)
    parameters = layer.params.scale_param
    rank = len(shape_of(inputs[0]))
    axis, span = _span(layer, inputs, parameters)
    trained = _trained(layer, inputs[0], axis, span, (len(inputs) == 1) + parameters.bias_term)
    factor = (
        per_channel(trained[0], axis, rank, "scale") if len(inputs) == 1 else _aligned(inputs[1], axis, rank)
    )
    product = ops.multiply(inputs[0], factor).output(0)
    if not parameters.bias_term:
        return [product]
    return [ops.add(product, per_channel(trained[-1], axis, rank, "shift")).output(0)]


@translates("Bias")
def translate_bias(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the addition of a blob that spans some axes (``bias_layer.cpp``).

    Args:
        layer: Reads ``axis`` and ``num_axes`` (-1: all from axis on, 0: one number).
        inputs: The tensor to add to; or that and the bias, whose shape is that of the first from ``axis`` on.

    Returns:
        One tensor of the first one's shape.

    Raises:
        ShapeError: The bias does not fit.
    """
    expect_inputs(layer, inputs, 1, 2)
    rank = len(shape_of(inputs[0]))
    axis, span = _span(layer, inputs, layer.params.bias_param)
    trained = _trained(layer, inputs[0], axis, span, len(inputs) == 1)
    bias = per_channel(trained[0], axis, rank, "shift") if trained else _aligned(inputs[1], axis, rank)
    return [ops.add(inputs[0], bias).output(0)]


def _span(
    layer: Layer, inputs: Sequence[ov.Output], parameters: ScaleParameter | BiasParameter
) -> tuple[int, list[int]]:
    """Return the axis of the first bottom where the blob or second bottom starts, and the latter's shape."""
    shape = shape_of(inputs[0])
    rank = len(shape)
    if len(inputs) == 2:
        span = shape_of(inputs[1])
        axis = canonical_axis(layer, parameters.axis, rank) if span else 0
        if shape[axis : axis + len(span)] != span:
            raise ShapeError(f"{layer}: a second bottom of shape {span} does not fit {shape} at axis {axis}")
        return axis, span
    axis = canonical_axis(layer, parameters.axis, rank)
    if parameters.num_axes < -1 or axis + parameters.num_axes > rank:
        raise ShapeError(f"{layer}: num_axes {parameters.num_axes} from axis {axis} on a bottom {shape}")
    return axis, shape[axis:] if parameters.num_axes == -1 else shape[axis : axis + parameters.num_axes]


def _trained(
    layer: Layer, data: ov.Output, axis: int, span: list[int], number: int
) -> list[NDArray[np.float32]]:
    """Return as many blobs that span some axes, whose sizes must be fixed if there is one."""
    if number:
        static_dims(layer, data, range(axis, axis + len(span)))
    return weights(layer, *[tuple(span)] * number)


def _aligned(blob: ov.Output, axis: int, rank: int) -> ov.Output:
    """Return a blob whose axes stand at ``axis`` and after, so that it broadcasts over ``rank`` axes."""
    end = axis + len(shape_of(blob))
    new = [*range(axis), *range(end, rank)]
    return ops.unsqueeze(blob, integers(new, "axes")).output(0) if new else blob


def _scaled_and_shifted(data: ov.Output, scale: Blob, shift: Blob, axis: int) -> ov.Output:
    rank = len(shape_of(data))
    product = ops.multiply(data, per_channel(scale.astype(np.float32), axis, rank, "scale"))
    return ops.add(product, per_channel(shift.astype(np.float32), axis, rank, "shift")).output(0)
