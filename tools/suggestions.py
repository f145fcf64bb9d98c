"""What somebody may have meant who wrote a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

MAX_WORD = 80  # letters compared; names from files may be of any length
MAX_LOOKED_AT = 1000  # files of a folder


def did_you_mean(word: str, known: Iterable[str], *, count: int = 3, cutoff: float = 0.5) -> str:
    """Return the nearest of the known names as a sentence that follows another, '' where none is near.

    Upper and lower case are the same.

    >>> did_you_mean("GPUU", ["CPU", "GPU"], count=1), did_you_mean("downlod", ["download", "dump"])
    (' Did you mean GPU?', ' Did you mean download?')
    >>> did_you_mean("xyz", ["CPU"])
    ''
    """
    return _sentence(_nearest(word, known, count, cutoff))


def files_near(path: Path) -> str:
    """Return the same of a file that is not there: what in its folder has nearly its name."""
    with suppress(OSError, ValueError):  # there is no such folder either, or no file can have such a name
        names = (one.name for one in islice(path.parent.iterdir(), MAX_LOOKED_AT))
        near = _nearest(path.name, (name for name in names if name.isprintable()), 1, 0.7)
        return _sentence([str(path.parent / name) for name in near])
    return ""


def _nearest(word: str, known: Iterable[str], count: int, cutoff: float) -> list[str]:
    from difflib import get_close_matches

    names = {name.lower(): name for name in known}
    return [names[name] for name in get_close_matches(word[:MAX_WORD].lower(), names, count, cutoff)]


def _sentence(near: Sequence[str]) -> str:
    return f" Did you mean {', '.join(near)}?" if near else ""
