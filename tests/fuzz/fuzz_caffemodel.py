"""Fuzz the Caffe frontend with weights, binary and text, and with mean pictures."""

from __future__ import annotations

import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from random import Random

import harness

with harness.measured():
    from omz.converter.caffe.caffemodel import read_mean
    from omz.converter.caffe.convert import convert
    from omz.converter.ir import write_ir

import numpy as np
from mutations import mutated_message, mutated_text, mutated_wire, parsed_wire
from seeds import old_net, text_caffemodel

from nets import parse_prototxt, prototxt, synthetic_weights, write_caffemodel
from omz.converter.caffe.caffe_pb2 import BlobProto, BlobShape, NetParameter
from omz.errors import ZooError

# Few weights of every kind, which fold into each other and are shared.
SMALL = """
input: "data" input_shape { dim: 1 dim: 3 dim: 4 dim: 4 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "same" type: "Convolution" bottom: "conv" top: "same"
  convolution_param { num_output: 4 kernel_size: 1 group: 2 bias_term: false } }
layer { name: "shift" type: "Bias" bottom: "same" top: "same" }
layer { name: "ip" type: "InnerProduct" bottom: "same" top: "ip" param { } param { name: "b" }
  inner_product_param { num_output: 3 } }
layer { name: "again" type: "InnerProduct" bottom: "ip" top: "again" param { name: "w" } param { name: "b" }
  inner_product_param { num_output: 3 transpose: true } }
"""
SHAPES = {
    "conv": [(4, 3, 3, 3), (4,)],
    "bn": [(4,), (4,), (1,)],
    "scale": [(4,), (4,)],
    "prelu": [(4,)],
    "same": [(4, 2, 1, 1)],
    "shift": [(4,)],
    "ip": [(3, 16), (3,)],
    "again": [(3, 3), (3,)],
}
NET = parse_prototxt(SMALL)
WEIGHTS = {name: [np.ones(shape, np.float32) for shape in shapes] for name, shapes in SHAPES.items()}


def seeds(folder: Path) -> list[bytes]:
    """Return the weights of the small nets in every dialect, and a mean picture."""
    path, old = folder / "m", old_net()
    contents = [
        write_caffemodel(path, net, weights, style=style).read_bytes()
        for net, weights, styles in (
            (NET, WEIGHTS, ["packed", "unpacked", "double", "legacy_shape"]),
            (old, synthetic_weights(old), ["packed", "v1"]),
        )
        for style in styles
    ]
    mean = BlobProto(shape=BlobShape(dim=[1, 3, 2, 2]), data=[np.arange(12, dtype="<f4").tobytes()])
    return [*contents, text_caffemodel(NET, WEIGHTS).encode(), mean.SerializeToString()]


def read(path: Path) -> None:
    with suppress(ZooError):
        read_mean(path)
    number = zlib.crc32(path.read_bytes())
    text = path.parent / ("old.prototxt" if b"old_conv" in path.read_bytes() else "net.prototxt")
    if not text.exists():
        text.write_text(prototxt(old_net() if text.stem == "old" else NET))
    model = convert(text, path, fuse=number % 4 != 1)
    if number % 16 == 0:
        write_ir(model, path.parent / "ir" / "net.xml", compress_to_fp16=number % 32 == 0)


def mutate(data: bytes, rng: Random) -> bytes:
    if data[:1].isalpha() and data[:5].isascii():
        return mutated_text(data, rng)
    kind = BlobProto if data[:1] in b"\x2a\x3a\x08" else NetParameter
    message = parsed_wire(data, kind) if rng.random() < 0.6 else None
    if message is None:
        return mutated_wire(data, rng)
    try:
        mutated_message(message, rng)
    except UnicodeDecodeError:  # a name that protobuf's runtime takes in, but not out again
        return mutated_wire(data, rng)
    return message.SerializeToString()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        contents = seeds(Path(folder))
    harness.fuzz(read, "net.caffemodel", contents, mutate)
