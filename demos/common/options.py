"""Command line options that both demos have."""

from __future__ import annotations

import argparse
import re


def add_fast_decode_argument(group: argparse._ActionsContainer) -> None:
    """Add ``--fast_decode``: large JPEG pictures are decoded at a part of their size."""
    group.add_argument(
        "--fast_decode",
        action="store_true",
        help="decode JPEG pictures at a half, a quarter or an eighth of their size where that is enough for the "
        "network's input: faster, and scores differ, by some hundredths as a rule",
    )


def resolution(text: str) -> tuple[int, int]:
    """Parse ``1280x720`` for argparse.

    >>> resolution("1280x720")
    (1280, 720)
    """
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text)
    if not match or not (160 <= int(match[1]) <= 16384 and 120 <= int(match[2]) <= 16384):
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected WxH, such as 1280x720, from 160x120 to 16384x16384"
        )
    return int(match[1]), int(match[2])
