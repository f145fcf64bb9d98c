"""docs/layers.md and the registry must say the same."""

import re
from pathlib import Path

import omz.converter.caffe.layers  # noqa: F401 - registers the translators
from omz.converter.caffe.registry import supported_types

TABLE = Path(__file__).parents[2] / "docs" / "layers.md"


def test_documented_types_are_the_registered_ones() -> None:
    table = TABLE.read_text().partition("\n## ")[0]
    documented = re.findall(r"^\| (\w+) \|", table, re.MULTILINE)[1:]
    # Input makes the model's inputs while the graph is built; it has no translator.
    assert sorted(documented) == sorted([*supported_types(), "Input"])
