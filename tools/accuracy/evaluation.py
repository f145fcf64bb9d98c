"""Run a network over a dataset: asynchronous, in the demos' pipeline, with the dataset's own preprocessing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from omz.accuracy.picture_facts import picture_facts
from omz.accuracy.report import Answer, Problem, Report
from omz.errors import InferenceError
from omz.inference.ports import DEFAULT, Ports
from omz.outgoing import printable
from omz.zoo.label_order import orders_of
from omz.zoo.labels import load_labels

if TYPE_CHECKING:
    from omz.accuracy.datasets import Dataset, Sample
    from omz.accuracy.progress import Progress
    from omz.inference.classifier import Classifier
    from omz.inference.devices import DeviceOptions
    from omz.inference.picture_input import PictureInput
    from omz.inference.preparation import Picture, Preparation
    from omz.inference.sources import Frame

_log = logging.getLogger(__name__)

MISSING, UNREADABLE = "missing", "unreadable"
RANKS = 5


def evaluate(
    xml: Path,
    dataset: Dataset,
    prepare: Preparation,
    *,
    device: str | DeviceOptions = "CPU",
    precision: str = "",
    requests: int = 0,
    ranks: int = RANKS,
    resume: Path | None = None,
    ports: Ports = DEFAULT,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Measure a network on a dataset. The result does not depend on timing or the number of requests.

    Args:
        xml: Of the IR.
        dataset: Labelled pictures.
        prepare: Makes a picture file the network's input.
        device: OpenVINO device string, or a device with settings.
        precision: Of execution: 'f32', 'f16', 'bf16', or '' for the device's own choice.
        requests: Infer requests in flight; 0 lets the device choose.
        ranks: How many classes of each picture to keep.
        resume: File for the answers so far, continued if it is of the same network, dataset and settings, and
            removed in the end.
        ports: What the IR leaves open of its input and output.
        progress: Called with the number of pictures done and of all.

    Raises:
        InferenceError: The network cannot be used, a class of the dataset is none of the network's, or no picture at
            all can be read.
    """
    from omz.accuracy.progress import open_progress
    from omz.inference.pipeline import Pipeline

    classifier = _load(xml, dataset, prepare, device, precision, ports)
    _check_labels(classifier, dataset)
    if dataset.multi_label:
        classifier = _scoring_all(classifier)
        ranks = classifier.output.numbers
    pipeline = Pipeline(classifier, requests=requests, top_k=max(ranks, 1))
    pipeline.warm_up()
    problems: list[Problem] = []
    peculiar: dict[Path, tuple[str, ...]] = {}
    with open_progress(resume, classifier, dataset, prepare, ranks) as kept:
        todo = [place for place in range(len(dataset.samples)) if place not in kept.answers]
        done = len(dataset.samples) - len(todo)
        began = perf_counter()
        outcomes = pipeline.run(_frames(dataset, todo, prepare, peculiar))
        try:
            for place, outcome in zip(todo, outcomes, strict=True):
                sample = dataset.samples[place]
                if outcome.error is not None:
                    problems.append(_problem(sample, outcome.error))
                else:
                    kept.add(place, outcome.predictions)
                done += 1
                if progress:
                    progress(done, len(dataset.samples))
        finally:
            outcomes.close()
        seconds = perf_counter() - began
        report = _report(classifier, dataset, kept, problems, peculiar, seconds, len(todo) - len(problems))
        if not report.predictions:
            raise InferenceError(f"no readable picture: {problems[0].message} ({len(problems)} in all)")
        kept.finish()
    return report


def _scoring_all(classifier: Classifier) -> Classifier:
    """Return a classifier that gives each class a score of its own, so that the scores of pictures can be compared.

    Raises:
        InferenceError: The network gives none.
    """
    from dataclasses import replace

    if classifier.output.kind == "classes":
        raise InferenceError(
            f"{classifier.path}: names classes, and has no score for each; pictures of several classes cannot be "
            "measured with it"
        )
    if classifier.output.kind == "logits":  # a softmax would make each depend on the others
        return replace(classifier, output=replace(classifier.output, kind="independent"))
    return classifier


def input_shape(xml: Path, ports: Ports = DEFAULT) -> PictureInput:
    """Return what pictures an IR takes.

    Args:
        xml: Of the IR.
        ports: What it leaves open.

    Raises:
        InferenceError: The IR cannot be read, or takes no pictures of one size.
    """
    import openvino as ov

    from omz.inference.locate import find_model
    from omz.inference.network import read_network
    from omz.inference.picture_input import picture_input
    from omz.inference.tried import require_reshapable

    if Path(xml).suffix != ".xml" and Path(xml).is_file():
        raise InferenceError(f"{xml}: expected the .xml file of an IR")
    path = find_model(xml)
    require_reshapable(path, ports.layout, ports.shape)
    return picture_input(read_network(ov.Core(), path), path, layout=ports.layout, shape=ports.shape)


def _load(
    xml: Path,
    dataset: Dataset,
    prepare: Preparation,
    device: str | DeviceOptions,
    precision: str,
    ports: Ports,
) -> Classifier:
    from dataclasses import replace

    from omz.inference.classifier import InputOptions, load_classifier
    from omz.inference.devices import DeviceOptions

    options = DeviceOptions(device) if isinstance(device, str) else device
    if precision:
        options = replace(options, precision=precision)
    # the preparation has the last word on size and, where it normalizes, on values
    inputs = InputOptions(
        ports.layout, resize_type="standard", prepared=prepare.normalized, shape=ports.shape
    )
    classifier = load_classifier(xml, options, inputs, output=ports.output)
    if not classifier.numbered:
        return classifier
    names = dataset.classes.names
    fit = classifier.output.classes in (None, len(names))
    return replace(classifier, labels=names) if fit else classifier


def _check_labels(classifier: Classifier, dataset: Dataset) -> None:
    """Compare the network's classes with the dataset's, as far as the IR tells them.

    Raises:
        InferenceError: They are not as many, or the dataset has a class that the network has not.
    """
    classes = classifier.output.classes
    highest = max((max(sample.labels or (sample.label,)) for sample in dataset.samples), default=0)
    if classes is not None and (classes != dataset.classes.count or highest >= classes):
        theirs = (
            f"{dataset.classes.count}, {dataset.classes.told}" if highest < classes else f"class {highest}"
        )
        raise InferenceError(
            f"{classifier.path}: has {classes} classes; dataset {dataset.name!r} has {theirs}. "
            "Is it a dataset for another model?"
        )
    for other in orders_of(dataset.labels)[1:] if dataset.labels else ():
        if classifier.labels == tuple(label.name for label in load_labels(other)):
            _log.warning(
                "%s: its labels are in the order %s, those of dataset %r in %s; the figures will be of no use",
                classifier.path,
                other,
                dataset.name,
                dataset.labels,
            )


def _frames(
    dataset: Dataset, places: list[int], prepare: Preparation, peculiar: dict[Path, tuple[str, ...]]
) -> Iterator[Frame]:
    from omz.inference.sources import Frame

    def load(path: Path) -> Picture:
        if facts := picture_facts(path):
            peculiar[path] = facts
        return prepare(path)

    for place in places:
        path = dataset.samples[place].path
        yield Frame(str(path), place, partial(load, path))


def _problem(sample: Sample, error: Exception) -> Problem:
    kind = UNREADABLE if os.path.exists(sample.path) else MISSING  # noqa: PTH110 - pathlib's raises for odd names
    return Problem(sample.path, kind, printable(str(error)))


def _report(
    classifier: Classifier,
    dataset: Dataset,
    kept: Progress,
    problems: list[Problem],
    peculiar: dict[Path, tuple[str, ...]],
    seconds: float,
    measured: int,
) -> Report:
    predictions: list[Answer] = []
    strange: dict[str, list[Path]] = {}
    for place, sample in enumerate(dataset.samples):
        if place in kept.answers:
            ranking, scores = kept.answers[place]
            predictions.append(
                Answer(sample.path, sample.label, ranking, scores, sample.labels or frozenset())
            )
            facts = peculiar[sample.path] if sample.path in peculiar else picture_facts(sample.path)
            for fact in facts:
                strange.setdefault(fact, []).append(sample.path)
    return Report(
        path=classifier.path,
        dataset=dataset,
        device=classifier.options.device,
        precision=classifier.precision,
        labels=classifier.labels,
        predictions=tuple(predictions),
        problems=tuple(problems),
        peculiar={fact: tuple(paths) for fact, paths in sorted(strange.items())},
        seconds=seconds,
        measured=measured,
        output=classifier.output,
    )
