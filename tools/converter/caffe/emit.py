"""Write a network in OpenVINO's operations: :class:`Net` -> ``openvino.Model``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import openvino as ov
import openvino.opset13 as ops

import omz.converter.caffe.layers  # noqa: F401 - registers the translators
from omz.converter.caffe.layers.arguments import shape_of
from omz.converter.caffe.net import Layer, Net
from omz.converter.caffe.registry import is_supported, supported_types, translator_of
from omz.errors import ShapeError, UnsupportedLayerError, ZooError

#: No blob of a classifier comes near; one that does is a mistake, or meant to exhaust the machine.
MAX_ELEMENTS = 1 << 31


def refuse_unsupported(net: Net) -> None:
    """Report every layer that has no translator, all at once.

    Raises:
        UnsupportedLayerError: Names the types, some layers of each, and the types that are supported.
    """
    unknown: dict[str, list[str]] = {}
    for layer in net.layers:
        if not is_supported(layer.type):
            unknown.setdefault(layer.type, []).append(layer.name)
    if unknown:
        described = []
        for layer_type, names in unknown.items():
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            described.append(f"{layer_type or 'no type'} ({', '.join(map(repr, names[:2]))}{more})")
        raise UnsupportedLayerError(
            f"layers that are not supported: {', '.join(described)}.\nSupported: {', '.join(supported_types())}."
        )


def emit(net: Net) -> ov.Model:
    """Translate a network, layer by layer.

    Every node is named after its layer, whatever else the process has built before, so that the same network gives
    the same bytes. Tensors have the names of the prototxt's blobs.

    Raises:
        UnsupportedLayerError: See :func:`refuse_unsupported`.
        ShapeError: A layer does not fit its inputs or its weights; names the layer.
    """
    refuse_unsupported(net)
    names = _Names()
    blobs: dict[str, ov.Output] = {}
    parameters = []
    for name, shape in net.inputs.items():
        with _explained(f"input {name!r}"):
            parameter = ops.parameter(ov.PartialShape(list(shape)), np.float32, name=name)
        names.take(parameter, name)
        blobs[name] = parameter.output(0)
        _check_size(f"input {name!r}", parameter.output(0))
        parameters.append(parameter)
    for layer in net.layers:
        inputs = [blobs[bottom] for bottom in layer.bottoms]
        with _explained(str(layer)):
            outputs = translator_of(layer.type)(layer, inputs)
        for top, output in zip(layer.tops, outputs, strict=True):
            _check_size(str(layer), output)
            blobs[top] = output
        names.name_layer(layer, outputs)
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


class _Names:
    """Gives every node a name that says where it comes from and is unique in the model."""

    def __init__(self) -> None:
        self._named: set[str] = set()  # by OpenVINO's own name of the node, which is unique in the process
        self._taken: set[str] = set()

    def take(self, node: ov.Node, wanted: str) -> None:
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        self._named.add(node.get_name())
        node.set_friendly_name(name)

    def name_layer(self, layer: Layer, outputs: Sequence[ov.Output]) -> None:
        """Name the nodes that a translator has made: the last after the layer, the others under it."""
        pending = []
        for output in outputs:
            node = output.get_node()
            if node.get_name() not in self._named:
                self.take(node, layer.name)
                pending.append(node)
        while pending:
            for value in pending.pop().input_values():
                node = value.get_node()
                if node.get_name() in self._named:
                    continue
                role = node.get_friendly_name()  # set by the translator, or OpenVINO's own
                self.take(node, f"{layer.name}/{node.get_type_name() if role == node.get_name() else role}")
                pending.append(node)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turn what OpenVINO raises about shapes into an error that names the layer."""
    try:
        yield
    except ZooError:
        raise
    except (RuntimeError, ValueError, OverflowError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ShapeError(f"{where}: {lines[-1] if lines else type(error).__name__}") from error


def _check_size(where: str, output: ov.Output) -> None:
    elements = 1
    for size in shape_of(output):
        elements *= max(size, 1)
    if elements > MAX_ELEMENTS:
        raise ShapeError(
            f"{where}: asks for a blob of shape {shape_of(output)}; more than 2^31 elements are refused"
        )
