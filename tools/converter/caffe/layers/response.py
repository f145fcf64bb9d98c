"""Normalizations by the input's own statistics: LRN, MVN, Normalize."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.caffe_pb2 import LRNParameter
from omz.converter.caffe.layers.arguments import expect_inputs, expect_rank, static_dims, weights
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import constant, integers, per_channel, shape_of
from omz.errors import ShapeError, UnsupportedLayerError


@translates("LRN")
def translate_lrn(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate local response normalization, across channels or within each (``lrn_layer.cpp``).

    With windows that are centred, and zero beyond the edges::

        across:  x * (k + alpha / local_size * sum of squares in local_size channels) ^ -beta
        within:  x * (1 + alpha / local_size^2 * sum of squares in local_size x local_size pixels) ^ -beta

    Within a channel Caffe does not use ``k``.

    Args:
        layer: Reads all of ``lrn_param`` but the engine.
        inputs: One tensor (N, C, H, W); C must be fixed, or OpenVINO (2026.4, on CPU) finds no kernel for some.

    Returns:
        One tensor of the same shape.

    Raises:
        ShapeError: ``local_size`` is even, or too large, or the input has not 4 axes, or any number of channels.
        UnsupportedLayerError: ``k`` is neither integral nor positive.
    """
    expect_inputs(layer, inputs, 1)
    expect_rank(layer, inputs[0], 4)
    static_dims(layer, inputs[0], [1])
    parameters = layer.params.lrn_param
    size, alpha, beta, k = parameters.local_size, parameters.alpha, parameters.beta, parameters.k
    if size % 2 != 1 or size >= 1 << 31:
        raise ShapeError(f"{layer}: local_size {size} must be odd and less than 2^31")
    if parameters.norm_region == LRNParameter.WITHIN_CHANNEL:
        return [ops.lrn(inputs[0], integers([2, 3], "axes"), alpha, beta, 1.0, size).output(0)]
    axes = integers([1], "axes")
    if k.is_integer() and abs(k) < 1 << 31:
        return [ops.lrn(inputs[0], axes, alpha, beta, k, size).output(0)]
    # OpenVINO's CPU plugin cuts the bias down to an integer, so k comes out of the brackets.
    with np.errstate(all="ignore"):
        factor = np.float32(np.float64(k) ** -beta)
    if not 0 < factor < np.inf:
        raise UnsupportedLayerError(
            f"{layer}: k {k:g} with beta {beta:g}; a k that is not integral must be positive"
        )
    normalized = ops.lrn(inputs[0], axes, alpha / k, beta, 1.0, size)
    return [ops.multiply(normalized, constant(np.array(factor), "scale")).output(0)]


@translates("MVN")
def translate_mvn(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``(x - mean) / (deviation + eps)``, or ``x - mean``, of each channel or image (``mvn_layer.cpp``).

    Args:
        layer: Reads ``normalize_variance``, ``across_channels`` and ``eps``.
        inputs: One tensor (N, C, H, W); axes that are missing at the end count as 1.

    Returns:
        One tensor (N, C, H, W): of 4 axes, however many the input has.

    Raises:
        ShapeError: The input has more than 4 axes.
    """
    expect_inputs(layer, inputs, 1)
    data = inputs[0]
    parameters = layer.params.mvn_param
    rank = len(shape_of(data))
    if not 1 <= rank <= 4:
        raise ShapeError(f"{layer}: expected a bottom with 1 to 4 axes, got {shape_of(data)}")
    if rank < 4:
        data = ops.unsqueeze(data, integers(range(rank, 4), "new_axes")).output(0)
    axes = integers([1, 2, 3] if parameters.across_channels else [2, 3], "axes")
    return [ops.mvn(data, axes, parameters.normalize_variance, parameters.eps, "OUTSIDE_SQRT").output(0)]


@translates("Normalize")
def translate_normalize(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``scale * x / sqrt(sum of squares + eps)`` (weiliu89/caffe, ``normalize_layer.cpp``).

    Args:
        layer: Reads ``across_spatial`` (the sum is that of the image, not of the channels at each pixel),
            ``channel_shared`` and ``eps``; one blob (C,), or () if shared.
        inputs: One tensor (N, C, ...); C must be fixed unless the scale is shared.

    Returns:
        One tensor of the same shape.

    Raises:
        ShapeError: The input has no channels, or the scales are not as many.
    """
    expect_inputs(layer, inputs, 1)
    data = inputs[0]
    parameters = layer.params.norm_param
    rank = len(shape_of(data))
    if rank < 2:
        raise ShapeError(f"{layer}: expected a bottom with at least 2 axes, got {shape_of(data)}")
    (scale,) = weights(layer, () if parameters.channel_shared else (static_dims(layer, data, [1])[0],))
    axes = integers(range(1, rank) if parameters.across_spatial else [1], "axes")
    normalized = ops.normalize_l2(data, axes, parameters.eps, "add")
    return [ops.multiply(normalized, per_channel(scale.reshape(-1), 1, rank, "scale")).output(0)]
