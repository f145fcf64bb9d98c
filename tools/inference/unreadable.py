"""Pictures that could not be decoded: kept by their source, and named in the log while they are few."""

from __future__ import annotations

import logging

from omz.outgoing import printable, shortened

_log = logging.getLogger(__name__)

#: So many are named in the log.
MAX_NAMED = 20


class Unreadable(dict[str, str]):
    """Why pictures could not be decoded, by their source."""

    def note(self, source: str, error: Exception | None) -> None:
        """Take in a picture; it is named once, however often it is met."""
        if source in self:
            return
        self[source] = str(error or "no result")
        if len(self) <= MAX_NAMED:
            _log.warning("%s", shortened(printable(self[source])))
        elif len(self) == MAX_NAMED + 1:
            _log.warning("more pictures are not readable; --json names all")


def summary(count: int) -> str:
    """Say how many pictures could not be decoded.

    >>> summary(3)
    'not readable: 3 (named above)'
    """
    named = "named above" if count <= MAX_NAMED else f"the first {MAX_NAMED} named above, all in --json"
    return f"not readable: {count} ({named})"
