"""Small archives whose names and links stand for a lot: what is done about them grows with the archive alone."""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from downloader.test_archive_links import Members, make_tar

from omz.downloader.archives import Limits, unpack
from omz.downloader.pool import CancelToken
from omz.errors import DownloadError


def fans(size: int) -> Members:
    """Folders in a row, each with links to the next: the tenth stands for ten to the power of its distance."""
    levels = [(f"d{level}/{n}", "->", f"../d{level + 1}") for level in range(size // 10) for n in range(10)]
    return [*levels, (f"d{size // 10}/x", b"x")]


def chains(size: int) -> Members:
    """Links to links, each as long a way round as may be."""
    way = "a/../" * 200
    links = [(f"l{n}", "->", way + (f"l{n - 1}" if n % 39 else "a/x")) for n in range(size)]
    return [("a/x", b""), *links]


def deep(size: int) -> Members:
    """Names in folders of their own, a hundred in each other."""
    return [(f"{n}/" + "a/" * 98 + "x", b"") for n in range(size)]


def long_names(size: int) -> Members:
    return [("/".join(["a" * 9] * 1000 * size), b"")]


def row(size: int) -> Members:
    """Each folder leads to the next, and so on: deeper than anybody may go."""
    return [*((f"d{n}/l", "->", f"../d{n + 1}") for n in range(size)), (f"d{size}/x", b"")]


def copies(size: int) -> Members:
    """As many links to one full folder as the folder has files."""
    return [*((f"full/{n}", b"") for n in range(size)), *((f"l{n}", "->", "full") for n in range(size))]


def ring(size: int) -> Members:
    return [(f"d{n}/l", "->", f"../d{(n + 1) % size}") for n in range(size)]


def hard(size: int) -> Members:
    return [("x", b""), *((f"l{n:05}", "=>", f"l{n - 1:05}" if n % 39 else "x") for n in range(size))]


BOMBS: list[Callable[[int], Members]] = [fans, chains, deep, long_names, row, copies, ring, hard]


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the lines that are run of the modules that look at names and links."""
    steps = [0]

    def look(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith(("downloader/links.py", "downloader/archive_members.py")):
            return None
        steps[0] += event == "line"
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield steps
    finally:
        sys.settrace(before)


def attempt(folder: Path, archive: bytes, kind: str) -> None:
    folder.mkdir()
    (folder / "a").write_bytes(archive)
    try:
        unpack(folder / "a", kind, folder / "out", limits=Limits(), cancel=CancelToken())
    except DownloadError as error:
        print(error)


@pytest.mark.parametrize("bomb", BOMBS)
def test_twice_the_archive_is_twice_the_work(tmp_path: Path, bomb: Callable[[int], Members]) -> None:
    steps = []
    for size in (80, 160):
        with counted() as so_far:
            attempt(tmp_path / str(size), make_tar(bomb(size)), "tar")
        steps.append(so_far[0])
    assert steps[1] <= 2.2 * steps[0] + 1000, steps


@pytest.mark.parametrize("bomb", BOMBS)
def test_small_bombs_cost_little(tmp_path: Path, bomb: Callable[[int], Members]) -> None:
    """Of some 60 kB; in seconds of the processor: they take half a second, and three are granted."""
    packed = gzip.compress(make_tar(bomb(2000)), mtime=0)
    began = time.process_time()
    attempt(tmp_path / "tar", packed, "gztar")
    assert time.process_time() - began < 3


def test_small_archives_have_few_members(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(16_000))
    assert Limits().members_for(tmp_path / "a") == 3000
    assert Limits(members=10).members_for(tmp_path / "a") == 10
