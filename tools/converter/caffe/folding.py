"""Graph passes that make layers that only scale and shift disappear into their neighbours.

The order of the passes, and why:

1. ``merge_scales``: so that BatchNorm + Scale, Caffe's usual pair, becomes one Scale.
2. ``fold_back``: which the Convolution or InnerProduct before it absorbs: one number per output.
3. ``fold_forward``: what is left may go into the one behind it: one number per input.

At inference BatchNorm is a scale and a shift per channel; Bias is a shift, and Power with an exponent of 1 is both, the
same for all channels. A pass changes only what it can prove to be the same; what does not fit (weights of another shape
than the layer wants, a blob that somebody else reads too) is left for the translators, which know how to complain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from omz.converter.caffe.batch_norm import batchnorm_coefficients, bn_coefficients, is_merged
from omz.converter.caffe.caffe_pb2 import ConvolutionParameter, InnerProductParameter, LayerParameter
from omz.converter.caffe.caffemodel import Blob
from omz.converter.caffe.net import Layer, Net

_CONVOLUTIONS = ("Convolution", "DepthwiseConvolution", "ConvolutionDepthwise")


@dataclass(frozen=True, slots=True)
class ChannelScale:
    """That a layer computes ``y = x * scale + shift``.

    Attributes:
        scale, shift: (C,) along axis 1, float64.
        uniform: They are (1,) instead, and serve any number of channels.
    """

    scale: Blob
    shift: Blob
    uniform: bool = False

    def then(self, other: ChannelScale) -> ChannelScale:
        """Return the two, one after the other, as one."""
        return ChannelScale(
            self.scale * other.scale,
            self.shift * other.scale + other.shift,
            self.uniform and other.uniform,
        )

    def fits(self, channels: int) -> bool:
        """Tell whether it is for so many channels."""
        return self.uniform or len(self.scale) == channels


def fold(net: Net) -> Net:
    """Apply all passes."""
    for one_pass in (merge_scales, fold_back, fold_forward):
        net = one_pass(net)
    return net


def channel_scale(layer: Layer) -> ChannelScale | None:
    """Return the scale and shift that a layer amounts to, or None if it is none, or not per channel."""
    if len(layer.bottoms) != 1 or len(layer.tops) != 1:
        return None
    read = {
        "BatchNorm": _of_batchnorm,
        "BN": _of_bn,
        "Scale": _of_scale,
        "Bias": _of_bias,
        "Power": _of_power,
    }.get(layer.type)
    return read(layer) if read else None


def _of_batchnorm(layer: Layer) -> ChannelScale | None:
    sizes = [blob.size for blob in layer.blobs]
    return ChannelScale(*batchnorm_coefficients(layer)) if sizes[1:] == [*sizes[:1], 1] else None


def _of_bn(layer: Layer) -> ChannelScale | None:
    sizes = [blob.size for blob in layer.blobs]
    usual = sizes and sizes == sizes[:1] * (2 if is_merged(layer) else 4)
    return ChannelScale(*bn_coefficients(layer)) if usual else None


def _of_scale(layer: Layer) -> ChannelScale | None:
    parameters = layer.params.scale_param
    if (
        (parameters.axis, parameters.num_axes) != (1, 1)
        or len(layer.blobs) != 1 + parameters.bias_term
        or len({blob.size for blob in layer.blobs}) != 1
    ):
        return None
    scale = layer.blobs[0].ravel().astype(np.float64)
    return ChannelScale(
        scale, layer.blobs[1].ravel().astype(np.float64) if len(layer.blobs) > 1 else 0 * scale
    )


def _of_bias(layer: Layer) -> ChannelScale | None:
    parameters = layer.params.bias_param
    if (parameters.axis, parameters.num_axes) != (1, 1) or len(layer.blobs) != 1:
        return None
    shift = layer.blobs[0].ravel().astype(np.float64)
    return ChannelScale(np.ones_like(shift), shift)


def _of_power(layer: Layer) -> ChannelScale | None:
    parameters = layer.params.power_param
    if parameters.power != 1 or parameters.scale == 0:  # with a scale of 0, Caffe does not look at the input
        return None
    return ChannelScale(np.array([parameters.scale]), np.array([parameters.shift]), uniform=True)


def merge_scales(net: Net) -> Net:
    """Replace a scale of a scale by one."""
    consumers = net.consumers()
    made: dict[str, tuple[int, ChannelScale]] = {}  # by its top: where the layer is, and what it computes
    layers: list[Layer | None] = []
    for layer in net.layers:
        scale = channel_scale(layer)
        before = made.get(layer.bottoms[0]) if scale and consumers[layer.bottoms[0]] == 1 else None
        if scale and before:
            at, first = before
            earlier = layers[at]
            if earlier is not None and _mergeable(earlier, first, layer, scale):
                scale = first.then(scale)
                layer = _scale_layer(layer, earlier.bottoms, scale)
                layers[at] = None
        if scale:
            made[layer.tops[0]] = len(layers), scale
        layers.append(layer)
    return replace(net, layers=tuple(layer for layer in layers if layer))


def fold_back(net: Net) -> Net:
    """Multiply each scale into the weights of the Convolution or InnerProduct whose only reader it is."""
    consumers = net.consumers()
    makers: dict[str, int] = {}
    layers: list[Layer] = []
    for layer in net.layers:
        at = makers.get(layer.bottoms[0]) if layer.bottoms and consumers[layer.bottoms[0]] == 1 else None
        scale = channel_scale(layer) if at is not None else None
        if scale and at is not None and (folded := _with_scaled_outputs(layers[at], scale)):
            layers[at] = replace(folded, tops=layer.tops)
            makers[layer.tops[0]] = at
            continue
        if _is_linear(layer):
            makers[layer.tops[0]] = len(layers)
        layers.append(layer)
    return replace(net, layers=tuple(layers))


def fold_forward(net: Net) -> Net:
    """Multiply each scale into the weights of the Convolution or InnerProduct that is its only reader."""
    consumers = net.consumers()
    made: dict[str, tuple[int, ChannelScale]] = {}
    layers: list[Layer | None] = []
    for layer in net.layers:
        before = (
            made.get(layer.bottoms[0]) if _is_linear(layer) and consumers[layer.bottoms[0]] == 1 else None
        )
        if before:
            at, scale = before
            earlier, folded = layers[at], _with_scaled_inputs(layer, scale)
            if earlier is not None and folded is not None:
                layer = replace(folded, bottoms=earlier.bottoms)
                layers[at] = None
        elif scale_here := channel_scale(layer):
            made[layer.tops[0]] = len(layers), scale_here
        layers.append(layer)
    return replace(net, layers=tuple(layer for layer in layers if layer))


def _mergeable(earlier: Layer, first: ChannelScale, later: Layer, second: ChannelScale) -> bool:
    """Tell whether a Scale along axis 1 can do what two layers do.

    One of the two must be a layer that fails without an axis 1: to BatchNorm, a vector has one channel.
    """
    if not {"Scale", "Bias"} & {earlier.type, later.type} or (first.uniform and second.uniform):
        return False
    return first.uniform or second.fits(len(first.scale))


def _scale_layer(layer: Layer, bottoms: tuple[str, ...], scale: ChannelScale) -> Layer:
    message = LayerParameter(name=layer.name, type="Scale")
    message.scale_param.bias_term = True
    return Layer(layer.name, "Scale", bottoms, layer.tops, message, (scale.scale, scale.shift))


def _is_linear(layer: Layer) -> bool:
    """Tell whether a layer is a Convolution or InnerProduct along axis 1 that has the blobs it should."""
    if len(layer.bottoms) != 1 or len(layer.tops) != 1:
        return False
    if layer.type not in (*_CONVOLUTIONS, "InnerProduct"):
        return False
    parameters = _parameters(layer)
    return (
        parameters.axis == 1
        and len(layer.blobs) == 1 + parameters.bias_term
        and layer.blobs[0].ndim > (1 if layer.type == "InnerProduct" else 2)
        and layer.blobs[0].size > 0
    )


def _parameters(layer: Layer) -> ConvolutionParameter | InnerProductParameter:
    params = layer.params
    return params.inner_product_param if layer.type == "InnerProduct" else params.convolution_param


def _with_scaled_outputs(layer: Layer, scale: ChannelScale) -> Layer | None:
    """Return a linear layer that also scales and shifts its output channels, or None if that cannot be."""
    weights, bias = layer.blobs[0], layer.blobs[1].ravel() if len(layer.blobs) > 1 else None
    axis = 0
    if layer.type == "InnerProduct":
        axis = -1 if layer.params.inner_product_param.transpose else -2
    outputs = weights.shape[axis]
    if not scale.fits(outputs) or (bias is not None and bias.size != outputs):
        return None
    along = [1] * weights.ndim
    along[axis] = -1
    with np.errstate(all="ignore"):  # a net with infinities in it gives infinities, as in Caffe
        scaled = np.multiply(weights, scale.scale.astype(np.float32).reshape(along), dtype=np.float32)
        shifted = (np.zeros(outputs) if bias is None else bias) * scale.scale + scale.shift
    return _with_weights_and_bias(layer, scaled, shifted)


def _with_scaled_inputs(layer: Layer, scale: ChannelScale) -> Layer | None:
    """Return a linear layer that first scales and shifts its input channels, or None if that cannot be."""
    weights = layer.blobs[0]
    if layer.type == "InnerProduct":
        matrix = weights.T if layer.params.inner_product_param.transpose else weights
        outputs, inputs = matrix.shape[-2:] if weights.ndim == 2 else (0, 0)
        groups, kernel = 1, 1
    else:
        parameters = layer.params.convolution_param
        matrix, groups = weights, max(parameters.group, 1)
        if any(scale.shift) and _may_read_zeros(parameters):
            return None  # Caffe pads what comes out of the scale
        if layer.type != "Convolution" and not scale.uniform:
            return None  # forks differ in what the group is if it is not stated
        outputs, inputs = weights.shape[0], weights.shape[1] * groups
        kernel = weights[0, 0].size
    bias = layer.blobs[1].ravel() if len(layer.blobs) > 1 else np.zeros(outputs)
    if not inputs or not scale.fits(inputs) or outputs % groups or bias.size != outputs:
        return None
    grouped = matrix.reshape(groups, outputs // groups, inputs // groups, kernel)
    along = (1, 1, 1, 1) if scale.uniform else (groups, 1, inputs // groups, 1)
    with np.errstate(all="ignore"):
        scaled = np.multiply(grouped, scale.scale.astype(np.float32).reshape(along), dtype=np.float32)
        if any(scale.shift):
            sums = grouped.sum(axis=3, dtype=np.float64) * scale.shift.reshape(along[:3])
            bias = bias + sums.sum(axis=2).ravel()
    scaled = scaled.reshape(matrix.shape)
    return _with_weights_and_bias(layer, scaled.T if matrix is not weights else scaled, bias)


def _may_read_zeros(parameters: ConvolutionParameter) -> bool:
    """Tell whether a window may reach beyond the input: into padding, or by less than a stride of a small input."""
    padded = any((*parameters.pad, parameters.pad_h, parameters.pad_w))
    return padded or any(
        stride > 1 for stride in (*parameters.stride, parameters.stride_h, parameters.stride_w)
    )


def _with_weights_and_bias(layer: Layer, weights: Blob, bias: Blob) -> Layer:
    message = LayerParameter()
    message.CopyFrom(layer.params)
    parameters = message.inner_product_param if layer.type == "InnerProduct" else message.convolution_param
    parameters.bias_term = True
    return replace(layer, params=message, blobs=(weights, bias))
