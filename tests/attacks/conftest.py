"""The folder in which an attack takes place."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks.attack import Attack


@pytest.fixture
def attack(tmp_path: Path) -> Attack:
    folder = tmp_path / "here"
    folder.mkdir()
    return Attack(folder)
