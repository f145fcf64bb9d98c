"""Measure a converted model in all of its precisions, and gather what else a report tells."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import InferenceError, UsageError
from omz.report.environment import environment
from omz.report.findings import Accuracy, Findings, Sample, Variant
from omz.report.options import Options
from omz.report.speed import measure

if TYPE_CHECKING:
    from omz.accuracy.datasets import Dataset
    from omz.inference.sources import Pictures
    from omz.info_dumper.info import Info
    from omz.zoo.accuracy_check import Evaluation
    from omz.zoo.metrics import Metric
    from omz.zoo.schema import Model

log = logging.getLogger(__name__)

#: Precision folders, the most exact first; this is their order in tables, too.
PRECISIONS = ("FP32", "FP16", "FP32-INT8", "FP16-INT8")
TOP_K = 5


def collect(model: Model, options: Options) -> Findings:
    """Measure and gather; takes two measurements for each precision.

    Raises:
        InferenceError: Nothing is converted, or an IR, the device or the pictures cannot be used.
    """
    irs = find_irs(model, options)
    evaluation = find_evaluation(model, options)
    dataset = find_dataset(model, evaluation, options, irs) if evaluation else None
    pictures = sample_pictures(model, dataset, options)
    log.info("%s: speed of %s", model.name, ", ".join(irs))
    speeds = measure(irs, pictures, options)
    shares: dict[str, Accuracy] = {}
    if evaluation and dataset:
        log.info("%s: accuracy on %d pictures", model.name, len(dataset.samples))
        metrics = published_metrics(model, evaluation)
        shares = {
            precision: accuracy(xml, evaluation, metrics, dataset, options) for precision, xml in irs.items()
        }
    variants = [
        Variant(precision, xml, ir_size(xml), speeds[precision], shares.get(precision), quantization(xml))
        for precision, xml in irs.items()
    ]
    samples, skipped = classify_samples(irs, pictures, options)
    return Findings(model, count(model, irs), variants, samples, skipped, environment(variants[0], options))


def find_irs(model: Model, options: Options) -> dict[str, Path]:
    """Return the IRs that are there by precision, the most exact first.

    Raises:
        InferenceError: There is none, or not all that are asked for; says how to make them.
    """
    from omz.converter.zoo_model import ir_path

    wanted = options.precisions or PRECISIONS
    paths = {precision: ir_path(model, options.model_dir, precision) for precision in wanted}
    found = {precision: xml for precision, xml in paths.items() if xml.is_file()}
    missing = [precision for precision in paths if precision not in found]
    if not found or (options.precisions and missing):
        tool = "omz_quantizer" if missing[0].endswith("INT8") and found else "omz_converter"
        raise InferenceError(
            f"{paths[missing[0]]}: is not there. "
            f"Make it with: {tool} --name {model.name} --precisions {missing[0]} (and its folders)"
        )
    return {precision: found[precision] for precision in sorted(found, key=PRECISIONS.index)}


def ir_size(xml: Path) -> int:
    """Return the size of an IR's two files in bytes."""
    return xml.stat().st_size + xml.with_suffix(".bin").stat().st_size


def find_evaluation(model: Model, options: Options) -> Evaluation | None:
    """Return how the accuracy of the model is measured; None if no dataset is given and its descriptor does not say.

    Raises:
        DescriptorError: Its ``accuracy-check.yml`` is malformed.
        UsageError: A dataset is given, and there is no such file.
    """
    from omz.zoo.accuracy_check import load_evaluation

    path = model.directory / "accuracy-check.yml"
    if path.is_file():
        return load_evaluation(path)
    if options.dataset:
        raise UsageError(
            f"{path}: is not there, so it is not known how to prepare pictures. Leave out --source."
        )
    return None


def find_dataset(
    model: Model, evaluation: Evaluation, options: Options, irs: dict[str, Path]
) -> Dataset | None:
    """Return the dataset that is given, or comes with the toolkit; None if there is neither.

    Raises:
        InferenceError: It is not of a known form.
        UsageError: There is a list, but no pictures.
    """
    from omz.accuracy.datasets import classes_of, open_dataset, take, take_stated
    from omz.accuracy.definitions import load_definition

    definition = load_definition(evaluation.dataset, own=evaluation.own)
    if options.dataset is None and not definition.bundled:
        if options.annotations:
            raise UsageError("--annotations: give the folder of the pictures, too, with --source")
        return None
    if isinstance(labels := model.model_info.labels, str):  # of an IR that was converted without them
        definition = definition.model_copy(update={"labels": labels})
    dataset = open_dataset(
        definition,
        options.dataset,
        classes=classes_of(definition, next(iter(irs.values())), options.ports),
        annotations=options.annotations,
        label_order=options.label_order,
    )
    return take(dataset, options.subsample) if options.subsample else take_stated(dataset, definition)


def quantization(xml: Path) -> dict[str, str]:
    """Return how an IR was quantized, as ``omz_quantizer`` writes it into the IR; empty for other IRs."""
    import openvino as ov

    from omz.quantizer.quantize import QUANTIZATION

    network = ov.Core().read_model(xml)
    if not network.has_rt_info([QUANTIZATION]):
        return {}
    section = network.get_rt_info([QUANTIZATION]).astype(dict)
    return {key: value.astype(str) for key, value in section.items() if not key.endswith("_sha256")}


def published_metrics(model: Model, evaluation: Evaluation) -> list[Metric]:
    """Return the metrics to measure, with the published figures.

    Where its ``accuracy-check.yml`` states none for top-1 or top-5, they are those of the descriptor.
    """
    from omz.zoo.metrics import Accuracy as Settings

    published = model.specification
    known = {1: published.top1, 5: published.top5} if published else {}
    known = {k: percent / 100 for k, percent in known.items() if percent is not None}
    for metric in evaluation.metrics:
        if isinstance(metric, Settings) and metric.reference is not None:
            known.pop(metric.top_k, None)
    plain = [Settings(top_k=k, reference=share) for k, share in known.items()]
    return [
        *(one for one in evaluation.metrics if not (isinstance(one, Settings) and one.top_k in known)),
        *plain,
    ]


def accuracy(
    xml: Path, evaluation: Evaluation, metrics: Sequence[Metric], dataset: Dataset, options: Options
) -> Accuracy:
    """Measure the accuracy of an IR.

    Raises:
        InferenceError: The IR, the device or the dataset cannot be used.
    """
    from omz.accuracy.evaluation import RANKS, evaluate, input_shape
    from omz.accuracy.figures import figures_of
    from omz.inference.preparation import preprocessing_of

    report = evaluate(
        xml,
        dataset,
        preprocessing_of(evaluation.steps, input_shape(xml, options.ports)),
        device=options.device,
        precision=options.infer_precision,
        ranks=max(RANKS, evaluation.ranks),
        ports=options.ports,
    )
    figures = figures_of(metrics, report)
    notes = (*dataset.notes, *(figure.note for figure in figures if figure.note))
    if report.advice:
        log.warning("%s: %s", xml, report.advice)
    return Accuracy(figures, report.images, len(report.problems), dataset.name, notes, report.advice)


def sample_pictures(model: Model, dataset: Dataset | None, options: Options) -> Pictures:
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
        bundled = model.directory / "images"
        # a pipe would be waited for; how many pictures cannot be read is told with the accuracy
        of_dataset = [one.path for one in dataset.samples if is_regular(one.path)] if dataset else []
        source = Pictures(list_pictures(bundled) if bundled.is_dir() else of_dataset)
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
            skipped[name] = row[0].error.removeprefix(f"{row[0].source}: ")
        else:
            tops = {precision: answer.top for precision, answer in zip(answers, row, strict=True)}
            samples.append(Sample(name, image, tops, row[0].kind))
    return samples, skipped


def count(model: Model, irs: dict[str, Path]) -> Info:
    """Count parameters and operations on the most exact IR."""
    from omz.inference.locate import Network
    from omz.info_dumper.info import inspect

    exact, xml = next(iter(irs.items()))
    return inspect(Network(model.name, irs, model), exact, xml)
