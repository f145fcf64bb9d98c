"""The metrics of an ``accuracy-check.yml``, as settings; what they measure is in :mod:`omz.accuracy.figures`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from omz.zoo.steps import Section

Share = Annotated[float, Field(ge=0, le=1)]
#: A published figure: a share, or one for each class by its name, with ``mean`` for all of them.
References = Share | dict[str, Share] | None


class _Settings(Section):
    model_config = ConfigDict(extra="ignore", frozen=True)  # presenters change no figure

    name: str = ""

    @property
    def reference_of_all(self) -> float | None:
        """The published figure of the whole, as a share."""
        references = getattr(self, "reference", None)
        return references.get("mean") if isinstance(references, dict) else references

    def reference_of(self, label: str) -> float | None:
        """Return the published figure of one class, as a share."""
        references = getattr(self, "reference", None)
        return references.get(label) if isinstance(references, dict) else None


class Accuracy(_Settings):
    """The share of pictures whose true class is among the ``top_k`` first."""

    type: Literal["accuracy"] = "accuracy"
    top_k: Annotated[int, Field(ge=1, le=1000)] = 1
    match: Literal[False] = False  # compares whole batches of several labels
    reference: Share | None = None


class AccuracyPerClass(_Settings):
    """The same for the pictures of each class."""

    type: Literal["accuracy_per_class"]
    top_k: Annotated[int, Field(ge=1, le=1000)] = 1
    reference: References = None


class ClassScore(_Settings):
    """Precision, recall or their harmonic mean, F1, of each class, or of the class ``pos_label`` alone."""

    type: Literal["classification_f1-score", "classification_precision", "classification_recall"]
    pos_label: Annotated[int, Field(ge=0)] | None = None
    pixel_level: Literal[False] = False
    reference: References = None


class MeanAveragePrecision(_Settings):
    """The mean over classes of their average precision, where pictures may have several classes each."""

    type: Literal["mean_average_precision"] = "mean_average_precision"
    reference: References = None


METRIC_TYPES = (
    "accuracy",
    "accuracy_per_class",
    "classification_f1-score",
    "classification_precision",
    "classification_recall",
    "mean_average_precision",
)
Metric = Annotated[
    Accuracy | AccuracyPerClass | ClassScore | MeanAveragePrecision, Field(discriminator="type")
]


def _metric_list(value: object) -> object:
    for metric in value if isinstance(value, list) else []:
        kind = metric.get("type") if isinstance(metric, dict) else metric
        if kind not in METRIC_TYPES:
            raise ValueError(f"metric {str(kind)[:60]!r} is not measured. Known: {', '.join(METRIC_TYPES)}")
    return value


Metrics = Annotated[tuple[Metric, ...], BeforeValidator(_metric_list)]
