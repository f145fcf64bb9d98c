"""The picture grid: what the network says of each picture, green where it is right, red where it is wrong."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.demos.common.drawing import MAX_TILES, SheetItem, contact_sheet, percent
from omz.errors import ZooError
from omz.inference.images import Image
from omz.inference.ranking import THRESHOLD, none_above
from omz.inference.resizing import with_channels
from omz.inference.statistics import three_digits

if TYPE_CHECKING:
    from omz.inference.benchmark_report import Report
    from omz.inference.frames import Frame
    from omz.inference.ground_truth import GroundTruth
    from omz.inference.pipeline import Outcome
    from omz.inference.ranking import Prediction

LIVE_TILES = 24


def make_item(
    image: Image,
    source: str,
    kind: str,
    predictions: Sequence[Prediction],
    truth: GroundTruth | None,
    threshold: float | None,
) -> SheetItem:
    """Return the tile of one picture; the best class decides on its colour.

    Where several classes may hold, and the truth is not known, all of them are named.
    """
    index = truth.of(source) if truth else None
    if not predictions:
        return SheetItem(image, none_above(THRESHOLD if threshold is None else threshold))
    best = predictions[0]
    several = kind == "independent" and not truth
    caption = ", ".join(one.label for one in predictions) if several else best.label
    return SheetItem(image, caption, best.text(), None if index is None else index == best.index)


def draw_grid(report: Report, pictures: Iterable[Frame], size: tuple[int, int]) -> Image:
    """Return the grid of a report's first pictures (decoded again), with a line of figures on top."""
    items = []
    frames = {frame.source: frame for frame in pictures}
    for result in report.classified[:MAX_TILES]:
        try:
            image = with_channels(frames[result.source].load(), 3)
        except ZooError:
            continue  # it has gone since
        items.append(make_item(image, result.source, result.kind, result.top, report.truth, report.threshold))
    figures = [
        Path(report.model).stem,
        ", ".join(report.execution_devices) + f" {report.precision}",
        f"{three_digits(report.end_to_end.median)} FPS end to end",
        f"{three_digits(report.inference_only.median)} FPS inference only",
    ]
    if report.accuracy:
        figures.append(f"top-1 {percent(report.accuracy.top[1])}")
    return contact_sheet(items, size, "  |  ".join(figures))


class LiveGrid:
    """The last pictures of a running benchmark, drawn at most ten times a second so that drawing costs little."""

    def __init__(
        self, size: tuple[int, int], truth: GroundTruth | None, threshold: float | None = None
    ) -> None:
        self._size, self._truth, self._threshold = size, truth, threshold
        self._items: OrderedDict[str, SheetItem] = OrderedDict()

    def update(self, outcome: Outcome) -> None:
        """Take in an outcome that carries its picture."""
        if outcome.image is None:
            return
        self._items.pop(outcome.source, None)
        self._items[outcome.source] = make_item(
            outcome.image, outcome.source, outcome.kind, outcome.predictions, self._truth, self._threshold
        )
        if len(self._items) > LIVE_TILES:
            self._items.popitem(last=False)

    def draw(self, title: str) -> Image:
        """Return the grid."""
        return contact_sheet(list(self._items.values()), self._size, title)
