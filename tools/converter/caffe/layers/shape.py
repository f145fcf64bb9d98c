"""Layers that only arrange data: Concat, Flatten, Reshape, Split."""

from __future__ import annotations

from collections.abc import Sequence

import openvino as ov
import openvino.opset13 as ops

from omz.converter.caffe.layers.arguments import canonical_axis, count, expect_inputs, static_dims
from omz.converter.caffe.net import Layer
from omz.converter.caffe.registry import translates
from omz.converter.graph import integers, shape_of
from omz.errors import ShapeError


@translates("Split")
def translate_split(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Pass the one input on to every top; Caffe needs such copies for its gradients."""
    expect_inputs(layer, inputs, 1)
    return [inputs[0]] * len(layer.tops)


@translates("Concat")
def translate_concat(layer: Layer, inputs: Sequence[ov.Output]) -> list[ov.Output]:
    """Translate the concatenation of bottoms that differ along ``axis`` (or the old ``concat_dim``) only."""
    expect_inputs(layer, inputs, 1, 1 << 16)
    parameters = layer.params.concat_param
    shapes = [shape_of(blob) for blob in inputs]
    if parameters.HasField("concat_dim") and parameters.HasField("axis"):
        raise ShapeError(f"{layer}: expected axis or concat_dim, not both")
    axis = parameters.concat_dim if parameters.HasField("concat_dim") else parameters.axis
    axis = canonical_axis(layer, axis, len(shapes[0]))
    rest = [shape[:axis] + shape[axis + 1 :] for shape in shapes]
    if any(len(shape) != len(shapes[0]) for shape in shapes) or any(other != rest[0] for other in rest):
        raise ShapeError(f"{layer}: bottoms must agree but for axis {axis}, got {shapes}")
    return [inputs[0]] if len(inputs) == 1 else [ops.concat(list(inputs), axis).output(0)]


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
    return [_reshaped(layer, inputs[0], shape[:start], None, shape[end + 1 :])]


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
    for place, size in enumerate(wanted):
        if size == 0:
            if start + place >= rank:
                raise ShapeError(
                    f"{layer}: shape {wanted}: there is no axis {start + place} in {shape} to copy from"
                )
            wanted[place] = shape[start + place]
    return [_reshaped(layer, inputs[0], shape[:start], wanted, shape[end:])]


def _reshaped(
    layer: Layer, data: ov.Output, before: list[int], middle: list[int] | None, after: list[int]
) -> ov.Output:
    """Reshape to the axes ``before`` (kept), ``middle`` (None: one axis for all that is left) and ``after``."""
    shape = shape_of(data)
    target = [*before, *([-1] if middle is None else middle), *after]
    if shape == target:
        return data
    # A size that is not fixed can be kept where it stands: 0 means that to OpenVINO.
    pattern = [0 if size == -1 and shape[at : at + 1] == [-1] else size for at, size in enumerate(target)]
    if pattern.count(-1) > 1:
        static_dims(layer, data, range(len(shape)))  # raises: which of them takes what is left cannot be told
    if -1 not in shape:
        total, known = count(shape), count([size for size in pattern if size != -1])
        fits = total == known if -1 not in pattern else known > 0 and total % known == 0
        if not fits:
            raise ShapeError(f"{layer}: {shape} cannot become {target}: {total} elements are there")
    return ops.reshape(data, integers(pattern, "shape"), special_zero=True).output(0)
