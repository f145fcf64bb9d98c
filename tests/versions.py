"""The packages that pyproject.toml asks for: the oldest versions that it admits, and what is installed of them.

Run as a script, it prints the oldest ones as constraints for pip.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
_REQUIREMENT = re.compile(r"(?P<name>[\w-]+)>=(?P<version>[\w.]+)\s*(?P<marker>;.*)?")


def requirements() -> list[re.Match[str]]:
    """Return each requirement, of all extras and of the build, once; groups ``name``, ``version`` and ``marker``.

    Raises:
        ValueError: One is stated otherwise than by the oldest version that works; later ones are never ruled out.
    """
    content = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    project = content["project"]
    stated = [*project["dependencies"], *content["build-system"]["requires"]]
    for extra in project["optional-dependencies"].values():
        stated += extra
    found = []
    for requirement in dict.fromkeys(stated):
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None:
            raise ValueError(f"pyproject.toml: expected NAME>=VERSION; got {requirement!r}")
        found.append(match)
    return found


def installed() -> dict[str, str]:
    """Return the version of each requirement that is installed, by its name."""
    found = {}
    for match in requirements():
        try:
            found[match["name"]] = version(match["name"])
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    for match in requirements():
        print(f"{match['name']}=={match['version']}{match['marker'] or ''}")
