"""Pictures at http:// and https:// addresses, fetched when their turn comes, or beforehand and kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from omz.errors import InferenceError
from omz.inference.addresses import WEB_SCHEMES, scheme, shown
from omz.inference.images import Image, decode
from omz.inference.reduction import Enough
from omz.inference.web import fetch
from omz.redaction import redacted

_log = logging.getLogger(__name__)

#: Of all pictures that are kept, together.
MAX_KEPT_BYTES = 512 << 20
#: So many are fetched at a time beforehand. In a run, each lane of the pipeline fetches its own.
FETCHERS = 8
_TOLD_SECONDS = 5.0


class WebPicture:
    """A picture at an address; ``str()`` is the address without credentials.

    Args:
        address: Of http:// or https://.
        content: The picture's file, if it has been fetched already; it is kept.
    """

    def __init__(self, address: str, content: bytes | None = None) -> None:
        self.address = address
        self._kept: bytes | InferenceError | None = content

    def __str__(self) -> str:
        return redacted(self.address)

    @property
    def is_kept(self) -> bool:
        """Whether the file is in memory."""
        return self._kept is not None

    def load(self, channels: int = 3, enough: Enough | None = None) -> Image:
        """Fetch the picture, unless it is kept, and decode it.

        Args:
            channels: As for :func:`omz.inference.images.read_image`.
            enough: As there.

        Returns:
            As there.

        Raises:
            InferenceError: There is none, or it cannot be decoded.
        """
        content = fetch(self.address) if self._kept is None else self._kept
        if isinstance(content, InferenceError):
            raise content
        return decode(np.frombuffer(content, np.uint8), shown(self.address), channels, enough)

    def keep(self) -> int:
        """Fetch the picture and keep its file, and return its size in bytes.

        The error, if there is none, is kept as well: :meth:`load` raises it.
        """
        if self._kept is None:
            try:
                self._kept = fetch(self.address)
            except InferenceError as error:
                self._kept = error
        return len(self._kept) if isinstance(self._kept, bytes) else 0


def as_picture(item: str | Path) -> Path | WebPicture:
    """Return the picture at an http or https address, or in a file."""
    if isinstance(item, str) and scheme(item) in WEB_SCHEMES:
        return WebPicture(item)
    return Path(item)


def keep(pictures: Sequence[WebPicture], why: str) -> None:
    """Fetch pictures, several at a time, and keep their files in memory.

    Args:
        pictures: Those that are kept already cost nothing.
        why: For the log.

    Raises:
        InferenceError: They are larger than :data:`MAX_KEPT_BYTES` together.
    """
    pictures = [picture for picture in pictures if not picture.is_kept]
    if not pictures:
        return
    _log.info("fetching %d pictures first, %s", len(pictures), why)
    pool = ThreadPoolExecutor(FETCHERS)
    total, told = 0, time.monotonic()
    try:
        for number, size in enumerate(pool.map(WebPicture.keep, pictures), start=1):
            total += size
            if total > MAX_KEPT_BYTES:
                raise InferenceError(
                    f"the first {number} of {len(pictures)} pictures from the web have more than "
                    f"{MAX_KEPT_BYTES >> 20} MB, which is all that is kept in memory. Save them to a folder."
                )
            if time.monotonic() - told > _TOLD_SECONDS:
                told = time.monotonic()
                _log.info("fetched %d of %d pictures, %.1f MB", number, len(pictures), total / 1e6)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
