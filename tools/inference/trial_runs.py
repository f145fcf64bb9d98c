"""What another process does with an IR of others: all that this one is about to. See :mod:`omz.inference.tried`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov

from omz.inference.classifier import InputOptions, load_classifier
from omz.inference.devices import DeviceOptions
from omz.inference.network import one_line, read_network
from omz.inference.picture_input import picture_input
from omz.inference.tried import this_process_may_die


def read(path: Path) -> None:
    """Read a network."""
    this_process_may_die()
    read_network(ov.Core(), path)


def reshape(path: Path, layout: str, shape: Sequence[int]) -> None:
    """Give a network a shape."""
    this_process_may_die()
    picture_input(read_network(ov.Core(), path), path, layout=layout, shape=shape)


def classify(
    path: Path, inputs: InputOptions, labels: str | Path | Sequence[str] | None, output: str
) -> None:
    """Load a classifier, and classify a black picture."""
    this_process_may_die()
    classifier = load_classifier(path, DeviceOptions(hint="latency"), inputs, labels, output)
    buffer = classifier.new_buffer()
    buffer[:] = 0
    with one_line(f"{path}: cannot be computed"):
        classifier.compiled.create_infer_request().infer({0: buffer})


def compute(path: Path, layout: str, shape: Sequence[int]) -> None:
    """Compile a network as it is, and compute it for black pictures."""
    this_process_may_die()
    core = ov.Core()
    network = read_network(core, path)
    picture = picture_input(network, path, layout=layout, shape=shape)
    dtype = network.input(0).get_element_type().to_dtype()
    with one_line(f"{path}: cannot be computed"):
        compiled = core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        compiled.create_infer_request().infer({0: np.zeros(picture.shape(picture.batch), dtype)})
