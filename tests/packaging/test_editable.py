"""``pip install -e .`` leads to the package by a plain path, which editors and type checkers follow as Python does."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

BUILD = "import sys; from setuptools import build_meta; build_meta.build_editable(sys.argv[1])"


class Editable:
    """An editable installation of a copy of the checkout, in an environment of its own."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source, self.folder = source, folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.install()

    def install(self) -> None:
        """Do what ``pip install -e .`` does, with the setuptools of this environment: build, and install that."""
        build = [sys.executable, "-c", BUILD, self.folder]
        subprocess.run(build, check=True, capture_output=True, cwd=self.source)
        (wheel,) = self.folder.glob("*.whl")
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            self.folder / "bin/python",
            "install",
            "-q",
            "--no-deps",
        ]
        subprocess.run([*pip, "--force-reinstall", wheel], check=True, capture_output=True)
        wheel.unlink()

    def run(self, code: str) -> str:
        """Return what Python code prints in the environment."""
        command = [self.folder / "bin/python", "-c", code]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=self.folder).stdout


@pytest.fixture(scope="module")
def editable(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Editable:
    return Editable(source, tmp_path_factory.mktemp("editable"))


def test_a_path_walk_finds_every_module(editable: Editable) -> None:
    """What an editor does: the lines of .pth files are folders, and names are files below them."""
    lines = [
        line
        for file in editable.folder.glob("lib/*/site-packages/*.pth")
        for line in file.read_text().splitlines()
    ]
    (place,) = map(Path, lines)  # no line is code, and so none is an import hook
    for name, folder in (("omz", "tools"), ("omz/demos", "demos"), ("omz/models", "models")):
        sources = [path.relative_to(editable.source / folder) for path in _modules(editable.source / folder)]
        assert sources
        for path in sources:
            assert (place / name / path).samefile(editable.source / folder / path)
    assert (place / "omz/py.typed").is_file()


def _modules(folder: Path) -> list[Path]:
    """Return the modules of packages below a folder, not scripts that lie between data."""
    packages = [path.parent for path in folder.rglob("__init__.py")]
    return [module for package in packages for module in package.glob("*.py")]


def test_modules_come_and_go(editable: Editable) -> None:
    """Within a room at once; at the top of the package with the next installation."""
    tools = editable.source / "tools"
    (tools / "zoo/brand_new.py").write_text("NUMBER = 5\n")
    assert editable.run("from omz.zoo import brand_new; print(brand_new.NUMBER)") == "5\n"
    (tools / "attic").mkdir()
    (tools / "attic/__init__.py").write_text("NUMBER = 7\n")
    editable.install()
    assert editable.run("import omz.attic; print(omz.attic.NUMBER)") == "7\n"
    (tools / "attic").rename(tools / "cellar")
    editable.install()
    code = "from importlib.util import find_spec as find; print(bool(find('omz.attic')), bool(find('omz.cellar')))"
    assert editable.run(code) == "False True\n"
    (tools / "zoo/brand_new.py").unlink()
    shutil.rmtree(tools / "cellar")  # with what Python has compiled


def test_the_wheel_is_the_same_beside_an_editable_installation(editable: Editable, tmp_path: Path) -> None:
    """Links of the one are no part of the other."""
    build = [sys.executable, "-m", "build", "--no-isolation", "-o", tmp_path, editable.source]
    subprocess.run(build, check=True, capture_output=True)  # the wheel is built from the source distribution
    (wheel,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("omz_toolkit-")]
    assert all(name.startswith("omz/") for name in names)
    assert not [name for name in names if "editable" in name]
    folders = {"omz": "tools", "omz/demos": "demos", "omz/models": "models"}
    expected = {
        f"{name}/{path.relative_to(editable.source / folder).as_posix()}"
        for name, folder in folders.items()
        for path in _modules(editable.source / folder)
    }
    assert {name for name in names if name.endswith(".py")} == expected
