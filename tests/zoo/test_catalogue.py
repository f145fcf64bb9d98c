"""A models folder is looked through, whatever it is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from omz.errors import DescriptorError
from omz.zoo import catalogue


def test_a_folder_deeper_than_python_recurses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "net").mkdir(parents=True)
    (tmp_path / "a" / "net" / "model.yml").touch()
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    for _ in range(1500):
        os.mkdir("d")  # noqa: PTH102 - the paths get too long for one call
        os.chdir("d")
    monkeypatch.chdir(tmp_path)
    assert list(catalogue._find(tmp_path, "model.yml")) == [tmp_path / "a" / "net" / "model.yml"]
    subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)  # Python recurses here, too


def test_a_folder_of_other_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "x").touch()
    assert list(catalogue._find(tmp_path, "model.yml")) == []
    monkeypatch.setattr(catalogue, "MAX_ENTRIES", 9)
    with pytest.raises(DescriptorError, match="more than 9 files"):
        catalogue._find(tmp_path, "model.yml")
