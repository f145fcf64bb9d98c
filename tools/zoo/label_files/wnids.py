"""WordNet ids, such as ``n01440764``, before the names of classes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from omz.zoo.label_files.entries import Entry, Row, clean, quoted, unknown_form, without_marks

WNID = re.compile("n[0-9]{8}")
_FIRST = re.compile(r"(n[0-9]{8})(?:[,:;=|][ \t]*|[ \t]+|$)(.*)", re.DOTALL)
_DASH = re.compile(r"(-)[ \t]+(.*)", re.DOTALL)
#: What lists of 1001 classes have in place of an id and a name.
BACKGROUND = re.compile(r"_*(background|none_of_the_above|dummy)_*([ \t]+[0-9]{1,9})?", re.IGNORECASE)


def read_off(rows: Sequence[Row], *, dash: bool = False) -> tuple[list[str], list[Row]] | None:
    """Split rows that begin with WordNet ids.

    Args:
        rows: Lines, or what is left of them.
        dash: Whether ``-`` may be in the place of an id.

    Returns:
        Ids, '' for none, and the rows without them; None where no row has one.

    Raises:
        DescriptorError: Some rows have one, others not; names the first that differs from most. One row may be the
            class 'background'.
    """
    matches = [_FIRST.match(row.text) or (dash and _DASH.match(row.text)) or None for row in rows]
    without = [row for row, match in zip(rows, matches, strict=True) if match is None]
    if len(without) == len(rows):
        return None
    if 2 * len(without) > len(rows):
        row = next(row for row, match in zip(rows, matches, strict=True) if match)
        raise unknown_form(row.place, f"{quoted(row.text)} has a WordNet id, most others have none")
    strange = [row for row in without if not BACKGROUND.fullmatch(row.text)]
    if strange or len(without) > 1:
        row = (strange or without)[0]
        raise unknown_form(row.place, f"{quoted(row.text)} has no WordNet id, others have one")
    ids = [match[1].strip("-") if match else "" for match in matches]
    rests = [Row(row.place, match[2]) if match else row for row, match in zip(rows, matches, strict=True)]
    return ids, without_marks(rests, first=True)


def entries_of(
    rows: Sequence[Row], numbers: Sequence[int] | None = None, ids: Sequence[str] | None = None
) -> list[Entry]:
    """Make entries of names.

    Args:
        rows: The names. With WordNet ids, commas part the names of a class; without, they belong to the name.
        numbers: Indexes, None where the order tells them.
        ids: WordNet ids, '' for none; None to read them off the rows if they begin with any.

    Raises:
        DescriptorError: There is no name, or it is not to be used; or some rows have a WordNet id, others not.
    """
    found: Sequence[int | None] = [None] * len(rows) if numbers is None else numbers
    if ids is None:
        ids, rows = read_off(rows) or (None, rows)
    if ids is None:
        return [
            Entry(row.place, (clean(row.text, row.place),), "", number)
            for row, number in zip(rows, found, strict=True)
        ]
    alone = not any(row.text for row, wnid in zip(rows, ids, strict=True) if wnid)
    return [
        Entry(row.place, () if alone and wnid else _names(row), wnid, number)
        for row, wnid, number in zip(rows, ids, found, strict=True)
    ]


def _names(row: Row) -> tuple[str, ...]:
    names = [clean(part, row.place) for part in row.text.split(",") if part.strip()]
    return tuple(names) or (clean("", row.place),)
