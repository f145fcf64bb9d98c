"""The pictures that a network is calibrated and validated with, as its input wants them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from omz.errors import InferenceError, ZooError
from omz.outgoing import describe
from omz.regular_files import open_regular

log = logging.getLogger(__name__)

#: Of unreadable pictures; the others are counted.
MAX_NAMED = 10

Picture: TypeAlias = NDArray[Any]  # (height, width, channels), uint8 or float32
#: The class of a picture, or its classes where it may have several; None where that is not known.
Truth: TypeAlias = "int | frozenset[int] | None"
#: An input tensor, and what is known of the pictures in it.
Batch: TypeAlias = "tuple[NDArray[np.float32], list[Truth]]"
#: Reads a picture and brings it to the input's size and channel order.
Prepare: TypeAlias = Callable[[Path], Picture]


class Sample(Protocol):
    """A picture file and its class."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def label(self) -> int | None:
        """Index of the class; None where it is not known, as calibration needs none."""


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A picture file whose class is not known."""

    path: Path
    label: None = None


def truth_of(sample: Sample) -> Truth:
    """Return the class of a picture, or its classes."""
    several: frozenset[int] | None = getattr(sample, "labels", None)  # of data sets that have such
    return sample.label if several is None else several


def readable(samples: Iterable[Sample], prepare: Prepare) -> list[Sample]:
    """Return the samples whose pictures can be read; those that can't are told in the log.

    Raises:
        InferenceError: None can.
    """
    good: list[Sample] = []
    bad: list[str] = []
    for sample in samples:
        try:
            prepare(sample.path)
        except (ZooError, OSError) as error:
            bad.append(describe(error))
        else:
            good.append(sample)
    for message in bad[:MAX_NAMED]:
        log.warning("left out: %s", message)
    if len(bad) > MAX_NAMED:
        log.warning("left out: %d more pictures that cannot be read", len(bad) - MAX_NAMED)
    if not good:
        raise InferenceError("there is no picture that can be read")
    return good


def digest(samples: Iterable[Sample]) -> str:
    """Return the SHA-256 of the pictures' own ones, in their order: which pictures they were, wherever they lie."""
    total = hashlib.sha256()
    for sample in samples:
        with open_regular(sample.path) as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


class Batches:
    """Input tensors with the classes of their pictures, made when they are asked for.

    The last tensor is filled up with the first pictures, so that every picture is in; it has fewer classes.

    Args:
        samples: At least one.
        prepare: Gives (height, width, channels).
        batch: Pictures in a tensor.
        layout: 'NCHW' or 'NHWC'.
    """

    def __init__(self, samples: Sequence[Sample], prepare: Prepare, batch: int, layout: str) -> None:
        self._samples, self._prepare, self._batch, self._layout = samples, prepare, batch, layout

    def __len__(self) -> int:
        return -(-len(self._samples) // self._batch)

    def __getitem__(self, index: int) -> Batch:
        start = index * self._batch
        inside = self._samples[start : start + self._batch]
        if index < 0 or not inside:
            raise IndexError(index)
        filling = [self._samples[place % len(self._samples)] for place in range(self._batch - len(inside))]
        pictures = np.stack([self._prepare(sample.path) for sample in (*inside, *filling)])
        if self._layout == "NCHW":
            pictures = pictures.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(pictures, dtype=np.float32), [truth_of(sample) for sample in inside]

    def __iter__(self) -> Iterator[Batch]:
        return (self[index] for index in range(len(self)))
