"""Lists of pictures and their classes, as they stand in a file.

Lines ``<picture> <class>``, with a blank or a tab between, or CSV with or without a heading. The class is an index, -1
for the class 'other' (Open Model Zoo's benchmark has that), a wnid, or a name. What the class means to a network is
told by :mod:`omz.zoo.truth`.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from omz.errors import InferenceError
from omz.files import read_bounded

MAX_LIST_BYTES = 64 << 20
OTHER = -1  # "none of the classes that have pictures of their own", for networks that have a class 'other'
#: What the columns of pictures and of classes are called, without blanks and '_'; those that tell most come first.
_PICTURES = (
    *("imagepath", "filepath", "path", "filename", "file", "imagename", "image", "picture", "img", "imageid"),
    *("name", "id"),
)
_CLASSES = (
    *(
        "classindex",
        "classid",
        "classidx",
        "labelindex",
        "labelid",
        "labelidx",
        "index",
        "target",
        "label",
        "class",
    ),
    *("wnid", "synset", "classname", "labelname", "category", "predictionstring", "y"),
)
_INDEX = re.compile(r"-1|\d{1,9}")
_WNID = re.compile(r"n\d{8}")
_WNID_FIRST = re.compile(r"(n\d{8})(\s|$)")  # Kaggle: "n03995372 85 1 499 272", the boxes of the objects
_NUMBER = re.compile(r"[-+]?\d*\.?\d+")  # no index, and no name either
_SUFFIX = re.compile(r"\.[A-Za-z]\w{1,4}$")
_NAMED = re.compile(r"(\S.*?\.[A-Za-z]\w{1,4})\s+(\S.*)")


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of a list: its name as it stands there, and its class, an index, wnid or name."""

    picture: str
    label: int | str
    line: int


def read_list(path: Path) -> list[Row]:
    """Read a list; ``.csv`` and ``.tsv`` files as CSV, all others as lines.

    Raises:
        InferenceError: The file is too large, not text or empty, or a line is malformed; names the line.
    """
    text = list_text(path)
    rows = _csv_rows(path, text) if is_table(path) else _lines(path, text)
    if not rows:
        raise InferenceError(f"{path}: holds no line '<picture> <class index>'")
    return rows


def is_table(path: Path) -> bool:
    """Tell whether a list is CSV, by its name."""
    return path.suffix.lower() in (".csv", ".tsv")


def list_text(path: Path) -> str:
    """Return the text of a list.

    Raises:
        InferenceError: The file is too large, or not UTF-8.
    """
    content = read_bounded(path, MAX_LIST_BYTES, "list of pictures and classes", InferenceError)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InferenceError(f"{path}: line {line}: is not UTF-8 text") from error


def _lines(path: Path, text: str) -> list[Row]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or is_comment(line):
            continue
        picture, label = _parts(line.strip())
        if not picture or (_NUMBER.fullmatch(label) and not _INDEX.fullmatch(label)):
            raise InferenceError(
                f"{path}: line {number}: expected '<picture> <class index>', got {line[:80]!r}"
            )
        rows.append(Row(plain_name(picture), plain_label(label), number))
    return rows


def _parts(line: str) -> tuple[str, str]:
    """Split a line into picture and class; ('', '') if it is none. A name may have blanks, and so may a picture."""
    picture, label = [*line.rsplit(maxsplit=1), "", ""][:2]
    if _INDEX.fullmatch(label) or _WNID.fullmatch(label):
        return picture, label
    if line.count("\t") == 1:
        picture, _, label = line.partition("\t")
        return picture.strip(), label.strip()
    match = _NAMED.fullmatch(line)
    return (match[1], match[2]) if match else ("", "")


def is_comment(line: str) -> bool:
    """Tell whether a line is a comment: '#1.png 7' and '# 1.png 7' are pictures, '# those of class 7' is none."""
    if not line.startswith("#"):
        return False
    picture, label = [*line.strip().rsplit(maxsplit=1), "", ""][:2]
    named = picture[1:2].strip() or _SUFFIX.search(picture)
    return not (picture and named and _INDEX.fullmatch(label))


def _csv_rows(path: Path, text: str) -> list[Row]:
    rows: list[Row] = []
    columns: tuple[int, int] | None = None
    reader = csv.reader(text.splitlines(), delimiter=delimiter(text))
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(f"{path}: line {reader.line_num}", cells)
                if columns is not None:
                    continue
                columns = (0, 1)
            if len(cells) <= max(columns) or not all(cells[place].strip() for place in columns):
                raise InferenceError(
                    f"{path}: line {reader.line_num}: expected '<picture>,<class>', got {','.join(cells)[:80]!r}"
                )
            picture, label = (cells[place] for place in columns)
            rows.append(Row(plain_name(picture), plain_label(label.strip()), reader.line_num))
    except csv.Error as error:
        raise InferenceError(f"{path}: line {reader.line_num}: {error}") from error
    return rows


def delimiter(text: str) -> str:
    """Return what parts the cells: a comma, or what the first line has in its place, as some programs write it."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return next((sign for sign in ",;\t" if sign in first), ",")


def _columns(where: str, cells: list[str]) -> tuple[int, int] | None:
    """Return the columns of pictures and of classes where a line is the heading; None where it is a picture's.

    Raises:
        InferenceError: There are more than two columns, and none or nothing tells which they are.
    """
    names = ["".join(cell.lower().replace("_", " ").split()) for cell in cells]
    picture = next((names.index(one) for one in _PICTURES if one in names), None)
    label = next((names.index(one) for one in _CLASSES if one in names), None)
    if picture is not None and label is not None:
        return picture, label
    if len(names) == 2 and (picture == 0 or label == 1):
        return 0, 1
    if len(names) > 2:
        raise InferenceError(
            f"{where}: {len(names)} columns, {','.join(cells)[:80]!r}; expected a heading such as 'image' for the "
            "pictures and one such as 'label' for their classes"
        )
    return None


def plain_name(picture: str) -> str:
    """Return the name of a picture as it stands in a list, without a leading ``./``."""
    return picture.strip().removeprefix("./")


def plain_label(text: str) -> int | str:
    """Return a class as it stands in a list: an index, a wnid or a name."""
    if _INDEX.fullmatch(text):
        return int(text)
    wnid = _WNID_FIRST.match(text)
    return wnid[1] if wnid else text
