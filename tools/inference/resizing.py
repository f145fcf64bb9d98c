"""Bring a picture to the size and number of channels of a model's input; all else is done inside the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omz.inference import opencv

if TYPE_CHECKING:
    from types import ModuleType

    from omz.inference.images import Image

#: Model API's names: stretch; cut out the middle; keep the aspect and pad right and below; the same, centred.
RESIZE_TYPES = ("standard", "crop", "fit_to_window", "fit_to_window_letterbox")


def resize_into(image: Image, target: Image, resize_type: str = "standard") -> None:
    """Resize a picture (bilinear) into ``target``, without allocating where it can be avoided.

    Args:
        image: (height, width, channels); see :func:`with_channels`.
        target: (height, width, channels), contiguous; the model's input buffer.
        resize_type: One of :data:`RESIZE_TYPES`.
    """
    cv2 = opencv.load()
    height, width, channels = target.shape
    image = with_channels(image, channels)
    if channels == 1:
        target = target.reshape(
            height, width
        )  # OpenCV writes into it only if it is of the form of its own result
    if resize_type.startswith("fit"):
        _fit(cv2, image, target, centred=resize_type.endswith("letterbox"))
        return
    if resize_type == "crop":
        image = centre_crop(image, width / height)
    cv2.resize(image, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)


def with_channels(image: Image, channels: int) -> Image:
    """Return a picture as grey, BGR, or BGR with alpha.

    Grey is 0.299 R + 0.587 G + 0.114 B, rounded, as OpenCV's ``BGR2GRAY`` has it; alpha that is not there is 255, and
    alpha that is not wanted is left out.

    Args:
        image: (height, width) or (height, width, 1), (height, width, 3) or (height, width, 4).
        channels: 1, 3 or 4.

    Returns:
        (height, width) for one channel, else (height, width, channels); ``image`` itself or a view where it can be.
    """
    there = image.shape[2] if image.ndim == 3 else 1
    plain = image.reshape(image.shape[:2]) if there == 1 else image
    if there == channels:
        return plain
    cv2 = opencv.load()
    codes = {
        (1, 3): cv2.COLOR_GRAY2BGR,
        (1, 4): cv2.COLOR_GRAY2BGRA,
        (3, 1): cv2.COLOR_BGR2GRAY,
        (3, 4): cv2.COLOR_BGR2BGRA,
        (4, 1): cv2.COLOR_BGRA2GRAY,
        (4, 3): cv2.COLOR_BGRA2BGR,
    }
    converted: Image = cv2.cvtColor(plain, codes[there, channels])
    return converted


def centre_crop(image: Image, aspect: float) -> Image:
    """Return a view on the largest middle part whose width / height is ``aspect``."""
    height, width = image.shape[:2]
    if width > height * aspect:
        kept = max(1, int(height * aspect))
        left = (width - kept) // 2
        return image[:, left : left + kept]
    kept = max(1, int(width / aspect))
    top = (height - kept) // 2
    return image[top : top + kept]


def _fit(cv2: ModuleType, image: Image, target: Image, *, centred: bool) -> None:
    height, width = target.shape[:2]
    scale = min(width / image.shape[1], height / image.shape[0])
    new_width = min(width, max(1, round(image.shape[1] * scale)))
    new_height = min(height, max(1, round(image.shape[0] * scale)))
    left, top = ((width - new_width) // 2, (height - new_height) // 2) if centred else (0, 0)
    target[...] = 0
    target[top : top + new_height, left : left + new_width] = cv2.resize(
        image, (new_width, new_height), interpolation=cv2.INTER_LINEAR
    )
