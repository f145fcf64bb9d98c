"""The texts: whatever words and addresses they are made of, they read back as the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from omz.describer.yaml_text import OneLine, to_yaml
from omz.zoo import catalogue
from omz.zoo.page_texts import code
from omz.zoo.yaml_file import MAX_SCALAR_CHARACTERS, parse_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
TRAPS = [
    *(
        "yes",
        "null",
        "~",
        "0x1f",
        "1:59:59",
        "1e3",
        "- a",
        "a: b",
        "#",
        "&a",
        "*a",
        "!!str",
        "%x",
        "@",
        "`",
        "=",
        "<<",
    ),
    *("\x07", "\x85", "\u2028", "\ufeff", "a\r\nb", " a ", "\U0001f600", "'", '"', "\\"),
]


@given(
    st.lists(TEXT | st.sampled_from(TRAPS), min_size=1, max_size=8),
    st.lists(st.integers(-1, 4096), max_size=4),
)
def test_yaml_reads_back(texts, numbers):
    content = {"description": " ".join(texts), "labels": texts, "shape": OneLine(numbers)}
    written = to_yaml(content)
    assert parse_yaml(Path("x"), written.encode()) == content
    assert yaml.safe_load(written) == content  # any other reader's, too
    assert f"shape: {numbers}" in written.splitlines()


@given(TEXT)
def test_code_in_markdown_cannot_be_left(text):
    """A code span ends at the first run of as many backticks as it begins with, by CommonMark."""
    shown = code(text)
    fence = len(shown) - len(shown.lstrip("`"))
    inside = shown[fence:-fence]
    assert shown == f"{'`' * fence}{inside}{'`' * fence}"
    runs = [len(run) for run in "".join(c if c == "`" else " " for c in inside).split()]
    assert fence not in runs
    assert inside.isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a",
        "example.com/a",
        "file:///etc/passwd",
        "https://",
        "http://[::1/a",
        "javascript:x",
        "",
        "/a",
    ],
)
def test_addresses_that_are_none(add, root, capsys, url):
    assert add("--url", url, "--url", "https://example.com/b") == 2
    assert "--url" in capsys.readouterr().err
    assert not root.exists()


def test_addresses_with_logins_are_not_for_all_to_read(add, root, capsys):
    assert add("--url", "https://example.com/a", "--url", "https://me:secret@example.com/b") == 2
    error = capsys.readouterr().err
    assert ".netrc" in error
    assert "secret" not in error
    assert add("--url", "https://example.com/a", "--url", "https://example.com/b?token=abc") == 0
    assert "Is it a secret?" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 3])
def test_an_address_for_each_file(add, root, capsys, count):
    assert add(*["--url=https://example.com/a"] * count) == 2
    assert "deploy v2.prototxt, deploy v2.caffemodel" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["Über: 'nets'\n\nand dogs", "null", "yes", "# no comment", "- a", "a\tb"])
def test_description_and_licence_are_taken_as_they_are(add, root, text):
    assert add("--description", text, "--license", text) == 0
    (model,) = catalogue.load_all(root)
    assert (model.description, model.license) == (text, text)


@pytest.mark.parametrize("text", ["a\udcffb", "\x1b[2J", "x" * (MAX_SCALAR_CHARACTERS + 1)])
@pytest.mark.parametrize("option", ["--description", "--license"])
def test_description_and_licence_that_no_descriptor_can_have(add, root, capsys, option, text):
    assert add(option, text) == (2 if len(text) < 10 else 1)
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("omz add: error: ")
    assert error.isprintable()
    assert not root.exists()
