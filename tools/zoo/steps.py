"""From a picture to a network's input, as ``accuracy-check.yml`` says it: the reader and the steps.

What each step does, pixel for pixel, is in :mod:`omz.inference.preparation`; what becomes of a picture's size, and
the steps in words, in :mod:`omz.zoo.step_effects`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from omz.errors import DescriptorError

#: Of the text that an IR carries; what is longer is none of ours.
MAX_TEXT = 8192
MAX_STEPS = 32

#: Names of interpolations, and what OpenCV and Pillow call them.
OPENCV_INTERPOLATIONS = {
    "NEAREST": "INTER_NEAREST",
    "LINEAR": "INTER_LINEAR",
    "BILINEAR": "INTER_LINEAR",
    "CUBIC": "INTER_CUBIC",
    "BICUBIC": "INTER_CUBIC",
    "AREA": "INTER_AREA",
    "LANCZOS4": "INTER_LANCZOS4",
}
PILLOW_INTERPOLATIONS = {
    "NEAREST": "NEAREST",
    "LINEAR": "BILINEAR",
    "BILINEAR": "BILINEAR",
    "CUBIC": "BICUBIC",
    "BICUBIC": "BICUBIC",
    "BOX": "BOX",
    "HAMMING": "HAMMING",
    "LANCZOS": "LANCZOS",
    "ANTIALIAS": "LANCZOS",
}

Side = Annotated[int, Field(ge=1, le=16384)]  # pixels


class Section(BaseModel):
    """A part of an ``accuracy-check.yml``: a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Sized(Section):
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
    """Bring a picture to a size; see :mod:`omz.inference.preparation` for the rules."""

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
        if not self.target:
            raise ValueError("expected a 'size', or 'dst_width' and 'dst_height'")
        known = PILLOW_INTERPOLATIONS if self.by_pillow else OPENCV_INTERPOLATIONS
        if self.interpolation is not None and self.interpolation.upper() not in known:
            raise ValueError(f"interpolation {self.interpolation[:40]!r}: expected one of {', '.join(known)}")
        return self


class AutoResize(Section):
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
    """Read ``104, 117, 123``, ``127.5`` or a name of Open Model Zoo's as three numbers; a fourth is for alpha."""
    named = {"imagenet": (104.00698793, 116.66876762, 122.67891434), "cifar10": (125.307, 122.961, 113.8575)}
    if isinstance(value, str):
        if value.strip().lower() in named:
            return named[value.strip().lower()]
        value = [part.strip() for part in value.strip("()[] ").split(",")]
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    return list(value) * 3 if isinstance(value, list) and len(value) == 1 else value


_Finite = Annotated[float, Field(allow_inf_nan=False)]
Channels = Annotated[tuple[_Finite, ...], Field(min_length=3, max_length=4), BeforeValidator(_three_numbers)]


class Normalization(Section):
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


class SwapChannels(Section):
    """Turn BGR into RGB, or back: the same work."""

    type: Literal["bgr_to_rgb", "rgb_to_bgr"]


class Grey(Section):
    """Make a colour picture grey, for a network of one channel."""

    type: Literal["bgr_to_gray", "rgb_to_gray"]


Step = Annotated[
    Resize | AutoResize | Crop | Normalization | SwapChannels | Grey, Field(discriminator="type")
]
STEP_TYPES = (
    "resize",
    "auto_resize",
    "crop",
    "normalization",
    "bgr_to_rgb",
    "rgb_to_bgr",
    "bgr_to_gray",
    "rgb_to_gray",
)


class Reader(Section):
    """How a picture file is decoded: ``opencv_imread`` gives BGR, ``pillow_imread`` RGB."""

    type: Literal["opencv_imread", "pillow_imread"] = "opencv_imread"
    reading_flag: Literal["color", "gray"] = "color"
    to_rgb: Literal[True] = True


def _step_list(value: object) -> object:
    for step in value if isinstance(value, list) else []:
        kind = step.get("type") if isinstance(step, dict) else step
        if kind not in STEP_TYPES:
            raise ValueError(
                f"preprocessing step {str(kind)[:60]!r} is not supported. Known: {', '.join(STEP_TYPES)}"
            )
    return value


Steps = Annotated[tuple[Step, ...], BeforeValidator(_step_list), Field(max_length=MAX_STEPS)]


def _reader(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


AnyReader = Annotated[Reader, BeforeValidator(_reader)]


class PictureSteps(Section):
    """How a picture file becomes a network's input."""

    reader: AnyReader = Reader()
    preprocessing: Steps = ()

    @property
    def needs_pillow(self) -> bool:
        """Whether Pillow reads or resizes."""
        return self.reader.type == "pillow_imread" or any(
            isinstance(step, Resize) and step.by_pillow for step in self.preprocessing
        )

    @property
    def reads_grey(self) -> bool:
        """Whether the reader gives grey pictures."""
        return self.reader.reading_flag == "gray"

    @property
    def makes_grey(self) -> bool:
        """Whether a step makes pictures grey."""
        return any(isinstance(step, Grey) for step in self.preprocessing)

    def to_text(self) -> str:
        """Return the form that an IR carries: compact JSON, the same for the same steps.

        >>> PictureSteps(preprocessing=({"type": "crop", "size": 224},)).to_text()
        '{"preprocessing":[{"size":224,"type":"crop"}],"reader":"opencv_imread"}'
        """
        steps = [step.model_dump(mode="json", exclude_defaults=True) for step in self.preprocessing]
        reader = self.reader.model_dump(mode="json", exclude_defaults=True)
        content = {"reader": reader if "reading_flag" in reader else self.reader.type, "preprocessing": steps}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str, where: str) -> Self:
        """Read what :meth:`to_text` has written, or a stranger.

        Args:
            text: The JSON.
            where: Of it, for messages.

        Raises:
            DescriptorError: It is too long, no such JSON, or a step or a key in it is not known; names it.
        """
        from omz.zoo.validation import validated

        if len(text) > MAX_TEXT:
            raise DescriptorError(f"{where}: expected up to {MAX_TEXT} characters, got {len(text)}")
        try:
            content = json.loads(text, object_pairs_hook=_without_doubles)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
            raise DescriptorError(f"{where}: is not the JSON of preprocessing steps: {reason}") from error
        return validated(where, cls, content)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice, where JSON's own reader takes the last."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is there twice")
    return content
