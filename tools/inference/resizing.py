"""Bring a picture to the size of a model's input; all else (types, mean, channels) is done inside the graph."""

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
        image: (height, width, 3).
        target: (height, width, 3), contiguous; the model's input buffer.
        resize_type: One of :data:`RESIZE_TYPES`.
    """
    cv2 = opencv.load()
    height, width = target.shape[:2]
    if resize_type.startswith("fit"):
        _fit(cv2, image, target, centred=resize_type.endswith("letterbox"))
        return
    if resize_type == "crop":
        image = centre_crop(image, width / height)
    cv2.resize(image, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)


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
