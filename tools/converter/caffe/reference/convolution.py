"""Convolution, Deconvolution and InnerProduct: matrix products, as in Caffe (``base_conv_layer.cpp``, ``im2col.cpp``).

A convolution lays the pixels under the kernel out as columns (im2col) and multiplies the filters with them; a
deconvolution multiplies first and adds the columns up where they came from (col2im).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from omz.converter.caffe.caffe_pb2 import LayerParameter
from omz.converter.caffe.reference.geometry import (
    Sizes,
    axis_index,
    convolution_geometry,
    convolution_size,
    deconvolution_size,
)
from omz.converter.caffe.reference.registry import Array, Blob, double, layer, layer_of_tops

#: Columns and weights are laid out in double precision a part at a time, so that large nets fit into memory.
PART = 1 << 23  # elements, 64 MB


@layer_of_tops("Convolution")
def convolution(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> list[Array]:
    return [_convolution(message, x, blobs, message.convolution_param.group) for x in bottoms]


@layer_of_tops("DepthwiseConvolution", "ConvolutionDepthwise")
def depthwise_convolution(
    message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]
) -> list[Array]:
    """Convolve each channel by itself, whatever ``group`` says."""
    return [_convolution(message, x, blobs, x.shape[message.convolution_param.axis]) for x in bottoms]


def _convolution(message: LayerParameter, x: Array, blobs: Sequence[Blob], group: int) -> Array:
    parameters = message.convolution_param
    axis = axis_index(parameters.axis, x.ndim)
    batch, channels, spatial = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    kernel, pad, stride, dilation = convolution_geometry(parameters, len(spatial))
    out = tuple(map(convolution_size, spatial, kernel, pad, stride, dilation))
    outputs = parameters.num_output or channels
    filters = double(blobs[0]).reshape(group, outputs // group, -1)
    if filters.shape[2] * group != channels * math.prod(kernel):
        raise ValueError(f"weights {blobs[0].shape} do not fit {channels} channels in {group} groups")
    padded = np.pad(x.reshape(-1, channels, *spatial), [(0, 0), (0, 0), *((p, p) for p in pad)])
    y = np.empty((len(padded), outputs, *out))
    for rows, part in _parts(out, channels * math.prod(kernel)):
        for image, result in zip(padded, y, strict=True):
            columns = np.empty((channels, math.prod(kernel), *part))
            for place, pixels in enumerate(_under_kernel(part, kernel, stride, dilation, rows.start)):
                columns[:, place] = image[(slice(None), *pixels)]
            product = filters @ columns.reshape(group, filters.shape[2], -1)
            result[(slice(None), *(rows,) * bool(out))] = product.reshape(outputs, *part)
    return _biased(message, y, blobs).reshape(*batch, outputs, *out)


@layer_of_tops("Deconvolution")
def deconvolution(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> list[Array]:
    return [_deconvolution(message, x, blobs) for x in bottoms]


def _deconvolution(message: LayerParameter, x: Array, blobs: Sequence[Blob]) -> Array:
    parameters = message.convolution_param
    group = parameters.group
    axis = axis_index(parameters.axis, x.ndim)
    batch, channels, spatial = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    kernel, pad, stride, dilation = convolution_geometry(parameters, len(spatial))
    out = tuple(map(deconvolution_size, spatial, kernel, pad, stride, dilation))
    # A filter for each input channel: (channels, num_output / group, kernel).
    filters = double(blobs[0]).reshape(group, channels // group, -1).transpose(0, 2, 1)
    if filters.shape[1] * group != parameters.num_output * math.prod(kernel):
        raise ValueError(f"weights {blobs[0].shape} do not fit {parameters.num_output} outputs")
    y = np.zeros(
        (math.prod(batch), parameters.num_output, *(o + 2 * p for o, p in zip(out, pad, strict=True)))
    )
    for image, result in zip(x.reshape(-1, group, channels // group, math.prod(spatial)), y, strict=True):
        columns = (filters @ image).reshape(parameters.num_output, math.prod(kernel), *spatial)
        for place, pixels in enumerate(_under_kernel(spatial, kernel, stride, dilation)):
            result[(slice(None), *pixels)] += columns[:, place]
    inside = tuple(slice(p, p + o) for p, o in zip(pad, out, strict=True))
    y = y[(slice(None), slice(None), *inside)]
    return _biased(message, y, blobs).reshape(*batch, parameters.num_output, *out)


@layer("InnerProduct")
def inner_product(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.inner_product_param
    axis = axis_index(parameters.axis, bottoms[0].ndim)
    x = bottoms[0].reshape(math.prod(bottoms[0].shape[:axis]), -1)
    outputs = parameters.num_output
    weights = blobs[0].reshape(-1, outputs).T if parameters.transpose else blobs[0].reshape(outputs, -1)
    step = max(1, PART // x.shape[1])
    parts = [x @ double(weights[start : start + step]).T for start in range(0, outputs, step)]
    y = np.concatenate(parts, axis=1).reshape(*bottoms[0].shape[:axis], outputs)
    return y + double(blobs[1]).reshape(-1) if parameters.bias_term else y


def _biased(message: LayerParameter, y: Array, blobs: Sequence[Blob]) -> Array:
    if message.convolution_param.bias_term:
        y = y + double(blobs[1]).reshape(-1, *[1] * (y.ndim - 2))
    return y


def _parts(out: Sizes, column: int) -> Iterator[tuple[slice, Sizes]]:
    """Yield rows of the output, and their shape, that make at most :data:`PART` elements of columns."""
    if not out:
        yield slice(0, 1), out
        return
    step = max(1, PART // (column * math.prod(out[1:])))
    for start in range(0, out[0], step):
        stop = min(start + step, out[0])
        yield slice(start, stop), (stop - start, *out[1:])


def _under_kernel(
    out: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes, first: int = 0
) -> Iterator[tuple[slice, ...]]:
    """For each element of the kernel, yield the pixels that it meets in ``out`` windows from row ``first`` on."""
    firsts = (first, *[0] * (len(out) - 1))
    for element in itertools.product(*map(range, kernel)):
        starts = (f * s + e * d for f, s, e, d in zip(firsts, stride, element, dilation, strict=False))
        yield tuple(
            slice(start, start + (o - 1) * s + 1, s) for start, o, s in zip(starts, out, stride, strict=False)
        )
