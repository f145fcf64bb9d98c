"""What somebody may have meant who wrote a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

MAX_WORD = 80  # letters compared; names from files may be of any length


def did_you_mean(word: str, known: Iterable[str], *, count: int = 3, cutoff: float = 0.5) -> str:
    """Return the nearest of the known names as a sentence that follows another, '' where none is near.

    Upper and lower case are the same.

    >>> did_you_mean("GPUU", ["CPU", "GPU"], count=1), did_you_mean("downlod", ["download", "dump"])
    (' Did you mean GPU?', ' Did you mean download?')
    >>> did_you_mean("xyz", ["CPU"])
    ''
    """
    from difflib import get_close_matches

    names = {name.lower(): name for name in known}
    close = get_close_matches(word[:MAX_WORD].lower(), names, n=count, cutoff=cutoff)
    return f" Did you mean {', '.join(names[name] for name in close)}?" if close else ""
