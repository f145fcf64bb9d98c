"""Layers that only arrange data, such as Concat, Slice, Reshape and Permute."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.caffe_pb2 import ConcatParameter, SliceParameter
from omz.converter.caffe.layers.arguments import canonical_axis, count, expect_inputs, static_dims
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import constant, integers, shape_of
from omz.errors import ShapeError

MAX_AXES = 32  # of a blob, in Caffe (kMaxBlobAxes)


@translates("Split")
def translate_split(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Pass the one input on to every top; Caffe needs such copies for its gradients."""
    expect_inputs(layer, inputs, 1)
    return [inputs[0]] * len(layer.tops)


@translates("Concat")
def translate_concat(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the concatenation of bottoms that differ along ``axis`` (or the old ``concat_dim``) only."""
    expect_inputs(layer, inputs, 1, 1 << 16)
    shapes = [shape_of(blob) for blob in inputs]
    axis = _axis_or_dim(layer, layer.params.concat_param, "concat_dim", len(shapes[0]))
    rest = [shape[:axis] + shape[axis + 1 :] for shape in shapes]
    if any(len(shape) != len(shapes[0]) for shape in shapes) or any(other != rest[0] for other in rest):
        raise ShapeError(f"{layer}: bottoms must agree but for axis {axis}, got {shapes}")
    return [inputs[0]] if len(inputs) == 1 else [ops.concat(list(inputs), axis).output(0)]


@translates("Slice")
def translate_slice(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the cutting of a blob along ``axis`` (or the old ``slice_dim``) into one part for each top.

    Args:
        layer: Reads ``axis``, ``slice_dim`` and ``slice_point``: where parts end, the last of which ends with the
            bottom. Without any, the parts are equal (``slice_layer.cpp``).
        inputs: One tensor.

    Returns:
        The parts, in order.

    Raises:
        ShapeError: The points do not rise within the axis, are not one less than the tops, or no equal parts are there.
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.slice_param
    shape = shape_of(inputs[0])
    axis = _axis_or_dim(layer, parameters, "slice_dim", len(shape))
    points, tops, size = list(parameters.slice_point), len(layer.tops), shape[axis]
    if points and len(points) != tops - 1:
        raise ShapeError(f"{layer}: {len(points)} slice_point for {tops} tops, expected {tops - 1} or none")
    if not points and size != -1 and size % tops:
        raise ShapeError(f"{layer}: {tops} tops do not divide the {size} of axis {axis} of {shape} equally")
    if tops == 1:
        return [inputs[0]]
    if not points and size == -1:
        return list(ops.split(inputs[0], constant(np.array(axis), "axis"), tops).outputs())
    # Not Split: with a Concat behind it, OpenVINO's preprocessing looks for a reversal of channels, and move it.
    points = points or [size // tops * place for place in range(1, tops)]
    ends = points if size == -1 else [*points, size]
    lengths = [end - begin for begin, end in pairwise([0, *ends])]
    if min(lengths) < 1:
        raise ShapeError(
            f"{layer}: slice_point {points} must rise between 0 and {size} (axis {axis} of {shape})"
        )
    rest = [-1] if size == -1 else []
    cut = ops.variadic_split(
        inputs[0], constant(np.array(axis), "axis"), integers([*lengths, *rest], "lengths")
    )
    return list(cut.outputs())


@translates("Flatten")
def translate_flatten(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the merging of the axes from ``axis`` (1) to ``end_axis`` (the last), both included."""
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.flatten_param
    shape = shape_of(inputs[0])
    start = canonical_axis(layer, parameters.axis, len(shape))
    end = canonical_axis(layer, parameters.end_axis, len(shape))
    if end < start:
        raise ShapeError(f"{layer}: end_axis {parameters.end_axis} lies before axis {parameters.axis}")
    return [_reshaped(layer, inputs[0], start, end + 1, [-1])]


@translates("Reshape")
def translate_reshape(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate a change of shape: 0 keeps the bottom's size at that place, -1 takes what is left.

    Args:
        layer: Reads ``shape``, ``axis`` and ``num_axes``: only the axes from ``axis`` on (``num_axes`` of them, -1 for
            all) are replaced by ``shape`` (``reshape_layer.cpp``).
        inputs: One tensor.

    Returns:
        One tensor with the same number of elements.

    Raises:
        ShapeError: The numbers of elements differ, or there is more than one -1.
    """
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.reshape_param
    shape = shape_of(inputs[0])
    rank = len(shape)
    if not -rank - 1 <= parameters.axis <= rank:
        raise ShapeError(f"{layer}: axis {parameters.axis} of a blob with {rank} axes")
    start = parameters.axis if parameters.axis >= 0 else parameters.axis + rank + 1
    if parameters.num_axes < -1 or start + parameters.num_axes > rank:
        raise ShapeError(f"{layer}: num_axes {parameters.num_axes} from axis {start} on a bottom {shape}")
    end = rank if parameters.num_axes == -1 else start + parameters.num_axes
    wanted = list(parameters.shape.dim)
    if any(size < -1 for size in wanted) or wanted.count(-1) > 1:
        raise ShapeError(f"{layer}: shape {wanted} may have one -1 and nothing below")
    if rank - (end - start) + len(wanted) > MAX_AXES:
        raise ShapeError(f"{layer}: {len(wanted)} sizes in shape; a blob has at most {MAX_AXES} axes")
    if any(size == 0 and start + place >= rank for place, size in enumerate(wanted)):
        raise ShapeError(f"{layer}: shape {wanted}: {shape} has no axis to copy for each 0")
    return [_reshaped(layer, inputs[0], start, end, wanted)]


@translates("Permute")
def translate_permute(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate SSD's reordering of axes: those that ``order`` does not name follow in their order."""
    expect_inputs(layer, inputs, 1)
    shape = shape_of(inputs[0])
    order = list(layer.params.permute_param.order)
    if len(set(order)) < len(order) or any(axis >= len(shape) for axis in order):
        raise ShapeError(f"{layer}: order {order[:9]} must name different axes of {shape}")
    order += [axis for axis in range(len(shape)) if axis not in order]
    return [ops.transpose(inputs[0], integers(order, "order")).output(0)]


@translates("ShuffleChannel")
def translate_shuffle_channel(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate ShuffleNet's exchange between groups: channel ``g*n + i`` of ``group`` x n becomes ``i*group + g``."""
    expect_inputs(layer, inputs, 1)
    group = layer.params.shuffle_channel_param.group
    axis = canonical_axis(layer, 1, len(shape_of(inputs[0])))
    (channels,) = static_dims(layer, inputs[0], [axis])
    if group < 1 or channels % group:
        raise ShapeError(f"{layer}: group {group} (at least 1) must divide {channels} channels")
    return [ops.shuffle_channels(inputs[0], axis, group).output(0)]


@translates("Crop")
def translate_crop(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the cutting of a blob to the size of another, from ``axis`` (2) on, at ``offset`` (``crop_layer.cpp``).

    Args:
        layer: Reads ``axis`` and ``offset``: none (0), one for all axes, or one for each.
        inputs: The tensor to cut, and one that only tells the size; both fixed along the cut axes, or both open, which
            is taken for the same batch.

    Returns:
        The part of the first tensor.

    Raises:
        ShapeError: The part does not lie within the tensor.
    """
    expect_inputs(layer, inputs, 2)
    parameters = layer.params.crop_param
    shape, reference = (shape_of(blob) for blob in inputs)
    start = canonical_axis(layer, parameters.axis, len(shape))
    cropped = range(start, len(shape))
    offsets = list(parameters.offset) or [0]
    offsets = offsets * len(cropped) if len(offsets) == 1 else offsets
    if len(offsets) != len(cropped) or len(reference) < len(shape):
        raise ShapeError(
            f"{layer}: {len(offsets)} offsets for the axes from {start} on of {shape}, cut to {reference}"
        )
    cuts = []  # (axis, begin, end)
    for axis, offset in zip(cropped, offsets, strict=True):
        if shape[axis] == reference[axis] and offset == 0:
            continue
        for blob in inputs:
            static_dims(layer, blob, [axis])
        if offset + reference[axis] > shape[axis]:
            raise ShapeError(
                f"{layer}: {reference[axis]} from offset {offset} on are more than axis {axis} of {shape} has"
            )
        cuts.append((axis, offset, offset + reference[axis]))
    return [sliced(inputs[0], cuts)]


@translates("Tile")
def translate_tile(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the repetition of a blob, ``tiles`` times along ``axis`` (1)."""
    expect_inputs(layer, inputs, 1)
    parameters = layer.params.tile_param
    rank = len(shape_of(inputs[0]))
    axis = canonical_axis(layer, parameters.axis, rank)
    if parameters.tiles < 1:
        raise ShapeError(f"{layer}: tiles must be stated, and at least 1, got {parameters.tiles}")
    repeats = [parameters.tiles if at == axis else 1 for at in range(rank)]
    return [ops.tile(inputs[0], integers(repeats, "repeats")).output(0)]


@translates("Silence")
def translate_silence(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Make nothing of the bottoms; the layer only keeps Caffe from taking them for outputs."""
    expect_inputs(layer, inputs, 1, 1 << 16)
    return []


def sliced(data: ov.Output, cuts: Sequence[tuple[int, int, int]]) -> ov.Output:
    """Return the part of a blob between begin and end along each of some axes: (axis, begin, end)."""
    if not cuts:
        return data
    axes, begins, ends = (list(values) for values in zip(*cuts, strict=True))
    steps = integers([1] * len(cuts), "steps")
    begin, end = integers(begins, "begin"), integers(ends, "end")
    return ops.slice(data, begin, end, steps, integers(axes, "axes")).output(0)


def _axis_or_dim(layer: Layer, parameters: ConcatParameter | SliceParameter, old_name: str, rank: int) -> int:
    """Return the axis, which the older name may state as well; that one cannot count from the back."""
    if not parameters.HasField(old_name):
        return canonical_axis(layer, parameters.axis, rank)
    if parameters.HasField("axis"):
        raise ShapeError(f"{layer}: expected axis or {old_name}, not both")
    return canonical_axis(layer, getattr(parameters, old_name), rank)


def _reshaped(layer: Layer, data: ov.Output, start: int, end: int, wanted: Sequence[int]) -> ov.Output:
    """Replace the axes from ``start`` to before ``end`` by ``wanted``, where 0 copies an axis and -1 takes the rest.

    Sizes that are not fixed are kept if they stay where they are, or if they are what is left: OpenVINO's Reshape
    means the same by 0 and -1, but can move no other size.
    """
    shape = shape_of(data)
    sources = [*range(start), *(start + at if size == 0 else None for at, size in enumerate(wanted))]
    target = [*shape[:start], *(shape[start + at] if size == 0 else size for at, size in enumerate(wanted))]
    sources += range(end, len(shape))
    target += shape[end:]
    inferred = [start + at for at, size in enumerate(wanted) if size == -1]
    kept = sorted(axis for axis in sources if axis is not None and shape[axis] == -1)
    if kept == [
        axis for axis, size in enumerate(shape) if size == -1
    ]:  # so the fixed sizes agree by themselves
        there, stated = (count([size for size in sizes if size != -1]) for sizes in (shape, target))
        if there % stated or (not inferred and there != stated):
            raise ShapeError(f"{layer}: {shape} cannot become {target}: {there} elements are there")
        if inferred:
            target[inferred[0]] = there // stated
    elif not inferred:
        raise ShapeError(
            f"{layer}: {shape} cannot become {target}, which fixes the number of elements. "
            "State -1 or 0 for the size that is not fixed."
        )
    if shape == target:
        return data
    pattern = [
        0 if axis == at and shape[at] == -1 else size
        for at, (axis, size) in enumerate(zip(sources, target, strict=True))
    ]
    if pattern.count(-1) > 1:
        static_dims(layer, data, range(len(shape)))  # raises: which of them takes what is left cannot be told
    return ops.reshape(data, integers(pattern, "shape"), special_zero=True).output(0)
