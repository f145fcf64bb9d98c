"""One file from a server to the disk: whole and verified, or not there at all."""

from __future__ import annotations

import errno
import os
import random
import re
import resource
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback, Reply

from omz.downloader.files import Room
from omz.downloader.partial import Partial
from omz.downloader.transfer import Backoff
from omz.errors import DownloadError
from omz.private import private_path

BODY = random.Random(1).randbytes(300_000)
ALGORITHMS = ["sha256", "sha384"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_good_file_arrives_with_the_users_permissions(zoo: Zoo, server: Loopback, algorithm: str) -> None:
    folder = zoo.add("net", described("sub/net.bin", BODY, server.serve("/net", BODY), algorithm=algorithm))
    result = zoo.run()
    assert result.status == 0, result.err
    assert visible(folder) == {"sub/net.bin": BODY}
    other = folder / "other"
    other.touch()
    assert (folder / "sub/net.bin").stat().st_mode == other.stat().st_mode
    assert server.headers["Accept-Encoding"] == "identity"


def test_what_is_there_is_not_fetched_again(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    zoo.run()
    before = (folder / "net.bin").stat()
    assert zoo.run().status == 0
    assert server.count("/net") == 1
    assert (folder / "net.bin").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("spoilt", [BODY[:-1], BODY + b"x", b"x" + BODY[1:], b""])
def test_a_wrong_file_that_is_there_is_fetched_again(zoo: Zoo, server: Loopback, spoilt: bytes) -> None:
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    folder.mkdir(parents=True)
    (folder / "net.bin").write_bytes(spoilt)
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_wrong_digest_names_everything_and_is_retried_once(
    zoo: Zoo, server: Loopback, algorithm: str
) -> None:
    entry = described("net.bin", BODY, server.serve("/net", b"y" * len(BODY)), algorithm=algorithm)
    folder = zoo.add("net", entry)
    result = zoo.run()
    assert result.status == 1
    assert list(folder.iterdir()) == []
    assert server.count("/net") == 2
    for part in ("net.bin", algorithm, entry.get("sha256") or entry["checksum"], "/net", "FAILED:\nnet\n"):
        assert str(part) in result.err
    got = described("net.bin", b"y" * len(BODY), "", algorithm=algorithm)
    assert (got.get("sha256") or got["checksum"]) in result.err
    assert "Traceback" not in result.err


def test_both_digests_must_hold(zoo: Zoo, server: Loopback) -> None:
    entry = described("net.bin", BODY, server.serve("/net", BODY)) | {"sha256": "0" * 64}
    folder = zoo.add("net", entry)
    result = zoo.run()
    assert result.status == 1
    assert "sha256 is" in result.err
    assert visible(folder) == {}


@pytest.mark.parametrize("length", [None, -1])
def test_too_long_stops_at_once(zoo: Zoo, server: Loopback, length: int | None) -> None:
    reply = Reply(BODY + b"x" * 20_000_000, length=length)
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", reply)))
    result = zoo.run("--verbose")
    assert result.status == 1
    assert f"longer than the promised {len(BODY)} bytes" in result.err
    assert visible(folder) == {}
    assert server.count("/net") == 1


@pytest.mark.parametrize("kept", [0, 1, len(BODY) // 2, len(BODY) - 1])
@pytest.mark.parametrize(
    ("length", "asked", "answer"),
    [
        (len(BODY), 3, "truncated: .*ended after {}"),
        (None, 1, f"has {{}} bytes, fewer than the promised {len(BODY)}"),
        (-1, 3, "truncated: .*ended after {}"),
    ],
    ids=["line breaks", "shorter file", "close-delimited"],
)
def test_truncated(
    zoo: Zoo, server: Loopback, kept: int, length: int | None, asked: int, answer: str
) -> None:
    """A line that breaks is tried again; a server that has a shorter file is not."""
    reply = Reply(BODY[:kept], length=length)
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", reply)))
    result = zoo.run("--num_attempts", "3")
    assert result.status == 1
    assert re.search(answer.format(kept), result.err), result.err
    assert visible(folder) == {}
    assert server.count("/net") == asked


def test_the_next_source_is_tried(zoo: Zoo, server: Loopback) -> None:
    wrong = server.serve("/wrong", b"z" * len(BODY))
    long = server.serve("/long", BODY * 2)
    good = server.serve("/good", BODY)
    folder = zoo.add("net", described("net.bin", BODY, f"{server.root}/missing", wrong, long, good))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}
    assert server.requests == ["/missing", "/wrong", "/wrong", "/long", "/good"]


def test_the_error_says_what_each_source_answered_in_two_lines(zoo: Zoo, server: Loopback) -> None:
    forbidden = server.serve("/forbidden", Reply(b"", 403))
    folder = zoo.add("net", described("net.bin", BODY, f"{server.root}/missing", forbidden))
    result = zoo.run("--quiet")
    error, _, failed = result.err.partition("\n\nFAILED:")
    assert failed == "\nnet\n"
    first, second = error.splitlines()
    assert f"{server.root}/missing: 404 Not Found; {forbidden}: 403 Forbidden" in first
    assert f"{len(BODY)} bytes" in second
    assert str(folder / "net.bin") in second


def test_temporary_faults_are_retried(zoo: Zoo, server: Loopback) -> None:
    busy = Reply(b"busy", 503, {"Retry-After": "0"})
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", busy, busy, BODY)))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}
    assert server.count("/net") == 3


@pytest.mark.parametrize(("status", "asked"), [(408, 4), (425, 4), (429, 4), (500, 4), (400, 1), (410, 1)])
def test_which_statuses_are_retried(zoo: Zoo, server: Loopback, status: int, asked: int) -> None:
    zoo.add("net", described("net.bin", BODY, server.serve("/net", Reply(b"", status))))
    assert zoo.run("--num_attempts", "4").status == 1
    assert server.count("/net") == asked


def test_nobody_listens(zoo: Zoo) -> None:
    zoo.add("net", described("net.bin", BODY, "http://127.0.0.1:9/net"))
    result = zoo.run("--num_attempts", "2")
    assert result.status == 1
    assert f"{os.strerror(errno.ECONNREFUSED)} (2 attempts)" in result.err


def test_backoff_doubles_up_to_its_limits() -> None:
    backoff = Backoff(first_s=1, limit_s=30, server_limit_s=60)
    for attempt, whole in [(1, 1), (2, 2), (3, 4), (6, 30), (5000, 30)]:
        assert all(whole / 2 <= backoff.delay_s(attempt, None) <= whole for _ in range(20))
    assert backoff.delay_s(1, 7) == 7
    assert backoff.delay_s(1, 1e9) == 60


def test_free_space_is_checked_before_anything_is_fetched(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 299_999))
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    result = zoo.run("--quiet")
    assert result.status == 1
    assert "needs 300000 bytes, the disk has 299999 bytes free" in result.err
    assert len(result.err.splitlines()) == 4  # one line, an empty one, FAILED: and the name
    assert server.requests == []


@pytest.mark.parametrize(("jobs", "failed"), [("1", 0), ("2", 1)])
def test_files_that_do_not_fit_beside_each_other(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch, jobs: str, failed: int
) -> None:
    """The second one is refused before it is asked for; one after the other, as the disk grows, they fit."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 500_000))
    for name in ("one", "two"):
        url = server.serve(f"/{name}", Reply(BODY, pause_after=0))  # what has arrived needs no more room
        zoo.add(name, described("net.bin", BODY, url))
    require = Room.require

    def refused_or_not(room: Room, *arguments: Any) -> None:
        """The first file arrives no further until the second one has been refused."""
        try:
            require(room, *arguments)
        except DownloadError:
            server.go_on.set()
            raise

    monkeypatch.setattr(Room, "require", refused_or_not)
    if not failed:
        server.go_on.set()
    result = zoo.run("--quiet", "-j", jobs)
    assert result.status == failed
    assert len(server.requests) == len(visible(zoo.output)) == 2 - failed
    if failed:
        assert re.search(
            r"needs 300000 bytes besides 300000 for other files on their way, the disk has 500000 ",
            result.err,
        )
        assert len(result.err.splitlines()) == 4  # one line, an empty one, FAILED: and the name


def test_room_that_is_left_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 100))
    room, one, other = Room(), Partial(tmp_path / "one", []), Partial(tmp_path / "other", [])
    room.require(tmp_path, 70, one)
    room.require(tmp_path, 100, one)
    with pytest.raises(DownloadError, match="needs 1 bytes besides 100 for other files"):
        room.require(tmp_path, 1, other)
    room.require(tmp_path, 0, other)
    room.leave(one)
    room.require(tmp_path, 100, other)


def test_a_disk_that_takes_no_more_is_one_line(zoo: Zoo, server: Loopback) -> None:
    """The limit on file sizes makes the operating system refuse a write, as a full disk does."""
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    run = zoo.start(
        "--quiet", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    )
    _, err = run.communicate(timeout=30)
    assert run.returncode == 1
    assert f"net.bin: cannot be written: {os.strerror(errno.EFBIG)}" in err
    assert len(err.splitlines()) == 4
    assert visible(folder) == {}


def test_leftovers_of_a_killed_run_are_removed_and_what_others_write_is_left(
    zoo: Zoo, server: Loopback, private_names_of_the_dead: Callable[[Path], Path]
) -> None:
    folder = zoo.add("net", described("sub/net.bin", BODY, server.serve("/net", BODY)))
    old_file, old_folder = private_names_of_the_dead(folder / "sub"), private_names_of_the_dead(folder)
    live_file, live_folder = private_path(folder / "sub"), private_path(folder)
    for path in (old_folder, live_folder):
        path.mkdir(parents=True)
        (path / "x").touch()
    (folder / "sub").mkdir()
    for path in (old_file, live_file):
        path.touch()
    assert zoo.run().status == 0
    assert set(folder.rglob("*")) == {
        folder / "sub", folder / "sub/net.bin", live_file, live_folder, live_folder / "x"
    }  # fmt: skip


def test_a_file_where_a_folder_should_be(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", described("sub/net.bin", BODY, server.serve("/net", BODY)))
    folder.mkdir(parents=True)
    (folder / "sub").touch()
    result = zoo.run("--quiet")
    assert result.status == 1
    assert f"sub/net.bin: cannot be written: {os.strerror(errno.EEXIST)}" in result.err


def test_an_empty_file(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", described("empty", b"", server.serve("/empty", b"")))
    assert zoo.run().status == 0
    assert visible(folder) == {"empty": b""}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\..\\x", "c:/x", ".", ""])
def test_names_that_lead_out_of_the_folder_are_refused(
    zoo: Zoo, server: Loopback, tmp_path: Path, name: str
) -> None:
    zoo.add("net", described(name, BODY, server.serve("/net", BODY)))
    result = zoo.run()
    assert result.status == 1
    assert "files[0].name" in result.err
    assert server.requests == []
    assert not (tmp_path / "output").exists()
