"""Reduction and ArgMax."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.caffe_pb2 import ReductionParameter
from omz.converter.caffe.layers.arguments import canonical_axis, count, expect_inputs, static_dims
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import constant, integers, shape_of
from omz.errors import ShapeError

_REDUCTIONS: dict[int, Callable[[ov.Output, ov.Output], ov.Node]] = {
    ReductionParameter.SUM: lambda data, axes: ops.reduce_sum(data, axes),
    ReductionParameter.ASUM: lambda data, axes: ops.reduce_l1(data, axes),
    ReductionParameter.SUMSQ: lambda data, axes: ops.reduce_sum(ops.multiply(data, data), axes),
    ReductionParameter.MEAN: lambda data, axes: ops.reduce_mean(data, axes),
}


@translates("Reduction")
def translate_reduction(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the sum, sum of magnitudes, sum of squares or mean over all axes from ``axis`` (0) on.

    Args:
        layer: Reads ``operation``, ``axis`` and ``coeff``, which multiplies the result.
        inputs: One tensor.

    Returns:
        One tensor with the axes before ``axis``; with axis 0, a scalar of shape ().

    Raises:
        ShapeError: There is no such axis.
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.reduction_param
    rank = len(shape_of(inputs[0]))
    axis = canonical_axis(layer, parameters.axis, rank)
    reduced = _REDUCTIONS[parameters.operation](inputs[0], integers(range(axis, rank), "axes"))
    if parameters.coeff == 1:
        return [reduced.output(0)]
    return [ops.multiply(reduced, constant(np.array(parameters.coeff, np.float32), "coeff")).output(0)]


@translates("ArgMax")
def translate_arg_max(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the search for the ``top_k`` largest values, and where they are, into TopK.

    Caffe sorts pairs of value and index, the largest first (``argmax_layer.cpp``), so that of equal values the last
    one comes first. TopK takes the first one, and so gets the values in reverse.

    Args:
        layer: Reads ``out_max_val``, ``top_k`` and ``axis``.
        inputs: One tensor, with a fixed size along ``axis``; without ``axis``, with fixed sizes but for the first.

    Returns:
        Along ``axis``, top_k indices, or with ``out_max_val`` the values instead. Without ``axis``, of each input
        flattened, (N, 1, top_k): indices; or (N, 2, top_k): indices, then values; with as many ones behind as the
        bottom has axes more than three. Indices are floats.

    Raises:
        ShapeError: There is no such axis, or it has fewer than ``top_k`` places.
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.argmax_param
    shape = shape_of(inputs[0])
    if parameters.HasField("axis"):
        axis = canonical_axis(layer, parameters.axis, len(shape))
        values, indices = _top(layer, inputs[0], axis, parameters.top_k)
        return [values if parameters.out_max_val else indices]
    if not shape:
        raise ShapeError(f"{layer}: the bottom is a scalar; expected at least one axis")
    length = count(static_dims(layer, inputs[0], range(1, len(shape))))
    flat = ops.reshape(inputs[0], integers([0, length], "flat_shape"), special_zero=True).output(0)
    values, indices = _top(layer, flat, 1, parameters.top_k)
    found = ops.concat([indices, values], 1).output(0) if parameters.out_max_val else indices
    rows = 2 if parameters.out_max_val else 1
    target = [0, rows, parameters.top_k] + [1] * (len(shape) - 3)
    return [ops.reshape(found, integers(target, "shape"), special_zero=True).output(0)]


def _top(layer: Layer, data: ov.Output, axis: int, k: int) -> tuple[ov.Output, ov.Output]:
    """Return the ``k`` largest values along ``axis``, the largest first, and their indices as floats."""
    (size,) = static_dims(layer, data, [axis])
    if not 1 <= k <= size:
        raise ShapeError(
            f"{layer}: top_k {k} must be from 1 to {size}, what {shape_of(data)} has along axis {axis}"
        )
    begin, end, step = (
        integers([value], role) for value, role in ((-1, "begin"), (-size - 1, "end"), (-1, "step"))
    )
    backwards = ops.slice(data, begin, end, step, integers([axis], "axes"))
    top = ops.topk(backwards, constant(np.array(k), "k"), axis, "max", "value", "i32", stable=True)
    indices = ops.subtract(constant(np.array(size - 1, np.int32), "last_index"), top.output(1))
    return top.output(0), ops.convert(indices, np.float32).output(0)
