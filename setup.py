"""Packaging: the import package ``omz`` is put together from three top-level folders.

An editable installation is a plain path on ``sys.path``, so that editors and type checkers find the package as Python
does: to ``build/editable``, where ``omz`` is made of links to what is in the folders.
"""

import os
import sys
from pathlib import Path

from setuptools import find_packages, setup

FOLDERS = {"omz": "tools", "omz.demos": "demos", "omz.models": "models"}
EDITABLE = "build/editable"


def packages() -> list[str]:
    """Return every import package under the mapped folders, in import-name form."""
    found = []
    for name, folder in FOLDERS.items():
        found += [name, *(f"{name}.{package}" for package in find_packages(folder))]
    return found


def link_packages() -> None:
    """Bring the links up to date; those that are right stay, as a process may be using them."""
    package = Path(EDITABLE, "omz")
    package.mkdir(parents=True, exist_ok=True)
    sources = {path.name: path for path in (*Path("tools").iterdir(), Path("demos"), Path("models"))}
    wanted = {name: os.path.relpath(path, package) for name, path in sources.items() if name != "__pycache__"}
    for link in package.iterdir():
        if link.is_symlink() and str(link.readlink()) != wanted.get(link.name):
            link.unlink()
    for name, target in wanted.items():
        if not (package / name).is_symlink():
            (package / name).symlink_to(target)


editable = "editable_wheel" in sys.argv
if editable:
    link_packages()
setup(packages=packages(), package_dir={"": EDITABLE} if editable else FOLDERS)
