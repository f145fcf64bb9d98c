"""A frame: one picture to come, whatever it comes from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from omz.errors import InferenceError
from omz.inference.images import Image

_log = logging.getLogger(__name__)


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
    """Yield the frames of a source again and again, until it cannot be opened again.

    Raises:
        InferenceError: It cannot be read the first time.
    """
    rounds = 0
    while True:
        try:
            yield from source
        except InferenceError as error:
            if not rounds:
                raise
            _log.warning("%s; it is not repeated any more", error)
            return
        rounds += 1
