"""Power, Exp and Log: functions of each element with a scale and a shift.

Constants are computed in single precision, as Caffe does: what overflows or vanishes there does so here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.layers.arguments import expect_inputs
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import constant
from omz.errors import ShapeError


@translates("Power")
def translate_power(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``(shift + scale * x) ^ power``, any shape (``power_layer.cpp``).

    If ``power`` or ``scale`` is 0, the result is one number, whatever x is; an infinite one, too. A negative base has a
    power if the exponent is integral, and else is not a number, as in C.

    Args:
        layer: Reads ``power``, ``scale`` and ``shift``.
        inputs: One tensor.

    Returns:
        One tensor of the same shape.
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.power_param
    power, scale, shift = (np.float32(n) for n in (parameters.power, parameters.scale, parameters.shift))
    with np.errstate(all="ignore"):
        if power * scale == 0:
            value = constant(np.array(np.power(shift, power)), "value")
            return [ops.broadcast(value, ops.shape_of(inputs[0])).output(0)]
    base = _shifted(_scaled(inputs[0], scale, "scale"), shift)
    return [base if power == 1 else ops.power(base, constant(np.array(power), "power")).output(0)]


@translates("Exp")
def translate_exp(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``base ^ (shift + scale * x)``, any shape, as ``exp(log(base) * scale * x) * base ^ shift``.

    Args:
        layer: Reads ``base`` (-1, unless stated, for e), ``scale`` and ``shift``.
        inputs: One tensor.

    Returns:
        One tensor of the same shape.

    Raises:
        ShapeError: There is no logarithm of ``base``.
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.exp_param
    base, scale, shift = (np.float32(n) for n in (parameters.base, parameters.scale, parameters.shift))
    log_base = _log_of_base(layer, base)
    with np.errstate(all="ignore"):
        inner = log_base * scale
        outer = np.exp(shift) if base == -1 else np.power(base, shift)
    exponential = ops.exp(_scaled(inputs[0], inner, "scale")).output(0)
    return [_scaled(exponential, outer, "outer_scale")]


@translates("Log")
def translate_log(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ``log(shift + scale * x) / log(base)``, any shape.

    Args:
        layer: Reads ``base`` (-1, unless stated, for e), ``scale`` and ``shift``.
        inputs: One tensor.

    Returns:
        One tensor of the same shape.

    Raises:
        ShapeError: There are no logarithms to ``base``.
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.log_param
    base, scale, shift = (np.float32(n) for n in (parameters.base, parameters.scale, parameters.shift))
    log_base = _log_of_base(layer, base)
    if log_base == 0:
        raise ShapeError(f"{layer}: there are no logarithms to base 1")
    logarithm = ops.log(_shifted(_scaled(inputs[0], scale, "scale"), shift)).output(0)
    return [_scaled(logarithm, 1 / log_base, "outer_scale")]


def _log_of_base(layer: Layer, base: np.float32) -> np.float32:
    """Return the natural logarithm of a base; -1 stands for e."""
    if base == -1:
        return np.float32(1)
    if not 0 < base < np.inf:
        raise ShapeError(f"{layer}: base {base} must be greater than 0 and finite, or -1 for e")
    return np.float32(np.log(base))


def _scaled(data: ov.Output, scale: np.float32, role: str) -> ov.Output:
    return data if scale == 1 else ops.multiply(data, constant(np.array(scale), role)).output(0)


def _shifted(data: ov.Output, shift: np.float32) -> ov.Output:
    return data if shift == 0 else ops.add(data, constant(np.array(shift), "shift")).output(0)
