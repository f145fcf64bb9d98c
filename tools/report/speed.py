"""How fast the precisions of a model run: in turns, inference alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import InferenceError
from omz.report.findings import Speed
from omz.report.options import Options

if TYPE_CHECKING:
    from omz.inference.classifier import Classifier
    from omz.inference.frames import Frame
    from omz.inference.images import Image
    from omz.inference.pipeline import Rate

log = logging.getLogger(__name__)

#: Of measurements, in which the precisions take turns.
ROUNDS = 3


def measure(irs: dict[str, Path], pictures: Iterable[Frame], options: Options) -> dict[str, Speed]:
    """Measure latency, one picture at a time, and throughput, as many at a time as the device likes.

    The IRs take turns in several rounds, so that what else the machine does touches all of them alike. Inputs are
    set beforehand. Without pictures, noise is inferred: the time does not depend on what is seen.

    Raises:
        InferenceError: An IR or the device cannot be used, or the time is too short for one inference.
    """
    from omz.inference.statistics import Samples, Spread

    images = _readable(pictures) or [_noise()]
    single = _take_turns(irs, images, "latency", options)
    many = _take_turns(irs, images, "throughput", options)
    speeds = {}
    for precision, (rates, classifier) in single.items():
        samples = Samples(latency for rate in rates for latency in rate.latencies)
        summary = samples.summary()
        if summary is None:
            raise InferenceError(
                f"{irs[precision]}: no inference in {options.seconds:g} s; give more with -time"
            )
        throughput = Spread(tuple(rate.fps for rate in many[precision][0])).median
        milliseconds = [1000 * seconds for seconds in samples.values]
        speeds[precision] = Speed(
            summary, milliseconds, throughput, classifier.execution_devices, classifier.precision
        )
    return speeds


def _take_turns(
    irs: dict[str, Path], images: Sequence[Image], hint: str, options: Options
) -> dict[str, tuple[list[Rate], Classifier]]:
    """Return what each round gave, by precision."""
    from omz.inference.classifier import InputOptions, load_classifier
    from omz.inference.devices import DeviceOptions
    from omz.inference.pipeline import Pipeline

    inputs = InputOptions(options.ports.layout, shape=options.ports.shape)
    device = DeviceOptions(options.device, hint=hint, precision=options.infer_precision)
    pipelines = {
        precision: Pipeline(
            load_classifier(xml, device, inputs, output=options.ports.output),
            requests=1 if hint == "latency" else 0,
        )
        for precision, xml in irs.items()
    }
    rates: dict[str, list[Rate]] = {precision: [] for precision in irs}
    for pipeline in pipelines.values():
        pipeline.warm_up()
    for _ in range(ROUNDS):
        for precision, pipeline in pipelines.items():
            rates[precision].append(pipeline.infer_only(images, options.seconds / ROUNDS))
    return {precision: (rates[precision], pipeline.classifier) for precision, pipeline in pipelines.items()}


def _readable(pictures: Iterable[Frame]) -> list[Image]:
    images = []
    for frame in pictures:
        try:
            images.append(frame.load())
        except InferenceError as error:  # told where the pictures are shown
            log.debug("%s", error)
    return images


def _noise() -> Image:
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
