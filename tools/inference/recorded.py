"""How pictures become the input of an IR when it is measured: as the IR says, or else the demos' way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from omz.converter.ir import PROVENANCE
from omz.converter.picture_steps import PREPARATION
from omz.errors import InferenceError, located
from omz.inference.network import read_network, told
from omz.inference.preparation import Picture, Preparation, preprocessing_of
from omz.inference.resizing import RESIZE_TYPES, resize_into
from omz.zoo.steps import PictureSteps

if TYPE_CHECKING:
    import openvino as ov

    from omz.inference.picture_input import PictureInput

_DEMOS_WAYS = {
    "standard": "stretched to the network's input",
    "crop": "cropped to the input's aspect, then resized",
    "fit_to_window": "resized to fit into the network's input, black at the right and below",
    "fit_to_window_letterbox": "resized to fit into the network's input, black around",
}


class DemosPreparation(Preparation):
    """Prepares pictures as both demos do: by Model API's ``resize_type``."""

    def __init__(self, resize_type: str, picture: PictureInput) -> None:
        origin = "the demos' way, as the IR does not say how it is evaluated"
        super().__init__(PictureSteps(), picture.width, picture.height, picture.channels, origin)
        self.resize_type = resize_type

    @property
    def settings(self) -> str:
        """All that the result depends on, but for the picture."""
        return f"{self.resize_type} {self.width} {self.height} {self.channels}"

    @property
    def words(self) -> str:
        """What becomes of a picture, in words."""
        return _DEMOS_WAYS[self.resize_type]

    def apply(self, image: Picture) -> Picture:
        """Bring a decoded picture to the input's size."""
        target = np.empty((self.height, self.width, self.channels), np.uint8)
        resize_into(image, target, self.resize_type)
        return target


def recorded_steps(network: ov.Model, xml: Path) -> PictureSteps | None:
    """Return the steps that an IR carries; None if it carries none.

    Raises:
        DescriptorError: What it carries is malformed.
    """
    with located(f"{xml}: rt_info"):
        text = told(network, PREPARATION, PROVENANCE)
    return PictureSteps.from_text(text, f"{xml}: rt_info {PROVENANCE}/{PREPARATION}") if text else None


def preparation_of(
    xml: Path, picture: PictureInput, steps: PictureSteps | None = None, origin: str = ""
) -> Preparation:
    """Return what makes a picture file the input of an IR.

    Args:
        xml: Of the IR.
        picture: What the network takes.
        steps: Those to follow whatever the IR says.
        origin: Who says so.

    Raises:
        InferenceError: The steps give another size than the network takes, or need Pillow, which is not installed.
        DescriptorError: What the IR carries is malformed.
    """
    if steps is not None:
        return preprocessing_of(steps, picture, origin)
    import openvino as ov

    network = read_network(ov.Core(), xml)
    if steps := recorded_steps(network, xml):
        with located(str(xml)):
            return preprocessing_of(steps, picture, "as the IR says")
    with located(f"{xml}: rt_info"):
        resize_type = told(network, "resize_type") or RESIZE_TYPES[0]
    if resize_type not in RESIZE_TYPES:
        raise InferenceError(f"{xml}: resize_type {resize_type[:80]!r}; known: {', '.join(RESIZE_TYPES)}")
    return DemosPreparation(resize_type, picture)
