"""Read the classes of a file, whatever its form."""

from __future__ import annotations

import re
from pathlib import Path

from omz.errors import DescriptorError, located
from omz.files import read_bounded
from omz.zoo.label_files import labelmap, objects
from omz.zoo.label_files.encoding import decoded
from omz.zoo.label_files.entries import MAX_CLASSES, MAX_LINE_CHARS, Entry, Row
from omz.zoo.label_files.lines import read_lines
from omz.zoo.label_files.tables import read_table

MAX_LABEL_BYTES = 16 << 20
_PAGE = re.compile(r"<(!doctype|html|\?xml)", re.IGNORECASE)


def read_entries(path: Path) -> list[Entry]:
    """Return the classes of a file in the order of the network's output; the package says in which forms.

    Raises:
        DescriptorError: The file cannot be read, its form cannot be told, or its numbers are not 0 to n - 1; names
            file and line, and how to mend it.
    """
    content = read_bounded(path, MAX_LABEL_BYTES, "label list", DescriptorError)
    with located(str(path)):
        entries = _entries(decoded(content), path)
        if len(entries) > MAX_CLASSES:
            raise DescriptorError(f"more than {MAX_CLASSES} classes; that is no label list")
        return sorted(
            entries, key=lambda entry: entry.number or 0
        )  # as they stand where they have no numbers


def _entries(text: str, path: Path) -> list[Entry]:
    stripped = text.strip()
    if not stripped:
        raise DescriptorError("expected a class a line, got none")
    if _PAGE.match(stripped):
        raise DescriptorError("is a web page or XML, no label list. Was the page saved in place of the file?")
    if path.suffix.lower() == ".json" or objects.is_object(
        stripped
    ):  # what is called JSON is no list of lines
        return objects.read_object(stripped)
    if labelmap.is_labelmap(text):
        return labelmap.read_labelmap(text)
    rows = _rows(text)
    table = read_table(rows, path.suffix.lower(), str(path))
    return read_lines(rows, str(path)) if table is None else table


def _rows(text: str) -> list[Row]:
    """Return the lines that are not blank, without the blanks around them."""
    rows: list[Row] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if stripped := line.strip():
            if len(stripped) > MAX_LINE_CHARS or len(rows) >= MAX_CLASSES:
                what = (
                    f"more than {MAX_LINE_CHARS} characters"
                    if len(rows) < MAX_CLASSES
                    else "one class too many"
                )
                raise DescriptorError(f"line {number}: {what}; that is no label list")
            rows.append(Row(f"line {number}", stripped))
    return rows
