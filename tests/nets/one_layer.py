"""Nets of one layer: from a prototxt and a caffemodel through the converter and the CPU plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from omz.converter.caffe import caffe_pb2

from . import parse_prototxt
from .conversion import convert_net, run_model


def one_layer(kind: str, parameters: str, shapes: Sequence[Sequence[int]]) -> Any:
    """Return a net with inputs ``x0``, ``x1``... and one layer ``y``.

    Args:
        kind: The layer's type.
        parameters: The rest of the layer, in text form, such as ``relu_param { negative_slope: 2 }``.
        shapes: Shapes of the inputs.
    """
    net = parse_prototxt(f'layer {{ name: "y" type: "{kind}" top: "y" {parameters} }}')
    net.layer[0].bottom.extend(f"x{place}" for place in range(len(shapes)))
    net.input.extend(net.layer[0].bottom)
    net.input_shape.extend(caffe_pb2.BlobShape(dim=shape) for shape in shapes)
    return net


def run_layer(
    kind: str,
    parameters: str,
    *inputs: Any,
    blobs: Sequence[Any] = (),
    free_axes: int | Sequence[int] = 0,
    **options: Any,
) -> np.ndarray:
    """Convert a net of one layer and return its output for the inputs.

    Args:
        kind: The layer's type.
        parameters: See :func:`one_layer`.
        inputs: Arrays, taken as float32.
        blobs: The layer's weights, taken as float32.
        free_axes: The axes of each input that have no fixed size; or how many, from the first on.
        options: As for :func:`~nets.conversion.convert_net`.
    """
    arrays = [np.asarray(array, np.float32) for array in inputs]
    net = one_layer(kind, parameters, [array.shape for array in arrays])
    free = range(free_axes) if isinstance(free_axes, int) else free_axes
    shapes = [[-1 if axis in free else size for axis, size in enumerate(array.shape)] for array in arrays]
    weights = {"y": [np.asarray(blob, np.float32) for blob in blobs]}
    model = convert_net(net, weights, input_shapes=shapes, **options)
    return run_model(model, {f"x{place}": array for place, array in enumerate(arrays)})["y"]
