"""Examples in docstrings and in docs/python.md do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


def modules_with_examples() -> list[str]:
    found = []
    for name, folder in (("omz", CHECKOUT / "tools"), ("omz.demos", CHECKOUT / "demos")):
        for path in sorted(folder.glob("**/*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = [
                    part for part in path.relative_to(folder).with_suffix("").parts if part != "__init__"
                ]
                found.append(".".join([name, *parts]))
    return found


@pytest.mark.parametrize("module", modules_with_examples())
def test_examples_in_docstrings(module):
    failed, tried = doctest.testmod(import_module(module))
    assert tried
    assert not failed


def test_examples_of_the_python_page(tmp_path, monkeypatch):
    pictures = CHECKOUT / "models/samples/se-resnext-digits/images"
    monkeypatch.chdir(tmp_path)
    Path("pictures").symlink_to(pictures)
    failed, tried = doctest.testfile(
        str(CHECKOUT / "docs/python.md"), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert tried > 10
    assert not failed
