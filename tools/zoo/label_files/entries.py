"""What all forms have in common: an entry of a list, and what is said of those that are none."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from omz.errors import DescriptorError
from omz.outgoing import printable, shortened

MAX_CLASSES = 1_000_000
MAX_NAME_CHARS = 1000
MAX_LINE_CHARS = 8192

FORMS = (
    "Known forms: one name a line; 'n01440764 name, ...'; '0 name' or 'name 0'; CSV; a JSON list or {\"0\": \"name\"}; "
    "labelmap.prototxt. See docs/labels.md."
)


class Row(NamedTuple):
    """A line, or what is left of it when something has been read off it, and where it stands."""

    place: str
    text: str


#: No characters, and those that override the direction in which others are shown.
NO_TEXT = "\ufffe\uffff\u202d\u202e"
#: That part names from numbers and WordNet ids, beside blanks.
MARKS = (",", ":", ";", "=", "|")


@dataclass(frozen=True, slots=True)
class Entry:
    """One class of a file.

    Attributes:
        place: Where it stands, for messages: 'line 3', 'entry 3'.
        names: The usual one first; () where the file gives a WordNet id alone.
        wnid: WordNet id, '' for none.
        number: Index in the network's output; None where the order of the entries tells it.
    """

    place: str
    names: tuple[str, ...]
    wnid: str = ""
    number: int | None = None


def quoted(text: str) -> str:
    """Return a text of a file as it is shown in messages."""
    return f"'{printable(shortened(text, 80))}'"


def unknown_form(place: str, why: str) -> DescriptorError:
    """Return the error that no form fits, and that lists the forms."""
    return DescriptorError(f"{place}: {why}\n{FORMS}")


def without_marks(rows: list[Row], *, first: bool) -> list[Row]:
    """Leave out the mark of ``0 : cat``, or of ``cat : 0``, where all rows have it; a single row's may be the name's.

    Args:
        rows: Lines without their numbers or WordNet ids.
        first: Whether these were at the beginning of the lines.
    """
    for mark in MARKS if len(rows) > 1 else ():
        if first and all(row.text.startswith((f"{mark} ", f"{mark}\t")) for row in rows):
            return [Row(row.place, row.text[1:].strip()) for row in rows]
        if not first and all(row.text.endswith((f" {mark}", f"\t{mark}")) for row in rows):
            return [Row(row.place, row.text[:-1].strip()) for row in rows]
    return rows


def check_characters(text: str, place: str) -> None:
    """Refuse a name with characters that no text has: a terminal may obey them, or show others turned round.

    Raises:
        DescriptorError: There is one.
    """
    if not text.isprintable():
        for character in text:
            if character in NO_TEXT or (
                unicodedata.category(character) in ("Cc", "Cs") and character != "\t"
            ):
                raise DescriptorError(
                    f"{place}: {quoted(text)}: {quoted(character)} is no character of a name"
                )


def clean(text: str, place: str) -> str:
    """Return a name with single blanks and none at its ends.

    Raises:
        DescriptorError: It is empty, too long, or has characters that no text has.
    """
    check_characters(text, place)
    name = " ".join(text.split())
    if not name:
        raise DescriptorError(f"{place}: expected the name of a class, got none")
    if len(name) > MAX_NAME_CHARS:
        raise DescriptorError(
            f"{place}: {quoted(name)} has {len(name)} characters; that is no name of a class"
        )
    return name
