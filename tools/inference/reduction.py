"""Large JPEG pictures at a half, a quarter or an eighth of their size: the decoder leaves out what is finer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What the decoder can divide a side by; OpenCV has an IMREAD_REDUCED for each.
REDUCTIONS = (8, 4, 2)
_START_OF_IMAGE, _START_OF_SCAN, _END_OF_IMAGE = 0xD8, 0xDA, 0xD9
#: Start of frame: 0xC0 to 0xCF without tables of Huffman (C4) and arithmetic codes (CC) and the reserved C8.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Segments before the frame; files have about ten.
_MAX_SEGMENTS = 1000


@dataclass(frozen=True, slots=True)
class Enough:
    """How large a picture has to be so that nothing is enlarged on its way into a network.

    Attributes:
        height: Of the network's input.
        width: Of the network's input.
        resize_type: How pictures are brought to it; see :data:`omz.inference.resizing.RESIZE_TYPES`.
    """

    height: int
    width: int
    resize_type: str = "standard"

    def reduction(self, data: NDArray[np.uint8]) -> int:
        """Return what the sides of a picture may be divided by: 8, 4 or 2 for a large JPEG, else 1.

        Whether the EXIF data turns the picture on its side is not looked at: it has to be large enough either way.

        Args:
            data: The picture's file.
        """
        size = jpeg_size(data)
        if size is None:
            return 1
        times = min(self._times(*size), self._times(*reversed(size)))
        return next((divisor for divisor in REDUCTIONS if times >= divisor), 1)

    def _times(self, height: int, width: int) -> float:
        """Return how many times smaller than a picture its part in the input is, along the side where it is least."""
        across, down = width / self.width, height / self.height
        # what is fitted into a window fills one of its sides only; else each side is filled, if need be after a cut
        return max(across, down) if self.resize_type.startswith("fit") else min(across, down)


def jpeg_size(data: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Return the height and width in pixels that a JPEG file states; None if it is no JPEG, or states none.

    Args:
        data: The file, or its beginning.
    """
    if data[:3].tolist() != [0xFF, _START_OF_IMAGE, 0xFF]:
        return None
    place = 2
    for _ in range(_MAX_SEGMENTS):
        head = data[place : place + 9].tolist()  # marker, length (2 bytes), precision, height (2), width (2)
        if len(head) < 9 or head[0] != 0xFF or head[1] in (_START_OF_SCAN, _END_OF_IMAGE):
            return None
        if head[1] in _FRAMES:
            height, width = head[5] * 256 + head[6], head[7] * 256 + head[8]
            return (height, width) if height and width else None
        place += 2 + head[2] * 256 + head[3] if head[1] != 0xFF else 1  # 0xFF: filled up before a marker
    return None
