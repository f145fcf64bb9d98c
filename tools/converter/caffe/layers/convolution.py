"""Convolution."""

from __future__ import annotations

from collections.abc import Sequence

import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.caffe_pb2 import ConvolutionParameter
from omz.converter.caffe.layers.arguments import (
    canonical_axis,
    expect_inputs,
    expect_rank,
    static_dims,
    weights,
)
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import added_bias, constant
from omz.errors import ShapeError


@translates("Convolution")
def translate_convolution(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate a 2-D convolution, with groups and dilation, into (Group)Convolution.

    Weights are (num_output, C / group, kernel_h, kernel_w); the output size is
    ``floor((size + 2*pad - (dilation*(kernel - 1) + 1)) / stride) + 1`` (``base_conv_layer.cpp``).

    Args:
        layer: Reads all of ``convolution_param`` but fillers and engine.
        inputs: One tensor (N, C, H, W) with fixed C, H and W.

    Returns:
        One tensor (N, num_output, H_out, W_out).

    Raises:
        ShapeError: The parameters, the weights and the input do not fit together.
    """
    expect_inputs(layer, inputs, 1)
    data = inputs[0]
    expect_rank(layer, data, 4)
    parameters = layer.params.convolution_param
    if canonical_axis(layer, parameters.axis, 4) != 1:
        raise ShapeError(f"{layer}: axis {parameters.axis}: channels must be axis 1")
    channels, *sizes = static_dims(layer, data, (1, 2, 3))
    kernel = _spatial(layer, parameters, "kernel_size", "kernel_h", "kernel_w", None)
    stride = _spatial(layer, parameters, "stride", "stride_h", "stride_w", 1)
    pad = _spatial(layer, parameters, "pad", "pad_h", "pad_w", 0)
    dilation = _spatial(layer, parameters, "dilation", None, None, 1)
    outputs, group = parameters.num_output, parameters.group
    if outputs < 1 or group < 1 or channels % group or outputs % group:
        raise ShapeError(
            f"{layer}: group {group} must divide {channels} input channels and num_output {outputs} (at least 1)"
        )
    if 0 in kernel or 0 in stride or 0 in dilation:
        raise ShapeError(
            f"{layer}: kernel {kernel}, stride {stride} and dilation {dilation} must be at least 1"
        )
    for size, k, p, d in zip(sizes, kernel, pad, dilation, strict=True):
        if d * (k - 1) + 1 > size + 2 * p:
            raise ShapeError(
                f"{layer}: a kernel of {kernel} (dilation {dilation}) is larger than the input {sizes} with pad {pad}"
            )
    bias_shape = [(outputs,)] if parameters.bias_term else []
    filters, *bias = weights(layer, (outputs, channels // group, *kernel), *bias_shape)
    if group > 1:
        grouped = filters.reshape(group, outputs // group, channels // group, *kernel)
        node = ops.group_convolution(data, constant(grouped, "weights"), stride, pad, pad, dilation)
    else:
        node = ops.convolution(data, constant(filters, "weights"), stride, pad, pad, dilation)
    return [added_bias(node.output(0), bias[0], 1) if bias else node.output(0)]


def _spatial(
    layer: Layer,
    parameters: ConvolutionParameter,
    name: str,
    name_h: str | None,
    name_w: str | None,
    default: int | None,
) -> list[int]:
    """Return (height, width) of a parameter that is stated once, twice, or as a pair of ``_h`` and ``_w``."""
    values = list(getattr(parameters, name))
    pair = [field for field in (name_h, name_w) if field and parameters.HasField(field)]
    if pair:
        if values or len(pair) == 1:
            raise ShapeError(f"{layer}: expected {name}, or both {name_h} and {name_w}")
        return [getattr(parameters, field) for field in pair]
    if not values:
        if default is None:
            raise ShapeError(f"{layer}: {name} is missing")
        values = [default]
    if len(values) > 2:
        raise ShapeError(f"{layer}: {name} is stated {len(values)} times; a 2-D convolution has two axes")
    return values * 2 if len(values) == 1 else values
