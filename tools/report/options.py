"""What a report is asked to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.inference.ports import DEFAULT, Ports

if TYPE_CHECKING:
    from omz.zoo.steps import PictureSteps


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for.

    Attributes:
        pictures: What ``-i`` takes of pictures; () for those that come with the model, if any do.
        device: OpenVINO device string.
        infer_precision: 'f32', 'f16' or 'bf16'; '' for the device's own choice.
        seconds: For each measurement; every precision takes two.
        sample_count: How many pictures are shown at most.
        dataset: Labelled pictures, as ``accuracy_check -s`` takes them; None for those that come with the
            model, if any do.
        annotations: The list of these pictures and their classes; None to look for it.
        allow_outside: Whether they may be anywhere, not in the folder of the data alone.
        label_order: The class list that its indexes follow; '' to find out.
        labels: Label file or list name of the classes; '' for those of the IR.
        subsample: So many of them, by lot; 0 for all.
        steps: How pictures are prepared to measure accuracy; None for what the zoo or the IR says.
        ports: What the IRs leave open of their input and output.
    """

    pictures: Sequence[str | Path] = ()
    device: str = "CPU"
    infer_precision: str = ""
    seconds: float = 3.0
    sample_count: int = 12
    dataset: Path | None = None
    annotations: Path | None = None
    allow_outside: bool = False
    label_order: str = ""
    labels: str = ""
    subsample: int = 0
    ports: Ports = DEFAULT
    steps: PictureSteps | None = None
