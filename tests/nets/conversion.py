"""Through the converter and OpenVINO's CPU plugin, and back as arrays."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from google.protobuf import text_format

from omz.converter.caffe.convert import convert

from .caffemodel import Style, v1_net, write_caffemodel


def convert_net(
    net: Any, weights: Mapping[str, Sequence[np.ndarray]], *, style: Style = "packed", **options: Any
) -> ov.Model:
    """Write a net and its weights to files, and convert them; ``options`` are those of ``convert``."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "net.prototxt"
        text.write_text(text_format.MessageToString(v1_net(net) if style == "v1" else net))
        model = Path(folder) / "net.caffemodel"
        # A file without any blob is refused; nets without weights get a blob that no layer reads.
        others = {} if any(weights.get(layer.name) for layer in net.layer) else {"unread": [np.zeros(1)]}
        if others:
            extended = type(net)()
            extended.CopyFrom(net)
            extended.layer.add(name="unread", type="Split")
            net = extended
        write_caffemodel(model, net, {**weights, **others}, style=style)
        return convert(text, model, **options)


def run_model(model: ov.Model | Path, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the outputs of a model by name, computed on the CPU in single precision."""
    core = _core()
    model = core.read_model(model) if isinstance(model, Path) else model
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled({name: np.ascontiguousarray(array, np.float32) for name, array in inputs.items()})
    # The names are those of the model: compilation may hand an output the name of what it has been fused with.
    return {name: results[place] for place, output in enumerate(model.outputs) for name in output.get_names()}


@cache
def _core() -> ov.Core:
    return ov.Core()
