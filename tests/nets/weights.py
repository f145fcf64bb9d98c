"""Deterministic weights under which a net of any depth stays well-behaved, as a trained one does."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from omz.converter.caffe.reference import active_layers, forward

from .shapes import infer, input_shapes, weight_shapes

Blobs = list[np.ndarray[Any, np.dtype[np.float32]]]

# Caffe adds up statistics with a decay of 0.999 a step and stores that sum's weight beside them; after many
# steps of training it is 999.98 and not 1000, in single precision.
STATISTICS_WEIGHT = 999.98236
LOGITS_DEVIATION = 2.5  # a clear winner, but no certainty, among 1000 classes
BRANCH_GAIN = 0.3  # training starts residual branches near 0; at 1 a deep net would answer chaotically
PICTURES, SIDE = 4, 96  # what the statistics are taken from


def synthetic_weights(
    net: Any, seed: int = 0, *, statistics_weight: float = STATISTICS_WEIGHT, divisor: float = 1
) -> dict[str, Blobs]:
    """Return weights for all layers of ``net``.

    Filters are He-initialized. Then a few small random pictures run through the net, and each layer in turn is
    fitted to them: BatchNorm takes their statistics, and outputs that no BatchNorm follows get mean 0 and
    deviation 1 (logits :data:`LOGITS_DEVIATION`). So activations neither fade nor blow up, and the answer depends
    on the picture, however deep the net. Each layer draws from a stream of its own.

    Args:
        net: A NetParameter with ``layer`` entries, for inputs of about -128..127, over ``divisor``.
        seed: Any non-negative number below 2**64.
        statistics_weight: Third blob of every BatchNorm; its mean and variance are stored times this.
        divisor: What the pictures are divided by before the net sees them.
    """
    small = _shrunk(net)
    blobs = {name: pictures(shape, seed) / np.float32(divisor) for name, shape in input_shapes(small).items()}
    normalized = {name for layer in net.layer if layer.type == "BatchNorm" for name in layer.bottom}
    logits = {name for layer in net.layer if layer.type == "Softmax" for name in layer.bottom}
    branches = {layer.bottom[1] for layer in net.layer if layer.type == "Axpy"}
    weights: dict[str, Blobs] = {}
    for layer in active_layers(small):
        if layer.type == "Input":
            continue
        bottoms = [blobs[name] for name in layer.bottom]
        stream = np.random.Generator(np.random.Philox(key=[seed, _number(layer.name)]))
        drawn = _draw(layer, bottoms, stream, np.float32(statistics_weight))
        if layer.type == "Scale" and layer.top[0] in branches:
            drawn = [blob * np.float32(BRANCH_GAIN) for blob in drawn]
        if layer.type in ("Convolution", "InnerProduct") and layer.top[0] not in normalized:
            _fit(layer, bottoms, drawn, LOGITS_DEVIATION if layer.top[0] in logits else 1.0)
        if drawn:
            weights[layer.name] = drawn
        blobs.update(zip(layer.top, forward(layer, bottoms, drawn), strict=True))
    return weights


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def pictures(shape: tuple[int, ...], seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return inputs in -128..127 of many kinds: from noise without structure to large even tiles, bright and dim."""
    stream = np.random.Generator(np.random.Philox(key=[seed, 0]))
    if len(shape) != 4:
        return stream.uniform(-128, 127, shape).astype(np.float32)
    result = np.empty(shape, np.float32)
    for place, picture in enumerate(result, start=seed):
        tile, contrast = 8 << place % 3, (1.0, 1.0, 1.0, 0.3)[place % 4]
        sides = (shape[1], *(math.ceil(side / tile) for side in shape[2:]))
        coarse = stream.uniform(-128, 127, sides).repeat(tile, axis=1).repeat(tile, axis=2)
        share = (0.0, 0.8, 0.4, 0.9)[place % 4]
        noise = stream.uniform(-128, 127, shape[1:])
        picture[...] = contrast * (share * coarse[:, : shape[2], : shape[3]] + (1 - share) * noise)
    return result


def _shrunk(net: Any) -> Any:
    """Return the net for several smaller pictures, if that leaves the weights' shapes as they are."""
    try:
        shapes, expected = infer(net)
        small = type(net)()
        small.CopyFrom(net)
        for shape in [*small.input_shape, *(s for layer in small.layer for s in layer.input_param.shape)]:
            if len(shape.dim) == 4:
                shape.dim[:] = [PICTURES, shape.dim[1], *(min(side, SIDE) for side in shape.dim[2:])]
        for layer in small.layer:  # pooling over the whole picture must stay that
            pooling = layer.pooling_param
            if pooling.kernel_size and shapes[layer.bottom[0]][2:] == (pooling.kernel_size,) * 2:
                layer.pooling_param.CopyFrom(type(pooling)(pool=pooling.pool, global_pooling=True))
        return small if infer(small)[1] == expected else net
    except ValueError:  # a shape that only fits the net's own size
        return net


def _draw(layer: Any, bottoms: list[Any], stream: np.random.Generator, weight: np.float32) -> Blobs:
    """Return the blobs of one layer, drawn at random or, for BatchNorm, measured on its input."""
    shapes = weight_shapes(layer, [x.shape for x in bottoms])
    match layer.type:
        case "Convolution" | "InnerProduct":
            transposed = layer.type == "InnerProduct" and layer.inner_product_param.transpose
            inputs = shapes[0][0] if transposed else math.prod(shapes[0][1:])
            filters = stream.standard_normal(shapes[0], np.float32)
            filters *= np.float32(math.sqrt(2 / inputs))
            return [filters, *(stream.standard_normal(shape, np.float32) for shape in shapes[1:])]
        case "BatchNorm":
            x = bottoms[0]
            axes = tuple(axis for axis in range(x.ndim) if axis != 1)
            mean, variance = x.mean(axis=axes), x.var(axis=axes)
            variance += 0.1 * variance.mean() + 1e-3  # nearly constant channels stay so
            return [
                np.float32(mean * weight),
                np.float32(variance * weight),
                np.full(shapes[2], weight, np.float32),
            ]
        case "Scale":
            gains = [] if len(bottoms) > 1 else [stream.random(shapes[0], np.float32) * np.float32(0.6) + 0.7]
            biases = [stream.standard_normal(shape, np.float32) * 0.2 for shape in shapes[len(gains) :]]
            return [np.asarray(blob, np.float32) for blob in (*gains, *biases)]
    return []


def _fit(layer: Any, bottoms: list[Any], drawn: Blobs, deviation: float) -> None:
    """Rescale weights, and set the bias if there is one, so that the output has this deviation and mean 0."""
    (y,) = forward(layer, bottoms, drawn)
    channel = 1 if layer.type == "Convolution" else y.ndim - 1
    mean = y.mean(axis=tuple(axis for axis in range(y.ndim) if axis != channel), keepdims=True)
    has_bias = len(drawn) > 1
    spread = float((y - mean if has_bias else y).std()) or 1.0
    drawn[0] *= np.float32(deviation / spread)
    if has_bias:
        drawn[1][...] = (drawn[1] - mean.reshape(drawn[1].shape)) * np.float32(deviation / spread)


def patterned_weights(net: Any) -> dict[str, Blobs]:
    """Return weights made fast, from one short table of numbers: 575 MB in a second, no layer fitted to another.

    For what does not look at the answers. Each layer begins at a place of its own in the table: OpenVINO makes one of
    two convolutions with the same weights and input, and so would hide parameters.
    """
    table = np.random.Generator(np.random.Philox(key=[0, 0])).standard_normal(65521, np.float32)
    kinds = {layer.name: layer.type for layer in active_layers(net)}
    weights: dict[str, Blobs] = {}
    for name, shapes in infer(net)[1].items():
        begun = np.roll(table, _number(name) % len(table))
        blobs = [np.resize(begun, shape) for shape in shapes]
        if kinds[name] in ("BatchNorm", "Scale"):  # gains and variances around 1, all of them positive
            for blob in blobs:
                np.exp(blob / 8, out=blob)
        else:
            blobs[0] *= np.float32(math.sqrt(2 / math.prod(shapes[0][1:])))
        weights[name] = blobs
    return weights
