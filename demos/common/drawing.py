"""Annotated pictures and contact sheets."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omz.inference import opencv
from omz.inference.images import Image
from omz.inference.ranking import Prediction
from omz.inference.resizing import centre_crop

Colour = tuple[int, int, int]  # BGR

BACKGROUND: Colour = (38, 34, 30)
TEXT: Colour = (240, 240, 240)
DIM: Colour = (170, 165, 160)
GREEN: Colour = (80, 175, 76)
RED: Colour = (60, 60, 215)
NEUTRAL: Colour = (150, 110, 60)
MIN_WIDTH = 400  # narrower pictures are enlarged, or the text would not fit
MAX_TILES = 144
MAX_STRIP = 40  # height of a tile's caption


@dataclass(frozen=True, slots=True)
class SheetItem:
    """One tile of a contact sheet.

    Attributes:
        image: (height, width, 3), uint8, BGR.
        caption: What the network says, such as 'kit fox'.
        detail: A second, smaller line, such as '98.7 %'.
        correct: True draws green, False red, None (truth unknown) neutral.
    """

    image: Image
    caption: str
    detail: str = ""
    correct: bool | None = None


def percent(score: float) -> str:
    """Write a probability for people.

    >>> percent(0.98765), percent(1.0), percent(0.00012)
    ('98.8 %', '100.0 %', '0.0 %')
    """
    return f"{100 * score:.1f} %"


def annotate(
    image: Image,
    predictions: Sequence[Prediction],
    max_size: tuple[int, int] | None = None,
    otherwise: str = "",
) -> Image:
    """Return the picture with the best classes and their scores on it.

    Args:
        image: (height, width, 3), uint8, BGR; left as it is. Small pictures come out enlarged.
        predictions: Best first.
        max_size: (width, height) that the result has at most.
        otherwise: What to write where there is no class.
    """
    canvas = _sized(image, max_size)
    height, width = canvas.shape[:2]
    row = min(max(18, width // 24), 44, max(8, (height - 8) // max(1, len(predictions))))
    panel = min(width - 8, row * 15)
    lines = [(one.label, one.text(), (one.score or 0.0) if one.share else 0.0) for one in predictions]
    if not lines and otherwise:
        lines = [(otherwise, "", 0.0)]
    for number, (label, score, share) in enumerate(lines):
        top = 4 + number * row
        if top + row > height:
            break
        box = canvas[top : top + row - 2, 4 : 4 + panel]
        box[...] = (box * 0.35 + np.array(BACKGROUND) * 0.65).astype(np.uint8)
        bar = box[:, : round(panel * min(max(share, 0.0), 1.0))]
        bar[...] = (bar * 0.4 + np.array(GREEN if number == 0 else NEUTRAL) * 0.6).astype(np.uint8)
        score_width = _text_width(max("100.0 %", score, key=len), row * 0.55)
        write(canvas, label, (10, top), row - 2, row * 0.55, panel - score_width - 24)
        right = 4 + panel - _text_width(score, row * 0.55) - 6
        write(canvas, score, (right, top), row - 2, row * 0.55, score_width + 6)
    return canvas


def contact_sheet(items: Sequence[SheetItem], size: tuple[int, int] = (1280, 720), title: str = "") -> Image:
    """Return one picture with all items as tiles; at most :data:`MAX_TILES` of them.

    Args:
        items: Any number.
        size: (width, height) of the sheet in pixels, at least 160 x 120.
        title: A line on top.

    Returns:
        (height, width, 3), uint8, BGR.
    """
    width, height = size
    sheet: Image = np.full((height, width, 3), BACKGROUND, np.uint8)
    header = 44 if title else 6
    if title:
        write(sheet, title, (16, 4), header - 4, 24, width - 32)
    items = items[:MAX_TILES]
    if not items:
        return sheet
    columns, rows = _grid(len(items), width, height - header)
    tile_width = width / columns
    tile_height = min((height - header) / rows, tile_width + MAX_STRIP)
    top_margin = header + (height - header - rows * tile_height) / 2
    for place, item in enumerate(items):
        left, top = (place % columns) * tile_width, top_margin + (place // columns) * tile_height
        area = sheet[int(top) : int(top + tile_height), int(left) : int(left + tile_width)]
        _draw_tile(area, item)
    return sheet


def _draw_tile(area: Image, item: SheetItem) -> None:
    """Draw caption strip, detail and picture into a view on the sheet."""
    cv2 = opencv.load()
    height, width = area.shape[:2]
    gap = max(2, min(width, height) // 40)
    strip = max(12, min(height // 5, MAX_STRIP))
    inner = area[gap : height - gap, gap : width - gap]
    colour = NEUTRAL if item.correct is None else GREEN if item.correct else RED
    side = min(inner.shape[0] - strip, inner.shape[1])
    if side < 8:
        return
    left = (inner.shape[1] - side) // 2
    tile = inner[:, left : left + side]
    tile[:strip] = colour
    letters = strip * 0.5
    detail_width = _text_width(item.detail, letters * 0.85) if side > 90 else 0
    write(tile, item.caption, (6, 0), strip, letters, side - detail_width - 14)
    if detail_width:
        write(tile, item.detail, (side - detail_width - 5, 0), strip, letters * 0.85, detail_width + 4)
    square = centre_crop(item.image, 1.0)
    shrinks = square.shape[0] > side
    picture = cv2.resize(
        square, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC if side < 4 * square.shape[0]
        else cv2.INTER_NEAREST
    )  # fmt: skip
    tile[strip : strip + side] = picture
    cv2.rectangle(tile, (0, 0), (side - 1, strip + side - 1), colour, 2)


def _grid(count: int, width: int, height: int) -> tuple[int, int]:
    """Return (columns, rows) that give ``count`` square tiles the largest side."""

    def side(columns: int) -> float:
        return min(width / columns, height / math.ceil(count / columns) / 1.15)  # the strip is a sixth on top

    columns = max(range(1, count + 1), key=side)
    return columns, math.ceil(count / columns)


def write(
    image: Image,
    text: str,
    corner: tuple[int, int],
    height: int,
    letters: float,
    max_width: int,
    colour: Colour = TEXT,
) -> None:
    """Write one line, vertically centred in a box of ``height`` pixels, cut with '..' where it gets too long.

    Args:
        image: Drawn on in place.
        text: OpenCV's fonts have ASCII alone: accents are dropped, other letters become '?'.
        corner: (left, top) of the box.
        height: Of the box.
        letters: Height of a capital letter with its margins, in pixels.
        max_width: In pixels.
        colour: BGR.
    """
    cv2 = opencv.load()
    text = ascii_text(text)
    while len(text) > 1 and _text_width(text, letters) > max_width:
        text = text.removesuffix("..")[:-1].rstrip() + ".."
        if text == "..":
            break
    scale, thick = _font(letters)
    (_, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, thick)
    origin = (corner[0], corner[1] + (height + text_height) // 2)
    cv2.putText(image, text, origin, cv2.FONT_HERSHEY_DUPLEX, scale, colour, thick, cv2.LINE_AA)


def ascii_text(text: str) -> str:
    r"""Return the text in ASCII.

    >>> ascii_text("maté \u2192 tea")
    'mate ? tea'
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return plain.encode("ascii", "replace").decode()


def _font(letters: float) -> tuple[float, int]:
    return max(letters, 7) / 30, 1 if letters < 26 else 2


def _text_width(text: str, letters: float) -> int:
    cv2 = opencv.load()
    scale, thick = _font(letters)
    return int(cv2.getTextSize(ascii_text(text), cv2.FONT_HERSHEY_DUPLEX, scale, thick)[0][0])


def _sized(image: Image, max_size: tuple[int, int] | None) -> Image:
    """Return a copy: enlarged if it is too small for text, reduced to ``max_size`` if it is given."""
    cv2 = opencv.load()
    height, width = image.shape[:2]
    scale = max(1.0, MIN_WIDTH / width if height < 4 * width else 1.0)
    if max_size:
        scale = min(scale, max_size[0] / width, max_size[1] / height)
    if scale == 1.0:
        return image.copy()
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST if scale > 4 else cv2.INTER_CUBIC
    resized: Image = cv2.resize(
        image, (max(1, int(width * scale)), max(1, int(height * scale))), interpolation=way
    )
    return resized
