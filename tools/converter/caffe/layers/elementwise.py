"""Layers that combine blobs element by element: Eltwise, Axpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.caffe_pb2 import EltwiseParameter
from omz.converter.caffe.layers.arguments import expect_equal_shapes, expect_inputs
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import constant, integers, shape_of
from omz.errors import ShapeError

_OPERATIONS: dict[int, Callable[[ov.Output, ov.Output], ov.Node]] = {
    EltwiseParameter.PROD: ops.multiply,
    EltwiseParameter.SUM: ops.add,
    EltwiseParameter.MAX: ops.maximum,
}


@translates("Eltwise")
def translate_eltwise(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the sum (each bottom times its ``coeff``), product or maximum of two or more bottoms.

    Caffe refuses coefficients of a product, and does not use those of a maximum (``eltwise_layer.cpp``).

    Args:
        layer: Reads ``operation`` and ``coeff``.
        inputs: Two or more tensors of one shape.

    Returns:
        One tensor of that shape.

    Raises:
        ShapeError: The bottoms differ in shape, or there is not one coefficient for each.
    """
    expect_inputs(layer, inputs, 2, 1 << 16)
    expect_equal_shapes(layer, inputs)
    parameters = layer.params.eltwise_param
    coefficients = list(parameters.coeff)
    if coefficients and len(coefficients) != len(inputs):
        raise ShapeError(
            f"{layer}: has {len(coefficients)} coeff for {len(inputs)} bottoms; expected one for each"
        )
    blobs = list(inputs)
    if parameters.operation == EltwiseParameter.SUM:
        blobs = [_times(blob, c) for blob, c in zip(blobs, coefficients or [1.0] * len(blobs), strict=True)]
    elif coefficients and parameters.operation == EltwiseParameter.PROD:
        raise ShapeError(f"{layer}: coeff goes with operation SUM only")
    combine = _OPERATIONS[parameters.operation]
    return [reduce(lambda one, other: combine(one, other).output(0), blobs)]


@translates("Axpy")
def translate_axpy(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``a * x + y`` with one factor per channel (hujie-frank/SENet, ``axpy_layer.cpp``).

    Args:
        layer: Has no parameters.
        inputs: a (N, C) or (N, C, 1, 1), x (N, C, H, W), y (N, C, H, W).

    Returns:
        One tensor (N, C, H, W).

    Raises:
        ShapeError: The three do not fit together.
    """
    expect_inputs(layer, inputs, 3)
    factor, x, y = inputs
    shapes = [shape_of(blob) for blob in inputs]
    spatial = len(shapes[1]) - 2
    if (
        shapes[1] != shapes[2]
        or spatial < 0
        or shapes[0] not in (shapes[1][:2], shapes[1][:2] + [1] * spatial)
    ):
        raise ShapeError(f"{layer}: expected bottoms (N, C), (N, C, H, W) and (N, C, H, W), got {shapes}")
    if len(shapes[0]) == 2 and spatial:
        factor = ops.unsqueeze(factor, integers(range(2, 2 + spatial), "axes")).output(0)
    return [ops.add(ops.multiply(factor, x), y).output(0)]


def _times(blob: ov.Output, coefficient: float) -> ov.Output:
    if coefficient == 1.0:
        return blob
    return ops.multiply(blob, constant(np.array(coefficient, np.float32), "coeff")).output(0)
