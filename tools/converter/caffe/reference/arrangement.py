"""Layers that move numbers about and change none: identities, cuts, joins, reshapes, enlargements by repetition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from omz.converter.caffe.caffe_pb2 import LayerParameter
from omz.converter.caffe.reference.geometry import axis_index, reshaped
from omz.converter.caffe.reference.registry import Array, Blob, layer, layer_of_tops


@layer("Dropout")
def dropout(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    return bottoms[0]  # it scales while training, so that it does nothing at test time


@layer_of_tops("Split")
def split(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> list[Array]:
    return [bottoms[0]] * len(message.top)


@layer_of_tops("Silence")
def silence(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> list[Array]:
    return []


@layer("Concat")
def concat(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.concat_param
    axis = parameters.concat_dim if parameters.HasField("concat_dim") else parameters.axis
    return np.concatenate(bottoms, axis=axis_index(axis, bottoms[0].ndim))


@layer_of_tops("Slice")
def slices(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> list[Array]:
    parameters = message.slice_param
    stated = parameters.slice_dim if parameters.HasField("slice_dim") else parameters.axis
    axis = axis_index(stated, bottoms[0].ndim)
    size, count = bottoms[0].shape[axis], len(message.top)
    points = list(parameters.slice_point)
    if not points:
        if size % count:
            raise ValueError(f"{size} cannot be cut into {count} equal parts")
        points = list(range(size // count, size, size // count))
    ends = [0, *points, size]
    if len(points) != count - 1 or any(a >= b for a, b in pairwise(ends)):
        raise ValueError(f"slice_point {points} cannot cut {size} into {count} parts")
    return np.split(bottoms[0], points, axis)


@layer("Flatten")
def flatten(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    x = bottoms[0]
    start = axis_index(message.flatten_param.axis, x.ndim)
    end = axis_index(message.flatten_param.end_axis, x.ndim)
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


@layer("Reshape")
def reshape(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.reshape_param
    shape = reshaped(bottoms[0].shape, parameters.shape.dim, parameters.axis, parameters.num_axes)
    return bottoms[0].reshape(shape)


@layer("Permute")
def permute(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    order = list(message.permute_param.order)
    return bottoms[0].transpose(order + [axis for axis in range(bottoms[0].ndim) if axis not in order])


@layer("Crop")
def crop(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    x, like = bottoms
    first = axis_index(message.crop_param.axis, x.ndim)
    offsets = list(message.crop_param.offset) or [0]
    if len(offsets) == 1:
        offsets *= x.ndim - first
    ends = [offset + size for offset, size in zip(offsets, like.shape[first:], strict=True)]
    if any(end > size for end, size in zip(ends, x.shape[first:], strict=True)):
        raise ValueError(f"{like.shape[first:]} at {offsets} does not lie in {x.shape[first:]}")
    cuts = (slice(offset, end) for offset, end in zip(offsets, ends, strict=True))
    return x[(*[slice(None)] * first, *cuts)]


@layer("Tile")
def tile(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    axis = axis_index(message.tile_param.axis, bottoms[0].ndim)
    return np.concatenate([bottoms[0]] * message.tile_param.tiles, axis)


@layer("ShuffleChannel")
def shuffle_channel(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    """ShuffleNet's: the first channel of every group, then the second of every group, and so on."""
    x = bottoms[0]
    grouped = x.reshape(x.shape[0], message.shuffle_channel_param.group, -1, *x.shape[2:])
    return grouped.swapaxes(1, 2).reshape(x.shape)


@layer("Upsample")
def upsample(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    """YOLO's: each pixel becomes ``scale`` x ``scale`` of them."""
    if len(bottoms) > 1:
        raise ValueError("the reference has no Upsample by pooling masks")
    factor = message.upsample_param.scale
    return bottoms[0].repeat(factor, axis=-2).repeat(factor, axis=-1)
