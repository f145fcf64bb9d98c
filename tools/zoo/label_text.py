"""Class names as the IR holds them, in Model API's convention: one text, in which blanks part the names.

Blanks within a name are written as ``_``, so a name that has an underscore of its own does not come back. Such names
are held exactly beside the text, as JSON, where readers of Model API's convention do not look.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from omz.errors import DescriptorError


def label_text(names: Sequence[str]) -> str:
    """Join class names by Model API's convention."""
    return " ".join("_".join(name.split()) for name in names)


def exact_record(names: Sequence[str]) -> str:
    """Return the names as JSON, if their text does not tell them; else ''."""
    exact = list(names)
    return "" if names_of(label_text(exact)) == exact else json.dumps(exact, ensure_ascii=False)


def names_of(text: str, record: str = "") -> list[str]:
    """Return the names of a text.

    Args:
        text: What :func:`label_text` or another tool has written; it has the last word.
        record: What :func:`exact_record` has returned for it.

    Raises:
        DescriptorError: The record is no list of names.
    """
    if record:
        try:
            exact = json.loads(record)
        except (ValueError, RecursionError) as error:
            raise DescriptorError("the record of exact names is no JSON") from error
        if not isinstance(exact, list) or not all(isinstance(name, str) for name in exact):
            raise DescriptorError("the record of exact names is no list of names")
        if label_text(exact) == text:
            return exact
    return [name.replace("_", " ") for name in text.split()]
