"""BatchNorm and Scale where no layer before them has absorbed them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray

from omz.converter.caffe.folding import batchnorm_coefficients
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
    scale, shift = (values.astype(np.float32) for values in batchnorm_coefficients(layer))
    return [_scaled(inputs[0], scale, shift, 1 if rank > 1 else 0)]


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
    data = inputs[0]
    shape = shape_of(data)
    rank = len(shape)
    axis = canonical_axis(layer, parameters.axis, rank) if rank else 0
    if len(inputs) == 2:
        factor_shape = shape_of(inputs[1])
        if shape[axis : axis + len(factor_shape)] != factor_shape:
            raise ShapeError(f"{layer}: a scale of shape {factor_shape} does not fit {shape} at axis {axis}")
        span = list(range(axis, axis + len(factor_shape)))
        bias = weights(layer, tuple(factor_shape)) if parameters.bias_term else []
        leading, trailing = list(range(axis)), list(range(axis + len(factor_shape), rank))
        factor = inputs[1]
        if leading or trailing:
            factor = ops.unsqueeze(factor, integers(leading + trailing, "axes")).output(0)
        product = ops.multiply(data, factor).output(0)
        return [_shifted(product, bias[0], axis if span else 0) if bias else product]
    if parameters.num_axes < -1 or axis + parameters.num_axes > rank:
        raise ShapeError(f"{layer}: num_axes {parameters.num_axes} from axis {axis} on a bottom {shape}")
    end = rank if parameters.num_axes == -1 else axis + parameters.num_axes
    span_shape = tuple(static_dims(layer, data, range(axis, end)))
    scale, *bias = weights(layer, *[span_shape] * (1 + parameters.bias_term))
    return [_scaled(data, scale, bias[0] if bias else None, axis)]


def _scaled(
    data: ov.Output, scale: NDArray[np.float32], shift: NDArray[np.float32] | None, axis: int
) -> ov.Output:
    rank = len(data.get_partial_shape())
    product = ops.multiply(data, per_channel(scale, axis, rank, "scale")).output(0)
    return product if shift is None else _shifted(product, shift, axis)


def _shifted(data: ov.Output, shift: NDArray[np.float32], axis: int) -> ov.Output:
    rank = len(data.get_partial_shape())
    return ops.add(data, per_channel(shift, axis, rank, "shift")).output(0)
