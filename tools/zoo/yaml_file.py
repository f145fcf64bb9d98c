"""Read YAML that a stranger may have written: bounded in size and depth, plain data only."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.error import MarkedYAMLError
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent
from yaml.nodes import MappingNode

from omz.errors import DescriptorError
from omz.files import read_bounded

try:  # the parser in C is some ten times faster, but not in every build of PyYAML
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

# The largest of the 860 published descriptors has 21 kB, 4 levels and scalars of 1 kB.
MAX_BYTES = 256 << 10
MAX_DEPTH = 16
_MERGE = "tag:yaml.org,2002:merge"
MAX_SCALAR_CHARACTERS = 16 << 10  # some scalars cost quadratic time: 1:59:59:... is one number


class _Loader(SafeLoader):
    """A safe loader that refuses a key that is there twice, where YAML's own takes the last, and merged mappings."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE:  # what is merged would be overridden without a word
                raise ConstructorError(None, None, "merge keys ('<<') are not accepted", key.start_mark)
            if isinstance(key.value, str):
                if key.value in seen:
                    raise ConstructorError(
                        None, None, f"key {key.value[:80]!r} is there twice", key.start_mark
                    )
                seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - YAML is untyped until a schema has seen it
    """Return what a YAML file holds, as dicts, lists, strings, numbers, booleans, dates and None.

    Anchors, aliases and tags are refused: a descriptor needs none, and they are how a small file grows large
    or runs code.

    Raises:
        DescriptorError: The file cannot be read, is too large or deep, or is not such YAML; names the line.
    """
    return parse_yaml(path, read_bounded(path, MAX_BYTES, "descriptor", DescriptorError))


def parse_yaml(path: Path, content: bytes) -> Any:  # noqa: ANN401
    """Return what the ``content`` of a YAML file holds; see :func:`read_yaml`. ``path`` is for messages."""
    try:
        _check(path, content)
        return yaml.load(content, _Loader)  # noqa: S506 - it is a safe loader
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that cannot be
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise DescriptorError(f"{path}:{where} is not YAML: {' '.join(problem.split())[:200]}") from error


def _check(path: Path, content: bytes) -> None:
    """Refuse what no descriptor needs, before anything is built of it.

    A parser reads ahead of its events, and one with a bound of its own on depth stops there before it has told
    of the levels so far. So where a parser stops, what lies before is asked for alone: within the parser's
    bound, and beyond ours if depth was the reason.
    """
    try:
        _check_events(path, content)
    except MarkedYAMLError as error:
        if error.problem_mark:
            encoding = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
            text = content.decode(encoding, errors="replace")
            end = max(error.problem_mark.index - 1, 0)  # one less: it may count a byte order mark
            with suppress(yaml.YAMLError):
                _check_events(path, text[:end])
        raise


def _check_events(path: Path, content: bytes | str) -> None:
    """Refuse by the parser's events."""
    depth = 0
    for event in yaml.parse(content, _Loader):
        refused, tag = None, getattr(event, "tag", None)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            refused = "anchors and aliases are not accepted. Write the value out"
        elif tag:
            refused = f"tags such as {tag[:80]!r} are not accepted. Write a plain value"
        elif isinstance(event, ScalarEvent) and len(event.value) > MAX_SCALAR_CHARACTERS:
            refused = f"expected no value longer than {MAX_SCALAR_CHARACTERS} characters"
        elif isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                refused = f"expected no more than {MAX_DEPTH} levels of nesting"
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if refused:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise DescriptorError(f"{path}: line {line}: {refused}")
