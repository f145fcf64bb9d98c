"""Lists of pictures that may have several classes each, or none.

* lines ``<picture> 3,7,12``, with the indexes of the classes; ``<picture>`` alone has none of them;
* CSV with a heading: the picture, then a column for each class of the network, by name, wnid or index, of 0 and 1; of
  a network that does not name its classes, the columns in their order;
* for a network of a single class, lines ``<picture> 1`` and ``<picture> 0``, or CSV of the same: it holds, or does not.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from omz.errors import ClassError, InferenceError
from omz.zoo.class_list import ClassList
from omz.zoo.truth import class_finder
from omz.zoo.truth_lists import Row, delimiter, is_comment, is_table, list_text, plain_label, plain_name

_SEVERAL = re.compile(r"\d{1,9}(,\d{1,9})+")
_INDEXES = re.compile(r"\d{1,9}(,\d{1,9})*")


@dataclass(frozen=True, slots=True)
class MultiLabelTruth:
    """What a list tells.

    Attributes:
        labels: Indexes into the network's output by the name of the picture, as it stands in the list without a leading
            ``./``; in the order of the list.
        note: What the list is, in words.
    """

    labels: dict[str, frozenset[int]]
    note: str


def is_multi_label(path: Path, classes: ClassList) -> bool:
    """Tell whether a list gives several classes to a picture: a line does so, or there are columns of 0 and 1.

    A network of a single class can be judged by such a list alone.

    Raises:
        InferenceError: The file is too large, or not text.
    """
    text = list_text(path)
    if classes.count == 1:
        return True
    if is_table(path):
        (line, heading), *rows = _cells(path, text)
        if not rows or len(heading) < 3 or not all({*cells[1:]} <= {"0", "1"} for _, cells in rows):
            return False
        known = _columns(path, heading, line, classes)
        return any(index is not None for index in known)  # columns of other things may be of 0 and 1 as well
    parts = (line.rsplit(maxsplit=1) for line in text.splitlines())
    return any(len(pair) == 2 and _SEVERAL.fullmatch(pair[1]) for pair in parts)


def read_multi_label(path: Path, classes: ClassList) -> MultiLabelTruth:
    """Read a list for a network.

    Raises:
        ClassError: A class is none of the network's, or one of them has no column.
        InferenceError: The list is malformed, or names a picture twice; names the line.
    """
    text = list_text(path)
    if classes.count == 1:
        rows = _of_one_class(path, text)
    else:
        rows = _of_columns(path, text, classes) if is_table(path) else _of_lines(path, text, classes)
    labels: dict[str, frozenset[int]] = {}
    for picture, line, found in rows:
        if picture in labels:
            raise InferenceError(f"{path}: line {line}: {picture[:80]} is there twice")
        labels[picture] = frozenset(found)
    if not labels:
        raise InferenceError(f"{path}: holds no picture")
    most = max(map(len, labels.values()))
    note = f"{path.name} tells all classes of a picture, up to {most}"
    if classes.count == 1:
        note = f"{path.name} tells of {sum(map(bool, labels.values()))} pictures that the class holds"
    return MultiLabelTruth(labels, note)


def _of_one_class(path: Path, text: str) -> list[tuple[str, int, list[int]]]:
    if is_table(path):
        rows = _cells(path, text)
        headed = len(rows[0][1]) > 1 and rows[0][1][1] not in ("0", "1")
        rows = rows[1:] if headed else rows
    else:
        lines = enumerate(text.splitlines(), start=1)
        rows = [
            (number, line.rsplit(maxsplit=1))
            for number, line in lines
            if line.strip() and not is_comment(line)
        ]
    for number, cells in rows:
        if len(cells) != 2 or cells[1] not in ("0", "1"):
            raise InferenceError(
                f"{path}: line {number}: expected a picture, and 1 or 0 for the network's one class"
            )
    return [(plain_name(cells[0]), number, [0] if cells[1] == "1" else []) for number, cells in rows]


def _of_lines(path: Path, text: str, classes: ClassList) -> list[tuple[str, int, list[int]]]:
    find, rows = class_finder(path, classes, ""), []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or is_comment(line):
            continue
        picture, last = [*line.strip().rsplit(maxsplit=1), ""][:2]
        if not _INDEXES.fullmatch(last):
            picture, last = line.strip(), ""
        found = [classes.first + find(Row(picture, int(index), number)) for index in last.split(",") if index]
        rows.append((plain_name(picture), number, found))
    return rows


def _of_columns(path: Path, text: str, classes: ClassList) -> list[tuple[str, int, list[int]]]:
    (line, heading), *rows = _cells(path, text)
    known = _columns(path, heading, line, classes)
    columns = [index for index in known if index is not None]
    if len(columns) < len(known):
        find = class_finder(path, classes, "")
        find(Row("", plain_label(heading[1 + known.index(None)]), line))  # raises what is wrong with it
    if len(set(columns)) < len(columns):
        raise ClassError(f"{path}: line {line}: two columns are of one class")
    missing = set(range(classes.first, classes.count)) - set(columns)
    if missing:
        name = classes.names[min(missing)]
        raise ClassError(
            f"{path}: {len(missing)} classes of the network have no column, such as {min(missing)} ({name[:80]})"
        )
    found = []
    for number, cells in rows:
        if len(cells) != len(heading) or not {*cells[1:]} <= {"0", "1"}:
            raise InferenceError(f"{path}: line {number}: expected a picture, and 0 or 1 for each class")
        marked = [index for index, cell in zip(columns, cells[1:], strict=True) if cell == "1"]
        found.append((plain_name(cells[0]), number, marked))
    return found


def _columns(path: Path, heading: list[str], line: int, classes: ClassList) -> list[int | None]:
    """Return the classes that the columns behind the first are of; None for what is no class."""
    find, found = class_finder(path, classes, ""), list[int | None]()
    for cell in heading[1:]:
        try:
            found.append(classes.first + find(Row("", plain_label(cell), line)))
        except ClassError:
            found.append(None)
    if not classes.named and set(found) == {None} and len(found) == classes.count:
        return list(range(classes.count))
    return found


def _cells(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Return the lines that are not empty, with their numbers."""
    reader = csv.reader(text.splitlines(), delimiter=delimiter(text))
    try:
        rows = [
            (reader.line_num, [cell.strip() for cell in cells])
            for cells in reader
            if any(map(str.strip, cells))
        ]
    except csv.Error as error:
        raise InferenceError(f"{path}: line {reader.line_num}: {error}") from error
    if not rows:
        raise InferenceError(f"{path}: holds no line")
    return rows
