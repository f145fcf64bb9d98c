"""Activations: ReLU, Sigmoid; and Dropout, which does nothing at inference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.layers.arguments import expect_inputs
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import constant


@translates("ReLU")
def translate_relu(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``max(x, 0)``, or ``max(x, 0) + negative_slope * min(x, 0)``, any shape."""
    expect_inputs(layer, inputs, 1)
    slope = layer.params.relu_param.negative_slope
    if slope == 0:
        return [ops.relu(inputs[0]).output(0)]
    return [ops.prelu(inputs[0], constant(np.array([slope], np.float32), "negative_slope")).output(0)]


@translates("Sigmoid")
def translate_sigmoid(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``1 / (1 + exp(-x))``, any shape."""
    expect_inputs(layer, inputs, 1)
    return [ops.sigmoid(inputs[0]).output(0)]


@translates("Dropout")
def translate_dropout(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Pass the input on: Caffe scales while it trains, not at inference."""
    expect_inputs(layer, inputs, 1)
    return [inputs[0]]
