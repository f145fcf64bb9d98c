"""Open Model Zoo's ``accuracy-check.yml`` for classification, read into types.

Of a file's models, the one for a launcher is taken: its dataset by name, the steps that make a picture the network's
input, and the metrics with the published figures. What would change the figures is never skipped: a step, a key or
an adapter that is not known is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from omz.errors import DescriptorError
from omz.suggestions import did_you_mean
from omz.zoo.metrics import Accuracy, Metrics
from omz.zoo.steps import AnyReader, PictureSteps, Reader, Section, Steps
from omz.zoo.validation import validated
from omz.zoo.yaml_file import read_yaml

_log = logging.getLogger(__name__)

#: ``dlsdk`` is what OpenVINO's launcher was called before 2022.
LAUNCHER_NAMES = {"openvino": ("openvino", "dlsdk")}


#: What an entry may say of its dataset, in place of a file of definitions; see :mod:`omz.accuracy.definitions`.
OWN = (
    "annotation",
    "annotation_conversion",
    "data_source",
    "dataset_meta",
    "labels",
    "shuffle",
    "subsample_seed",
    "subsample_size",
)


class DatasetUse(Section):
    """The dataset that a model is measured on, and how."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # paths of somebody else's folders

    name: str
    reader: AnyReader = Reader()
    preprocessing: Steps = ()
    metrics: Metrics = ()


class Evaluation(Section):
    """What one entry of an ``accuracy-check.yml`` asks for.

    Attributes:
        model: Name of the network.
        dataset: Name of the dataset.
        steps: How a picture becomes input.
        metrics: What is measured.
        own: What the entry says of the dataset itself, as it stands there.
    """

    model: str
    dataset: str
    steps: PictureSteps = PictureSteps()
    metrics: Metrics = ()
    own: dict[str, Any] = {}

    @property
    def references(self) -> dict[int, float]:
        """The published accuracy by k, as a share."""
        return {
            metric.top_k: metric.reference
            for metric in self.metrics
            if isinstance(metric, Accuracy) and metric.reference is not None
        }

    @property
    def ranks(self) -> int:
        """How many of a picture's best classes the metrics look at."""
        return max((getattr(metric, "top_k", 1) for metric in self.metrics), default=1)


class _Entry(Section):
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Annotated[str, Field(pattern=r"^[0-9a-zA-Z_][0-9a-zA-Z._-]{0,199}$")]  # it becomes a part of paths
    datasets: tuple[DatasetUse, ...]


def load_evaluation(path: Path, launcher: str = "openvino", name: str = "") -> Evaluation:
    """Read the entry of an ``accuracy-check.yml`` for a launcher.

    Args:
        path: The file, as Open Model Zoo publishes it.
        launcher: ``openvino`` (also written ``dlsdk``) for what measures the IR; ``caffe`` and others for the original.
        name: The entry's name, where several are for that launcher; the first by default, with a warning.

    Raises:
        DescriptorError: There is no such entry, or something in it is not known; names the file, the key and why.
    """
    entries = _entries(path)
    wanted = LAUNCHER_NAMES.get(launcher, (launcher,))
    fitting = [entry for entry in entries if _frameworks(entry) & set(wanted)]
    if name:
        fitting = [entry for entry in fitting if entry.get("name") == name]
    elif len(fitting) > 1:
        first, *others = (f"{entry.get('name')!r}"[:80] for entry in fitting)
        _log.warning(
            "%s: takes the first model for %s, %s; also there: %s (--entry of accuracy_check chooses)",
            path,
            launcher,
            first,
            ", ".join(others),
        )
    if not fitting:
        there = ", ".join(
            f"{entry.get('name')} ({', '.join(sorted(_frameworks(entry))) or 'a module'})"
            for entry in entries
        )
        meant = did_you_mean(name, (str(entry.get("name")) for entry in entries)) if name else ""
        raise DescriptorError(
            f"{path}: expected a model {f'{name!r} ' if name else ''}with a launcher of framework "
            f"{launcher!r}; got {there[:300]}.{meant}"
        )
    _check_adapters(path, fitting[0], wanted)
    entry = validated(path, _Entry, fitting[0])
    if len(entry.datasets) != 1:
        raise DescriptorError(
            f"{path}: model {entry.name!r}: expected one dataset; got {len(entry.datasets)}"
        )
    use = entry.datasets[0]
    return Evaluation(
        model=entry.name,
        dataset=use.name,
        steps=PictureSteps(reader=use.reader, preprocessing=use.preprocessing),
        metrics=use.metrics,
        own={key: value for key, value in fitting[0]["datasets"][0].items() if key in OWN},
    )


def _entries(path: Path) -> list[dict[str, Any]]:
    content = read_yaml(path)
    entries = (content.get("models") or content.get("evaluations")) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DescriptorError(f"{path}: expected a list of models under the key 'models'")
    return entries


def _frameworks(entry: dict[str, Any]) -> set[str]:
    launchers = entry.get("launchers")
    found = (
        [each.get("framework") for each in launchers if isinstance(each, dict)]
        if isinstance(launchers, list)
        else []
    )
    return {each for each in found if isinstance(each, str)}


def _check_adapters(path: Path, entry: dict[str, Any], wanted: Sequence[str]) -> None:
    """Refuse networks of other kinds, before their steps and metrics are looked at."""
    for launcher in entry["launchers"]:
        if isinstance(launcher, dict) and launcher.get("framework") in wanted:
            adapter = launcher.get("adapter", "classification")
            kind = adapter.get("type") if isinstance(adapter, dict) else adapter
            if kind != "classification":
                raise DescriptorError(
                    f"{path}: model {str(entry.get('name'))[:80]!r}: adapter {str(kind)[:60]!r}; "
                    "only 'classification' is measured"
                )
