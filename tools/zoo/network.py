"""What a descriptor states of its network: inputs, outputs, classes, architecture and published figures."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from omz.zoo.fields import Count, Dimension, HttpUrl, Percent, RelativePath, Text
from omz.zoo.section import Section


class InputInfo(Section):
    """One input of the network: its blob name, shape and layout (such as NCHW)."""

    name: Text
    shape: list[Dimension] | None = None
    layout: str | None = None


class ModelInfo(Section):
    """What goes into the ``model_info`` section of the IR, by Model API's convention."""

    model_type: str | None = None
    #: The names of the classes by index; or the name of a list in ``models/labels`` or of a file beside the descriptor.
    labels: list[str] | str | None = None
    resize_type: str | None = None
    confidence_threshold: float | None = None
    iou_threshold: float | None = None
    anchors: list[float | int] | None = None
    masks: list[int] | list[list[int]] | None = None
    # How pictures were cut and resized for the published accuracy, in timm's terms:
    crop_pct: Annotated[float, Field(gt=0, le=1)] | None = None  # the part of the resized picture's side
    interpolation: Literal["bilinear", "bicubic"] | None = None

    @field_validator("labels", mode="before")
    @classmethod
    def _names(cls, labels: object) -> object:
        named = isinstance(labels, str) and re.fullmatch("[0-9A-Za-z_.-]+", labels)
        listed = isinstance(labels, list) and labels and all(isinstance(x, str) and x for x in labels)
        if not named and not listed and labels is not None:
            raise ValueError(
                "expected a list of class names, or the name of a list in models/labels or of a file beside this one"
            )
        return labels


class OutputInfo(Section):
    """One output: its blob name and shape, and what its values are (see :mod:`omz.converter.outputs`)."""

    name: Text
    shape: Annotated[list[Dimension], Field(min_length=1, max_length=8)]  # N, C and where there are, H, W
    values: Literal["probabilities", "independent", "logits", "classes"]


class ResNetArchitecture(Section):
    """What a ``.pth`` or ``.safetensors`` file of timm's ResNet family holds, in the terms of timm's source.

    Fields and their meaning are those of ``omz.converter.pytorch.architecture.Architecture``. The converter reads
    the same off the file, and refuses a file that is of another network.
    """

    block: Literal["basic", "bottleneck"]
    layers: Annotated[list[Count], Field(min_length=1)]
    channels: list[Count] = [64, 128, 256, 512]
    cardinality: Count = 1
    base_width: Count = 64
    block_reduce_first: Count = 1
    stem: Literal["plain", "deep", "deep_tiered"] = "plain"
    stem_width: Count = 64
    avg_down: bool = False
    down_kernel_size: Count = 1
    se: Literal["none", "conv", "linear"] = "none"
    se_channels: list[Count] = []
    se_bias: bool = True
    epsilon: Annotated[float, Field(gt=0, lt=1)] = 1e-5


class Specification(Section):
    """Published figures, shown on the model page beside what we count (an extension of the format)."""

    title: Text
    paper: HttpUrl
    gflops: Annotated[float, Field(gt=0)] | None = None
    mparams: Annotated[float, Field(gt=0)] | None = None
    top1: Percent | None = None
    top5: Percent | None = None
    channel_order: Literal["BGR", "RGB"]  # of the original network's input
    license_name: Text
    license_file: RelativePath  # in licenses/
    notes: list[Text] = []
