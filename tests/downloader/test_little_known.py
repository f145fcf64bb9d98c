"""Files of which only the first digits of a SHA-256 are published, or not even the size."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import namedtuple
from typing import Any

import pytest
from downloader.conftest import Zoo, visible
from downloader.loopback import Loopback, Reply

from omz.downloader import receive

BODY = b"weights " * 20_000
DIGITS = hashlib.sha256(BODY).hexdigest()


def described(
    source: str, *more: str, size: int | str = len(BODY), digits: int = 8, **keys: Any
) -> dict[str, Any]:
    entry = {"name": "net.pth", "size": size, "sha256_prefix": DIGITS[:digits], "source": [source, *more]}
    return entry | keys


@pytest.mark.parametrize("size", [len(BODY), "unknown"])
def test_a_file_is_fetched_once_and_its_weak_check_is_told(
    zoo: Zoo, server: Loopback, size: int | str
) -> None:
    folder = zoo.add("net", described(server.serve("/net", BODY), size=size))
    result = zoo.run()
    assert result.status == 0
    assert visible(folder) == {"net.pth": BODY}
    assert "net.pth: checked by the first 8 digits of its SHA-256, all that is known of it" in result.err
    assert "160.0 kB, verified" in result.err
    assert zoo.run().status == 0
    assert server.count("/net") == 1


def test_a_whole_digest_is_not_called_weak(zoo: Zoo, server: Loopback) -> None:
    zoo.add("net", described(server.serve("/net", BODY), sha256=DIGITS))
    assert "digits of its SHA-256" not in zoo.run().err


@pytest.mark.parametrize("digits", [8, 9, 63])
def test_the_last_stated_digit_counts(zoo: Zoo, server: Loopback, digits: int) -> None:
    wrong = DIGITS[: digits - 1] + ("0" if DIGITS[digits - 1] != "0" else "1")
    folder = zoo.add("net", described(server.serve("/net", BODY), sha256_prefix=wrong))
    result = zoo.run()
    assert result.status == 1
    assert f"sha256 is {DIGITS}, expected {wrong}..." in result.err
    assert visible(folder) == {}


def test_digits_in_the_middle_do_not_count(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", described(server.serve("/net", BODY), sha256_prefix=DIGITS[1:20]))
    assert zoo.run().status == 1
    assert visible(folder) == {}


def test_prefix_and_whole_digest_must_both_hold(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", described(server.serve("/net", BODY), sha256=DIGITS, sha256_prefix="0" * 8))
    assert zoo.run().status == 1
    assert visible(folder) == {}


@pytest.mark.parametrize("size", [len(BODY), "unknown"])
def test_a_damaged_file_on_the_disk_is_fetched_again(zoo: Zoo, server: Loopback, size: int | str) -> None:
    folder = zoo.add("net", described(server.serve("/net", BODY), size=size))
    folder.mkdir(parents=True)
    (folder / "net.pth").write_bytes(BODY[:-1] + b"?")
    result = zoo.run()
    assert result.status == 0
    assert "is not the file that the descriptor promises" in result.err
    assert visible(folder) == {"net.pth": BODY}


@pytest.mark.parametrize(("length", "asked"), [(None, 2), (len(BODY), 3), (-1, 3)])
def test_truncated_without_a_known_size(zoo: Zoo, server: Loopback, length: int | None, asked: int) -> None:
    """Whether another attempt may help depends on what the server announced, as ever."""
    short = Reply(BODY[:-100], length=length)
    folder = zoo.add("net", described(server.serve("/net", short), size="unknown"))
    result = zoo.run("--num_attempts", "3", "--quiet")
    assert result.status == 1
    assert server.count("/net") == asked
    assert visible(folder) == {}
    assert "put the file at" in result.err
    assert len(result.err.splitlines()) == 5


@pytest.mark.parametrize("length", [None, -1])
def test_an_unknown_size_has_a_limit(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch, length: int | None
) -> None:
    monkeypatch.setattr(receive, "UNKNOWN_SIZE_LIMIT", 100_000)
    folder = zoo.add("net", described(server.serve("/net", Reply(BODY, length=length)), size="unknown"))
    result = zoo.run()
    assert result.status == 1
    assert "longer than 100000 bytes, the most for a file of unknown size" in result.err
    assert visible(folder) == {}


def test_the_announced_size_must_fit_on_the_disk(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 159_999))
    zoo.add("net", described(server.serve("/net", BODY), size="unknown"))
    result = zoo.run("--quiet")
    assert result.status == 1
    assert "needs 160000 bytes, the disk has 159999 bytes free" in result.err


def test_the_cache_does_not_stand_in_the_way(zoo: Zoo, server: Loopback) -> None:
    """It is asked by SHA-384, which is not known here; a whole digest that is finds the file later."""
    cache = str(zoo.root.parent / "cache")
    zoo.add("net", described(server.serve("/net", BODY), size="unknown"))
    assert zoo.run("--cache_dir", cache).status == 0
    sha384 = hashlib.sha384(BODY).hexdigest()
    folder = zoo.add("other", described(server.root + "/missing", size="unknown", checksum=sha384))
    assert zoo.run("--cache_dir", cache, "--name", "other").status == 0
    assert visible(folder) == {"net.pth": BODY}


def test_json_events_say_null(zoo: Zoo, server: Loopback) -> None:
    zoo.add("net", described(server.serve("/net", BODY), size="unknown"))
    events = [json.loads(line) for line in zoo.run("--progress_format", "json").out.splitlines()]
    assert next(e["size"] for e in events if e["$type"] == "model_file_download_begin") is None
    assert [e["size"] for e in events if e["$type"] == "model_file_download_progress"][-1] == len(BODY)
