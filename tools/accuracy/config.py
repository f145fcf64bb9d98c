"""Open Model Zoo's ``accuracy-check.yml`` for classification, read into types.

Of a file's models, the one for a launcher is taken: its dataset by name, the steps that make a picture the network's
input, and the metrics with the published figures. What would change the figures is never skipped: a step, a key or
an adapter that is not known is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from omz.errors import DescriptorError
from omz.zoo.validation import validated
from omz.zoo.yaml_file import read_yaml

_log = logging.getLogger(__name__)

#: ``dlsdk`` is what OpenVINO's launcher was called before 2022.
LAUNCHER_NAMES = {"openvino": ("openvino", "dlsdk")}

Side = Annotated[int, Field(ge=1, le=16384)]  # pixels


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Sized(_Section):
    """A step that has a target size: ``size`` for a square, or both sides."""

    size: Side | None = None
    dst_width: Side | None = None
    dst_height: Side | None = None

    @property
    def target(self) -> tuple[int, int] | None:
        """(width, height) in pixels; None if the step states none."""
        if self.size:
            return self.size, self.size
        return (self.dst_width, self.dst_height) if self.dst_width and self.dst_height else None


class Resize(_Sized):
    """Bring a picture to a size; see :mod:`omz.accuracy.preprocessing` for the rules."""

    type: Literal["resize"]
    aspect_ratio_scale: Literal["width", "height", "greater", "fit_to_window"] | None = None
    interpolation: str | None = None
    use_pillow: bool = False
    resize_realization: Literal["opencv", "pillow"] | None = None

    @property
    def by_pillow(self) -> bool:
        """Whether Pillow resizes, not OpenCV."""
        return self.resize_realization == "pillow" or (self.use_pillow and not self.resize_realization)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        from omz.accuracy.preprocessing import OPENCV_INTERPOLATIONS, PILLOW_INTERPOLATIONS

        if not self.target:
            raise ValueError("expected a 'size', or 'dst_width' and 'dst_height'")
        known = PILLOW_INTERPOLATIONS if self.by_pillow else OPENCV_INTERPOLATIONS
        if self.interpolation is not None and self.interpolation.upper() not in known:
            raise ValueError(
                f"expected an interpolation of {', '.join(known)}; got {self.interpolation[:40]!r}"
            )
        return self


class AutoResize(_Section):
    """Stretch a picture to the size of the network's input."""

    type: Literal["auto_resize"]


class Crop(_Sized):
    """Cut out the middle."""

    type: Literal["crop"]
    central_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    max_square: bool = False
    use_pillow: bool = False

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.target is not None) + (self.central_fraction is not None) + self.max_square != 1:
            raise ValueError("expected one of a size, 'central_fraction' and 'max_square'")
        return self


def _three_numbers(value: object) -> object:
    """Read ``104, 117, 123``, ``127.5`` or a name of Open Model Zoo's as three numbers."""
    named = {"imagenet": (104.00698793, 116.66876762, 122.67891434), "cifar10": (125.307, 122.961, 113.8575)}
    if isinstance(value, str):
        if value.strip().lower() in named:
            return named[value.strip().lower()]
        value = [part.strip() for part in value.strip("()[] ").split(",")]
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    return list(value) * 3 if isinstance(value, list) and len(value) == 1 else value


_Finite = Annotated[float, Field(allow_inf_nan=False)]
Channels = Annotated[tuple[_Finite, _Finite, _Finite], BeforeValidator(_three_numbers)]


class Normalization(_Section):
    """Subtract ``mean`` and divide by ``std``, in the order of the channels at that point."""

    type: Literal["normalization"]
    mean: Channels | None = None
    std: Channels | None = None
    images_only: bool = False  # for networks of several inputs; a classifier has one

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.mean and not self.std:
            raise ValueError("expected 'mean' or 'std'")
        if self.std and 0 in self.std:
            raise ValueError("expected a 'std' without zeros")
        return self


class SwapChannels(_Section):
    """Turn BGR into RGB, or back: the same work."""

    type: Literal["bgr_to_rgb", "rgb_to_bgr"]


Step = Annotated[Resize | AutoResize | Crop | Normalization | SwapChannels, Field(discriminator="type")]
STEP_TYPES = ("resize", "auto_resize", "crop", "normalization", "bgr_to_rgb", "rgb_to_bgr")


class Reader(_Section):
    """How a picture file is decoded: ``opencv_imread`` gives BGR, ``pillow_imread`` RGB."""

    type: Literal["opencv_imread", "pillow_imread"] = "opencv_imread"
    reading_flag: Literal["color"] = "color"
    to_rgb: Literal[True] = True


class Metric(_Section):
    """Accuracy: the share of pictures whose true class is among the ``top_k`` first."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # presenters change no figure

    name: str = ""
    type: Literal["accuracy"]
    top_k: Annotated[int, Field(ge=1, le=1000)] = 1
    reference: Annotated[float, Field(ge=0, le=1)] | None = None  # a share; the published figure


def _step_list(value: object) -> object:
    for step in value if isinstance(value, list) else []:
        kind = step.get("type") if isinstance(step, dict) else step
        if kind not in STEP_TYPES:
            raise ValueError(
                f"preprocessing step {str(kind)[:60]!r} is not supported. Known: {', '.join(STEP_TYPES)}"
            )
    return value


class DatasetUse(_Section):
    """The dataset that a model is measured on, and how."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # paths of somebody else's folders

    name: str
    reader: Reader = Reader()
    preprocessing: Annotated[tuple[Step, ...], BeforeValidator(_step_list)] = ()
    metrics: tuple[Metric, ...] = ()

    @field_validator("reader", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value


class Evaluation(_Section):
    """What one entry of an ``accuracy-check.yml`` asks for."""

    model: str
    dataset: str
    reader: Reader = Reader()
    preprocessing: tuple[Step, ...] = ()
    metrics: tuple[Metric, ...] = ()

    @property
    def references(self) -> dict[int, float]:
        """The published accuracy by k, as a share."""
        return {m.top_k: m.reference for m in self.metrics if m.reference is not None}


class _Entry(_Section):
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
        raise DescriptorError(
            f"{path}: expected a model {f'{name!r} ' if name else ''}with a launcher of framework "
            f"{launcher!r}; got {there[:300]}"
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
        reader=use.reader,
        preprocessing=use.preprocessing,
        metrics=use.metrics,
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
