"""From a picture file to the network's input, by the steps of an ``accuracy-check.yml``, pixel for pixel.

The rules are those of Open Model Zoo's accuracy checker:

* ``resize`` stretches to (width, height); with ``aspect_ratio_scale`` one side follows the picture's aspect, rounded
  down: ``greater`` lets the longer side follow (so the shorter gets the size), ``width`` the width, ``height`` the
  height, ``fit_to_window`` keeps both sides within the size. OpenCV's bilinear by default; Pillow's, which smooths
  when it makes smaller, with ``use_pillow``.
* A picture for a network of one channel is grey from the start, as :func:`omz.inference.images.read_image` has it;
  the steps ``bgr_to_gray`` and ``rgb_to_gray`` make it so where they stand. One of four channels keeps its alpha.
* ``crop`` cuts from ``(side - size) // 2``; with ``use_pillow`` from ``round((side - size) / 2)``, halves to the even.
  What is too small is enlarged first by OpenCV, and filled with black by Pillow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from omz.errors import InferenceError
from omz.files import read_bounded
from omz.inference import opencv
from omz.inference.images import MAX_FILE_BYTES, check_file, read_image
from omz.inference.resizing import with_channels
from omz.zoo.step_effects import crop_size, in_words, misfit, scaled_size
from omz.zoo.steps import OPENCV_INTERPOLATIONS, PILLOW_INTERPOLATIONS

if TYPE_CHECKING:
    from omz.inference.picture_input import PictureInput
    from omz.zoo.steps import Crop, Normalization, PictureSteps, Resize, Step

Picture = NDArray[Any]  # (height, width[, channels]), uint8, or float32 once it is normalized


class Preparation:
    """Makes a picture file the network's input; may be called by several threads at a time.

    Args:
        steps: The reader and what is done after it.
        width: Of the network's input, in pixels.
        height: Of the network's input, in pixels.
        channels: Of the network's input: 1 (grey), 3, or 4 (with alpha).
        origin: Who says so, as 'as the IR says'.
    """

    def __init__(
        self, steps: PictureSteps, width: int, height: int, channels: int = 3, origin: str = ""
    ) -> None:
        self.steps, self.width, self.height, self.channels = steps, width, height, channels
        self.origin = origin
        self._by_pillow = steps.reader.type == "pillow_imread"
        self._read_channels = (
            1 if steps.reads_grey or (channels == 1 and not steps.makes_grey) else max(channels, 3)
        )

    @property
    def normalized(self) -> bool:
        """Whether the result is float32 and ready for the network, where else it is 8-bit as the IR takes it."""
        return any(step.type == "normalization" for step in self.steps.preprocessing)

    @property
    def settings(self) -> str:
        """All that the result depends on, but for the picture."""
        return f"{self.steps.to_text()} {self.width} {self.height} {self.channels}"

    @property
    def words(self) -> str:
        """What becomes of a picture, in words."""
        return in_words(self.steps)

    @property
    def told(self) -> str:
        """What becomes of a picture, and who says so."""
        return f"{self.words} ({self.origin})" if self.origin else self.words

    def __call__(self, path: Path) -> Picture:
        """Return (height, width, channels), uint8 or float32.

        Raises:
            InferenceError: The picture cannot be decoded, or comes out in another size.
        """
        check_file(path)
        read = read_by_pillow if self._by_pillow else read_image
        image = self.apply(read(path, self._read_channels))
        height, width = image.shape[:2]
        if (height, width) != (self.height, self.width):
            raise InferenceError(
                f"{path}: the steps give {width} x {height} pixels, and the network takes {self.width} x {self.height}"
            )
        return image

    def apply(self, image: Picture) -> Picture:
        """Run the steps on a decoded picture of any size, of the channels that the reader gives."""
        if self._read_channels == 1:
            image = grey(image, rgb=self._by_pillow)
        for step in self.steps.preprocessing:
            image = apply_step(step, image, self.width, self.height)
        return image if image.ndim == 3 else image[:, :, np.newaxis]

    def check_channels(self) -> None:
        """Try the steps on a small picture.

        Raises:
            InferenceError: They give another number of channels than the network takes, or take another themselves.
        """
        blank = np.zeros((self.height, self.width, self._read_channels), np.uint8)
        channels = self.apply(blank).shape[2]
        if channels != self.channels:
            raise InferenceError(
                f"the preprocessing does not fit the model: it gives {channels} channels, and the network takes "
                f"{self.channels}"
            )


def preprocessing_of(steps: PictureSteps, picture: PictureInput, origin: str = "") -> Preparation:
    """Return what makes a picture file the input of a network.

    Args:
        steps: Of its ``accuracy-check.yml`` or its IR.
        picture: What the network takes.
        origin: Who says so.

    Raises:
        InferenceError: The steps give another size than the network takes, or need Pillow, which is not installed.
    """
    if steps.needs_pillow:
        pillow()
    if text := misfit(steps, (picture.width, picture.height)):
        raise InferenceError(f"the preprocessing does not fit the model: {text}")
    preparation = Preparation(steps, picture.width, picture.height, picture.channels, origin)
    preparation.check_channels()
    return preparation


def apply_step(step: Step, image: Picture, width: int, height: int) -> Picture:
    """Run one step on a decoded picture; ``width`` and ``height`` are those of the network's input."""
    match step.type:
        case "resize":
            return resize(image, step)
        case "auto_resize":
            resized: Picture = opencv.load().resize(image, (width, height))
            return resized
        case "crop":
            return crop(image, step)
        case "normalization":
            return normalize(image, step)
        case "bgr_to_gray" | "rgb_to_gray":
            return grey(image, rgb=step.type == "rgb_to_gray")
        case _:  # of RGB and BGR, one becomes the other; alpha stays the last, and grey is both
            order = list(range(image.shape[2]))[2::-1] + [3][: image.shape[2] - 3] if image.ndim == 3 else []
            return np.ascontiguousarray(image[:, :, order]) if order else image


def grey(image: Picture, *, rgb: bool) -> Picture:
    """Return a picture of 8 bits as grey, (height, width); ``rgb`` tells the order of its channels."""
    if image.ndim == 3 and image.dtype != np.uint8:
        raise InferenceError(
            "the preprocessing makes a picture grey once it is normalized; it must do so before"
        )
    return with_channels(image[:, :, 2::-1] if rgb and image.ndim == 3 else image, 1)


def resize(image: Picture, step: Resize) -> Picture:
    """Resize by the rules in the module's docstring."""
    target = step.target
    assert target is not None  # noqa: S101 - the schema has seen to it
    size = scaled_size(*target, image.shape[1], image.shape[0], step.aspect_ratio_scale)
    check_size(size)
    if step.by_pillow:
        module = pillow()
        method = getattr(module.Resampling, PILLOW_INTERPOLATIONS[(step.interpolation or "BILINEAR").upper()])
        return np.asarray(module.fromarray(image).resize(size, method))
    cv2 = opencv.load()
    interpolation = getattr(cv2, OPENCV_INTERPOLATIONS[(step.interpolation or "LINEAR").upper()])
    resized: Picture = cv2.resize(image, size, interpolation=interpolation)
    return resized


def check_size(size: tuple[int, int]) -> None:
    """Refuse what no memory should be asked for: a line of pixels, resized by its shorter side, has no bound.

    Raises:
        InferenceError: There would be more pixels than a picture may have.
    """
    if size[0] * size[1] > opencv.MAX_PIXELS:
        raise InferenceError(f"resized, the picture would be {size[0]} x {size[1]} pixels; that is too large")


def crop(image: Picture, step: Crop) -> Picture:
    """Cut out the middle by the rules in the module's docstring."""
    height, width = image.shape[:2]
    new_width, new_height = crop_size(step, width, height)
    if step.use_pillow:
        return _crop_padded(
            image, round((width - new_width) / 2), round((height - new_height) / 2), new_width, new_height
        )
    image = _at_least(image, new_width, new_height)
    height, width = image.shape[:2]
    left, top = (width - new_width) // 2, (height - new_height) // 2
    return np.ascontiguousarray(image[top : top + new_height, left : left + new_width])


def _crop_padded(image: Picture, left: int, top: int, width: int, height: int) -> Picture:
    """Cut as Pillow does: what lies outside of the picture is black."""
    result = np.zeros((height, width, *image.shape[2:]), image.dtype)
    y, x = max(0, -top), max(0, -left)
    part = image[max(0, top) : top + height, max(0, left) : left + width]
    result[y : y + part.shape[0], x : x + part.shape[1]] = part
    return result


def _at_least(image: Picture, width: int, height: int) -> Picture:
    """Enlarge a picture that is smaller than the part to cut out, keeping its aspect, rounded up."""
    old_height, old_width = image.shape[:2]
    if old_width >= width and old_height >= height:
        return image
    if old_height * width >= height * old_width:
        size = (width, -(-old_height * width // old_width))
    else:
        size = (-(-old_width * height // old_height), height)
    check_size(size)
    resized: Picture = opencv.load().resize(image, size)
    return resized


def normalize(image: Picture, step: Normalization) -> Picture:
    """Subtract the mean and divide by the standard deviation, in float32."""
    values = image.astype(np.float32)
    if step.mean:
        values -= _by_channel(step.mean, image)
    if step.std:
        values /= _by_channel(step.std, image)
    return values


def _by_channel(numbers: Sequence[float], image: Picture) -> NDArray[np.float32]:
    channels = image.shape[2] if image.ndim == 3 else 1
    if len(set(numbers)) == 1:
        numbers = numbers[:1]
    elif len(numbers) != channels:
        raise InferenceError(
            f"the preprocessing normalizes {len(numbers)} channels, and the picture has {channels}"
        )
    return np.array(numbers, np.float32)


def read_by_pillow(path: Path, channels: int = 3) -> NDArray[np.uint8]:
    """Decode a picture with Pillow into RGB; it is not turned, whatever its EXIF data says.

    Args:
        path: Of the file.
        channels: 3 for RGB, 1 for grey as Pillow's mode L has it, 4 for RGB and alpha.

    Raises:
        InferenceError: The file is missing, too large, truncated or no picture that Pillow reads.
    """
    module = pillow()
    content = read_bounded(path, MAX_FILE_BYTES, "picture", InferenceError)
    try:
        with module.open(BytesIO(content)) as image:
            return np.asarray(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    except (OSError, ValueError, SyntaxError, EOFError, module.DecompressionBombError) as error:
        raise InferenceError(f"{path}: not decodable: {' '.join(str(error).split())[:200]}") from error


@cache
def pillow() -> ModuleType:
    """Return the module ``PIL.Image``.

    Raises:
        InferenceError: Pillow is not installed; tells how to.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise InferenceError(
            "this model was measured with Pillow's resizing or reader, and Pillow is not installed.\n"
            "pip install 'omz-toolkit[accuracy]'"
        ) from error
    return Image
