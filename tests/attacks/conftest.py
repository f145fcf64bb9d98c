"""The folder in which an attack takes place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.attack import Attack
from attacks.outputs import make_inputs
from downloader.loopback import Loopback


@pytest.fixture
def attack(tmp_path: Path) -> Attack:
    folder = tmp_path / "here"
    folder.mkdir()
    return Attack(folder)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the cases of :mod:`attacks.outputs` read; one for all, as what they write names it."""
    server = Loopback()
    yield make_inputs(tmp_path_factory.mktemp("inputs"), server)
    server.close()
