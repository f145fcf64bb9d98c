"""Copies of the checkout, to build from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, so that neither build leftovers nor untracked files can hide a fault."""
    folder = tmp_path_factory.mktemp("checkout") / "source"
    folder.mkdir()
    names = subprocess.run(["git", "-C", REPO, "ls-files", "-z"], check=True, stdout=subprocess.PIPE).stdout
    pack = ["tar", "-C", REPO, "--null", "-T", "-", "-c"]
    archive = subprocess.run(pack, input=names, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-C", folder, "-x"], input=archive, check=True)
    return folder
