"""Layers that change the size of images: Interp and Upsample."""

from __future__ import annotations

from collections.abc import Sequence

import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.caffe_pb2 import InterpParameter
from omz.converter.caffe.layers.arguments import expect_inputs, expect_rank, static_dims
from omz.converter.caffe.layers.shape import sliced
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import integers
from omz.errors import ShapeError, UnsupportedLayerError


@translates("Interp")
def translate_interp(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate DeepLab's and PSPNet's bilinear interpolation, corners on corners, into Interpolate.

    Args:
        layer: Reads ``interp_param``; negative ``pad_beg`` and ``pad_end`` cut the image before, see
            :func:`interpolated_size` for the rest.
        inputs: One tensor (N, C, H, W) with fixed H and W; a second one, in some forks, gives the size by its own.

    Returns:
        One tensor (N, C, H_out, W_out).

    Raises:
        ShapeError: No size is stated, or two, or nothing is left of the image.
    """
    expect_inputs(layer, inputs, 1, 2)
    data = inputs[0]
    parameters = layer.params.interp_param
    expect_rank(layer, data, 4)
    whole = static_dims(layer, data, (2, 3))
    begin, end = parameters.pad_beg, parameters.pad_end
    sizes = [size + begin + end for size in whole]
    if begin > 0 or end > 0 or min(sizes) < 1:
        raise ShapeError(
            f"{layer}: pad_beg {begin} and pad_end {end} must be 0 or less, and leave some of the image {whole}"
        )
    if len(inputs) == 2:
        expect_rank(layer, inputs[1], 4)
        if any(parameters.HasField(name) for name in ("height", "width", "zoom_factor", "shrink_factor")):
            raise ShapeError(f"{layer}: the second bottom gives the size; interp_param must not state one")
        target = static_dims(layer, inputs[1], (2, 3))
    else:
        target = interpolated_size(layer, parameters, sizes)
    cuts = (
        [(axis, -begin, size + end) for axis, size in zip((2, 3), whole, strict=True)] if begin or end else []
    )
    cut = sliced(data, cuts)
    return [cut if target == sizes else _interpolated(cut, target, "linear_onnx", "align_corners")]


@translates("Upsample")
def translate_upsample(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the repetition of each pixel ``scale`` times in both directions, as in Caffe's ports of YOLO.

    Args:
        layer: Reads ``scale``.
        inputs: One tensor (N, C, H, W) with fixed H and W.

    Returns:
        One tensor (N, C, scale * H, scale * W).

    Raises:
        ShapeError: The scale is missing or less than 1.
        UnsupportedLayerError: There is a second bottom: SegNet's mask, which tells where pixels go.
    """
    if len(inputs) == 2:
        raise UnsupportedLayerError(f"{layer}: a second bottom (SegNet's mask of a pooling) is not supported")
    expect_inputs(layer, inputs, 1)
    expect_rank(layer, inputs[0], 4)
    scale = layer.params.upsample_param.scale
    if scale < 1:
        raise ShapeError(f"{layer}: scale must be stated, and at least 1, got {scale}")
    target = [scale * size for size in static_dims(layer, inputs[0], (2, 3))]
    return [inputs[0] if scale == 1 else _interpolated(inputs[0], target, "nearest", "asymmetric")]


def interpolated_size(layer: Layer, parameters: InterpParameter, sizes: Sequence[int]) -> list[int]:
    """Return the output size of an Interp with one bottom, by what is stated (``interp_layer.cpp``).

    1. ``shrink_factor`` alone: ``(size - 1) / shrink + 1``, rounded down;
    2. ``zoom_factor`` alone: ``size + (size - 1) * (zoom - 1)``;
    3. ``height`` and ``width``;
    4. both factors: first 1, then 2.

    Raises:
        ShapeError: Nothing is stated, or something less than 1.
    """
    zooms, shrinks = parameters.HasField("zoom_factor"), parameters.HasField("shrink_factor")
    zoom, shrink = parameters.zoom_factor, parameters.shrink_factor
    sized = parameters.HasField("height") and parameters.HasField("width")
    if sized and zooms == shrinks:
        sizes = [parameters.height, parameters.width]
    elif zooms or shrinks:
        if zoom < 1 or shrink < 1:
            raise ShapeError(f"{layer}: zoom_factor {zoom} and shrink_factor {shrink} must be at least 1")
        sizes = [((size - 1) // shrink) * zoom + 1 for size in sizes]
    else:
        raise ShapeError(f"{layer}: expected height and width, zoom_factor, shrink_factor or a second bottom")
    if min(sizes) < 1:
        raise ShapeError(f"{layer}: height {sizes[0]} and width {sizes[1]} must be at least 1")
    return list(sizes)


def _interpolated(data: ov.Output, sizes: list[int], mode: str, coordinates: str) -> ov.Output:
    axes = integers([2, 3], "axes")
    return ops.interpolate(
        data,
        integers(sizes, "sizes"),
        mode,
        "sizes",
        coordinate_transformation_mode=coordinates,
        nearest_mode="floor",
        axes=axes,
    ).output(0)
