"""Packaging: the import package ``omz`` is put together from three top-level folders."""

from setuptools import find_packages, setup

FOLDERS = {"omz": "tools", "omz.demos": "demos", "omz.models": "models"}


def packages() -> list[str]:
    """Return every import package under the mapped folders, in import-name form."""
    found = []
    for name, folder in FOLDERS.items():
        found += [name, *(f"{name}.{package}" for package in find_packages(folder))]
    return found


setup(packages=packages(), package_dir=FOLDERS)
