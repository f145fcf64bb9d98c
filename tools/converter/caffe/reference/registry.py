"""Which function computes which Caffe layer type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omz.converter.caffe.caffe_pb2 import LayerParameter

Array = NDArray[np.float64]
#: A weight blob as the file has it, float32 or float64.
Blob = NDArray[Any]
#: Takes the layer, its bottoms and its weight blobs, returns its tops.
Layer = Callable[[LayerParameter, Sequence[Array], Sequence[Blob]], Sequence[Array]]
SingleTopLayer = Callable[[LayerParameter, Sequence[Array], Sequence[Blob]], Array]

LAYERS: dict[str, Layer] = {}


def layer_of_tops(*types: str) -> Callable[[Layer], Layer]:
    """Register the decorated function for Caffe's layer types of these names."""

    def register(function: Layer) -> Layer:
        LAYERS.update(dict.fromkeys(types, function))
        return function

    return register


def layer(*types: str) -> Callable[[SingleTopLayer], SingleTopLayer]:
    """Register the decorated function, which returns one top, for Caffe's layer types of these names."""

    def register(function: SingleTopLayer) -> SingleTopLayer:
        layer_of_tops(*types)(lambda message, bottoms, blobs: [function(message, bottoms, blobs)])
        return function

    return register


def forward(message: LayerParameter, bottoms: Sequence[Array], blobs: Sequence[Blob]) -> list[Array]:
    """Compute one layer.

    Args:
        message: The layer; its type must be in :data:`LAYERS`.
        bottoms: What it reads, float64.
        blobs: Its weights.

    Returns:
        One array for each of its tops.

    Raises:
        ValueError: Bottoms, weights and parameters do not fit together, or Caffe has no such layer at inference.
    """
    if message.type not in LAYERS:
        raise ValueError(f"layer {message.name!r}: the reference has no type {message.type!r}")
    # Infinities and what comes of them are what Caffe computes, too.
    with np.errstate(all="ignore"):
        return list(LAYERS[message.type](message, bottoms, blobs))


def double(blob: Blob) -> Array:
    """Return a weight blob in float64."""
    return np.asarray(blob, np.float64)
