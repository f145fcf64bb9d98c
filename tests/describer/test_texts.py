"""The texts: whatever words and addresses they are made of, they read back as the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from nets.onnx_nets import network, write
from omz import cli
from omz.converter.zoo_model import convert_model
from omz.describer.yaml_text import OneLine, to_yaml
from omz.inference.classes import network_classes
from omz.zoo import catalogue
from omz.zoo.page_texts import code
from omz.zoo.yaml_file import MAX_SCALAR_CHARACTERS, parse_yaml

from .test_add import folder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=30).filter(
    str.split
)
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


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(NAME | st.sampled_from([trap for trap in TRAPS if trap.isprintable()]), min_size=7, max_size=7)
)
def test_names_of_classes_come_through_descriptor_and_ir(add, root, tmp_path, names):
    """From a label file to the descriptor, and on to what the IR says of itself."""
    labels = tmp_path / "names.json"
    labels.write_text(json.dumps(names))
    assert add("--labels", labels, "--force", "--quiet") == 0
    expected = [" ".join(name.split()) for name in names]
    (model,) = catalogue.load_all(root)
    assert model.model_info.labels == expected
    xml = convert_model(model, root, tmp_path, ["FP32"])[0]
    assert list(network_classes(xml).names) == expected


def test_many_long_names_have_a_file_of_their_own(add, root, tmp_path, monkeypatch):
    names = [f"{number} of a thousand, {'with a long name ' * 8}".strip() for number in range(1000)]
    labels = tmp_path / "names.json"
    labels.write_text(json.dumps(names))
    net = write(scores_of(1000), tmp_path / "net.onnx")
    assert add("--labels", labels, files=("--input_model", net)) == 0
    assert json.loads((folder(root) / "labels.json").read_text()) == names
    (model,) = catalogue.load_all(root)
    assert model.model_info.labels == "labels.json"
    assert "[labels.json](labels.json)" in (folder(root) / "README.md").read_text()
    assert cli.main(["pages", "--all", "--models_root", str(root), "--check"]) == 0
    xml = convert_model(model, root, tmp_path, ["FP32"])[0]
    assert list(network_classes(xml).names) == names
    # another network in its place takes the file along
    assert add("--force") == 0
    assert not (folder(root) / "labels.json").exists()


def scores_of(classes: int) -> onnx.ModelProto:
    """The means of the channels, as often as there are classes."""
    repeat = np.ones((classes, 3), np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["data"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "repeat"], ["out"], transB=1),
    ]
    return network(nodes, {"data": [1, 3, 8, 8]}, {"out": [1, classes]}, {"repeat": repeat})
