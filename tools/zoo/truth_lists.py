"""Lists of pictures and their classes: lines ``<picture> <class index>``, or CSV."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from omz.errors import InferenceError
from omz.files import read_bounded

MAX_LIST_BYTES = 64 << 20
_HEADINGS = frozenset({"image", "picture", "path", "file", "filename", "name", "imageid", "id", "image_id"})
_INDEX = re.compile(r"\d{1,9}")
_SUFFIX = re.compile(r"\.[A-Za-z]\w{1,4}$")
_WNID_FIRST = re.compile(r"(n\d{8})(\s|$)")  # Kaggle: "n03995372 85 1 499 272", the boxes of the objects


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of a list: its name as it stands there, and its class, an index, wnid or name."""

    picture: str
    label: int | str
    line: int


def read_list(path: Path) -> list[Row]:
    """Read a list; ``.csv`` files as CSV, all others as lines.

    Raises:
        InferenceError: The file is too large, not text or empty, or a line is malformed; names the line.
    """
    content = read_bounded(path, MAX_LIST_BYTES, "list of pictures and classes", InferenceError)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InferenceError(f"{path}: is not UTF-8 text") from error
    rows = _csv_rows(path, text) if path.suffix.lower() == ".csv" else _lines(path, text)
    if not rows:
        raise InferenceError(f"{path}: holds no line with a picture and its class")
    return rows


def _lines(path: Path, text: str) -> list[Row]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or _is_comment(line):
            continue
        picture, _, label = line.strip().replace("\t", " ").rpartition(" ")
        if not picture or not _INDEX.fullmatch(label):
            raise InferenceError(
                f"{path}: line {number}: expected '<picture> <class index>', got {line[:80]!r}"
            )
        rows.append(Row(_plain(picture), int(label), number))
    return rows


def _is_comment(line: str) -> bool:
    """Tell whether a line is a comment: '#1.png 7' and '# 1.png 7' are pictures, '# those of class 7' is none."""
    if not line.startswith("#"):
        return False
    picture, _, label = line.strip().replace("\t", " ").rpartition(" ")
    named = picture[1:2].strip() or _SUFFIX.search(picture)
    return not (picture and named and _INDEX.fullmatch(label))


def _csv_rows(path: Path, text: str) -> list[Row]:
    rows: list[Row] = []
    reader = csv.reader(text.splitlines())
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not rows and cells[0].strip().lower() in _HEADINGS:
                continue
            if len(cells) < 2 or not cells[0].strip() or not cells[1].strip():
                raise InferenceError(
                    f"{path}: line {reader.line_num}: expected '<picture>,<class>', got {','.join(cells)[:80]!r}"
                )
            rows.append(Row(_plain(cells[0]), _label(cells[1].strip()), reader.line_num))
    except csv.Error as error:
        raise InferenceError(f"{path}: line {reader.line_num}: {error}") from error
    return rows


def _plain(picture: str) -> str:
    return picture.strip().removeprefix("./")


def _label(text: str) -> int | str:
    if _INDEX.fullmatch(text):
        return int(text)
    wnid = _WNID_FIRST.match(text)
    return wnid[1] if wnid else text
