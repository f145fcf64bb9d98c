"""The true classes of pictures: a file of lines ``./<picture> <class index>``, as Open Model Zoo has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from omz.errors import InferenceError

MAX_TRUTH_BYTES = 64 << 20
OTHER = -1  # "none of the classes that have a picture of their own", for networks that have a class 'other'


def read_ground_truth(path: str | Path) -> dict[str, int]:
    """Read the true class index of each picture, by the picture's file name without folders.

    Args:
        path: Text file; blank lines are skipped, the index is what follows the last blank of a line.

    Raises:
        InferenceError: A line is malformed or contradicts an earlier one; names it.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_TRUTH_BYTES:
            raise InferenceError(f"{path}: larger than {MAX_TRUTH_BYTES} bytes; that is no ground truth file")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InferenceError(f"{path}: is not UTF-8 text") from error
    except OSError as error:
        raise InferenceError(f"{path}: {error.strerror}") from error
    truth: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"(\S.*?)\s+(-1|\d{1,9})", line.strip())
        if not match:
            raise InferenceError(
                f"{path}: line {number}: expected './<picture> <class index>', got {line[:80]!r}"
            )
        name, index = Path(match[1]).name, int(match[2])
        if truth.setdefault(name, index) != index:
            raise InferenceError(
                f"{path}: line {number}: {name} is {index} here, and {truth[name]} further up"
            )
    if not truth:
        raise InferenceError(f"{path}: holds no line './<picture> <class index>'")
    return truth


def resolve(truth: Mapping[str, int], labels: Sequence[str], where: str = "ground truth") -> dict[str, int]:
    """Replace :data:`OTHER` by the index of the class 'other' and check that all indexes are classes.

    Raises:
        InferenceError: An index is no class of the network.
    """
    other = next((index for index, label in enumerate(labels) if label.lower() == "other"), None)
    resolved = {}
    for name, index in truth.items():
        if index == OTHER and other is None:
            raise InferenceError(f"{where}: {name} is -1, the class 'other', which the network does not have")
        if index >= len(labels):
            raise InferenceError(
                f"{where}: {name} is class {index}, but the network has {len(labels)} (from 0)"
            )
        resolved[name] = other if index == OTHER and other is not None else index
    return resolved
