"""What all tests share: the versions that they run with, a small classifier, and pictures and a video for it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from hypothesis import HealthCheck, settings

from nets.tiny_classifier import TinyNet, build, draw_picture
from omz.inference import tried
from versions import installed

# Examples are the same each time, and no matter of how busy the machine is.
settings.register_profile(
    "omz", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# Other examples each time, and many: `pytest -m hypothesis --hypothesis-profile=explore`.
settings.register_profile("explore", settings.get_profile("omz"), derandomize=False, max_examples=1000)
settings.load_profile("omz")


def pytest_report_header() -> str:
    """Say what the results hold for."""
    return "packages: " + ", ".join(f"{name} {version}" for name, version in installed().items())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes that run tests side by side must know them by the same names."""
    if addresses := [item.nodeid for item in items if re.search(r"\bat 0x[0-9a-f]{8,}", item.nodeid)]:
        raise pytest.UsageError(f"{addresses[0]}: the name differs each time; give the parameters 'ids'")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory) -> Iterator[None]:
    """What the tests try out is not remembered in the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _safe_path_of_commands_only() -> Iterator[None]:
    """What a command in this process tells the processes that it starts is not for those of the next test."""
    yield
    os.environ.pop("PYTHONSAFEPATH", None)


@pytest.fixture(autouse=True)
def known_networks(monkeypatch) -> None:
    """The networks that tests make need not be tried out in another process first, unless that is what is tested."""
    monkeypatch.setattr(tried, "_require", lambda *_: None)


@pytest.fixture(scope="session")
def build_net():
    return build


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> TinyNet:
    return build(tmp_path_factory.mktemp("tiny") / "tiny.xml")


@pytest.fixture(scope="session")
def picture():
    return draw_picture


@pytest.fixture
def private_names_of_the_dead() -> Callable[[Path], Path]:
    """A name of a private file that a process has left which is dead."""
    from omz.private import private_path

    def name(folder: Path) -> Path:
        path = private_path(folder)
        fields = path.name.split("-")
        return path.with_name("-".join([*fields[:4], "1", *fields[5:]]))  # no process started then

    return name


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Twelve PNG pictures of different sizes, named so that natural and plain sorting differ."""
    path = tmp_path_factory.mktemp("pictures")
    for number in range(12):
        cv2.imwrite(str(path / f"p{number}.png"), draw_picture(number, 60 + 7 * number, 150 - 5 * number))
    return path


@pytest.fixture(scope="session")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (120, 90))
    assert writer.isOpened()
    for number in range(9):
        writer.write(draw_picture(100 + number))
    writer.release()
    return path
