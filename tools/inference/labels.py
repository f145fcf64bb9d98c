"""Class names: from the IR, or from a label file in any of three formats."""

from __future__ import annotations

import re
from pathlib import Path

from omz.errors import InferenceError

MAX_LABEL_BYTES = 16 << 20
_OWN = re.compile(r"0 \S+ \S")  # "0 n02119789 kit fox": the project's format, see omz.zoo.labels
_SYNSET = re.compile(r"n\d{8}\s+(\S.*)")  # "n01440764 tench, Tinca tinca": Open Model Zoo's


def from_model_info(text: str) -> list[str]:
    """Split the IR's ``labels`` (names parted by blanks, blanks in names written as ``_``)."""
    return [name.replace("_", " ") for name in text.split()]


def read_labels(name: str | Path) -> list[str]:
    """Read a label file, or a list that comes with the toolkit, such as ``imagenet_2015``.

    The formats: the project's own (``index wnid name, ...``), Open Model Zoo's (``wnid name, ...``), one name a line.
    Where a class has several names, the first is taken.

    Raises:
        InferenceError: There is no such file, or it is no label list.
        DescriptorError: A line of the project's own format is malformed.
    """
    from omz.zoo.labels import load_labels, parse_labels

    path = Path(name)
    if not path.is_file():
        if path.name == str(name) and not path.suffix:
            return [label.name for label in load_labels(str(name))]
        raise InferenceError(f"{path}: no such label file")
    if path.stat().st_size > MAX_LABEL_BYTES:
        raise InferenceError(f"{path}: larger than {MAX_LABEL_BYTES} bytes; that is no label list")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise InferenceError(f"{path}: is not UTF-8 text") from error
    lines = [line for line in lines if line]
    first = next((line for line in lines if not line.startswith("#")), "")
    if not first:
        raise InferenceError(f"{path}: holds no label")
    if _OWN.match(first):
        return [label.name for label in parse_labels(path)]
    if _SYNSET.fullmatch(first):
        return [_synset_name(path, number, line) for number, line in enumerate(lines, start=1)]
    return lines


def _synset_name(path: Path, number: int, line: str) -> str:
    match = _SYNSET.fullmatch(line)
    if not match:
        raise InferenceError(f"{path}: entry {number}: expected 'n01440764 name[, name...]', got {line!r}")
    return match[1].split(",")[0].strip()
