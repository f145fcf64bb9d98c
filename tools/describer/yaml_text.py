"""YAML as people write descriptors: keys in the order given, short lists of numbers on one line."""

from __future__ import annotations

from typing import Any

import yaml

#: No text is broken at a blank: what is one line stays one.
_WIDTH = 1 << 30


class OneLine(list[Any]):
    """A list that is written on one line: ``[1, 3, 224, 224]``."""


class _Dumper(yaml.SafeDumper):
    """A safe dumper that indents lists, as the descriptors of the zoo do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_Dumper.add_representer(
    OneLine, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)
)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # In other styles, some of the characters that YAML takes for the end of a line do not come back as they were.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text)


def to_yaml(content: dict[str, Any]) -> str:
    """Return plain data as YAML that reads back as the same."""
    return yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False
    )
