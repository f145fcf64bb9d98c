"""Interp of DeepLab and PSPNet (``interp_layer.cpp``, ``interp.cpp`` of their forks)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from omz.converter.caffe.caffe_pb2 import InterpParameter, LayerParameter
from omz.converter.caffe.reference.registry import Array, Blob, layer


@layer("Interp")
def interp(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> Array:
    parameters = message.interp_param
    x = bottoms[0]
    for axis, stated in ((2, parameters.height), (3, parameters.width)):
        kept = range(-parameters.pad_beg, x.shape[axis] + parameters.pad_end)  # pads are negative: they crop
        like = bottoms[1].shape[axis] if len(bottoms) > 1 else 0
        x = bilinear(x.take(kept, axis), axis, interp_size(parameters, len(kept), stated, like))
    return x


def interp_size(parameters: InterpParameter, size: int, stated: int, like: int) -> int:
    """Return the output size along one axis: shrunk, then zoomed; or as stated; or that of the second bottom."""
    shrinks, zooms = parameters.HasField("shrink_factor"), parameters.HasField("zoom_factor")
    if (shrinks != zooms) or (shrinks and not stated):
        size = (size - 1) // parameters.shrink_factor + 1
        return size + (size - 1) * (parameters.zoom_factor - 1)
    if not (stated or like):
        raise ValueError("Interp needs a size, a factor or a second bottom")
    return stated or like


def bilinear(x: Array, axis: int, size: int) -> Array:
    """Interpolate linearly along one axis; the first and the last pixel of input and output coincide."""
    last = x.shape[axis] - 1
    places = np.linspace(0, last, size) if size > 1 else np.zeros(1)
    before = np.minimum(places.astype(int), last)
    after = np.minimum(before + 1, last)
    share = (places - before).reshape(-1, *[1] * (x.ndim - 1 - axis))
    y: Array = x.take(before, axis) * (1 - share) + x.take(after, axis) * share
    return y
