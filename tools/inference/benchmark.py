"""Benchmark as a function."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from omz.errors import InferenceError, ZooError
from omz.outgoing import printable

if TYPE_CHECKING:
    from omz.inference.benchmark_report import Report
    from omz.inference.classification import Classified, Inputs
    from omz.inference.classifier import Classifier, InputOptions
    from omz.inference.devices import DeviceOptions
    from omz.inference.ground_truth import GroundTruth
    from omz.inference.images import Image
    from omz.inference.output import Output
    from omz.inference.pipeline import Outcome, Pipeline
    from omz.inference.sources import Arrays, Frame, Pictures

_log = logging.getLogger(__name__)

ACCURACY_KS = (1, 5)
#: Where the end to end measurement has no end, this is how long inference alone is measured before it.
UNLIMITED_INFERENCE_SECONDS = 3.0
TOP_K = 5


def benchmark(
    model: str | Path,
    inputs: Inputs,
    *,
    device: str | DeviceOptions = "CPU",
    labels: str | Path | Sequence[str] | None = None,
    ground_truth: str | Path | Mapping[str, int] | GroundTruth | None = None,
    label_order: str = "",
    input_options: InputOptions | None = None,
    top_k: int | None = None,
    threshold: float | None = None,
    output: str = "",
    seconds: float = 10.0,
    repeats: int = 1,
    requests: int = 0,
    fast_decode: bool = False,
    classify_at_least: int = 0,
    keep_images: bool = False,
    on_outcome: Callable[[Outcome], bool] | None = None,
) -> Report:
    """Measure throughput, latencies and, with ground truth, accuracy.

    In each repeat, inference alone is measured first (inputs set beforehand), then the whole way: every picture is
    decoded, resized, inferred and ranked, again and again over the whole set. Both use the same infer requests; end
    to end, for throughput, one more may wait in the device's queue.

    Args:
        model: Path of an IR's .xml file, or the name of a model converted in the current tree.
        inputs: What ``-i`` takes of pictures; or several picture files or addresses; or arrays, (height, width, 3)
            uint8 BGR; or an open source. Those at addresses are fetched beforehand.
        device: OpenVINO device string, or a device with settings.
        labels: Label file, list name or names; those of the IR by default.
        ground_truth: List of the pictures and their classes, or folder with a folder for each class; see
            :func:`~omz.inference.ground_truth.find_truth`. Or class index by file name.
        label_order: Name of the class list that a list's indexes follow; found out by default.
        input_options: How pictures become input; as the IR says by default.
        top_k: How many classes each result lists; by default 5, and of independent scores all above the threshold.
        threshold: Only classes with a higher score are listed; by default 0.5 of independent scores, else all.
        output: Name of the output, for a network that has several.
        seconds: Length of each of the two measurements of a repeat; 0 or less: end to end, until ``on_outcome``
            returns False or Ctrl-C.
        repeats: At least 1.
        requests: Infer requests in flight; 0 lets the device choose.
        fast_decode: Decode JPEG pictures at a part of their size where that is enough for the network's input.
        classify_at_least: Classify this many pictures (untimed) even if the time is too short for them. With ground
            truth, the whole set is always classified.
        keep_images: Whether outcomes passed to ``on_outcome`` carry their picture.
        on_outcome: Called with every outcome of the end to end measurement; returns whether to go on.

    Raises:
        InferenceError: Something cannot be used, or no picture at all can be decoded.
    """
    from omz.inference.benchmark_report import Report, accuracy_of
    from omz.inference.classification import as_source
    from omz.inference.classifier import load_classifier
    from omz.inference.devices import DeviceOptions
    from omz.inference.pipeline import Pipeline
    from omz.inference.ranking import listing
    from omz.inference.sources import Video
    from omz.inference.statistics import Spread

    pictures = as_source(inputs)
    if isinstance(pictures, Video):
        raise InferenceError(f"{pictures.name}: the benchmark takes pictures, no video or camera")
    pictures.keep("so that the network is not measured")
    options = DeviceOptions(device) if isinstance(device, str) else device
    classifier = load_classifier(model, options, input_options, labels, output)
    truth = _truth(ground_truth, classifier, label_order)
    pictures.channels = classifier.channels
    pictures.enough = classifier.enough if fast_decode else None
    listed, threshold = listing(classifier.output, top_k, threshold)
    if truth:  # counts every class, whatever its score
        listed, threshold = max(listed, *ACCURACY_KS), None
    pipeline = Pipeline(
        classifier, requests=requests, top_k=listed, threshold=threshold, keep_images=keep_images
    )
    run = _Measurement(pipeline, pictures, on_outcome)
    run.measure(seconds, repeats)
    run.classify_rest(len(pictures) if truth else classify_at_least)
    classified = run.results()
    accuracy = accuracy_of(classified, truth, _ks(classifier.output, top_k)) if truth else None
    if accuracy and accuracy.advice:
        _log.warning("%s", accuracy.advice)
    total = run.latencies.samples["total"].values
    return Report(
        model=str(classifier.path),
        device=options.device,
        execution_devices=classifier.execution_devices,
        precision=classifier.precision,
        hint=options.effective_hint,
        streams=classifier.streams,
        requests=pipeline.request_count,
        compile_seconds=classifier.compile_seconds,
        from_cache=classifier.from_cache,
        pictures=len(classified),
        unreadable=run.unreadable,
        end_to_end=Spread(tuple(run.end_to_end)),
        inference_only=Spread(tuple(run.inference_only)),
        latencies=run.latencies.summaries(),
        inference_latency=run.inference_latency.summary(),
        total_ms=[1000 * seconds for seconds in total],
        accuracy=accuracy,
        classified=classified,
        truth=truth,
        output=classifier.output.kind,
        threshold=threshold,
        fast_decode=fast_decode,
    )


def _truth(
    given: str | Path | Mapping[str, int] | GroundTruth | None, classifier: Classifier, label_order: str
) -> GroundTruth | None:
    from omz.inference.ground_truth import GroundTruth, find_truth, truth_of

    if given is None or isinstance(given, GroundTruth):
        return given
    if isinstance(given, str | Path):
        return find_truth(given, classifier.classes, label_order)
    return truth_of(given, classifier.classes)


def _ks(output: Output, top_k: int | None) -> list[int]:
    """Return for which k the accuracy is told: a network that names its best class alone has no top-5."""
    return [k for k in sorted({*ACCURACY_KS, top_k or TOP_K}) if output.ranks is None or k <= output.ranks]


class _Measurement:
    """Runs the measurements of one benchmark and gathers what they give."""

    def __init__(
        self, pipeline: Pipeline, pictures: Pictures | Arrays, on_outcome: Callable[[Outcome], bool] | None
    ) -> None:
        from omz.inference.statistics import Samples, StageLatencies
        from omz.inference.unreadable import Unreadable

        self._pipeline, self._pictures, self._on_outcome = pipeline, pictures, on_outcome
        self._first: dict[str, Outcome] = {}
        self.unreadable = Unreadable()
        self.latencies, self.inference_latency = StageLatencies(), Samples()
        self.end_to_end: list[float] = []
        self.inference_only: list[float] = []

    def measure(self, seconds: float, repeats: int) -> None:
        """Measure inference alone and end to end, in turn."""
        samples = self._preload(self._pipeline.request_count)
        self._pipeline.warm_up()
        for number in range(repeats if seconds > 0 else 1):
            place = f"repeat {number + 1} of {repeats}: " if repeats > 1 and seconds > 0 else ""
            _log.info("%sinference only", place)
            rate = self._pipeline.infer_only(samples, seconds if seconds > 0 else UNLIMITED_INFERENCE_SECONDS)
            self.inference_only.append(rate.fps)
            for latency in rate.latencies:
                self.inference_latency.add(latency)
            _log.info("%send to end%s", place, "" if seconds > 0 else ", until stopped")
            if not self._end_to_end(seconds if seconds > 0 else None):
                break

    def _preload(self, count: int) -> list[Image]:
        """Decode the first ``count`` readable pictures."""
        from itertools import islice

        def readable() -> Iterator[Image]:
            for frame in self._pictures:
                try:
                    yield frame.load()
                except (ZooError, OSError) as error:
                    self.unreadable.note(frame.source, error)

        images = list(islice(readable(), count))
        if not images:
            first = next(iter(self.unreadable.values()))
            raise InferenceError(f"no readable picture: {printable(first)} ({len(self.unreadable)} in all)")
        return images

    def _end_to_end(self, seconds: float | None) -> bool:
        """Run over the set again and again; return False if it was stopped before the time."""
        done = 0
        going = True
        began = perf_counter()
        outcomes = self._pipeline.run(_endless(self._pictures, self.unreadable), seconds)
        try:
            for outcome in outcomes:
                if not self._keep(outcome):
                    continue
                done += 1
                if self._on_outcome is not None and not self._on_outcome(outcome):
                    going = False
                    break
        except KeyboardInterrupt:  # the way to end an unlimited run; what was measured is reported
            going = False
        finally:
            elapsed = perf_counter() - began
            outcomes.close()
        self.end_to_end.append(done / elapsed)
        return going

    def classify_rest(self, count: int) -> None:
        """Classify those of the first ``count`` pictures that the measurement did not come to."""
        from itertools import islice

        rest = [
            frame
            for frame in islice(self._pictures, count)
            if frame.source not in self._first and frame.source not in self.unreadable
        ]
        for outcome in self._pipeline.run(rest):
            self._keep(outcome, timed=False)

    def _keep(self, outcome: Outcome, *, timed: bool = True) -> bool:
        """Take in an outcome; return whether its picture was readable."""
        from dataclasses import replace

        if outcome.error is not None or outcome.timing is None:
            self.unreadable.note(outcome.source, outcome.error)
            return False
        if outcome.source not in self._first:
            self._first[outcome.source] = replace(outcome, image=None)
        if timed:
            self.latencies.add(outcome.timing)
        return True

    def results(self) -> list[Classified]:
        """Return every picture that was classified, once, in the order of the set."""
        from omz.inference.classification import as_classified

        found = (self._first.get(frame.source) for frame in self._pictures)
        return [as_classified(one) for one in found if one]


def _endless(pictures: Pictures | Arrays, unreadable: Collection[str]) -> Iterator[Frame]:
    """Yield the frames again and again, without those that turn out to be unreadable."""
    while True:
        good = [frame for frame in pictures if frame.source not in unreadable]
        if not good:
            return
        yield from good
