"""pyproject.toml states the oldest version of each package that works, and rules out no later one."""

from __future__ import annotations

import subprocess
import sys

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import versions


def test_each_package_has_one_lower_bound_and_no_other() -> None:
    stated = [Requirement(match[0]) for match in versions.requirements()]
    assert all([bound.operator for bound in requirement.specifier] == [">="] for requirement in stated)
    assert len({canonicalize_name(requirement.name) for requirement in stated}) == len(stated) > 20


def test_what_is_installed_is_told_and_admitted() -> None:
    told = versions.installed()
    assert {"openvino", "numpy", "pytest"} <= set(told)
    for requirement in (Requirement(match[0]) for match in versions.requirements()):
        if requirement.name in told:
            assert requirement.specifier.contains(told[requirement.name])


def test_constraints_are_the_lower_bounds() -> None:
    done = subprocess.run([sys.executable, versions.__file__], capture_output=True, text=True, check=True)
    for line, match in zip(done.stdout.splitlines(), versions.requirements(), strict=True):
        (pin,), stated = Requirement(line).specifier, Requirement(match[0])
        assert pin.operator == "=="
        assert SpecifierSet(f">={pin.version}") == stated.specifier
        assert Requirement(line).marker == stated.marker
