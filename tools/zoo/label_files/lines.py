"""Lists with a class a line: a name, and as may be a number before or after it and a WordNet id before it.

``tench``, ``n01440764 tench, Tinca tinca``, ``n01440764``, ``0 tench``, ``0: tench``, ``tench 0`` and the toolkit's
own ``0 n01440764 tench, Tinca tinca`` (``-`` for no id). Lines that begin with ``#`` are comments where the others have
numbers or ids.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from omz.errors import DescriptorError
from omz.zoo.label_files import numbering, wnids
from omz.zoo.label_files.entries import MARKS, Entry, Row, quoted, unknown_form, without_marks

_log = logging.getLogger(__name__)

#: Between number and name: a blank, or a mark that in '0.5 l', '0:30' and '0-9' is a part of the name.
_NUMBER_FIRST = re.compile(r"([0-9]{1,9})(?:[,:;=|.)](?![0-9])[ \t]*|-(?=[^\s0-9])|[ \t]+)(\S.*)", re.DOTALL)
_NUMBER_LAST = re.compile("(?<![0-9])[0-9]{1,9}$")
_NUMBER = re.compile("[0-9]{1,9}")
#: What is left of a line in our own format without its number, or of a number and a WordNet id.
_OWN = re.compile(r"(n[0-9]{8}|-)([ \t]|$)|$")
#: Places365's names have their first letter as a folder, '/a/airfield'. Its authors' own script leaves that out, too.
_PLACE = re.compile(r"/([A-Za-z])/((?i:\1).*)", re.DOTALL)
_ADVICE = ' If the numbers are parts of the names, write a JSON list: ["name", ...].'


def read_lines(rows: Sequence[Row], where: str) -> list[Entry]:
    """Read the lines of a list that has no other form.

    Args:
        rows: The lines that are not blank.
        where: The file, for what is said beside errors.

    Raises:
        DescriptorError: The form cannot be told, or the numbers are not those of classes; names the line.
    """
    stated = [row for row in rows if not row.text.startswith("#")]
    if not stated:
        raise DescriptorError("expected a class a line, got comments only")
    entries = _described(stated)
    if entries is not None:
        return entries
    if len(stated) < len(rows):
        first = next(row for row in rows if row.text.startswith("#"))
        told = f"{first.place}: {quoted(first.text)}"
        _log.warning("%s: %s is taken for a name: lists of names alone have no comments", where, told)
    elif all(_first(row.text) != (None, row.text) for row in rows):
        _log.info("%s: the numbers that the lines begin with are taken for parts of the names", where)
    return wnids.entries_of(_names(rows))


def _described(rows: Sequence[Row]) -> list[Entry] | None:
    """Return the classes of lines with numbers or WordNet ids, None if they have neither."""
    ids, rests = wnids.read_off(rows) or (None, rows)
    numbers, rests, first = _numbers(rests, alone=ids is not None) or (None, rests, False)
    if ids is None and numbers is not None:
        ids, rests = wnids.read_off(rests, dash=first) or (None, rests)
    if ids is None and numbers is None:
        return None
    return wnids.entries_of(_names(rests) if ids is None else rests, numbers, ids)


def _names(rows: Sequence[Row]) -> Sequence[Row]:
    for row in rows:
        if "\t" in row.text:
            raise unknown_form(
                row.place, f"{quoted(row.text)} has several columns, and it is not clear of what"
            )
    places = [_PLACE.fullmatch(row.text) for row in rows]
    if not all(places):
        return rows
    return [Row(row.place, match[2]) for row, match in zip(rows, places, strict=True) if match]


def _numbers(rows: Sequence[Row], *, alone: bool) -> tuple[list[int], list[Row], bool] | None:
    """Read the numbers of the classes off the lines, before the names or after them.

    Args:
        rows: Lines.
        alone: Whether a number may be all that a line has.

    Returns:
        Numbers, the lines without them, and whether they were before the names; None where there are none, or they
        are parts of the names.

    Raises:
        DescriptorError: They are numbers of classes, but faulty ones.
    """
    faulty: list[list[int | None]] = []
    for split in (_first, _last):
        numbers: list[int | None] = []
        rests: list[Row] = []
        for row in rows:
            number, rest = (int(row.text), "") if alone and _NUMBER.fullmatch(row.text) else split(row.text)
            numbers.append(number)
            rests.append(Row(row.place, rest))
        # names that only their numbers tell apart keep them, but in our own format
        needed = [row.place if _OWN.match(row.text) else row.text for row in rests]
        if not numbering.is_numbering(numbers, needed):
            continue
        if numbering.is_permutation(numbers):
            known = [number for number in numbers if number is not None]
            return known, without_marks(rests, first=split is _first), split is _first
        faulty.append(numbers)
    if faulty:
        numbering.check(faulty[0], rows, _ADVICE)
    return None


def _first(text: str) -> tuple[int | None, str]:
    match = _NUMBER_FIRST.fullmatch(text)
    return (int(match[1]), match[2]) if match else (None, text)


def _last(text: str) -> tuple[int | None, str]:
    match = _NUMBER_LAST.search(text)
    if not match:
        return None, text
    before = text[: match.start()]
    name = before.rstrip(" \t")
    if name == before:
        name = before[:-1].rstrip(" \t")
        if before[-1:] not in MARKS or name[-1:].isdigit():  # '18:00' is a time, '1,5' a number
            return None, text
    return (int(match[0]), name) if name else (None, text)
