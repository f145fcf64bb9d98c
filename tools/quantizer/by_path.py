"""Quantization of a network that is named, with pictures in any form: what the command and ``omz.quantize`` share."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import InferenceError, UsageError
from omz.inference.ports import DEFAULT as DEFAULT_PORTS
from omz.inference.ports import Ports
from omz.quantizer.options import DEFAULT_SUBSET, Options

if TYPE_CHECKING:
    from omz.quantizer.calibration import Sample
    from omz.quantizer.quantize import Quantized
    from omz.quantizer.tasks import Task
    from omz.zoo.accuracy_check import Evaluation
    from omz.zoo.class_list import ClassList
    from omz.zoo.steps import PictureSteps

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures to calibrate with.

    Attributes:
        source: Their folder, or a list; None for those that come with the toolkit, where there are any.
        labels: Label file or list name, of the network's classes; '' for those of the IR.
        label_order: Name of the class list that a list's indexes follow; '' to find out.
        annotations: The list of the pictures and their classes; looked for by default.
        definitions: File of dataset definitions, in place of the toolkit's.
        count: How many are chosen at most.
        seed: Of their choice.
        option: What names the source, for messages.
        steps: How they are prepared; None for what the zoo or the IR says.
        allow_outside: Whether they may be anywhere, not in the folder of the data alone.
    """

    source: Path | None = None
    labels: str | Path = ""
    label_order: str = ""
    annotations: Path | None = None
    definitions: Path | None = None
    count: int = DEFAULT_SUBSET
    seed: int = 0
    option: str = "--source"
    steps: PictureSteps | None = None
    allow_outside: bool = False


def quantize(
    model: str | Path,
    source: str | Path | None = None,
    output: str | Path | None = None,
    *,
    precision: str = "",
    preset: str = "performance",
    bias_correction: str = "",
    target_device: str = "CPU",
    max_drop: float | None = None,
    subset_size: int = DEFAULT_SUBSET,
    seed: int = 0,
    labels: str | Path = "",
    label_order: str = "",
    annotations: str | Path | None = None,
    allow_outside: bool = False,
    models_dir: str | Path = ".",
    models_root: str | Path | None = None,
) -> Quantized:
    """Quantize a converted network to 8 bits. Needs NNCF.

    Args:
        model: Path of an IR's ``.xml``, a folder of IRs, or the name of a converted model.
        source: Folder of pictures; their classes need not be known, but for a ``max_drop``.
        output: The ``.xml`` to write, or a folder for ``<precision>/<name>.xml``; beside the IR by default.
        precision: ``FP16-INT8`` or ``FP32-INT8``: of the IR to start from, and of what stays in floating point; by
            default that of the most exact IR that is there.
        preset: 'performance', or 'mixed': activations may have a zero point.
        bias_correction: 'fast' or 'full'; '' chooses by the network.
        target_device: 'CPU', 'GPU' or 'NPU'.
        max_drop: How much may be lost, as a share; layers go back to floating point until it holds.
        subset_size: How many pictures to calibrate with.
        seed: Of their choice.
        labels: Label file or list name, of the network's classes; those of the IR by default.
        label_order: Name of the class list that a list's indexes follow; found out by default.
        annotations: The list of the pictures and their classes; looked for by default.
        allow_outside: Whether names in a list and links may lead out of the folder of the data, or of the list.
        models_dir: The tree of converted models, for names.
        models_root: Folder of descriptors; ``OMZ_MODELS_ROOT`` or the toolkit's own by default.

    Returns:
        What became of it; its ``xml`` is the path of the new IR.

    Raises:
        UsageError: NNCF is not installed, or there are no pictures.
        InferenceError: The network or the pictures cannot be used.
        ConversionError: It cannot be quantized, or loses more than ``max_drop``; nothing is written.
    """
    from omz.inference.locate import find_network
    from omz.quantizer.tasks import task_of

    root = None if models_root is None else Path(models_root)
    network = find_network(model, Path(models_dir), root=root, known_to_zoo=True)
    task = task_of(network, precision, None if output is None else Path(output))
    pictures = Pictures(
        None if source is None else Path(source),
        labels,
        label_order,
        None if annotations is None else Path(annotations),
        count=subset_size,
        seed=seed,
        option="source",
        allow_outside=allow_outside,
    )
    options = Options(preset, bias_correction, "", target_device, max_drop)
    return quantize_task(task, options, pictures)


def quantize_task(
    task: Task, options: Options, pictures: Pictures, ports: Ports = DEFAULT_PORTS
) -> Quantized:
    """Make one IR of another.

    Raises:
        ZooError: See :func:`quantize`.
    """
    from omz.accuracy.method import evaluation_of, preparation_for
    from omz.files import check_writable
    from omz.quantizer.quantize import quantize_model
    from omz.zoo.catalogue import root_flags, root_of

    if not task.xml.is_file():
        precision = task.precision.removesuffix("-INT8")
        model = task.network.model
        root = root_flags(root_of(model)) if model else []
        words = ["omz_converter", "--name", task.network.name, *root, "--precisions", precision]
        raise UsageError(f"{task.xml}: is not there. Make it with: {shlex.join(words)}")
    check_writable(task.output, "--output")
    evaluation = evaluation_of(task.network)
    samples, validation = _find(task, evaluation, pictures, ports, measured=options.max_drop is not None)
    preparation = preparation_for(task.xml, evaluation, ports=ports, asked=pictures.steps)
    log.info("%s %s: pictures: %s", task.network.name, task.precision, preparation.told)
    return quantize_model(
        task.xml,
        samples,
        preparation,
        options,
        output=task.output,
        validation=validation,
        compress_to_fp16=task.precision.startswith("FP16"),
        ports=ports,
        seed=pictures.seed,
    )


def _find(
    task: Task, evaluation: Evaluation | None, pictures: Pictures, ports: Ports, *, measured: bool
) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Return the pictures to calibrate with, and those to measure on where that is asked for.

    Raises:
        ZooError: There are none, or their classes are needed and cannot be told.
    """
    from omz.accuracy.datasets import classes_of
    from omz.accuracy.definitions import Definition, load_definition
    from omz.inference.classes import network_classes
    from omz.quantizer.pictures import find_pictures

    source, labels = pictures.source, pictures.labels or None
    if evaluation is None:
        if source is None:
            raise UsageError(
                f"give a folder of pictures with {pictures.option}: the network is none of the zoo's"
            )
        definition = Definition(name=source.resolve().name or str(source))
        # pictures are enough; which classes there are counts only where they are measured on
        find = network_classes if measured else _classes
        classes = find(task.xml, labels, ports=ports)
    else:
        definition = load_definition(evaluation.dataset, pictures.definitions, evaluation.own)
        if source is None and not definition.bundled:
            raise UsageError(
                f"dataset {definition.name!r} does not come with the toolkit. Give its folder with {pictures.option}"
            )
        own = labels and network_classes(task.xml, labels, ports=ports)
        classes = own or classes_of(definition, task.xml, ports)
    return find_pictures(
        definition,
        source,
        classes,
        count=pictures.count,
        seed=pictures.seed,
        classes_needed=measured,
        label_order=pictures.label_order,
        annotations=pictures.annotations,
        allow_outside=pictures.allow_outside,
        source_option=pictures.option,
    )


def _classes(xml: Path, labels: str | Path | None, *, ports: Ports) -> ClassList:
    """Return the classes of a network; none where its output does not tell them."""
    from omz.inference.classes import network_classes
    from omz.zoo.class_list import ClassList

    try:
        return network_classes(xml, labels, ports=ports)
    except InferenceError as error:
        if labels:
            raise
        log.debug("%s", error)
        return ClassList(())
