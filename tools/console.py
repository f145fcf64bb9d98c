"""Text on a terminal: the console that results are printed on, and bars."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 110
BAR = 24


def console() -> Console:
    """Return a console on stdout; where that is no terminal, lines are not folded at 80 columns."""
    from omz.safe_console import SafeConsole

    return SafeConsole(sys.stdout, None if sys.stdout.isatty() else PLAIN_WIDTH)


def bar(share: float, width: int = BAR) -> str:
    """Draw a share (0 to 1) as a bar, in steps of an eighth of a letter.

    >>> bar(0.5, 4), bar(1.0, 3), bar(0.0, 3)
    ('██', '███', '')
    """
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
