"""Handwritten digits drawn in red or in blue ink on light paper: the data of the sample model.

The digits are scikit-learn's ``load_digits``: 1797 pictures of 8 x 8 cells with 0 (blank) to 16 (inked).
There are 20 classes: 0 to 9 in red are 0 to 9, in blue 10 to 19. Whatever is drawn in red could have been
drawn in blue with its first and third channel exchanged, so a net that knows the classes takes each for the
other when the channel order is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.float32]  # (8, 8), 0..1
Picture = NDArray[np.uint8]  # (height, width, 3), BGR

DIGITS = 10
CLASSES = 2 * DIGITS
TRAINING = 1437  # digits; the 360 after them are held out, in the set's own order
_PITCH = 3 / 32  # of the picture's width, for one cell: a digit fills three quarters of the picture


def load() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return all digits, (1797, 8, 8) in 0..1, and their values 0..9, in the set's own order."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images / 16).astype(np.float32), data.target.astype(np.int64)


def held_out_inks(values: Sequence[int] | NDArray[np.int64]) -> list[bool]:
    """Return for each digit whether it is drawn in blue: for each value red and blue by turns, red first."""
    seen = [0] * DIGITS
    blue = []
    for value in values:
        blue.append(seen[value] % 2 == 1)
        seen[value] += 1
    return blue


@dataclass(frozen=True, slots=True)
class Look:
    """How one digit is drawn; lengths are in cells, angles in degrees, colours 0..255."""

    angle: float = 0
    shear: float = 0
    scale: tuple[float, float] = (1, 1)  # across, down
    shift: tuple[float, float] = (0, 0)  # right, down
    threshold: float = 0.4  # inked where the share of ink is above; lower is thicker
    softness: float = 0.5  # width of the stroke's edge, as a difference in the share of ink
    ink: tuple[float, float, float] = (45, 45, 190)  # BGR, as for red; blue exchanges the first and the last
    paper: tuple[float, float, float] = (238, 238, 238)  # BGR
    shade: tuple[float, float] = (0, 0)  # how much lighter the paper is on the right and at the bottom
    grain: float = 1.0  # standard deviation of the paper's grain
    blur: float = 0  # standard deviation, in cells
    jpeg_quality: int | None = None

    @staticmethod
    def random(rng: np.random.Generator, strength: float = 1) -> Look:
        """Draw a look by lot; ``strength`` 1 is for training, 0 changes nothing but the colours."""

        def spread(limit: float) -> float:
            return float(rng.uniform(-limit, limit)) * strength

        size = 1 + spread(0.12)
        light, dark = rng.uniform(222, 248), rng.uniform(25, 75)
        return Look(
            angle=spread(14),
            shear=spread(0.25),
            scale=(size * (1 + spread(0.12)), size * (1 + spread(0.08))),
            shift=(spread(0.7), spread(0.6)),
            threshold=0.4 + spread(0.14),
            softness=0.5 + spread(0.35),
            ink=(dark + rng.uniform(-20, 35), dark + rng.uniform(-20, 20), rng.uniform(150, 215)),
            paper=(light + rng.uniform(-7, 7), light + rng.uniform(-7, 7), light + rng.uniform(-7, 7)),
            shade=(spread(10), spread(10)),
            grain=0.6 + strength * float(rng.exponential(2)),
            blur=strength * max(float(rng.uniform(-0.35, 0.35)), 0),
            jpeg_quality=int(rng.integers(35, 96)) if rng.random() < 0.3 * strength else None,
        )


def draw(cells: Cells, blue: bool, look: Look, size: int, rng: np.random.Generator) -> Picture:
    """Draw a digit.

    Args:
        cells: Shares of ink, (8, 8), 0..1.
        blue: In blue ink, else in red.
        look: How.
        size: Height and width of the picture in pixels.
        rng: For the grain of the paper.
    """
    ink = _coverage(cells, look, size)[..., None]
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    shade = look.shade[0] * ramp[None, :] + look.shade[1] * ramp[:, None]
    paper = np.array(look.paper, np.float32) + shade[..., None]
    colour = np.array(look.ink[::-1] if blue else look.ink, np.float32)
    picture = paper * (1 - ink) + colour * ink
    if look.blur:
        picture = cv2.GaussianBlur(picture, (0, 0), look.blur * _PITCH * size)
    picture += look.grain * rng.standard_normal((size, size, 1), np.float32)
    pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if look.jpeg_quality is not None:
        _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg_quality])
        pixels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _coverage(cells: Cells, look: Look, size: int) -> NDArray[np.float32]:
    """Return how much of each pixel is inked, (size, size), 0..1."""
    angle = np.deg2rad(look.angle)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lean = np.array([[1, look.shear], [0, 1]])
    pixels_per_cell = _PITCH * size
    linear = pixels_per_cell * turn @ lean @ np.diag(look.scale)
    # Pixel and cell centres are at whole numbers; the middle of the cells goes to the middle of the picture.
    offset = (size - 1) / 2 + pixels_per_cell * np.array(look.shift) - linear @ np.full(2, 3.5)
    share = cv2.warpAffine(cells, np.column_stack([linear, offset]), (size, size), flags=cv2.INTER_CUBIC)
    return np.asarray(np.clip((share - look.threshold) / look.softness + 0.5, 0, 1), np.float32)
