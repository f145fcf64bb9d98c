"""What an evaluation found: the answers, the pictures that could not be measured, and the accuracy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from omz.accuracy.metrics import ClassAccuracy, Confusion, confusions, per_class, top_k_correct
from omz.inference import chance
from omz.inference.proportion import Proportion

if TYPE_CHECKING:
    from omz.accuracy.datasets import Dataset
    from omz.inference.output import Output


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network says of one picture.

    Attributes:
        path: Of the picture.
        label: Its true class; without meaning where pictures may have several.
        labels: Its true classes, where pictures may have several.
        ranking: The best classes, best first.
        scores: Of these classes: probabilities, or what the network gives; () if it names classes alone.
    """

    path: Path
    label: int
    ranking: tuple[int, ...]
    scores: tuple[float, ...]
    labels: frozenset[int] = frozenset()

    @property
    def score(self) -> float | None:
        """Of the best class; None if the network names classes alone."""
        return self.scores[0] if self.scores else None


@dataclass(frozen=True, slots=True)
class Problem:
    """A picture that could not be measured: ``kind`` is 'missing' or 'unreadable'."""

    path: Path
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """The accuracy of a network on a dataset.

    Attributes:
        path: Of the IR.
        dataset: What was asked for, also pictures that could not be read.
        device: OpenVINO device string.
        precision: The precision of execution that the device tells, such as 'f32'.
        labels: Class names by index into the network's output.
        predictions: Of all pictures that could be read, in the dataset's order.
        problems: The others.
        peculiar: The pictures that are 'grey', 'CMYK', '16-bit', 'EXIF-rotated' or 'truncated', by that word; they
            were measured all the same.
        seconds: From the first picture to the last.
        measured: How many pictures were inferred in that time; others were taken over by resuming.
        output: What the network's numbers are.
    """

    path: Path
    dataset: Dataset
    device: str
    precision: str
    labels: tuple[str, ...] = field(repr=False)
    predictions: tuple[Answer, ...] = field(repr=False)
    problems: tuple[Problem, ...]
    peculiar: dict[str, tuple[Path, ...]]
    seconds: float
    measured: int
    output: Output

    @property
    def images(self) -> int:
        """How many pictures the figures are of."""
        return len(self.predictions)

    @property
    def multi_label(self) -> bool:
        """Whether pictures may have several classes; there is no top-1 then."""
        return self.dataset.multi_label

    def top(self, k: int) -> Proportion:
        """Return the accuracy at the first ``k`` classes (up to as many as were kept)."""
        answers = self.predictions
        correct = top_k_correct((a.label for a in answers), (a.ranking for a in answers), k)
        return Proportion(correct, len(answers))

    @property
    def top1(self) -> Proportion:
        """Accuracy of the best class."""
        return self.top(1)

    @property
    def top5(self) -> Proportion:
        """Accuracy at the five best classes."""
        return self.top(5)

    @property
    def per_class(self) -> list[ClassAccuracy]:
        """Top-1 accuracy of each class that has pictures; of none where pictures may have several."""
        if self.multi_label:
            return []
        return per_class(
            [a.label for a in self.predictions], [a.ranking[0] for a in self.predictions], self.labels
        )

    def confusions(self, count: int) -> list[Confusion]:
        """Return the most frequent errors; none where pictures may have several classes."""
        if self.multi_label:
            return []
        labels, answers = ([a.label for a in self.predictions], [a.ranking[0] for a in self.predictions])
        return confusions(labels, answers, count)

    @property
    def advice(self) -> str:
        """What to try where the accuracy is at chance level; '' elsewhere."""
        if self.multi_label:
            return ""
        labels, answers = ([a.label for a in self.predictions], [a.ranking[0] for a in self.predictions])
        return chance.advice(labels, answers, self.dataset.classes, self.dataset.order)

    @property
    def images_per_second(self) -> float:
        """Throughput, decoding and preprocessing included; 0 where all was resumed."""
        return self.measured / self.seconds if self.measured and self.seconds else 0.0
