"""Checks and small constructions that several translators share."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from omz.converter.caffe.net import Layer
from omz.converter.graph import MAX_ELEMENTS, shape_of
from omz.errors import ShapeError


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


def expect_tops(layer: Layer, least: int, most: int | None = None) -> None:
    """Check the number of tops."""
    most = least if most is None else most
    if not least <= len(layer.tops) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ShapeError(f"{layer}: has {len(layer.tops)} tops, expected {wanted}")


def expect_feasible(layer: Layer, shape: Sequence[int]) -> None:
    """Refuse a blob that is needed in between, such as a padded one, if no machine could hold it.

    Raises:
        ShapeError: It has more than :data:`~omz.converter.graph.MAX_ELEMENTS` elements.
    """
    if prod(shape) > MAX_ELEMENTS:
        raise ShapeError(f"{layer}: needs a blob of shape {list(shape)}; more than 2^31 elements are refused")


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


def count(shape: Sequence[int]) -> int:
    """Return the number of elements; every size must be fixed."""
    return prod(shape)
