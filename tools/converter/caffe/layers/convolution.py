"""Convolution, and its kin: depthwise, and transposed, which Caffe calls Deconvolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.layers.arguments import (
    canonical_axis,
    expect_equal_shapes,
    expect_feasible,
    expect_inputs,
    expect_tops,
    static_dims,
    weights,
)
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import added_bias, constant, integers, shape_of
from omz.errors import ShapeError, UnsupportedLayerError


@dataclass(frozen=True, slots=True)
class Sliding:
    """What a kernel slides over, and how; lists go by spatial axis, in the order of the bottom.

    Attributes:
        independent: Sizes of the axes before the channels; each place there is an input of its own.
        channels: Number of input channels.
        sizes: Spatial sizes of the input.
    """

    independent: list[int]
    channels: int
    sizes: list[int]
    kernel: list[int]
    stride: list[int]
    pad: list[int]
    dilation: list[int]

    @property
    def extent(self) -> list[int]:
        """How many pixels the dilated kernel spans."""
        return [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]


@translates("Convolution")
def translate_convolution(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate a 1-D to 3-D convolution, with groups and dilation, into (Group)Convolution.

    Weights are (num_output, C / group, kernel...). The output size is
    ``(size + 2*pad - (dilation*(kernel - 1) + 1)) / stride + 1``, the division towards zero (``conv_layer.cpp``): a
    kernel that is too large by less than a stride finds zeros behind the declared padding.

    Args:
        layer: Reads all of ``convolution_param`` but fillers and engine.
        inputs: Tensors (N, C, spatial...) of one shape, with fixed sizes but for N; with ``axis``, C stands there, and
            all axes before it count as N.

    Returns:
        One tensor (N, num_output, spatial...) for each bottom; all share the weights.

    Raises:
        ShapeError: The parameters, the weights and the input do not fit together.
        UnsupportedLayerError: There are no spatial axes, or more than three.
    """
    parameters = layer.params.convolution_param
    return _convolutions(layer, inputs, _sliding(layer, inputs), parameters.num_output, parameters.group)


@translates("DepthwiseConvolution", "ConvolutionDepthwise")
def translate_depthwise_convolution(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate a convolution of each channel by itself into GroupConvolution.

    The two names come from two forks. One states ``group`` and ``num_output`` as for a Convolution, the other reads
    neither and gives as many channels as it gets. A multiple of these in ``num_output`` is several filters for each.

    Args:
        layer: Reads ``convolution_param`` as Convolution does.
        inputs: As for Convolution.

    Returns:
        As for Convolution; num_output is C unless stated.

    Raises:
        ShapeError: As for Convolution, or ``group`` is neither 1 nor C.
        UnsupportedLayerError: As for Convolution.
    """
    parameters = layer.params.convolution_param
    sliding = _sliding(layer, inputs)
    if parameters.group not in (1, sliding.channels):
        raise ShapeError(
            f"{layer}: group {parameters.group} of a depthwise convolution of {sliding.channels} channels"
        )
    outputs = parameters.num_output if parameters.HasField("num_output") else sliding.channels
    return _convolutions(layer, inputs, sliding, outputs, sliding.channels)


@translates("Deconvolution")
def translate_deconvolution(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate a transposed convolution into (Group)ConvolutionBackpropData.

    Weights are (C, num_output / group, kernel...); the output size is
    ``stride*(size - 1) + dilation*(kernel - 1) + 1 - 2*pad`` (``deconv_layer.cpp``).

    Args:
        layer: Reads ``convolution_param`` as Convolution does.
        inputs: As for Convolution.

    Returns:
        As for Convolution.

    Raises:
        ShapeError: As for Convolution, or the padding leaves nothing of the output.
        UnsupportedLayerError: As for Convolution.
    """
    parameters = layer.params.convolution_param
    sliding = _sliding(layer, inputs)
    outputs, group = parameters.num_output, parameters.group
    _expect_groups(layer, sliding.channels, outputs, group)
    whole = [
        s * (size - 1) + e for size, s, e in zip(sliding.sizes, sliding.stride, sliding.extent, strict=True)
    ]
    if any(size <= 2 * pad for size, pad in zip(whole, sliding.pad, strict=True)):
        raise ShapeError(f"{layer}: pad {sliding.pad} leaves nothing of an output of {whole}")
    expect_feasible(layer, [outputs, *whole])
    filters, *bias = weights(
        layer,
        (sliding.channels, outputs // group, *sliding.kernel),
        *([(outputs,)] if parameters.bias_term else []),
    )
    # With one channel, OpenVINO (2026.4, on CPU: with dilation, as much padding as kernel, or oneDNN held to SSE4.1)
    # mistakes the layout of the result for another. With two, it can't.
    widened = outputs == 1
    if widened:
        filters = np.concatenate([filters, np.zeros_like(filters)], axis=1)
    if group > 1:
        filters = filters.reshape(group, sliding.channels // group, *filters.shape[1:])
    transposed = ops.group_convolution_backprop_data if group > 1 else ops.convolution_backprop_data
    kernels = constant(filters, "weights")

    def deconvolved(data: ov.Output) -> ov.Output:
        node = transposed(
            data,
            kernels,
            sliding.stride,
            pads_begin=sliding.pad,
            pads_end=sliding.pad,
            dilations=sliding.dilation,
        )
        result = _first(node.output(0), 1) if widened else node.output(0)
        return added_bias(result, bias[0], 1) if bias else result

    return [_by_input(layer, data, sliding, deconvolved) for data in inputs]


def _convolutions(
    layer: Layer, inputs: Sequence[ov.Output], sliding: Sliding, outputs: int, group: int
) -> list[ov.Output]:
    _expect_groups(layer, sliding.channels, outputs, group)
    overrun = [
        max(extent - size - 2 * pad, 0)
        for extent, size, pad in zip(sliding.extent, sliding.sizes, sliding.pad, strict=True)
    ]
    if any(over >= stride for over, stride in zip(overrun, sliding.stride, strict=True)):
        raise ShapeError(
            f"{layer}: a kernel of {sliding.kernel} (dilation {sliding.dilation}) is larger than the input "
            f"{sliding.sizes} with pad {sliding.pad}"
        )
    end = [pad + over for pad, over in zip(sliding.pad, overrun, strict=True)]
    padded = [sum(parts) for parts in zip(sliding.sizes, sliding.pad, end, strict=True)]
    expect_feasible(layer, [sliding.channels, *padded])
    filters, *bias = weights(
        layer,
        (outputs, sliding.channels // group, *sliding.kernel),
        *([(outputs,)] if layer.params.convolution_param.bias_term else []),
    )
    sizes = [
        (size - extent) // stride + 1
        for size, extent, stride in zip(padded, sliding.extent, sliding.stride, strict=True)
    ]
    grouped = group > 1 or _loses_padding(sliding)
    if grouped:
        filters = filters.reshape(group, outputs // group, *filters.shape[1:])
    convolution = ops.group_convolution if grouped else ops.convolution
    kernels = constant(filters, "weights")
    nothing, stride, columns = _meets_nothing(sliding, sizes), list(sliding.stride), sizes[-1]
    if sliding.channels == 1 and columns == 1:
        stride[-1] = (
            1  # of no effect with one column; otherwise OpenVINO (2026.4, on CPU) gives wrong numbers
        )

    def convolved(data: ov.Output) -> ov.Output:
        if nothing:
            result = _zeros(data, [outputs, *sizes])
        else:
            result = convolution(data, kernels, stride, sliding.pad, end, sliding.dilation).output(0)
        if shape_of(result)[-1] != columns:
            result = _first(result, -1)
        return added_bias(result, bias[0], 1) if bias else result

    return [_by_input(layer, data, sliding, convolved) for data in inputs]


def _meets_nothing(sliding: Sliding, sizes: Sequence[int]) -> bool:
    """Say whether all windows lie in the padding alone: OpenVINO (2026.4, on CPU) crashes on some of these."""

    def meets(size: int, windows: int, kernel: int, stride: int, pad: int, dilation: int) -> bool:
        taps = np.arange(kernel) * dilation - pad  # of the first window
        first, last = -(taps // stride), (size - 1 - taps) // stride  # the windows with each tap on the input
        return bool((np.maximum(first, 0) <= np.minimum(last, windows - 1)).any())

    axes = zip(
        sliding.sizes, sizes, sliding.kernel, sliding.stride, sliding.pad, sliding.dilation, strict=True
    )
    return not all(meets(*axis) for axis in axes)


def _zeros(data: ov.Output, shape: Sequence[int]) -> ov.Output:
    """Return zeros of ``shape`` for each of the batch that ``data`` has."""
    batch = ops.gather(ops.shape_of(data), integers([0], "first"), integers([0], "axis"))
    return ops.broadcast(
        constant(np.zeros(1, np.float32), "zero"), ops.concat([batch, integers(shape, "shape")], 0)
    ).output(0)


def _first(data: ov.Output, axis: int) -> ov.Output:
    """Return what comes first along an axis, and keep the axis."""
    first, second = integers([0], "begin"), integers([1], "end")
    return ops.slice(data, first, second, integers([1], "step"), integers([axis], "axis")).output(0)


def _loses_padding(sliding: Sliding) -> bool:
    """Say whether OpenVINO would compute the convolution wrongly unless it is a GroupConvolution, of one group.

    Its StridesOptimization (seen in 2026.4) moves the stride of a pointwise Convolution before the layer that feeds it,
    and leaves the padding as it was: more, and other, outputs.
    """
    strided = any(stride > 1 and pad for stride, pad in zip(sliding.stride, sliding.pad, strict=True))
    return strided and set(sliding.kernel) == {1}


def _by_input(
    layer: Layer, data: ov.Output, sliding: Sliding, operation: Callable[[ov.Output], ov.Output]
) -> ov.Output:
    """Apply an operation on (N, C, spatial...) to a blob with any number of axes before the channels."""
    independent = sliding.independent
    if len(independent) == 1:
        return operation(data)
    if independent.count(-1) > 1:
        static_dims(layer, data, range(len(independent)))  # raises: Reshape could not tell them apart
    merged = [-1 if independent else 1, sliding.channels, *sliding.sizes]
    result = operation(ops.reshape(data, integers(merged, "merged_shape"), special_zero=False).output(0))
    shape = [*independent, *shape_of(result)[1:]]
    return ops.reshape(result, integers(shape, "shape"), special_zero=False).output(0)


def _sliding(layer: Layer, inputs: Sequence[ov.Output]) -> Sliding:
    """Read the geometry of a layer, as ``base_conv_layer.cpp`` does."""
    expect_inputs(layer, inputs, 1, 1 << 16)
    expect_tops(layer, len(inputs))
    expect_equal_shapes(layer, inputs)
    shape = shape_of(inputs[0])
    axis = canonical_axis(layer, layer.params.convolution_param.axis, len(shape))
    spatial = len(shape) - axis - 1
    if not 1 <= spatial <= 3:
        raise UnsupportedLayerError(
            f"{layer}: {spatial} spatial axes behind the channels (axis {axis}) of {shape}; 1 to 3 are supported"
        )
    channels, *sizes = static_dims(layer, inputs[0], range(axis, len(shape)))
    sliding = Sliding(
        independent=shape[:axis],
        channels=channels,
        sizes=sizes,
        kernel=_spatial(layer, "kernel_size", "kernel", spatial, None),
        stride=_spatial(layer, "stride", "stride", spatial, 1),
        pad=_spatial(layer, "pad", "pad", spatial, 0),
        dilation=_spatial(layer, "dilation", None, spatial, 1),
    )
    if 0 in sliding.kernel or 0 in sliding.stride or 0 in sliding.dilation:
        raise ShapeError(
            f"{layer}: kernel {sliding.kernel}, stride {sliding.stride} and dilation {sliding.dilation} "
            "must be at least 1"
        )
    return sliding


def _spatial(layer: Layer, name: str, pair: str | None, axes: int, default: int | None) -> list[int]:
    """Return a parameter for each spatial axis: stated once, once for each, or as ``<pair>_h`` and ``<pair>_w``."""
    parameters = layer.params.convolution_param
    values = list(getattr(parameters, name))
    fields = [f"{pair}_h", f"{pair}_w"] if pair else []
    stated = [parameters.HasField(field) for field in fields]
    if any(stated):
        if axes != 2 or values or (not all(stated) and pair != "pad"):  # pad_h and pad_w have a default
            raise ShapeError(f"{layer}: expected {name}, or both {' and '.join(fields)} for two spatial axes")
        return [getattr(parameters, field) for field in fields]
    if not values:
        if default is None:
            raise ShapeError(f"{layer}: {name} is missing")
        values = [default]
    if len(values) not in (1, axes):
        raise ShapeError(f"{layer}: {name} is stated {len(values)} times for {axes} spatial axes")
    return values * axes if len(values) == 1 else values


def _expect_groups(layer: Layer, channels: int, outputs: int, group: int) -> None:
    if outputs < 1 or group < 1 or channels % group or outputs % group:
        raise ShapeError(
            f"{layer}: group {group} must divide {channels} input channels and num_output {outputs} (at least 1)"
        )
