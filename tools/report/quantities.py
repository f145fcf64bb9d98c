"""Figures as the page writes them."""

from __future__ import annotations

from omz.inference.statistics import three_digits

TIMES = "\N{MULTIPLICATION SIGN}"


def thousands(value: float) -> str:
    r"""Write a figure with three significant digits and narrow spaces between thousands.

    >>> thousands(3612.4), thousands(17.03)
    ('3\u202f610', '17.0')
    """
    text = three_digits(value)
    return f"{int(text):,}".replace(",", "\u202f") if text.isdecimal() else text


def percent(share: float) -> str:
    r"""Write a share as a percentage with two decimals, which stays in one line.

    >>> percent(355 / 360)
    '98.61\u202f%'
    """
    return f"{100 * share:.2f}\u202f%"


def megabytes(size: int) -> str:
    """Write a size in bytes as kB or MB (powers of ten), with three significant digits.

    >>> megabytes(687_100), megabytes(110_600_000)
    ('687 kB', '111 MB')
    """
    return f"{three_digits(size / 1e6)} MB" if size >= 1_000_000 else f"{three_digits(size / 1e3)} kB"
