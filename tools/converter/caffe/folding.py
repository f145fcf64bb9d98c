"""Graph passes that make BatchNorm and Scale disappear into the layer before them.

The order of the passes, and why:

1. ``merge_scales``: so that BatchNorm + Scale, Caffe's usual pair, becomes one Scale.
2. ``fold_into_weights``: which the Convolution or InnerProduct before it absorbs.

At inference BatchNorm is a scale and a shift per channel, so both passes take it for a Scale.
A pass changes only what it can prove to be the same; what does not fit (weights of another shape than the layer
wants, a blob that somebody else reads too) is left for the translators, which know how to complain.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from omz.converter.caffe.caffe_pb2 import ConvolutionParameter, InnerProductParameter, LayerParameter
from omz.converter.caffe.caffemodel import Blob
from omz.converter.caffe.net import Layer, Net
from omz.errors import ShapeError, UnsupportedLayerError


def fold(net: Net) -> Net:
    """Apply all passes."""
    for one_pass in (merge_scales, fold_into_weights):
        net = one_pass(net)
    return net


def batchnorm_coefficients(layer: Layer) -> tuple[Blob, Blob]:
    """Return the scale and shift (C,), in float64, of a BatchNorm layer at inference.

    Caffe stores sums of mean and variance together with the factor to divide them by (``batch_norm_layer.cpp``)::

        y = (x - mean / factor) / sqrt(variance / factor + eps),    or 0 in place of 1 / factor if that is 0

    Raises:
        ShapeError: The three blobs do not fit together.
        UnsupportedLayerError: The layer asks for the statistics of the batch, not of the training.
    """
    parameters = layer.params.batch_norm_param
    if parameters.HasField("use_global_stats") and not parameters.use_global_stats:
        raise UnsupportedLayerError(
            f"{layer}: use_global_stats: false asks for the statistics of each batch, "
            "which is training. Set it to true, or leave it out."
        )
    if len(layer.blobs) != 3:
        raise ShapeError(f"{layer}: has {len(layer.blobs)} blobs, expected 3 (mean, variance, factor)")
    mean, variance, factor = (blob.ravel().astype(np.float64) for blob in layer.blobs)
    if mean.size != variance.size or factor.size != 1:
        raise ShapeError(
            f"{layer}: mean {layer.blobs[0].shape}, variance {layer.blobs[1].shape} and factor "
            f"{layer.blobs[2].shape} do not fit together; expected (C,), (C,) and (1,)"
        )
    weight = 0.0 if factor[0] == 0 else 1.0 / factor[0]
    with np.errstate(all="ignore"):  # a net with infinities in it gives infinities, as in Caffe
        scale = 1.0 / np.sqrt(variance * weight + parameters.eps)
        return scale, -mean * weight * scale


def merge_scales(net: Net) -> Net:
    """Replace a scale of a scale by one."""
    consumers = net.consumers()
    producers: dict[str, int] = {}
    layers: list[Layer | None] = []
    for layer in net.layers:
        at = producers.get(layer.bottoms[0]) if _is_channel_scale(layer) else None
        before = layers[at] if at is not None else None
        # One of the two must be a Scale, which tells that axis 1 is there: a vector has one channel to BatchNorm.
        if (
            before is not None
            and _is_channel_scale(before)
            and "Scale" in (before.type, layer.type)
            and consumers[layer.bottoms[0]] == 1
        ):
            first, second = _coefficients(before), _coefficients(layer)
            if len(first[0]) == len(second[0]):
                merged = (first[0] * second[0], first[1] * second[0] + second[1])
                layer = _scale_layer(layer, before.bottoms, merged)
                layers[at] = None  # type: ignore[index]
        for top in layer.tops:
            producers[top] = len(layers)
        layers.append(layer)
    return replace(net, layers=tuple(layer for layer in layers if layer))


def fold_into_weights(net: Net) -> Net:
    """Multiply each Scale into the weights of the Convolution or InnerProduct whose only reader it is."""
    consumers = net.consumers()
    producers: dict[str, int] = {}
    layers: list[Layer] = []
    for layer in net.layers:
        at = producers.get(layer.bottoms[0]) if _is_channel_scale(layer) else None
        folded = None
        if at is not None and consumers[layer.bottoms[0]] == 1:
            folded = _folded(layers[at], *_coefficients(layer))
        if folded is not None and at is not None:
            layers[at] = replace(folded, tops=layer.tops)
            producers[layer.tops[0]] = at
            continue
        for top in layer.tops:
            producers[top] = len(layers)
        layers.append(layer)
    return replace(net, layers=tuple(layers))


def _folded(layer: Layer, scale: Blob, shift: Blob) -> Layer | None:
    """Return ``layer`` followed by a scale and shift of its output channels, or None if that cannot be."""
    parameters: ConvolutionParameter | InnerProductParameter
    if layer.type == "Convolution":
        parameters, axis = layer.params.convolution_param, 0
    elif layer.type == "InnerProduct":
        parameters = layer.params.inner_product_param
        axis = -1 if parameters.transpose else -2
    else:
        return None
    if parameters.axis != 1 or len(layer.blobs) != 1 + parameters.bias_term or layer.blobs[0].ndim < 2:
        return None
    weights = layer.blobs[0]
    bias = layer.blobs[1].ravel() if parameters.bias_term else np.zeros(len(scale))
    if weights.shape[axis] != len(scale) or bias.size != len(scale):
        return None
    along = [1] * weights.ndim
    along[axis] = -1
    with np.errstate(all="ignore"):
        weights = np.multiply(weights, scale.astype(np.float32).reshape(along), dtype=np.float32)
        bias = bias * scale + shift
    message = LayerParameter()
    message.CopyFrom(layer.params)
    getattr(
        message, "convolution_param" if layer.type == "Convolution" else "inner_product_param"
    ).bias_term = True
    return replace(layer, params=message, blobs=(weights, bias))


def _is_channel_scale(layer: Layer) -> bool:
    """Tell whether a layer scales each channel by one number, and may add another."""
    if len(layer.bottoms) != 1 or len(layer.tops) != 1:
        return False
    if layer.type == "BatchNorm":
        return [blob.size for blob in layer.blobs[1:]] == [blob.size for blob in layer.blobs[:1]] + [1]
    parameters = layer.params.scale_param
    return (
        layer.type == "Scale"
        and parameters.axis == 1
        and parameters.num_axes == 1
        and len(layer.blobs) == 1 + parameters.bias_term
        and len({blob.size for blob in layer.blobs}) == 1
    )


def _coefficients(layer: Layer) -> tuple[Blob, Blob]:
    """Return the scale and shift (C,) of a channel scale, in float64."""
    if layer.type == "BatchNorm":
        return batchnorm_coefficients(layer)
    scale = layer.blobs[0].ravel().astype(np.float64)
    shift = layer.blobs[1].ravel().astype(np.float64) if len(layer.blobs) > 1 else np.zeros(len(scale))
    return scale, shift


def _scale_layer(layer: Layer, bottoms: tuple[str, ...], coefficients: tuple[Blob, Blob]) -> Layer:
    message = LayerParameter(name=layer.name, type="Scale")
    message.scale_param.bias_term = True
    return Layer(layer.name, "Scale", bottoms, layer.tops, message, coefficients)
