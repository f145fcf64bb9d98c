"""A frame: one picture to come, whatever it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from omz.inference.images import Image


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture to come: ``load`` decodes it, in whatever thread calls it."""

    source: str
    number: int  # within its source, from 0
    load: Callable[[], Image]


def itself(image: Image) -> Image:
    """Return the picture; what ``load`` is where it is decoded already."""
    return image


def repeat(source: Iterable[Frame]) -> Iterator[Frame]:
    """Yield the frames of a source again and again."""
    while True:
        yield from source
