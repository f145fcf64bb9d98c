"""Measure a converted model in all of its precisions, and gather what else a report tells."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.accuracy.method import dataset_of, evaluation_of, preparation_for
from omz.errors import InferenceError, UsageError, located
from omz.info_dumper.info import inspect
from omz.report.environment import environment
from omz.report.findings import Accuracy, Findings, Sample, Variant
from omz.report.options import Options
from omz.report.speed import measure

if TYPE_CHECKING:
    from omz.accuracy.datasets import Dataset
    from omz.inference.locate import Network
    from omz.inference.sources import Pictures
    from omz.zoo.accuracy_check import Evaluation
    from omz.zoo.metrics import Metric

log = logging.getLogger(__name__)

TOP_K = 5


def collect(network: Network, options: Options) -> Findings:
    """Measure and gather; takes two measurements for each precision.

    Raises:
        InferenceError: An IR, the device or the pictures cannot be used.
    """
    irs = network.irs
    evaluation = evaluation_of(network)
    dataset = find_dataset(network, evaluation, options)
    pictures = sample_pictures(network, dataset, options)
    log.info("%s: speed of %s", network.name, ", ".join(irs))
    speeds = measure(irs, pictures, options)
    shares: dict[str, Accuracy] = {}
    if dataset:
        log.info("%s: accuracy on %d pictures", network.name, len(dataset.samples))
        metrics = published_metrics(network, evaluation)
        shares = {
            precision: accuracy(xml, evaluation, metrics, dataset, options) for precision, xml in irs.items()
        }
    variants = [
        Variant(precision, xml, ir_size(xml), speeds[precision], shares.get(precision), quantization(xml))
        for precision, xml in irs.items()
    ]
    samples, skipped = classify_samples(irs, pictures, options)
    info = inspect(network, variants[0].precision, variants[0].xml)
    return Findings(network, info, variants, samples, skipped, environment(variants[0], options))


def ir_size(xml: Path) -> int:
    """Return the size of an IR's two files in bytes."""
    return xml.stat().st_size + xml.with_suffix(".bin").stat().st_size


def find_dataset(network: Network, evaluation: Evaluation | None, options: Options) -> Dataset | None:
    """Return the dataset that is given, or comes with the toolkit; None if there is neither.

    Raises:
        InferenceError: It is not of a known form.
        UsageError: There is a list, but no pictures.
    """
    dataset = dataset_of(
        network,
        evaluation,
        options.dataset,
        labels=options.labels,
        label_order=options.label_order,
        annotations=options.annotations,
        allow_outside=options.allow_outside,
        subsample=lambda total: options.subsample,
        ports=options.ports,
    )
    if dataset is None and options.annotations:
        raise UsageError("--annotations: give the folder of the pictures, too, with --source")
    return dataset


def quantization(xml: Path) -> dict[str, str]:
    """Return how an IR was quantized, as ``omz_quantizer`` writes it into the IR; empty for other IRs."""
    import openvino as ov

    from omz.inference.network import read_network, told_all
    from omz.quantizer.quantize import QUANTIZATION

    network = read_network(ov.Core(), xml)
    with located(f"{xml}: rt_info"):
        section = told_all(network, QUANTIZATION)
    return {key: value for key, value in section.items() if not key.endswith("_sha256")}


def published_metrics(network: Network, evaluation: Evaluation | None) -> list[Metric]:
    """Return the metrics to measure, with the published figures.

    Where its ``accuracy-check.yml`` states none for top-1 or top-5, they are those of the descriptor.
    """
    from omz.zoo.metrics import Accuracy as Settings

    stated = evaluation.metrics if evaluation else ()
    published = network.model.specification if network.model else None
    known = {1: published.top1, 5: published.top5} if published else {}
    known = {k: percent / 100 for k, percent in known.items() if percent is not None}
    for metric in stated:
        if isinstance(metric, Settings) and metric.reference is not None:
            known.pop(metric.top_k, None)
    plain = [Settings(top_k=k, reference=share) for k, share in known.items()]
    return [
        *(one for one in stated if not (isinstance(one, Settings) and one.top_k in known)),
        *plain,
    ]


def accuracy(
    xml: Path, evaluation: Evaluation | None, metrics: Sequence[Metric], dataset: Dataset, options: Options
) -> Accuracy:
    """Measure the accuracy of an IR.

    Raises:
        InferenceError: The IR, the device or the dataset cannot be used.
    """
    from omz.accuracy.evaluation import RANKS, evaluate
    from omz.accuracy.figures import figures_of

    preparation = preparation_for(xml, evaluation, ports=options.ports, asked=options.steps)
    report = evaluate(
        xml,
        dataset,
        preparation,
        device=options.device,
        precision=options.infer_precision,
        ranks=max(RANKS, evaluation.ranks if evaluation else 0),
        ports=options.ports,
    )
    figures = figures_of(metrics, report)
    notes = (*dataset.notes, *(figure.note for figure in figures if figure.note))
    if report.advice:
        log.warning("%s: %s", xml, report.advice)
    return Accuracy(
        figures,
        report.images,
        len(report.problems),
        dataset.name,
        notes,
        report.advice,
        preparation.told,
    )


def sample_pictures(network: Network, dataset: Dataset | None, options: Options) -> Pictures:
    """Return the pictures to show: as given, or those that come with the model, or some of the dataset's.

    They are evenly chosen if they are many.

    Raises:
        InferenceError: What is given is not there, or holds no picture.
    """
    from omz.inference.images import is_regular
    from omz.inference.sources import Pictures, list_pictures, open_sources

    if options.pictures:
        source = open_sources(options.pictures)
        if not isinstance(source, Pictures):
            raise InferenceError(f"{options.pictures[0]}: expected pictures")
    else:
        bundled = network.model.directory / "images" if network.model else None
        # a pipe would be waited for; how many pictures cannot be read is told with the accuracy
        of_dataset = [one.path for one in dataset.samples if is_regular(one.path)] if dataset else []
        source = Pictures(list_pictures(bundled) if bundled and bundled.is_dir() else of_dataset)
    many, few = len(source), min(len(source), options.sample_count)
    chosen = Pictures([source.items[place * many // few] for place in range(few)])
    chosen.keep("for every precision is shown them")
    return chosen


def classify_samples(
    irs: dict[str, Path], pictures: Pictures, options: Options
) -> tuple[list[Sample], dict[str, str]]:
    """Classify the pictures with every IR.

    Returns:
        Those that could be decoded, with their classes; and why the others could not, by file name.

    Raises:
        InferenceError: Not one picture can be decoded.
    """
    from omz.inference.classification import classify
    from omz.inference.classifier import InputOptions
    from omz.inference.devices import DeviceOptions

    if not pictures:
        return [], {}
    device = DeviceOptions(options.device, precision=options.infer_precision)
    answers = {
        precision: classify(
            xml,
            pictures,
            device=device,
            top_k=TOP_K,
            labels=options.labels or None,
            input_options=InputOptions(options.ports.layout, shape=options.ports.shape),
            output=options.ports.output,
            keep_images=True,
        )
        for precision, xml in irs.items()
    }
    samples, skipped = [], {}
    for row in zip(*answers.values(), strict=True):
        name, image = Path(row[0].source).name, row[0].image
        if image is None:
            skipped[name if name not in skipped else row[0].source] = row[0].error.removeprefix(
                f"{row[0].source}: "
            )
        else:
            tops = {precision: answer.top for precision, answer in zip(answers, row, strict=True)}
            samples.append(Sample(name, image, tops, row[0].kind))
    return samples, skipped
