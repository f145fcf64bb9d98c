"""Pictures as a source of frames: files, addresses, arrays in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from omz.errors import InferenceError
from omz.inference.frames import Frame, itself
from omz.inference.images import Image, read_image
from omz.inference.reduction import Enough
from omz.inference.web_pictures import WebPicture, keep


@dataclass(frozen=True, slots=True)
class NoPicture:
    """What is given as a picture and is none: named when its turn comes, and the others go on."""

    path: Path
    why: str

    def __str__(self) -> str:
        return str(self.path)

    def load(self, channels: int = 3, enough: Enough | None = None) -> Image:
        """Tell why.

        Raises:
            InferenceError: Always.
        """
        raise InferenceError(f"{self.path}: {self.why}")


class Pictures:
    """Pictures, decoded when their turn comes; those at addresses are fetched then.

    Args:
        items: Files, and pictures at addresses.
        kind: 'image' (one) or 'folder'.

    Attributes:
        channels: How they are decoded; see :func:`omz.inference.images.read_image`.
        enough: How large they have to be; None for as large as they are.
    """

    fps, channels = 0.0, 3
    enough: Enough | None = None

    def __init__(self, items: Sequence[Path | WebPicture | NoPicture], kind: str = "folder") -> None:
        self.items, self.kind = tuple(items), kind

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Frame]:
        for item, name in zip(self.items, self._names(), strict=True):
            load = partial(read_image, item) if isinstance(item, Path) else item.load
            yield Frame(name, 0, partial(load, channels=self.channels, enough=self.enough))

    def keep(self, why: str) -> None:
        """Fetch those at addresses now, so that they are fetched once; ``why`` is for the log.

        Raises:
            InferenceError: They are too large to be kept in memory.
        """
        keep([item for item in self.items if isinstance(item, WebPicture)], why)

    def _names(self) -> Iterator[str]:
        """Yield the names of the items; addresses that differ in what is left out of their names are numbered."""
        addresses: dict[str, dict[str, int]] = {}
        for item in self.items:
            name = str(item)
            if isinstance(item, WebPicture) and name != item.address:
                known = addresses.setdefault(name, {})
                number = known.setdefault(item.address, len(known) + 1)
                name = name if number == 1 else f"{name} ({number})"
            yield name


class Arrays:
    """Pictures already in memory, (height, width, 3) uint8 BGR; named ``array 0``, ``array 1`` ..."""

    kind, fps = "folder", 0.0
    channels = 3  # what they have, whatever is asked for
    enough: Enough | None = None  # likewise

    def __init__(self, images: Sequence[Image]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Frame]:
        for number, image in enumerate(self._images):
            yield Frame(f"array {number}", 0, partial(itself, image))

    def keep(self, why: str) -> None:
        """Do nothing: they are in memory."""
