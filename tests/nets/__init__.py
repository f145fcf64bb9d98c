"""Nets for the tests and benchmarks: generated prototxts, deterministic weights, and files made of them.

Import it with ``tests/`` on the path, where pytest puts it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from omz.converter.caffe import caffe_pb2

from .builder import NetBuilder, prototxt
from .caffemodel import Style, legacy_input, v1_layer, v1_net, write_caffemodel
from .senets import se_inception, se_resnet, se_resnext
from .shapes import infer, input_shapes
from .weights import patterned_weights, pictures, synthetic_weights

__all__ = [
    "NetBuilder",
    "infer",
    "input_shapes",
    "legacy_input",
    "make_model",
    "parse_prototxt",
    "patterned_weights",
    "pictures",
    "prototxt",
    "se_inception",
    "se_resnet",
    "se_resnext",
    "synthetic_weights",
    "v1_layer",
    "v1_net",
    "write_caffemodel",
    "write_model",
]


def parse_prototxt(source: str | Path) -> Any:
    """Return the NetParameter of a prototxt's text, or of the file at a path."""
    text = source.read_text() if isinstance(source, Path) else source
    return text_format.Parse(text, caffe_pb2.NetParameter(), allow_unknown_field=True)


def write_model(
    folder: Path, net: Any, weights: Any, *, name: str = "net", style: Style = "packed"
) -> tuple[Path, Path]:
    """Write a net and its weights as ``<name>.prototxt`` and ``<name>.caffemodel``; return both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / f"{name}.prototxt"
    text.write_text(prototxt(v1_net(net) if style == "v1" else net))
    return text, write_caffemodel(folder / f"{name}.caffemodel", net, weights, style=style)


def make_model(folder: Path, source: Path, seed: int = 0) -> tuple[Path, Path]:
    """Give the net of a prototxt synthetic weights.

    Args:
        folder: Where a copy of the prototxt and the caffemodel go, named as the prototxt is.
        source: The prototxt.
        seed: Determines the weights.

    Returns:
        The paths of prototxt and caffemodel.
    """
    net = parse_prototxt(source)
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / source.name
    text.write_bytes(source.read_bytes())
    return text, write_caffemodel(folder / f"{source.stem}.caffemodel", net, synthetic_weights(net, seed))
