"""The classes of a converted network, by what its IR says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omz.errors import InferenceError
from omz.inference.ports import DEFAULT, Ports
from omz.zoo.class_list import ClassList


def network_classes(
    xml: str | Path,
    labels: str | Path | Sequence[str] | None = None,
    *,
    ports: Ports = DEFAULT,
) -> ClassList:
    """Read which classes a network tells apart, without compiling it.

    Args:
        xml: Of the IR.
        labels: Label file, name of a label list or the names themselves; by default those of the IR, if it has any.
        ports: What the IR leaves open.

    Raises:
        InferenceError: The IR or the labels cannot be used.
    """
    import openvino as ov

    from omz.inference.classifier import InputOptions, read_classifier
    from omz.inference.locate import find_model
    from omz.inference.tried import require_runnable

    if Path(xml).suffix != ".xml" and Path(xml).is_file():
        raise InferenceError(f"{xml}: expected the .xml file of an IR")
    path = find_model(xml)
    inputs = InputOptions(ports.layout, shape=ports.shape)
    require_runnable(
        path, inputs, labels, ports.output
    )  # as it is about to be; here it is given a batch of 1
    read = read_classifier(ov.Core(), path, inputs, labels, ports.output)
    if read.output.classes is None:
        raise InferenceError(f"{path}: names classes, and does not tell of how many. Give their --labels")
    return ClassList.of_network(read.labels, read.output.classes)
