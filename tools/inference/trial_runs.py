"""What another process does with an IR of others: all that this one is about to. See :mod:`omz.inference.tried`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov

from omz.errors import InferenceError
from omz.inference.classifier import InputOptions, load_classifier
from omz.inference.devices import DeviceOptions
from omz.inference.network import one_line, read_network
from omz.inference.picture_input import picture_input
from omz.inference.tried import this_process_may_die


def read(path: Path) -> None:
    """Read a network."""
    this_process_may_die()
    _check_indices(read_network(ov.Core(), path), path)


def reshape(path: Path, layout: str, shape: Sequence[int]) -> None:
    """Give a network a shape."""
    this_process_may_die()
    picture_input(read_network(ov.Core(), path), path, layout=layout, shape=shape)


def classify(
    path: Path, inputs: InputOptions, labels: str | Path | Sequence[str] | None, output: str
) -> None:
    """Load a classifier, and classify a black picture."""
    read(path)
    classifier = load_classifier(path, DeviceOptions(hint="latency"), inputs, labels, output)
    buffer = classifier.new_buffer()
    buffer[:] = 0
    with one_line(f"{path}: cannot be computed"):
        classifier.compiled.create_infer_request().infer({0: buffer})


def compute(path: Path, layout: str, shape: Sequence[int]) -> None:
    """Compile a network as it is, and compute it for black pictures."""
    read(path)
    core = ov.Core()
    network = read_network(core, path)
    picture = picture_input(network, path, layout=layout, shape=shape)
    dtype = network.input(0).get_element_type().to_dtype()
    with one_line(f"{path}: cannot be computed"):
        compiled = core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        compiled.create_infer_request().infer({0: np.zeros(picture.shape(picture.batch), dtype)})


def _check_indices(network: ov.Model, path: Path) -> None:
    """Refuse indices that lead beyond all sizes: where they lead to in memory differs from process to process."""
    for node in network.get_ops():
        kind = node.get_type_name()
        if not kind.startswith(("Gather", "Scatter")) or node.get_input_size() < 2:
            continue
        shape, source = node.input_value(0).get_partial_shape(), node.input_value(1).get_node()
        if not shape.is_static or source.get_type_name() != "Constant":
            continue
        indices, most = source.data, max([*shape.to_shape(), 1])
        if indices.size and not (-most <= int(indices.min()) and int(indices.max()) < most):
            raise InferenceError(f"{path}: {kind} {node.get_friendly_name()!r} has an index beyond {shape}")
