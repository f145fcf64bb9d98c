"""What a benchmark found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omz.inference.classification import Classified
    from omz.inference.ground_truth import GroundTruth
    from omz.inference.statistics import LatencySummary, Spread


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares (0 to 1) of pictures whose true class is among the best 1, 5 ...; every picture counts once.

    Attributes:
        top: From k to the share.
        counted: Pictures with a known true class.
        without_truth: Pictures that the ground truth does not name.
        advice: What to try where it is at chance level; '' elsewhere.
    """

    top: dict[int, float]
    counted: int
    without_truth: int
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        shares = {f"top{k}": share for k, share in self.top.items()}
        return {**shares, "counted": self.counted, "without_truth": self.without_truth}


@dataclass(frozen=True, slots=True)
class Report:
    """The result of :func:`~omz.inference.benchmark.benchmark`.

    Attributes:
        model: Path of the IR.
        device: The device asked for.
        execution_devices: The devices that really executed.
        precision: Of execution, such as 'f32'; '' if the device does not tell.
        hint: 'throughput', 'latency' or 'none'.
        streams: None if the device does not tell.
        requests: Infer requests in flight.
        compile_seconds: Time to compile (or to load from the cache).
        from_cache: Whether the compiled model came from the cache folder.
        pictures: Readable pictures among those that were looked at.
        unreadable: From the file to the reason.
        end_to_end: Pictures a second with decoding, preprocessing, inference and post-processing, for each repeat.
        inference_only: Inferences a second on inputs set beforehand, for each repeat.
        latencies: Of decoding, preprocessing, inference, postprocessing and total, in the end to end measurement.
        inference_latency: Latency in the inference-only measurement.
        total_ms: Latencies from decoding to result, in milliseconds, for a histogram.
        accuracy: None without ground truth.
        classified: The pictures that were classified, in their order; without the pictures themselves.
        truth: The true classes; None where they were not given.
        output: What the network's numbers are, such as 'probabilities'; see :mod:`omz.converter.outputs`.
        threshold: Classes are listed with a higher score alone; None if with any.
        fast_decode: Whether large JPEG pictures were decoded at a part of their size.
    """

    model: str
    device: str
    execution_devices: list[str]
    precision: str
    hint: str
    streams: int | None
    requests: int
    compile_seconds: float
    from_cache: bool
    pictures: int
    unreadable: dict[str, str]
    end_to_end: Spread
    inference_only: Spread
    latencies: dict[str, LatencySummary]
    inference_latency: LatencySummary | None
    total_ms: list[float] = field(repr=False)
    accuracy: Accuracy | None
    classified: list[Classified] = field(repr=False)
    truth: GroundTruth | None = field(repr=False)
    output: str = ""
    threshold: float | None = None
    fast_decode: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values; latencies in milliseconds, throughput in pictures a second."""
        from omz.inference.statistics import round_to_three

        only = self.inference_latency
        return {
            "model": self.model,
            "device": self.device,
            "execution_devices": self.execution_devices,
            "precision": self.precision,
            "output": self.output,
            "hint": self.hint,
            "streams": self.streams,
            "requests": self.requests,
            "fast_decode": self.fast_decode,
            "compile": {"seconds": round_to_three(self.compile_seconds), "from_cache": self.from_cache},
            "pictures": {
                "readable": self.pictures,
                "unreadable": [{"source": path, "error": error} for path, error in self.unreadable.items()],
            },
            "throughput_fps": {
                "end_to_end": self.end_to_end.to_json(),
                "inference_only": self.inference_only.to_json(),
            },
            "latency": {stage: summary.to_json() for stage, summary in self.latencies.items()},
            "inference_only_latency": only.to_json() if only else None,
            "accuracy": self.accuracy.to_json() if self.accuracy else None,
            "notes": list(self.truth.notes) if self.truth else [],
            "advice": self.accuracy.advice if self.accuracy else "",
        }


def accuracy_of(classified: Iterable[Classified], truth: GroundTruth, ks: Iterable[int]) -> Accuracy | None:
    """Count how often the true class is among the best k; None if no picture has a true class.

    Args:
        classified: Each picture once; those with an error are left out.
        truth: The true classes.
        ks: Such as (1, 5).
    """
    from omz.inference.chance import advice

    hits = dict.fromkeys(sorted(ks), 0)
    labels: list[int] = []
    answers: list[int] = []
    without = 0
    for result in classified:
        if result.error:
            continue
        index = truth.of(result.source)
        if index is None:
            without += 1
            continue
        ranking = [prediction.index for prediction in result.top]
        labels.append(index)
        answers.append(ranking[0])
        for k in hits:
            hits[k] += index in ranking[:k]
    if not labels:
        return None
    return Accuracy(
        {k: hit / len(labels) for k, hit in hits.items()},
        len(labels),
        without,
        advice(labels, answers, truth.classes, truth.order),
    )
