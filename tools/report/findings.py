"""What a report tells, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omz.accuracy.figures import Figure
    from omz.inference.images import Image
    from omz.inference.locate import Network
    from omz.inference.ranking import Prediction
    from omz.inference.statistics import LatencySummary
    from omz.info_dumper.info import Info
    from omz.zoo.network import Specification


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast an IR runs, inference alone.

    Attributes:
        latency: With the hint 'latency', one picture at a time.
        latencies_ms: Of each of these inferences, for a histogram.
        throughput: Inferences a second with the hint 'throughput'.
        devices: Those that executed.
        executed_as: The type that floating-point layers were computed in, such as 'f32'; '' if not known.
    """

    latency: LatencySummary
    latencies_ms: Sequence[float] = field(repr=False)
    throughput: float
    devices: Sequence[str]
    executed_as: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What was measured on labelled pictures.

    Attributes:
        figures: Top-1 first, or the mean average precision where pictures may have several classes; each with the
            published figure where there is one.
        images: How many pictures were counted.
        problems: How many more are missing or cannot be read.
        dataset: What they are of.
        notes: What was found out or assumed about the dataset, such as the order of its classes.
        advice: What to try where top-1 is at chance level; '' elsewhere.
        preparation: How pictures were prepared and who says so, in words.
    """

    figures: Sequence[Figure]
    images: int
    problems: int
    dataset: str
    notes: Sequence[str] = ()
    advice: str = ""
    preparation: str = ""

    @property
    def name(self) -> str:
        """Of the first figure, in a word."""
        return "top-1" if self.figures[0].top else "mAP"

    @property
    def value(self) -> float:
        """The first figure: the share of pictures whose true class is the best, or the mean average precision."""
        return self.figures[0].value

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of :attr:`value`; None where it has none."""
        top = self.figures[0].top
        return top.interval if top else None


@dataclass(frozen=True, slots=True)
class Variant:
    """One precision of the model.

    Attributes:
        precision: Such as 'FP16'.
        xml: The IR.
        size: Of both files of the IR, in bytes.
        speed: How fast it runs.
        accuracy: None without a dataset.
        quantization: How it was quantized, as the IR tells; empty for others.
    """

    precision: str
    xml: Path
    size: int
    speed: Speed
    accuracy: Accuracy | None = None
    quantization: dict[str, str] = field(default_factory=dict)

    @property
    def median_ms(self) -> float:
        """The median latency."""
        return self.speed.latency.percentiles["p50"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, and the best classes by precision.

    Attributes:
        name: Of its file.
        image: (height, width, 3), uint8, BGR.
        top: The classes, best first; where several may hold, those above the threshold, which may be none.
        kind: What the network's numbers are; see :mod:`omz.converter.outputs`.
    """

    name: str
    image: Image = field(repr=False)
    top: dict[str, Sequence[Prediction]]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a report tells.

    Attributes:
        network: What it is of, with its descriptor if it is a model of the zoo.
        info: Figures counted on the most exact IR, and what that says of itself.
        variants: At least one, the most exact first.
        samples: Pictures with their classes; may be none.
        skipped: Pictures that could not be decoded, with the reason.
        environment: What it was measured on, as (heading, text).
    """

    network: Network
    info: Info
    variants: Sequence[Variant]
    samples: Sequence[Sample]
    skipped: dict[str, str]
    environment: Sequence[tuple[str, str]]

    @property
    def published(self) -> Specification | None:
        """The published figures, where there are any."""
        return self.network.model.specification if self.network.model else None
