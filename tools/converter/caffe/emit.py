"""Write a network in OpenVINO's operations: :class:`Net` -> ``openvino.Model``."""

from __future__ import annotations

import numpy as np
import openvino as ov
import openvino.opset13 as ops

import omz.converter.caffe.layers  # noqa: F401 - registers the translators
from omz.converter.caffe.net import Layer, Net
from omz.converter.caffe.registry import is_supported, supported_types, translator_of
from omz.converter.graph import NodeNames, check_size, explained
from omz.errors import ShapeError, UnsupportedLayerError


def refuse_unsupported(net: Net) -> None:
    """Report every layer that has no translator, all at once.

    Raises:
        UnsupportedLayerError: Names the types, some layers of each, and the types that are supported.
    """
    unknown: dict[str, list[str]] = {}
    for layer in net.layers:
        if not is_supported(layer.type):
            unknown.setdefault(_called(layer), []).append(layer.name)
    if unknown:
        described = []
        for layer_type, names in unknown.items():
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            described.append(f"{layer_type} ({', '.join(map(repr, names[:2]))}{more})")
        raise UnsupportedLayerError(
            f"layers that are not supported: {', '.join(described)}.\nSupported: {', '.join(supported_types())}."
        )


def _called(layer: Layer) -> str:
    """Return what a layer's type is called; a Python layer goes by its class."""
    if layer.type == "Python":
        code = layer.params.python_param
        return f"Python {code.module}.{code.layer}"
    return layer.type or "no type"


def emit(net: Net) -> ov.Model:
    """Translate a network, layer by layer.

    Every node is named after its layer, whatever else the process has built before, so that the same network gives
    the same bytes. Tensors have the names of the prototxt's blobs.

    Raises:
        UnsupportedLayerError: See :func:`refuse_unsupported`.
        ShapeError: A layer does not fit its inputs or its weights; names the layer.
    """
    refuse_unsupported(net)
    names = NodeNames()
    blobs: dict[str, ov.Output] = {}
    parameters = []
    for name, shape in net.inputs.items():
        with explained(f"input {name!r}"):
            parameter = ops.parameter(ov.PartialShape(list(shape)), np.float32, name=name)
        names.take(parameter, name)
        blobs[name] = parameter.output(0)
        check_size(f"input {name!r}", parameter.output(0))
        parameters.append(parameter)
    for layer in net.layers:
        inputs = [blobs[bottom] for bottom in layer.bottoms]
        with explained(str(layer)):
            outputs = translator_of(layer.type)(layer, inputs)
        if len(outputs) != len(layer.tops):
            raise ShapeError(f"{layer}: has {len(layer.tops)} tops, expected {len(outputs)}")
        for top, output in zip(layer.tops, outputs, strict=True):
            check_size(str(layer), output)
            blobs[top] = output
        names.name_layer(layer.name, outputs)
    for blob, name in net.names.items():
        if blob in blobs:
            blobs[blob].get_tensor().add_names({name})
    return ov.Model(_results(net, blobs), parameters, net.name or "net")


def _results(net: Net, blobs: dict[str, ov.Output]) -> list[ov.Node]:
    results = []
    for name, blob in net.outputs.items():
        blobs[blob].get_tensor().add_names({name})
        result = ops.result(blobs[blob])
        result.set_friendly_name(f"{name}/sink_port_0")
        results.append(result)
    return results
