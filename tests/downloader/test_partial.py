"""What is left of a file on the disk: who may go on with it, and what of it is believed."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import random
from itertools import pairwise
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.faults import Fault, FaultServer
from hypothesis import given, settings
from hypothesis import strategies as st

from omz import private
from omz.downloader import files, partial_state, takeover
from omz.downloader.partial import DURABLE_S, Partial, claimed
from omz.downloader.partial_state import Origin
from omz.downloader.pool import Cancelled, CancelToken
from omz.downloader.takeover import held_bytes, private_path, resting_path
from omz.downloader.web import Version

BODY = random.Random(4).randbytes(300_000)
ORIGIN = Origin("http://127.0.0.1/net", len(BODY), Version('"v1"', "Mon, 01 Jan 2024 00:00:00 GMT"))


def leave(target: Path, held: int, origin: Origin = ORIGIN) -> Path:
    """Leave the first ``held`` bytes as a run does that ends; returns where."""
    with claimed(target, ["sha384"]) as partial:
        partial.begin(origin, len(BODY))
        partial.write(0, BODY[:held])
    return resting_path(target)


def complete(target: Path) -> None:
    """Go on with what is there; returns after the digest has held."""
    with claimed(target, ["sha384"]) as partial:
        if partial.origin is None:
            partial.begin(ORIGIN, len(BODY))
        for start, end in list(partial.missing):
            partial.write(start, BODY[start:end])
        digester = partial.digester(CancelToken())
        assert digester.hexdigest("sha384") == hashlib.sha384(BODY).hexdigest()
        partial.commit()
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("held", [1, 4096, 150_000, len(BODY) - 1, len(BODY)])
def test_what_is_left_is_gone_on_from(tmp_path: Path, held: int) -> None:
    target = tmp_path / "net.bin"
    assert leave(target, held).name == ".net.bin.part"
    assert held_bytes(target) == held
    complete(target)


def test_nothing_is_left_of_nothing(tmp_path: Path) -> None:
    leave(tmp_path / "net.bin", 0)
    leave(tmp_path / "unknown.bin", 1000, Origin("http://127.0.0.1/net", None))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "a b.[x]*?", "x.part", ".hidden", "omz-net.bin"])
def test_any_name(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    leave(target, 1000)
    files.remove_leftovers(tmp_path)
    assert held_bytes(target) == 1000
    complete(target)


def in_the_way(kind: str, path: Path) -> None:
    """Make something with the name of an unfinished file that is not one of ours to use."""
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            other = path.with_name("other")
            leave(other, 1000)
            path.symlink_to(resting_path(other).name)
        case "dangling link":
            path.symlink_to("missing")
        case "pipe":
            os.mkfifo(path)


@pytest.mark.parametrize("kind", ["folder", "link", "dangling link", "pipe"])
def test_what_cannot_be_gone_on_from_is_left_where_it_is(tmp_path: Path, kind: str) -> None:
    """The file arrives nevertheless, over two runs as well."""
    target = tmp_path / "net.bin"
    path = resting_path(target)
    in_the_way(kind, path)
    before = path.lstat()
    assert held_bytes(target) is None
    with claimed(target, ["sha384"]) as partial:
        assert partial.origin is None
        partial.begin(ORIGIN, len(BODY))
        partial.write(0, BODY[:1000])
    assert path.lstat() == before
    assert held_bytes(target) == 1000
    with claimed(target, ["sha384"]) as partial:
        assert partial.held == 1000
        partial.write(1000, BODY[1000:])
        partial.digester(CancelToken())
        partial.commit()
    assert target.read_bytes() == BODY
    assert path.lstat() == before
    assert held_bytes(target) is None


def test_a_file_that_may_not_be_opened_is_left_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of another user: root, as whom these tests may run, could open it."""
    target = tmp_path / "net.bin"
    path, opened = leave(target, 1000), os.open

    def refuse(name: Path, flags: int, *rest: int) -> int:
        if name == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(name))
        return opened(name, flags, *rest)

    content = path.read_bytes()
    monkeypatch.setattr(os, "open", refuse)
    with claimed(target, ["sha384"]) as partial:
        assert partial.origin is None
        partial.begin(ORIGIN, len(BODY))
        partial.write(0, BODY[:2000])
    assert path.read_bytes() == content
    with claimed(target, ["sha384"]) as partial:
        assert partial.held == 2000
        partial.write(2000, BODY[2000:])
        partial.digester(CancelToken())
        partial.commit()
    assert target.read_bytes() == BODY
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:1000],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content[: len(BODY)] + bytes(4096),
        lambda content: content.replace(b'"missing": [[', b'"missing": [[1'),
        lambda content: content[: len(BODY)] + random.Random(5).randbytes(4096),
        lambda content: content[4096:],
    ],
)
def test_a_state_that_is_damaged_is_not_believed(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    target = tmp_path / "net.bin"
    path = leave(target, 1000)
    path.write_bytes(damage(path.read_bytes()))
    assert held_bytes(target) is None
    complete(target)


def test_after_a_crash_of_the_machine_what_was_forced_to_the_disk_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "net.bin"
    with claimed(target, ["sha384"]) as partial:
        partial.begin(ORIGIN, len(BODY))
        partial._durable -= DURABLE_S  # it is time
        partial.write(0, BODY[:100_000])
        partial.write(100_000, BODY[100_000:150_000])
    assert held_bytes(target) == 150_000
    with resting_path(target).open("r+b") as stream:  # what a disk may do that loses its power
        stream.seek(100_000)
        stream.write(bytes(50_000))
    monkeypatch.setattr(partial_state, "boot", lambda: "another")
    assert held_bytes(target) == 100_000
    complete(target)


def test_a_damaged_part_costs_a_restart(zoo: Zoo, faults: FaultServer) -> None:
    folder = zoo.add("net", described("net.bin", BODY, faults.serve("/net", BODY, Fault("truncate", 0.5))))
    assert zoo.run("--num_attempts", "1").status == 1
    assert faults.resources["/net"].sent == 149_999
    with resting_path(folder / "net.bin").open("r+b") as stream:
        stream.write(b"damage")
    result = zoo.run()
    assert result.status == 0
    assert "resuming after 150.0 kB of 300.0 kB" in result.err
    assert visible(folder) == {"net.bin": BODY}
    assert faults.resources["/net"].sent == 2 * len(BODY)


@pytest.mark.parametrize("held", [1000, 200_000, 250_000])
def test_what_is_left_of_another_release_costs_a_restart_at_most(
    zoo: Zoo, faults: FaultServer, held: int
) -> None:
    """The descriptor and the server have changed since, and the size with them."""
    url = faults.serve("/net", BODY, etag='"v2"')
    folder = zoo.add("net", described("net.bin", BODY, url))
    folder.mkdir(parents=True)
    leave(folder / "net.bin", held, Origin(url, 250_000, Version('"v1"')))
    assert zoo.run().status == 0
    assert [path.name for path in folder.iterdir()] == ["net.bin"]
    assert visible(folder) == {"net.bin": BODY}


def test_a_file_that_was_complete_when_the_run_ended_is_not_asked_for(zoo: Zoo, faults: FaultServer) -> None:
    folder = zoo.add("net", described("net.bin", BODY, faults.serve("/net", BODY)))
    folder.mkdir(parents=True)
    leave(folder / "net.bin", len(BODY))
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": BODY}
    assert faults.resources["/net"].requests == 0


def test_one_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "net.bin"
    with claimed(target, ["sha384"]) as first, claimed(target, ["sha384"]) as second:
        first.begin(ORIGIN, len(BODY))
        first.write(0, BODY[:1000])
        with claimed(target, ["sha384"]) as third:
            assert third.origin is None
        second.begin(ORIGIN, len(BODY))
        second.write(0, BODY)
        second.commit()
        first.write(1000, BODY[1000:])
        first.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["net.bin"]
    assert target.read_bytes() == BODY


def test_one_at_rest_has_one_taker_whatever_locks_are_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    target = tmp_path / "net.bin"
    leave(target, 1000)
    with claimed(target, ["sha384"]) as first, claimed(target, ["sha384"]) as second:
        assert (first.held, second.held) == (1000, 0)


@pytest.mark.parametrize(
    ("machine", "boot", "taken"),
    [
        ("here", "now", True),
        ("here", "before", True),
        ("elsewhere", "now", True),
        ("elsewhere", "any", False),
    ],
)
def test_whose_process_is_known_to_be_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, boot: str, taken: bool
) -> None:
    """A container has a name of its own, but shares the kernel and its locks."""
    target = tmp_path / "net.bin"
    now = partial_state.boot()
    with monkeypatch.context() as there:
        there.setattr(takeover, "machine", lambda: "0" * 8 if machine == "elsewhere" else private.machine())
        there.setattr(partial_state, "boot", lambda: now if boot == "now" else boot)
        path = leave(target, 1000).rename(private_path(target))
    if boot == "now":
        assert held_bytes(target) == 1000
    with claimed(target, ["sha384"]) as partial:
        assert (partial.origin is not None) == taken
        assert path.exists() != taken
    if not taken:
        os.utime(path, (0, 0))
        complete(target)


def test_without_locks_that_work_a_killed_process_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    target = tmp_path / "net.bin"
    path = leave(target, 1000).rename(private_path(target))
    with claimed(target, ["sha384"]) as partial:
        assert partial.held == 0
    assert path.exists()


def test_a_thread_that_comes_late_writes_nothing(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "net.bin", ["sha384"])
    partial.begin(ORIGIN, len(BODY))
    partial.write(0, BODY[:1000])
    partial.release()
    with pytest.raises(Cancelled):
        partial.write(1000, BODY[1000:])
    assert held_bytes(tmp_path / "net.bin") == 1000


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_pieces_in_any_order_give_the_digest(
    tmp_path_factory: pytest.TempPathFactory, total: int, data: st.DataObject
) -> None:
    """The digest follows the bytes from the start, in whatever order they are written."""
    body = BODY[:total]
    edges = sorted({0, total, *data.draw(st.lists(st.integers(0, total), max_size=6))})
    pieces = data.draw(st.permutations(list(pairwise(edges))))
    partial = Partial(tmp_path_factory.getbasetemp() / "net.bin", ["sha256", "sha384"])
    try:
        partial.begin(Origin("http://127.0.0.1/", total), total)
        for start, end in pieces:
            partial.write(start, body[start:end])
        digester = partial.digester(CancelToken())
        for algorithm in ("sha256", "sha384"):
            assert digester.hexdigest(algorithm) == hashlib.new(algorithm, body).hexdigest()
    finally:
        partial.discard()
