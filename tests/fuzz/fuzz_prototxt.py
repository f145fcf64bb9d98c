"""Fuzz the Caffe frontend with network definitions: text -> net -> folded net -> OpenVINO's graph -> IR."""

from __future__ import annotations

import zlib
from pathlib import Path
from random import Random

import harness

with harness.measured():
    from omz.converter.caffe.convert import inference_net
    from omz.converter.caffe.emit import emit
    from omz.converter.caffe.folding import fold
    from omz.converter.caffe.weights import with_weights
    from omz.converter.ir import write_ir
    from omz.converter.preprocessing import Preprocessing, bake

from google.protobuf import text_format
from mutations import mutated_message, mutated_text, parsed_text
from seeds import prototxts

from omz.converter.caffe.caffe_pb2 import NetParameter

TEXTS, WEIGHTS = prototxts(150)
NETS = [message for text in TEXTS if (message := parsed_text(text.encode(), NetParameter))]


def convert(path: Path) -> None:
    """Convert with the seeds' weights, which most of the layers of a mutant still find under their names."""
    number = zlib.crc32(path.read_bytes())
    options = {"batch": -1} if number % 8 == 1 else {}
    net, _ = inference_net(path, **options)
    net = with_weights(net, WEIGHTS)
    model = emit(net if number % 4 == 1 else fold(net))
    model = bake(model, Preprocessing(reverse_input_channels=number % 4 == 2))
    if number % 16 == 0:
        write_ir(model, path.parent / "ir" / "net.xml", compress_to_fp16=number % 32 == 0)


def mutate(data: bytes, rng: Random) -> bytes:
    net = parsed_text(data, NetParameter) if rng.random() < 0.8 else None
    if net is None:
        return mutated_text(data, rng)
    mutated_message(net, rng, NETS)
    return text_format.MessageToString(net, as_utf8=True).encode()


if __name__ == "__main__":
    harness.fuzz(convert, "net.prototxt", (text.encode() for text in TEXTS), mutate)
