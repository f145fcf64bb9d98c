"""Writes caffemodels in every dialect of the format, straight from arrays to the wire.

The wire format is simple enough to write by hand, and a writer of its own neither shares errors with the
reader under test nor copies the weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from omz.converter.caffe import caffe_pb2

Style = Literal["packed", "unpacked", "double", "legacy_shape", "v1"]
Chunk = bytes | memoryview

VARINT, LENGTH_DELIMITED, FIXED32 = 0, 2, 5
LAYER, V1_LAYER = 100, 2  # field numbers of NetParameter
BLOBS, V1_BLOBS = 7, 6  # of LayerParameter and V1LayerParameter
NUM, DATA, SHAPE, DOUBLE_DATA = 1, 5, 7, 8  # of BlobProto; channels, height and width follow num


def write_caffemodel(
    path: Path, net: Any, weights: Mapping[str, Sequence[np.ndarray]], *, style: Style = "packed"
) -> Path:
    """Write the net and its weights as a caffemodel.

    Args:
        path: The file to write.
        net: A NetParameter with ``layer`` entries.
        weights: Blobs of each layer, by its name.
        style: ``packed`` as Caffe writes today; ``unpacked`` has a tag before every float; ``double`` holds
            float64; ``legacy_shape`` has num, channels, height and width; ``v1`` has that and the old ``layers``.

    Returns:
        ``path``.
    """
    chunks: list[Chunk] = []
    if net.name:
        chunks += _message(1, [net.name.encode()])
    for layer in legacy_input(net).layer if style == "v1" else net.layer:
        body: list[Chunk] = []
        number = V1_BLOBS if style == "v1" else BLOBS
        for blob in weights.get(layer.name, ()):
            body += _message(number, _blob(np.asarray(blob), style))
        if style == "v1":
            chunks += _message(V1_LAYER, [v1_layer(layer).SerializeToString(), *body])
        else:
            chunks += _message(LAYER, [layer.SerializeToString(), *body])
    with path.open("wb") as file:
        file.writelines(chunks)
    return path


def _blob(array: np.ndarray, style: Style) -> list[Chunk]:
    legacy = style in ("legacy_shape", "v1")
    shape = _legacy_shape(array.shape) if legacy else _message(SHAPE, _message(1, map(_varint, array.shape)))
    if style == "double":
        return [*shape, *_message(DOUBLE_DATA, [memoryview(np.ascontiguousarray(array, "<f8")).cast("B")])]
    floats = np.ascontiguousarray(array, "<f4")
    if style == "unpacked":
        tagged = np.empty((floats.size, 5), np.uint8)
        tagged[:, 0] = DATA << 3 | FIXED32
        tagged[:, 1:] = floats.reshape(-1, 1).view(np.uint8)
        return [*shape, memoryview(tagged).cast("B")]
    return [*shape, *_message(DATA, [memoryview(floats.reshape(-1)).cast("B")])]


def _legacy_shape(shape: Sequence[int]) -> list[Chunk]:
    """Return num, channels, height and width, with ones in front where there are fewer dimensions."""
    padded = (1,) * (4 - len(shape)) + tuple(shape)
    return [_varint((NUM + place) << 3 | VARINT) + _varint(size) for place, size in enumerate(padded)]


def _varint(value: int) -> bytes:
    """Return a non-negative number in protobuf's base-128 form, low bits first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(number: int, parts: Iterable[Chunk]) -> list[Chunk]:
    """Return a length-delimited field that holds ``parts`` one after another."""
    body = list(parts)
    return [_varint(number << 3 | LENGTH_DELIMITED) + _varint(sum(map(len, body))), *body]


def v1_layer(layer: Any) -> Any:
    """Return a layer in the form before 2014 (``layers { type: CONVOLUTION }``).

    Raises:
        ValueError: The old format has no such type.
    """
    old = caffe_pb2.V1LayerParameter(name=layer.name, bottom=layer.bottom, top=layer.top)
    types = {name.replace("_", ""): number for name, number in caffe_pb2.V1LayerParameter.LayerType.items()}
    try:
        old.type = types[layer.type.upper()]
    except KeyError:
        raise ValueError(f"the old format has no layer type {layer.type}") from None
    for field, value in layer.ListFields():
        if field.name.endswith("_param"):
            getattr(old, field.name).CopyFrom(value)
    old.param.extend(param.name for param in layer.param)
    old.blob_share_mode.extend(param.share_mode for param in layer.param)
    return old


def v1_net(net: Any) -> Any:
    """Return a net in the old form: ``layers``, and its inputs as ``input`` and ``input_dim``."""
    old = legacy_input(net)
    old.layers.extend(v1_layer(layer) for layer in old.layer)
    old.ClearField("layer")
    return old


def legacy_input(net: Any, *, shapes: bool = False) -> Any:
    """Return a net with ``input`` and ``input_dim`` (or ``input_shape``) in place of Input layers."""
    old = caffe_pb2.NetParameter()
    old.CopyFrom(net)
    for layer in [layer for layer in old.layer if layer.type == "Input"]:
        for top, shape in zip(layer.top, layer.input_param.shape, strict=True):
            old.input.append(top)
            if shapes:
                old.input_shape.add().CopyFrom(shape)
            else:
                old.input_dim.extend(shape.dim)
        old.layer.remove(layer)
    return old
