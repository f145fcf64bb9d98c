"""Models chosen on the command line, and models found in a folder."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

import pytest

from omz.errors import DescriptorError, UsageError
from omz.zoo import catalogue, selection
from omz.zoo.schema import CompositeModel

COMPOSITE = (
    "task_type: detection\ndescription: Two\nlicense: x\nframework: caffe\nstages_order: [two-b, two-a]\n"
)


@pytest.fixture
def zoo(write, root) -> Path:
    for name in ("public/alpha-1", "public/alpha-2", "other/beta", "public/two/two-a", "public/two/two-b"):
        write(name=name)
    write(COMPOSITE, "public/two", "composite-model.yml")
    return root


def chosen(root: Path, *arguments: str) -> list[str]:
    parser = argparse.ArgumentParser()
    selection.add_selection_arguments(parser)
    args = parser.parse_args(["--models_root", str(root), *arguments])
    return [model.name for model in selection.selected_models(args)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("beta", ["beta"]),
        ("beta,alpha-1", ["beta", "alpha-1"]),
        (" beta , alpha-1", ["beta", "alpha-1"]),
        ("alpha-*", ["alpha-1", "alpha-2"]),
        ("alpha-[2-9],alpha-?", ["alpha-2", "alpha-1"]),
        ("*", ["alpha-1", "alpha-2", "beta", "two"]),
        ("two", ["two"]),
        ("two-b", ["two-b"]),
        ("two-*", ["two-b", "two-a"]),
        ("two*", ["two"]),
    ],
)
def test_shell_patterns(zoo, names, expected):
    assert chosen(zoo, "--name", names) == expected


def test_all(zoo):
    assert chosen(zoo, "--all") == ["alpha-1", "alpha-2", "beta", "two"]


def test_list_file(zoo, tmp_path):
    path = tmp_path / "my.lst"
    path.write_text("# comment\n\nbeta  # why\n'alpha-*' more words\n")
    assert chosen(zoo, "--list", str(path)) == ["beta", "alpha-1", "alpha-2"]


def test_list_file_with_a_byte_order_mark(zoo, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("beta\n", encoding="utf-8-sig")
    assert chosen(zoo, "--list", str(path)) == ["beta"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# nothing\n", "expected a model name a line, got none"),
        (b"beta\nit's\n", "line 2: "),
        (b"\xff\xfe", "expected a text file"),
        (b"#" * ((1 << 20) + 1), "larger than 1048576 bytes"),
        (None, f"cannot be read: {os.strerror(errno.ENOENT)}"),
    ],
)
def test_bad_list_file(zoo, tmp_path, content, words):
    path = tmp_path / "my.lst"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        chosen(zoo, "--list", str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("bita", "no model matches 'bita'. Did you mean beta?"),
        ("BETA", "no model matches 'BETA'. Did you mean beta?"),
        ("beta,tow-b", "no model matches 'tow-b'. Did you mean two-b"),
        ("qqqqqqq", "no model matches 'qqqqqqq'. --print_all lists the names."),
        ("", "no model matches ''."),
    ],
)
def test_no_match_suggests_names(zoo, names, words):
    with pytest.raises(UsageError) as caught:
        chosen(zoo, "--name", names)
    assert words in str(caught.value)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("arguments", [[], ["--all", "--name", "x"], ["--list", "x", "--name", "x"]])
def test_one_choice_is_needed_and_only_one(zoo, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        chosen(zoo, *arguments)
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_composite_stages_are_in_the_stated_order(zoo):
    model = next(model for model in catalogue.load_all(zoo) if isinstance(model, CompositeModel))
    assert [stage.name for stage in model.stages] == ["two-b", "two-a"]
    assert [stage.composite_model_name for stage in model.stages] == ["two", "two"]
    assert str(model.stages[0].subdirectory) == "public/two/two-b"
    assert model.composite_model_name == "two"


def test_names_without_reading(zoo, write):
    write("not a descriptor", "public/broken")
    assert catalogue.model_names(zoo) == ["alpha-1", "alpha-2", "beta", "broken", "two"]


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (
            "public/two/composite-model.yml",
            COMPOSITE.replace("two-b,", ""),
            "key 'stages_order': expected the stage",
        ),
        ("public/two/composite-model.yml", COMPOSITE + "x: y\n", "key 'x': is not a known key"),
        ("public/void/composite-model.yml", COMPOSITE, "expected a folder with a model.yml for each stage"),
        ("other/alpha-1/model.yml", None, "two models are named 'alpha-1': other/alpha-1 and public/alpha-1"),
        (
            "other/a model/model.yml",
            None,
            "expected letters, digits and '._-' in the folder's name; got 'a model'",
        ),
    ],
)
def test_malformed_folders(zoo, write, good, file, content, words):
    path = Path(file)
    write(content or good, str(path.parent), path.name)
    with pytest.raises(DescriptorError) as caught:
        catalogue.load_all(zoo)
    assert words in str(caught.value)


def test_missing_root(tmp_path):
    with pytest.raises(
        DescriptorError, match=r"none: no such models folder. Check --models_root or OMZ_MODELS_ROOT"
    ):
        catalogue.model_names(tmp_path / "none")


def test_root_from_environment(zoo, monkeypatch):
    monkeypatch.setenv("OMZ_MODELS_ROOT", str(zoo))
    assert catalogue.default_root() == zoo
    monkeypatch.delenv("OMZ_MODELS_ROOT")
    assert catalogue.default_root() == catalogue.packaged_root()
