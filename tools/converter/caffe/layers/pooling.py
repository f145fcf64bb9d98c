"""Pooling, with Caffe's own rules for sizes and divisors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.caffe_pb2 import PoolingParameter
from omz.converter.caffe.layers.arguments import (
    expect_feasible,
    expect_inputs,
    expect_rank,
    expect_tops,
    static_dims,
)
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import constant, integers
from omz.errors import ShapeError, UnsupportedLayerError

LOWEST = np.array(-np.finfo(np.float32).max, np.float32)  # what Caffe starts a maximum with


@dataclass(frozen=True, slots=True)
class Window:
    """Pooling along one axis: sizes in pixels, ``output`` by Caffe's rule."""

    size: int
    kernel: int
    stride: int
    pad: int
    output: int

    @property
    def reach(self) -> int:
        """How far the last window goes beyond the input's end; negative if it ends before."""
        return self.last_start + self.kernel - self.size

    @property
    def last_start(self) -> int:
        """Where the last window starts; at ``size`` or behind it, the window holds nothing of the input."""
        return (self.output - 1) * self.stride - self.pad

    @property
    def starts_outside(self) -> bool:
        """Whether the last window holds nothing of the input; all before it then lie inside."""
        return self.last_start >= self.size


@translates("Pooling")
def translate_pooling(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate maximum or average pooling.

    Caffe rounds the output size up unless told otherwise, see :func:`pooled_size`, so that the last window may pass
    the padded input by an overrun. We write the padding at the end that this takes explicitly, and round down. An
    average counts declared padding, but not the overrun:

    1. no overrun: AvgPool that counts all padding;
    2. overrun, no declared padding: AvgPool that leaves padding out;
    3. both: the declared padding becomes a Pad with zeros, then as 2;
    4. a window that holds nothing: zeros behind the input, whose average is Caffe's 0; then as 2.

    Args:
        layer: Reads ``pooling_param``; ``ceil_mode: false`` of a fork is the same as ``round_mode: FLOOR``.
        inputs: One tensor (N, C, H, W) with fixed H and W (any, for global pooling with one top).

    Returns:
        One tensor (N, C, H_out, W_out); with two tops also the mask, where in its plane (row * W + column) each
        maximum was found.

    Raises:
        ShapeError: The kernel does not fit.
        UnsupportedLayerError: The method is STOCHASTIC, or the mask of an empty window is asked for.
    """
    expect_inputs(layer, inputs, 1)
    data = inputs[0]
    expect_rank(layer, data, 4)
    parameters = layer.params.pooling_param
    if parameters.pool == PoolingParameter.STOCHASTIC:
        raise UnsupportedLayerError(f"{layer}: pool: STOCHASTIC is not supported; a trained net can use AVE")
    maximum = parameters.pool == PoolingParameter.MAX
    expect_tops(layer, 1, 2 if maximum else 1)
    if parameters.global_pooling:
        _refuse_window_of_global(layer, parameters)
        if len(layer.tops) == 1:
            reduce = ops.reduce_max if maximum else ops.reduce_mean
            return [reduce(data, integers([2, 3], "axes"), True).output(0)]
    windows = _windows(layer, parameters, static_dims(layer, data, (2, 3)))
    return _max_pool(layer, data, windows) if maximum else [_average_pool(layer, data, windows)]


def pooled_size(
    size: int, kernel: int, stride: int, pad: int, *, ceil: bool = True, padded: bool | None = None
) -> int:
    """Return Caffe's output size of a pooling along one axis (``pooling_layer.cpp``).

    ``ceil((size + 2*pad - kernel) / stride) + 1``, or with ``floor``; less 1 if the layer pads, along whichever axis
    (``padded``), and the last window would start behind the image. It may come out as 0 or less: there is none.

    >>> pooled_size(112, 3, 2, 0)
    56
    >>> pooled_size(112, 3, 2, 0, ceil=False)
    55
    >>> pooled_size(5, 1, 3, 0), pooled_size(5, 1, 3, 0, padded=True)
    (3, 2)
    """
    span = size + 2 * pad - kernel
    output = (-(-span // stride) if ceil else span // stride) + 1
    if (padded or pad) and (output - 1) * stride >= size + pad:
        output -= 1
    return output


def _max_pool(layer: Layer, data: ov.Output, windows: list[Window]) -> list[ov.Output]:
    begin = [window.pad for window in windows]
    end = [max(window.reach, 0) for window in windows]
    masked = len(layer.tops) > 1
    if any(window.starts_outside for window in windows):  # such a maximum of nothing is Caffe's start value
        if masked:
            raise UnsupportedLayerError(f"{layer}: the mask (second top) of a window without a pixel")
        data = _padded(data, begin, end, LOWEST)
        begin = end = [0, 0]
    kernel, stride = [window.kernel for window in windows], [window.stride for window in windows]
    if not masked:
        return [ops.max_pool(data, stride, [1, 1], begin, end, kernel).output(0)]
    pooled = ops.max_pool(data, stride, [1, 1], begin, end, kernel, axis=2)
    return [pooled.output(0), ops.convert(pooled.output(1), np.float32).output(0)]


def _average_pool(layer: Layer, data: ov.Output, windows: list[Window]) -> ov.Output:
    if any(window.last_start == window.size for window in windows):
        raise ShapeError(
            f"{layer}: the last window holds no pixel, so that its average is 0 / 0, in Caffe as well"
        )
    begin = [window.pad for window in windows]
    end = [max(window.reach, 0) for window in windows]
    overrun = any(window.reach > window.pad for window in windows)
    zeros = [window.reach if window.starts_outside else window.pad for window in windows]
    if overrun and any(zeros):
        data = _padded(data, begin, zeros, np.array(0, np.float32))
        end = [max(window.reach - zero, 0) for window, zero in zip(windows, zeros, strict=True)]
        begin = [0, 0]
    kernel, stride = [window.kernel for window in windows], [window.stride for window in windows]
    return ops.avg_pool(data, stride, begin, end, kernel, overrun).output(0)


def _padded(data: ov.Output, begin: list[int], end: list[int], value: np.ndarray) -> ov.Output:
    before, after = integers([0, 0, *begin], "pads_begin"), integers([0, 0, *end], "pads_end")
    return ops.pad(data, before, after, "constant", constant(value, "pad_value")).output(0)


def _windows(layer: Layer, parameters: PoolingParameter, sizes: list[int]) -> list[Window]:
    if parameters.global_pooling:
        return [Window(size, size, 1, 0, 1) for size in sizes]
    kernels = _pair(layer, parameters, "kernel_size", "kernel_h", "kernel_w")
    strides = _pair(layer, parameters, "stride", "stride_h", "stride_w")
    pads = _pair(layer, parameters, "pad", "pad_h", "pad_w")
    ceil = parameters.round_mode == PoolingParameter.CEIL and parameters.ceil_mode
    windows = []
    for size, kernel, stride, pad in zip(sizes, kernels, strides, pads, strict=True):
        if kernel < 1 or stride < 1 or pad >= kernel:
            raise ShapeError(
                f"{layer}: kernel {kernels} and stride {strides} must be at least 1, pad {pads} less than kernel"
            )
        output = pooled_size(size, kernel, stride, pad, ceil=ceil, padded=any(pads))
        if output < 1:
            raise ShapeError(
                f"{layer}: a kernel of {kernels} is larger than the input {sizes} with pad {pads}"
            )
        windows.append(Window(size, kernel, stride, pad, output))
    expect_feasible(layer, [w.size + w.pad + max(w.reach, w.pad) for w in windows])
    return windows


def _pair(layer: Layer, parameters: PoolingParameter, name: str, name_h: str, name_w: str) -> list[int]:
    """Return (height, width) of a parameter that is stated once, or as a pair of ``_h`` and ``_w``."""
    stated = [parameters.HasField(field) for field in (name_h, name_w)]
    if any(stated):
        if not all(stated) or parameters.HasField(name):
            raise ShapeError(f"{layer}: expected {name}, or both {name_h} and {name_w}")
        return [getattr(parameters, name_h), getattr(parameters, name_w)]
    if name == "kernel_size" and not parameters.HasField(name):
        raise ShapeError(f"{layer}: kernel_size is missing")
    return [getattr(parameters, name)] * 2


def _refuse_window_of_global(layer: Layer, parameters: PoolingParameter) -> None:
    for field in ("kernel_size", "kernel_h", "kernel_w"):
        if parameters.HasField(field):
            raise ShapeError(f"{layer}: global_pooling takes the whole input; {field} contradicts it")
    for field, default in (
        ("pad", 0),
        ("pad_h", 0),
        ("pad_w", 0),
        ("stride", 1),
        ("stride_h", 1),
        ("stride_w", 1),
    ):
        if parameters.HasField(field) and getattr(parameters, field) != default:
            raise ShapeError(
                f"{layer}: global_pooling goes with pad 0 and stride 1 only; {field} says otherwise"
            )
