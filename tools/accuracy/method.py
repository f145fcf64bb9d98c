"""How a network is measured: by what the zoo says of it, or, if it is of one's own, by what its IR says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import UsageError
from omz.inference.ports import DEFAULT, Ports

if TYPE_CHECKING:
    from omz.accuracy.datasets import Dataset
    from omz.inference.locate import Network
    from omz.inference.preparation import Preparation
    from omz.zoo.accuracy_check import Evaluation
    from omz.zoo.steps import PictureSteps

CONFIG_FILE = "accuracy-check.yml"


def evaluation_of(network: Network, entry: str = "") -> Evaluation | None:
    """Return what the descriptor's folder says of how a model is measured.

    Args:
        network: See :func:`omz.inference.locate.find_network`.
        entry: Which of the models in the file; the first for OpenVINO by default.

    Returns:
        None for a network of one's own, and for a model without such a file.

    Raises:
        DescriptorError: The file is malformed.
    """
    from omz.zoo.accuracy_check import load_evaluation

    # what is there and is no file is no reason to measure in another way: it is told
    if network.model is None or not os.path.lexists(network.model.directory / CONFIG_FILE):
        return None
    return load_evaluation(network.model.directory / CONFIG_FILE, name=entry)


def dataset_of(
    network: Network,
    evaluation: Evaluation | None,
    source: Path | None = None,
    *,
    labels: str | Path = "",
    label_order: str = "",
    annotations: Path | None = None,
    allow_outside: bool = False,
    definitions: Path | None = None,
    subsample: Callable[[int], int] = lambda total: 0,
    seed: int = 0,
    ports: Ports = DEFAULT,
) -> Dataset | None:
    """Return the labelled pictures that a network is measured on.

    Args:
        network: Of which the classes are.
        evaluation: What the zoo says; None for a network of one's own.
        source: Folder of the data; those that come with the toolkit by default.
        labels: Label file, or name of a list, of the network's classes; its own by default.
        label_order: See :func:`omz.accuracy.datasets.open_dataset`, and so the others.
        annotations: The list of pictures and classes.
        allow_outside: Whether the pictures may be anywhere, not in the folder of the data alone.
        definitions: File of dataset definitions, in place of the toolkit's.
        subsample: Gives how many pictures to take, of how many there are; 0 for what the definition says, else all.
        seed: Of their choice.
        ports: What the IR leaves open of its input and output.

    Returns:
        None where no source is given, and none comes with the toolkit.

    Raises:
        InferenceError: The data are not of a known form, or a class is none of the network's.
        DescriptorError: The dataset is not defined.
    """
    from omz.accuracy.datasets import classes_of, open_dataset, open_pictures, take, take_stated
    from omz.accuracy.definitions import load_definition
    from omz.inference.classes import network_classes
    from omz.zoo.labels import labels_source

    classes = network_classes(network.most_exact, labels, ports=ports) if labels else None
    if evaluation is None:
        if source is None:
            return None
        classes = classes or network_classes(network.most_exact, ports=ports)
        dataset = open_pictures(
            source, classes, label_order=label_order, annotations=annotations, allow_outside=allow_outside
        )
        return take(dataset, subsample(len(dataset.samples)), seed)
    definition = load_definition(evaluation.dataset, definitions, evaluation.own)
    if source is None and not definition.bundled:
        return None
    if network.model and isinstance(stated := network.model.model_info.labels, str):
        # for an IR that was converted without them
        listed = labels_source(stated, network.model.directory.resolve())
        definition = definition.model_copy(update={"labels": str(listed)})
    dataset = open_dataset(
        definition,
        source,
        classes=classes or classes_of(definition, network.most_exact, ports),
        label_order=label_order,
        annotations=annotations,
        allow_outside=allow_outside,
    )
    if count := subsample(len(dataset.samples)):
        return take(dataset, count, seed)
    return take_stated(dataset, definition)


def asked_for(dataset: Dataset | None, evaluation: Evaluation | None, option: str = "-s") -> Dataset:
    """Return the dataset.

    Raises:
        UsageError: There is none; says which folder to give.
    """
    if dataset is not None:
        return dataset
    if evaluation is None:
        raise UsageError(
            f"give the folder of labelled pictures with {option}: the network is none of the zoo's"
        )
    raise UsageError(
        f"dataset {evaluation.dataset!r} does not come with the toolkit. Give its folder with {option}."
    )


def preparation_for(
    xml: Path,
    evaluation: Evaluation | None,
    config: Path | str = CONFIG_FILE,
    ports: Ports = DEFAULT,
    asked: PictureSteps | None = None,
) -> Preparation:
    """Return what makes a picture file the input of an IR: as asked for, or the zoo says, or the IR does.

    Args:
        xml: Of the IR.
        evaluation: What the zoo says; None for a network of one's own.
        config: Where it says so.
        ports: What the IR leaves open of its input.
        asked: Steps that whoever measures asks for, whatever the others say.

    Raises:
        InferenceError: The steps do not fit the network, or need Pillow, which is not installed.
        DescriptorError: What the IR says is malformed.
    """
    from omz.accuracy.evaluation import input_shape
    from omz.inference.recorded import preparation_of

    if asked is not None:
        return preparation_of(xml, input_shape(xml, ports), asked, "as asked for")
    steps = evaluation.steps if evaluation else None
    return preparation_of(xml, input_shape(xml, ports), steps, f"as {config} says")
