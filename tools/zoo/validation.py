"""Turn untyped YAML into a descriptor, or into one line that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from omz.errors import DescriptorError
from omz.zoo.schema import known_keys

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: What is expected where a bound does not hold, by pydantic's name of that. The words are ours in any version of it.
_BOUNDS = {
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number less than {lt}",
    "less_than_equal": "a number of at most {le}",
    "finite_number": "a finite number",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "{min_length} or more entries",
    "too_long": "at most {max_length} entries",
    "literal_error": "{expected}",
    "invalid_key": "keys that are text",
}
#: What is expected in place of a value of another kind, by how pydantic's names begin.
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "yes or no",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def validated(path: Path | str, schema: type[AnyModel], content: object) -> AnyModel:
    """Return ``content``, read from ``path`` (or what else tells the place), as an instance of ``schema``.

    Raises:
        DescriptorError: Names the file, the path of the key and what was expected there.
    """
    if not isinstance(content, dict):
        raise DescriptorError(
            f"{path}: expected a mapping with keys such as 'description' and 'files', got {_shown(content)}"
        )
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise DescriptorError(f"{path}: {_worst_problem(error, content)}") from error


def _worst_problem(error: ValidationError, content: Mapping[Any, Any]) -> str:
    """Describe one problem, and say how many more there are.

    An unknown key goes first: it is often the misspelling behind a missing one.
    """
    problems = error.errors(include_url=False)
    bad_keys = [problem for problem in problems if problem["type"] in ("extra_forbidden", "invalid_key")]
    worst = (bad_keys or problems)[0]
    key = _key_path(worst, content)
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"key {key!r}: {_message(worst)}{more}" if key else f"{_message(worst)}{more}"


def _key_path(problem: ErrorDetails, content: object) -> str:
    """Return where in the file a problem is, such as ``files[0].source``.

    pydantic's location also names the steps of its schema (union members, a value made into a list); only
    what leads on through the file's own content is the key path.
    """
    path, here = "", content
    for part in problem["loc"]:
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            path, here = f"{path}[{part}]", here[part]
        elif isinstance(here, dict) and part in here:
            path, here = f"{path}.{str(part)[:80]}", here[part]
    if problem["type"] == "missing":
        path += f".{problem['loc'][-1]}"
    return path.lstrip(".")


def _message(problem: ErrorDetails) -> str:
    """Say what was expected and what was there instead."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        close = get_close_matches(str(problem["loc"][-1])[:80], known_keys(), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "Check its spelling and its place."
        return f"is not a known key here. {hint}"
    if kind == "union_tag_invalid":
        return f"expected a '$type' of {context['expected_tags']}, got {_shown(context['tag'])}"
    if kind == "union_tag_not_found":
        return "expected a mapping with the key '$type'"
    if kind == "value_error":  # what our own validators say
        told = "" if isinstance(problem["input"], Mapping) else f", got {_shown(problem['input'])}"
        return f"{context['error']}{told}"
    kinds = (words for prefix, words in _KINDS.items() if kind.startswith(prefix))
    expected = _BOUNDS[kind].format_map(context) if kind in _BOUNDS else next(kinds, problem["msg"])
    return f"expected {expected}, got {_shown(problem['input'])}"


def _shown(value: object) -> str:
    """Return a value as it may stand in an error message: short, and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "a list"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    text = repr(value[:80] if isinstance(value, str | bytes) else value)
    return text if len(text) <= 120 else f"{text[:117]}..."
