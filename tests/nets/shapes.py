"""Shapes of blobs and weights, from the prototxt alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from omz.converter.caffe.reference import active_layers
from omz.converter.caffe.reference.geometry import (
    axis_index,
    convolution_geometry,
    convolution_size,
    pooling_geometry,
    pooling_sizes,
    reshaped,
)

Shape = tuple[int, ...]


def input_shapes(net: Any) -> dict[str, Shape]:
    """Return the shape of each input, in any of the three ways to declare it."""
    if net.input_shape:
        shapes = [tuple(shape.dim) for shape in net.input_shape]
    else:
        shapes = [tuple(net.input_dim[i : i + 4]) for i in range(0, len(net.input_dim), 4)]
    result = dict(zip(net.input, shapes, strict=True))
    for layer in active_layers(net):
        if layer.type == "Input":
            declared = [tuple(shape.dim) for shape in layer.input_param.shape]
            result.update(zip(layer.top, declared * len(layer.top), strict=False))
    return result


def infer(net: Any) -> tuple[dict[str, Shape], dict[str, list[Shape]]]:
    """Return the shapes of all blobs by name, and those of the weights of each layer that has some."""
    blobs = input_shapes(net)
    weights: dict[str, list[Shape]] = {}
    for layer in active_layers(net):
        if layer.type == "Input":
            continue
        bottoms = [blobs[name] for name in layer.bottom]
        parameters = weight_shapes(layer, bottoms)
        if parameters:
            weights[layer.name] = parameters
        blobs.update(zip(layer.top, top_shapes(layer, bottoms), strict=True))
    return blobs, weights


def weight_shapes(layer: Any, bottoms: Sequence[Shape]) -> list[Shape]:
    """Return the shapes of a layer's weights as Caffe allocates them."""
    x = bottoms[0]
    match layer.type:
        case "Convolution":
            conv = layer.convolution_param
            kernel = convolution_geometry(conv)[0]
            bias = [(conv.num_output,)] if conv.bias_term else []
            return [(conv.num_output, x[1] // conv.group, *kernel), *bias]
        case "InnerProduct":
            inner = layer.inner_product_param
            shape = (inner.num_output, math.prod(x[axis_index(inner.axis, len(x)) :]))
            bias = [(inner.num_output,)] if inner.bias_term else []
            return [shape[::-1] if inner.transpose else shape, *bias]
        case "BatchNorm":
            channels = x[1] if len(x) > 1 else 1
            return [(channels,), (channels,), (1,)]
        case "Scale":
            scale = layer.scale_param
            if len(bottoms) > 1:
                return [bottoms[1]] if scale.bias_term else []
            axis = axis_index(scale.axis, len(x))
            shape = x[axis:] if scale.num_axes == -1 else x[axis : axis + scale.num_axes]
            return [shape] * (2 if scale.bias_term else 1)
    return []


def top_shapes(layer: Any, bottoms: Sequence[Shape]) -> list[Shape]:
    """Return the shape of each of a layer's tops."""
    if layer.type != "Slice":
        return [top_shape(layer, bottoms)] * len(layer.top)  # several tops: Split, which copies
    x, slices = bottoms[0], layer.slice_param
    axis = axis_index(slices.slice_dim if slices.HasField("slice_dim") else slices.axis, len(x))
    equal = x[axis] // len(layer.top)
    points = list(slices.slice_point) or [equal * place for place in range(1, len(layer.top))]
    return [(*x[:axis], end - start, *x[axis + 1 :]) for start, end in pairwise([0, *points, x[axis]])]


def top_shape(layer: Any, bottoms: Sequence[Shape]) -> Shape:
    """Return the shape of what a layer gives out."""
    x = bottoms[0]
    match layer.type:
        case "Convolution":
            kernel, pad, stride, dilation = convolution_geometry(layer.convolution_param)
            spatial = map(convolution_size, x[2:], kernel, pad, stride, dilation)
            return (x[0], layer.convolution_param.num_output, *spatial)
        case "Pooling":
            kernel, pad, stride, ceil = pooling_geometry(layer.pooling_param, (x[2], x[3]))
            return (*x[:2], *pooling_sizes((x[2], x[3]), kernel, pad, stride, ceil=ceil))
        case "InnerProduct":
            inner = layer.inner_product_param
            return (*x[: axis_index(inner.axis, len(x))], inner.num_output)
        case "Concat":
            concat = layer.concat_param
            axis = axis_index(concat.concat_dim if concat.HasField("concat_dim") else concat.axis, len(x))
            return (*x[:axis], sum(shape[axis] for shape in bottoms), *x[axis + 1 :])
        case "Reshape":
            reshape = layer.reshape_param
            return reshaped(x, reshape.shape.dim, reshape.axis, reshape.num_axes)
        case "Flatten":
            start = axis_index(layer.flatten_param.axis, len(x))
            end = axis_index(layer.flatten_param.end_axis, len(x)) + 1
            return (*x[:start], math.prod(x[start:end]), *x[end:])
        case "Axpy":
            return bottoms[1]
    return x
