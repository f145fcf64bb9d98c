"""InnerProduct and Softmax: the head of a classifier."""

from __future__ import annotations

from collections.abc import Sequence

import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.layers.arguments import canonical_axis, count, expect_inputs, static_dims, weights
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import added_bias, constant, integers, shape_of
from omz.errors import ShapeError


@translates("InnerProduct")
def translate_inner_product(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate a fully connected layer into MatMul.

    Everything from ``axis`` on is one vector of K numbers; weights are (num_output, K), or (K, num_output) with
    ``transpose`` (``inner_product_layer.cpp``).

    Args:
        layer: Reads ``num_output``, ``bias_term``, ``axis`` and ``transpose``.
        inputs: One tensor with fixed sizes from ``axis`` on.

    Returns:
        One tensor with the axes before ``axis``, and num_output.

    Raises:
        ShapeError: The weights and the input do not fit together.
    """
    expect_inputs(layer, inputs, 1)
    data = inputs[0]
    parameters = layer.params.inner_product_param
    rank = len(shape_of(data))
    axis = canonical_axis(layer, parameters.axis, rank)
    length = count(static_dims(layer, data, range(axis, rank)))
    outputs = parameters.num_output
    if outputs < 1:
        raise ShapeError(f"{layer}: num_output must be at least 1")
    shape = (length, outputs) if parameters.transpose else (outputs, length)
    matrix, *bias = weights(layer, shape, *([(outputs,)] if parameters.bias_term else []))
    if axis != rank - 1:
        data = ops.reshape(data, integers([0] * axis + [length], "shape"), special_zero=True).output(0)
    product = ops.matmul(data, constant(matrix, "weights"), False, not parameters.transpose).output(0)
    return [added_bias(product, bias[0], axis) if bias else product]


@translates("Softmax")
def translate_softmax(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``exp(x) / sum(exp(x))`` along ``axis`` (1 unless stated), any shape."""
    expect_inputs(layer, inputs, 1)
    axis = canonical_axis(layer, layer.params.softmax_param.axis, len(shape_of(inputs[0])))
    return [ops.softmax(inputs[0], axis).output(0)]
