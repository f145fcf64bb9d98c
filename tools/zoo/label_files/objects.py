"""JSON, and what Python prints of lists and dictionaries.

``["tench", "goldfish"]``; ``{"0": "tench"}``; Keras' ``{"0": ["n01440764", "tench"]}``; ``{"tench": 0}``;
``id2label`` of a Hugging Face ``config.json``, and ``label_names`` with ``label_descriptions`` of timm's; and the same
in Python's quotes, as ``print(dataset.class_to_idx)`` writes it.
Here nothing is guessed: names are what the quotes hold, and numbers are indexes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from omz.errors import DescriptorError
from omz.zoo.label_files import numbering, wnids
from omz.zoo.label_files.entries import MAX_CLASSES, Entry, Row, quoted, unknown_form
from omz.zoo.label_files.printed import Pairs, read_printed

#: Keys under which whole configurations keep their classes.
_KEYS = (
    "id2label", "label2id", "label_names", "label_map", "labels", "classes", "class_names", "names", "categories",
)  # fmt: skip
_INDEX = re.compile("[0-9]{1,9}")
_START = re.compile(r"""\[\s*["'\[{\]]|\{\s*["'0-9}]""")  # '[unknown]' is a name


def is_object(text: str) -> bool:
    """Tell whether a text is JSON or the like, going by how it begins."""
    return _START.match(text) is not None


def read_object(text: str) -> list[Entry]:
    """Read the classes of a JSON text, or of what Python prints.

    Raises:
        DescriptorError: It is neither, or not a list of classes; says where.
    """
    if text.count("[") + text.count("{") > 2 * MAX_CLASSES:
        raise DescriptorError(f"more than {MAX_CLASSES} classes; that is no label list")
    try:
        return _classes(json.loads(text, object_pairs_hook=Pairs, parse_int=_integer))
    except json.JSONDecodeError as error:
        if (value := read_printed(text.strip())) is None:
            place = f"line {error.lineno}, column {error.colno}"
            raise unknown_form(place, f"is no JSON: {error.msg}") from error
    except RecursionError as error:
        raise DescriptorError("lists in lists in lists, too deep for a label list") from error
    return _classes(value)


def _integer(digits: str) -> int:
    return int(digits) if len(digits) < 19 else 10**18


def _classes(value: object) -> list[Entry]:
    if isinstance(value, Pairs):
        value = _inner(value)
    if isinstance(value, Pairs):
        return _mapped(value)
    if isinstance(value, list):
        places = [f"entry {number}" for number in range(1, len(value) + 1)]
        return _listed(places, value, None)
    raise unknown_form("JSON", f"expected a list or an object, got {_shown(value)}")


def _inner(value: Pairs) -> object:
    """Return where in a configuration the classes are; the object itself if it is no configuration."""
    for pairs in (value, _get(value, "pretrained_cfg")):
        for key in _KEYS:
            found = _get(pairs, key)
            if isinstance(found, list):
                return _described(found, _get(pairs, "label_descriptions")) if key == "label_names" else found
    return value


def _get(pairs: object, key: str) -> object:
    return dict(pairs).get(key) if isinstance(pairs, Pairs) else None


def _described(names: list[Any], descriptions: object) -> list[Any]:
    """Put timm's descriptions beside the WordNet ids, and in the place of other names, that they are of."""
    told = dict(descriptions) if isinstance(descriptions, Pairs) else {}

    def description(name: object) -> object:
        text = told.get(name) if isinstance(name, str) else None
        return text if text is None or not _is_wnid(name) else [name, text]

    if isinstance(names, Pairs):
        return Pairs((key, description(name) or name) for key, name in names)
    return [description(name) or name for name in names]


def _shown(value: object) -> str:
    """Return a value as a message quotes it; what is in it may be deep."""
    if isinstance(value, list):
        return "an object" if isinstance(value, Pairs) else f"a list of {len(value)}"
    return quoted(str(value))


def _is_wnid(name: object) -> bool:
    return isinstance(name, str) and wnids.WNID.fullmatch(name) is not None


def _mapped(pairs: Pairs) -> list[Entry]:
    """Return the classes of an object, in whichever direction it goes."""
    if not pairs:
        raise DescriptorError("expected classes, got an empty object")
    places = [f"key {quoted(str(key))}" for key, _ in pairs]
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    indexes = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    if len(indexes) == len(values):  # also of {"7": 0}, as folders that are named by digits have it
        return _listed(places, [str(key) for key in keys], indexes)
    if all(_INDEX.fullmatch(str(key)) for key in keys):
        return _listed(places, values, [int(str(key)) for key in keys])
    strange = next(place for place, key in zip(places, keys, strict=True) if not _INDEX.fullmatch(str(key)))
    raise unknown_form(strange, "expected indexes as keys, or as all values")


def _listed(places: Sequence[str], values: Sequence[object], numbers: Sequence[int] | None) -> list[Entry]:
    """Return the classes of names, or of lists of a WordNet id and names."""
    if not values:
        raise DescriptorError("expected classes, got an empty list")
    rows: list[Row] = []
    ids: list[str] = []
    for place, value in zip(places, values, strict=True):
        texts = value if isinstance(value, list) and not isinstance(value, Pairs) else [value]
        wnid = texts[0] if len(texts) > 1 and _is_wnid(texts[0]) else ""
        if not texts or not all(isinstance(text, str) for text in texts) or (len(texts) > 1 and not wnid):
            raise unknown_form(place, f"expected a name, or a WordNet id and a name, got {_shown(value)}")
        ids.append(str(wnid))
        rows.append(Row(place, ", ".join(map(str, texts[1:] if wnid else texts))))
    for row, wnid in zip(rows, ids, strict=True) if any(ids) else ():
        if not wnid and not wnids.BACKGROUND.fullmatch(row.text):
            raise unknown_form(row.place, f"{quoted(row.text)} has no WordNet id, others have one")
    if numbers is not None:
        numbering.check(numbers, rows)
    return wnids.entries_of(rows, numbers, ids if any(ids) else None)
