"""Tables: CSV with commas, semicolons or tabs, with or without a heading, columns in any order.

A column of numbers that are indexes (see :mod:`~omz.zoo.label_files.numbering`) orders the classes, else their lines
do. A column of WordNet ids is one; what is left is the names. Where the heading says which column has the names,
there may be others, which are not read. Of files that are not called ``.csv`` or ``.tsv``, and have no heading that
we know, only those are tables of which every column is understood: commas may be parts of names.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from omz.errors import DescriptorError
from omz.zoo.label_files import numbering, wnids
from omz.zoo.label_files.entries import Entry, Row, quoted, unknown_form
from omz.zoo.label_files.lines import read_lines

_SUFFIXES = {".csv": ",;\t", ".tsv": "\t"}
_DELIMITERS = "\t;,"
_INDEXES = (
    "index", "idx", "class_index", "class_idx", "class_id", "classid", "label_id", "labelid", "id", "number", "no",
    "target", "label", "class", "",
)  # fmt: skip
_WNIDS = ("wnid", "synset", "synset_id", "wordnet_id")
_NAMES = (
    "name", "class_name", "classname", "label_name", "labelname", "display_name", "names", "class", "label",
    "category", "description", "text", "classes", "labels", "words",
)  # fmt: skip
_HEADINGS = frozenset((*_INDEXES, *_WNIDS, *_NAMES))
_NUMBER = re.compile("[0-9]{1,9}")

Cells = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column is what; None for none."""

    index: int | None
    wnid: int | None
    name: int | None


def read_table(rows: Sequence[Row], suffix: str, where: str) -> list[Entry] | None:
    """Read a table.

    Args:
        rows: The lines that are not blank.
        suffix: Of the file's name.
        where: The file, for what is said beside errors.

    Returns:
        Its classes, None where the lines are no table.

    Raises:
        DescriptorError: It is a table, but cannot be read; names the line.
    """
    for delimiter in _SUFFIXES.get(suffix, _DELIMITERS):
        if delimiter not in rows[0].text:
            continue
        certain = suffix in _SUFFIXES or _is_known(rows[0].text.split(delimiter))
        try:
            cells = _split(rows, delimiter)
        except DescriptorError:
            if certain:
                raise
            continue  # no table: the commas are parts of names
        if len(cells[0]) > 1 and (entries := _read(rows, cells, certain=certain)) is not None:
            return entries
    if suffix not in _SUFFIXES:
        return None
    column = [
        Row(row.place, cell) for row, (cell,) in zip(rows, _split(rows, _SUFFIXES[suffix][0]), strict=True)
    ]
    return read_lines(column[1:] if _is_known([column[0].text]) else column, where)


def _read(rows: Sequence[Row], cells: Cells, *, certain: bool) -> list[Entry] | None:
    heading = _heading(cells, certain=certain)
    if heading:
        rows, cells = rows[1:], cells[1:]
    if not cells:
        raise DescriptorError("expected classes below the heading, got none")
    columns = _columns(heading, cells)
    if columns is None:
        if not certain:
            return None
        why = f"{quoted(rows[0].text)}: it is not clear which column is what. Put a heading above: index,name"
        raise unknown_form(rows[0].place, why)
    numbers = None
    if columns.index is not None:
        numbers = [int(row[columns.index]) for row in cells]
        numbering.check(numbers, rows)
    ids = None if columns.wnid is None else [row[columns.wnid].strip("-") for row in cells]
    texts = ["" if columns.name is None else row[columns.name] for row in cells]
    return wnids.entries_of(
        [Row(row.place, text) for row, text in zip(rows, texts, strict=True)], numbers, ids
    )


def _columns(heading: Sequence[str], cells: Cells) -> _Columns | None:
    """Tell the columns apart, by what the heading says and what is in them; None if that does not do."""
    width = range(len(cells[0]))
    numeric = [place for place in width if all(_NUMBER.fullmatch(row[place]) for row in cells)]
    index = _called(heading, _INDEXES, numeric)
    if index is None:
        beside = {place: ["\t".join([*row[:place], *row[place + 1 :]]) for row in cells] for place in numeric}
        index = next(
            (p for p in numeric if numbering.is_numbering([int(row[p]) for row in cells], beside[p])), None
        )
    wnid = next((place for place in width if _are_wnids([row[place] for row in cells])), None)
    left = [place for place in width if place not in (index, wnid)]
    name = _called(heading, _NAMES, left)
    if name is None and len(left) > 1:
        return None
    if name is None and left and (index, wnid) != (None, None):
        name = left[0]
    return None if name is None and wnid is None else _Columns(index, wnid, name)


def _heading(cells: Cells, *, certain: bool) -> Sequence[str]:
    """Return the words of the heading; () if the first row is a class like the others.

    A heading is of words that we know, or the only row that has no number or no WordNet id in a column.
    """
    words = [_word(cell) for cell in cells[0]]
    if _is_known(cells[0]) or (
        certain and set(words) & set(_NAMES) and not any(map(_NUMBER.fullmatch, cells[0]))
    ):
        return words
    if len(cells) > (1 if certain else 2):
        for first, *others in zip(*cells, strict=True):
            for pattern in (_NUMBER, wnids.WNID):
                if not pattern.fullmatch(first) and all(pattern.fullmatch(cell) for cell in others):
                    return words
    return ()


def _called(heading: Sequence[str], words: Sequence[str], places: Sequence[int]) -> int | None:
    """Return the column whose heading is the first of ``words`` that there is."""
    found = [place for word in words for place in places if heading and heading[place] == word]
    return found[0] if found else None


def _are_wnids(column: Sequence[str]) -> bool:
    """Tell whether a column is of WordNet ids, some of which may be missing."""
    told = [cell for cell in column if cell not in ("", "-")]
    return bool(told) and all(wnids.WNID.fullmatch(cell) for cell in told)


def _is_known(cells: Sequence[str]) -> bool:
    words = [_word(cell) for cell in cells]
    return any(words) and all(word in _HEADINGS for word in words)


def _word(cell: str) -> str:
    return "_".join(re.split(r"[\s_-]+", cell.strip("#").strip().lower()))


def _split(rows: Sequence[Row], delimiter: str) -> list[list[str]]:
    """Return the cells of all rows.

    Raises:
        DescriptorError: A row has other than the first one's number of cells, or quotes that do not match.
    """
    table: list[list[str]] = []
    for row in rows:
        cells = _cells(row, delimiter)
        table.append(cells)
        if len(cells) != len(table[0]):
            count = f"{len(cells)} column{'s' * (len(cells) != 1)}"
            raise DescriptorError(
                f"{row.place}: {quoted(row.text)} has {count}, {rows[0].place} has {len(table[0])}. "
                'Put quotes around a name with a comma: "Washington, D.C."'
            )
    return table


def _cells(row: Row, delimiter: str) -> list[str]:
    try:
        (cells,) = csv.reader([row.text], delimiter=delimiter, skipinitialspace=True, strict=True)
    except csv.Error as error:
        raise DescriptorError(f"{row.place}: {quoted(row.text)}: {error}") from error
    return [cell.strip() for cell in cells]
