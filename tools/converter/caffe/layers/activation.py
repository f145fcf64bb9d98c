"""Activations: one function of each element, without or with a slope or bound; and Dropout, which does nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.layers.arguments import expect_inputs, static_dims, weights
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import constant, per_channel, shape_of
from omz.errors import ShapeError


@translates("ReLU")
def translate_relu(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``max(x, 0)``, or ``max(x, 0) + negative_slope * min(x, 0)``, any shape."""
    expect_inputs(layer, inputs, 1)
    return [_rectified(inputs[0], layer.params.relu_param.negative_slope)]


@translates("ReLU6")
def translate_relu6(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``min(max(x, 0), n)``, any shape, n being 6 unless stated.

    One fork states ``n`` (openvinotoolkit/training_toolbox_caffe), another ``negative_slope``, for
    ``min(max(x, 0) + negative_slope * min(x, 0), 6)`` (eric612/MobileNet-YOLO).
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.relu6_param
    if parameters.negative_slope == 0:
        return [ops.clamp(inputs[0], min(parameters.n, 0.0), parameters.n).output(0)]
    rectified = _rectified(inputs[0], parameters.negative_slope)
    return [ops.minimum(rectified, constant(np.array(parameters.n, np.float32), "n")).output(0)]


@translates("PReLU")
def translate_prelu(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``max(x, 0) + slope * min(x, 0)`` with a trained slope for each channel, or one for all.

    Args:
        layer: Reads ``channel_shared``; one blob (C,), or () if shared.
        inputs: One tensor (N, C, ...); C must be fixed unless the slope is shared.

    Returns:
        One tensor of the same shape.

    Raises:
        ShapeError: The input has no channels, or the slopes are not as many.
    """
    expect_inputs(layer, inputs, 1)
    rank = len(shape_of(inputs[0]))
    if rank < 2:
        raise ShapeError(f"{layer}: expected a bottom with at least 2 axes, got {shape_of(inputs[0])}")
    shared = layer.params.prelu_param.channel_shared
    (slope,) = weights(layer, () if shared else (static_dims(layer, inputs[0], [1])[0],))
    return [ops.prelu(inputs[0], per_channel(slope.reshape(-1), 1, rank, "slope")).output(0)]


@translates("ELU")
def translate_elu(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``max(x, 0) + alpha * (exp(min(x, 0)) - 1)``, any shape."""
    expect_inputs(layer, inputs, 1)
    return [ops.elu(inputs[0], layer.params.elu_param.alpha).output(0)]


@translates("Sigmoid")
def translate_sigmoid(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``1 / (1 + exp(-x))``, any shape."""
    expect_inputs(layer, inputs, 1)
    return [ops.sigmoid(inputs[0]).output(0)]


@translates("TanH")
def translate_tanh(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the hyperbolic tangent, any shape."""
    expect_inputs(layer, inputs, 1)
    return [ops.tanh(inputs[0]).output(0)]


@translates("AbsVal")
def translate_absval(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``|x|``, any shape."""
    expect_inputs(layer, inputs, 1)
    return [ops.abs(inputs[0]).output(0)]


@translates("BNLL")
def translate_bnll(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the binomial normal log likelihood, ``max(x, 0) + log(1 + exp(-|x|))``, any shape.

    That is ``log(1 + exp(x))``, OpenVINO's SoftPlus, which overflows no more than Caffe's form does.
    """
    expect_inputs(layer, inputs, 1)
    return [ops.softplus(inputs[0]).output(0)]


@translates("Clip")
def translate_clip(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``max(min, min(x, max))``, any shape; so ``min`` wins where it is greater than ``max``.

    Raises:
        ShapeError: One of the bounds is missing.
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.clip_param
    for bound in ("min", "max"):
        if not parameters.HasField(bound):
            raise ShapeError(f"{layer}: {bound} is missing; clip_param must state min and max")
    return [ops.clamp(inputs[0], parameters.min, max(parameters.min, parameters.max)).output(0)]


@translates("Swish")
def translate_swish(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``x * sigmoid(beta * x)``, any shape."""
    expect_inputs(layer, inputs, 1)
    beta = np.array(layer.params.swish_param.beta, np.float32)
    return [ops.swish(inputs[0], constant(beta, "beta")).output(0)]


@translates("Threshold")
def translate_threshold(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``1 if x > threshold else 0``, any shape."""
    expect_inputs(layer, inputs, 1)
    threshold = np.array(layer.params.threshold_param.threshold, np.float32)
    return [ops.convert(ops.greater(inputs[0], constant(threshold, "threshold")), np.float32).output(0)]


@translates("Dropout")
def translate_dropout(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Pass the input on: Caffe scales while it trains, not at inference."""
    expect_inputs(layer, inputs, 1)
    return [inputs[0]]


def _rectified(data: ov.Output, negative_slope: float) -> ov.Output:
    if negative_slope == 0:
        return ops.relu(data).output(0)
    return ops.prelu(data, constant(np.array([negative_slope], np.float32), "negative_slope")).output(0)
