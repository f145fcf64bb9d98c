"""Processes that are killed, that meet, and that run out of disk."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.faults import FaultServer

from omz.downloader.takeover import held_bytes

#: Each of these takes seconds.
pytestmark = pytest.mark.slow

BODY = random.Random(6).randbytes(2_000_000)


@pytest.mark.parametrize("segments", ["1", "2"])
def test_twenty_five_kills(zoo: Zoo, faults: FaultServer, segments: str) -> None:
    """Most at a random moment of a download of several files, some before; then one run that is left alone."""
    draw = random.Random(7)
    bodies = [draw.randbytes(size) for size in (12_000_000, 9_000_000, 4_000_000, 100_000, 0)]
    for index, body in enumerate(bodies):
        faults.serve(f"/{index}", body, rate=1_000_000.0)
    entries = [described(f"{n}.bin", body, f"{faults.root}/{n}") for n, body in enumerate(bodies)]
    folders = [zoo.add("a", *entries[:2]), zoo.add("b", *entries[2:])]
    arguments = ("-j", "3", "--segments", segments)
    rounds = caught = 0
    while rounds < 25:
        run = zoo.start(*arguments)
        before = sent_bytes(faults)
        while rounds % 5 and run.poll() is None and sent_bytes(faults) == before:
            time.sleep(0.01)
        with suppress(subprocess.TimeoutExpired):
            run.wait(draw.uniform(0, 0.4))
        caught += any(held_bytes(folder / f"{n}.bin") for folder in folders for n in range(5))
        run.kill()
        run.communicate()
        rounds += 1
        for folder in folders:
            for name, content in visible(folder).items():
                assert content == bodies[int(name[0])], "a wrong file under a final name"
    run = zoo.start(*arguments)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    for folder, numbers in zip(folders, ([0, 1], [2, 3, 4]), strict=True):
        assert visible(folder) == {f"{n}.bin": bodies[n] for n in numbers}
        assert {path.name for path in folder.iterdir()} == {f"{n}.bin" for n in numbers}
    sent, size = sent_bytes(faults), sum(map(len, bodies))
    print(f"{rounds} rounds, {caught} with files on their way; sent {sent} of {size}: {sent / size:.3f}")
    assert caught >= 20
    assert sent <= 1.2 * size


def sent_bytes(faults: FaultServer) -> int:
    return sum(one.sent for one in faults.resources.values())


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize("locks", ["locks that work", "locks for show"])
def test_processes_on_the_same_model(zoo: Zoo, faults: FaultServer, count: int, locks: str) -> None:
    """Locks save work; whether they work or not, all succeed."""
    for name in "ab":
        faults.serve(f"/{name}", BODY, rate=10_000_000.0)
    folder = zoo.add("net", *(described(name, BODY, f"{faults.root}/{name}") for name in "ab"))
    before = "" if locks == "locks that work" else "import fcntl; fcntl.flock = lambda *_: None; "
    runs = [start(zoo, before) for _ in range(count)]
    for run in runs:
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
    assert {path.name for path in folder.iterdir()} == {"a", "b"}
    assert visible(folder) == {"a": BODY, "b": BODY}
    if not before:
        assert sum(one.sent for one in faults.resources.values()) == 2 * len(BODY)


def start(zoo: Zoo, before: str) -> subprocess.Popen[str]:
    code = f"{before}import sys; from omz.downloader.command import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *zoo.arguments("-j", "2")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_PROXY": "*"},
    )


def test_a_process_that_hangs_keeps_others_off_for_a_while_only(
    zoo: Zoo, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omz.downloader import files

    url = faults.serve("/net", BODY, rate=100_000.0)
    folder = zoo.add("net", described("net.bin", BODY, url))
    run = zoo.start()
    while not held_bytes(folder / "net.bin"):
        time.sleep(0.01)
        assert run.poll() is None
    run.send_signal(signal.SIGSTOP)
    try:
        monkeypatch.setattr(files, "STALE_LOCK_S", 0.5)
        faults.resources["/net"].rate = None
        result = zoo.run()
        assert result.status == 0
        assert "nobody works here any more" in result.err
        assert visible(folder) == {"net.bin": BODY}
    finally:
        run.send_signal(signal.SIGCONT)
        _, err = run.communicate(timeout=30)
    assert run.returncode == 0, err
    assert {path.name for path in folder.iterdir()} == {"net.bin"}
    assert visible(folder) == {"net.bin": BODY}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(zoo: Zoo, faults: FaultServer, small_disk: Path) -> None:
    """It fills while the file arrives; once there is room again, the next run goes on."""
    body = random.Random(8).randbytes(9_000_000)
    zoo.output = small_disk
    folder = zoo.add("net", described("net.bin", body, faults.serve("/net", body, rate=20_000_000.0)))
    run = zoo.start("--quiet")
    while (held_bytes(folder / "net.bin") or 0) < 1_000_000:
        time.sleep(0.005)
        assert run.poll() is None
    fill(small_disk / "other")
    _, err = run.communicate(timeout=30)
    assert run.returncode == 1
    assert err.startswith(f"ERROR: net: {folder}/net.bin: cannot be written: {os.strerror(errno.ENOSPC)}. ")
    assert len(err.splitlines()) == 4
    held = held_bytes(folder / "net.bin") or 0
    assert held >= 1_000_000
    assert visible(folder) == {}

    refused = zoo.run("--quiet")
    assert refused.status == 1
    assert f"needs {len(body) - held} bytes, the disk has 0 bytes free" in refused.err
    assert held_bytes(folder / "net.bin") == held

    (small_disk / "other").unlink()
    before = faults.resources["/net"].sent
    assert zoo.run().status == 0
    assert visible(folder) == {"net.bin": body}
    assert faults.resources["/net"].sent - before == len(body) - held


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as stream:
        try:
            while stream.write(bytes(1 << 16)):
                pass
        except OSError:
            pass


def test_a_limit_on_file_sizes_is_one_line(zoo: Zoo, faults: FaultServer) -> None:
    folder = zoo.add("net", described("net.bin", BODY, faults.serve("/net", BODY)))
    run = zoo.start(
        "--quiet", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    )
    _, err = run.communicate(timeout=30)
    assert run.returncode == 1
    assert f"net.bin: cannot be written: {os.strerror(errno.EFBIG)}" in err
    assert len(err.splitlines()) == 4
    assert visible(folder) == {}
