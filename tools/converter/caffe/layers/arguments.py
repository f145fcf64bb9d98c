"""Checks and small constructions that several translators share."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray

from omz.converter.caffe.net import Layer
from omz.errors import ShapeError


def shape_of(output: ov.Output) -> list[int]:
    """Return the shape of a blob; -1 stands for a dimension that is not fixed."""
    return [dim.get_length() if dim.is_static else -1 for dim in output.get_partial_shape()]


def static_dims(layer: Layer, blob: ov.Output, axes: Sequence[int]) -> list[int]:
    """Return the sizes along ``axes``.

    Raises:
        ShapeError: One of them is not fixed.
    """
    shape = shape_of(blob)
    sizes = [shape[axis] for axis in axes]
    if -1 in sizes:
        raise ShapeError(f"{layer}: needs fixed sizes, got {shape}. Fix them with --input_shape.")
    return sizes


def canonical_axis(layer: Layer, axis: int, rank: int) -> int:
    """Return ``axis`` counted from the front; Caffe counts negative axes from the back.

    Raises:
        ShapeError: There is no such axis.
    """
    if not -rank <= axis < rank:
        raise ShapeError(f"{layer}: axis {axis} of a blob with {rank} axes")
    return axis % rank


def expect_rank(layer: Layer, blob: ov.Output, rank: int) -> list[int]:
    """Return the shape of a blob that must have ``rank`` axes."""
    shape = shape_of(blob)
    if len(shape) != rank:
        raise ShapeError(f"{layer}: expected a bottom with {rank} axes, got {shape}")
    return shape


def expect_inputs(layer: Layer, inputs: Sequence[ov.Output], least: int, most: int | None = None) -> None:
    """Check the number of bottoms."""
    most = least if most is None else most
    if not least <= len(inputs) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ShapeError(f"{layer}: has {len(inputs)} bottoms, expected {wanted}")


def expect_equal_shapes(layer: Layer, inputs: Sequence[ov.Output]) -> None:
    """Check that all bottoms have one shape; Caffe never broadcasts."""
    shapes = [shape_of(blob) for blob in inputs]
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(f"{layer}: bottoms must have one shape, got {shapes}")


def weights(layer: Layer, *expected: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Return the layer's blobs as float32 in the expected shapes.

    Blobs from before 2014 have four dimensions, filled up with ones in front, so ones may be missing or superfluous.

    Raises:
        ShapeError: The number of blobs, or the shape of one, is not as expected; tells both.
    """
    if len(layer.blobs) != len(expected):
        found = ", ".join(str(blob.shape) for blob in layer.blobs) or "none"
        wanted = ", ".join(map(str, expected)) or "none"
        raise ShapeError(
            f"{layer}: the caffemodel has {len(layer.blobs)} blobs ({found}), the prototxt asks for "
            f"{len(expected)} ({wanted}). Check that both files are of one net."
        )
    arrays = []
    for number, (blob, shape) in enumerate(zip(layer.blobs, expected, strict=True)):
        if [n for n in blob.shape if n != 1] != [n for n in shape if n != 1]:
            raise ShapeError(
                f"{layer}: blob {number} of the caffemodel is {blob.shape}, the prototxt asks for {shape}. "
                "Check that both files are of one net."
            )
        arrays.append(blob.astype(np.float32, copy=False).reshape(shape))
    return arrays


def constant(values: NDArray[Any], role: str) -> ov.Output:
    """Return a constant that uses the memory of ``values``; ``role`` becomes part of its name."""
    contiguous = (
        values if values.flags.c_contiguous else np.ascontiguousarray(values)
    )  # the latter makes 0-d 1-d
    node = ov.op.Constant(contiguous, shared_memory=True)
    node.set_friendly_name(role)
    return node.output(0)


def integers(values: Sequence[int], role: str) -> ov.Output:
    """Return a constant of int64 numbers, such as a shape."""
    return constant(np.array(values, dtype=np.int64), role)


def per_channel(values: NDArray[np.float32], axis: int, rank: int, role: str) -> ov.Output:
    """Return a constant whose axes stand at ``axis`` and after, so that it broadcasts over a blob of ``rank`` axes."""
    shape = [1] * axis + list(values.shape) + [1] * (rank - axis - values.ndim)
    return constant(values.reshape(shape), role)


def added_bias(blob: ov.Output, bias: NDArray[np.float32], axis: int) -> ov.Output:
    """Return ``blob`` plus a bias along ``axis``."""
    rank = len(blob.get_partial_shape())
    return ops.add(blob, per_channel(bias, axis, rank, "bias")).output(0)


def count(shape: Sequence[int]) -> int:
    """Return the number of elements; every size must be fixed."""
    return prod(shape)
