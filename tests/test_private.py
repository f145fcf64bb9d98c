"""Private files: those of the living are left alone, those of the dead removed by whoever writes beside them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from omz import private
from omz.errors import ZooError
from omz.files import write_whole
from omz.private import STALE_S, is_private, private_folder, private_path, remove_dead

MAKER = """
import sys
from pathlib import Path
from omz.private import private_path
folder = Path(sys.argv[1])
private_path(folder, ".avi").touch()
below = private_path(folder)
below.mkdir()
(below / "x").touch()
print("made", flush=True)
sys.stdin.read()
"""


def maker(folder: Path) -> subprocess.Popen[str]:
    """Start a process that makes a private file and a folder, and then waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "made\n"
    return process


def test_what_a_process_makes_stays_while_it_lives_and_goes_when_it_is_dead(tmp_path: Path) -> None:
    with maker(tmp_path) as killed, maker(tmp_path) as living:
        names = {path.name for path in tmp_path.iterdir()}
        assert len(names) == 4
        assert all(map(is_private, names))
        remove_dead(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == names
        killed.kill()
        killed.wait()
        remove_dead(tmp_path)
        left = {path.name for path in tmp_path.iterdir()}
        assert left < names
        assert all(f"-{living.pid}-" in name for name in left)
        living.kill()
        os.waitid(os.P_PID, living.pid, os.WEXITED | os.WNOWAIT)  # a zombie still has its number
        remove_dead(tmp_path)
        assert list(tmp_path.iterdir()) == []


def test_what_a_process_has_not_finished_goes_with_it(tmp_path: Path) -> None:
    """As threads that hang in a read never come to remove it."""
    with maker(tmp_path) as process:
        process.communicate("")
    assert list(tmp_path.iterdir()) == []


def test_whoever_writes_beside_it_removes_what_the_dead_have_left(tmp_path: Path) -> None:
    with maker(tmp_path) as killed, maker(tmp_path) as living:
        killed.kill()
        killed.wait()
        write_whole(tmp_path / "x.json", b"{}", ZooError)
        left = {path.name for path in tmp_path.iterdir()} - {"x.json"}
        assert len(left) == 2
        assert all(f"-{living.pid}-" in name for name in left)
        living.kill()


def test_a_number_that_is_given_out_again_is_another_process(tmp_path: Path) -> None:
    mine = private_path(tmp_path)
    fields = mine.name.split("-")
    assert fields[3] == str(os.getpid())
    fields[4] = str(int(fields[4]) - 1)
    other = tmp_path / "-".join(fields)
    for path in (mine, other):
        path.touch()
    remove_dead(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]


def elsewhere(path: Path) -> Path:
    """Return the same name, made by another machine."""
    return path.with_name(path.name.replace(private.machine(), "0" * 8))


def before(path: Path) -> Path:
    """Return the same name, made by this machine before it started last, or in another container."""
    return path.with_name(path.name.replace(f"-{path.name.split('-')[2]}-", "-" + "0" * 8 + "-"))


def since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) + 60


def old_form(path: Path) -> Path:
    return path.with_name(f".omz-{private.machine()}-{'0' * 16}.part")


@pytest.mark.parametrize(
    ("form", "age_s", "removed"),
    [
        (elsewhere, lambda: 60, False),
        (elsewhere, lambda: STALE_S - 60, False),
        (elsewhere, lambda: STALE_S + 60, True),
        (before, lambda: 0, False),  # of a container with this machine's name
        (before, since_boot, True),
        (old_form, lambda: 0, False),
        (old_form, lambda: max(STALE_S, since_boot()) + 60, True),
        (Path, lambda: STALE_S + 60, False),  # this process's own, however old
    ],
    ids=[
        "elsewhere",
        "elsewhere, nearly stale",
        "elsewhere, stale",
        "before",
        "before, older than this boot",
        "old form",
        "old form, stale",
        "own",
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_of_whom_nothing_is_known_is_waited_for(
    tmp_path: Path, form: Callable[[Path], Path], age_s: Callable[[], float], removed: bool, kind: str
) -> None:
    path = form(private_path(tmp_path))
    there = [path] if kind == "file" else [path, path / "a", path / "a" / "x"]
    for each in there[:-1]:
        each.mkdir()
    there[-1].touch()
    # a folder itself does not change while a file in it is written to
    for each in there:
        os.utime(each, (time.time() - (age_s() if each == there[-1] else 10 * STALE_S),) * 2)
    remove_dead(tmp_path)
    assert path.exists() != removed


def test_what_is_none_of_ours_is_left(tmp_path: Path) -> None:
    names = [".omz-x.part", ".net.bin.part", ".omz.lock", "omz-00000000-0000000000000000.part", ".part"]
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    remove_dead(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_link_goes_and_what_it_leads_to_stays(
    tmp_path: Path, private_names_of_the_dead: Callable[[Path], Path]
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x").touch()
    private_names_of_the_dead(tmp_path).symlink_to(tmp_path / "kept")
    remove_dead(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "x").exists()


@pytest.mark.parametrize("form", [Path, elsewhere])
def test_folders_that_are_nested_too_deep_stop_nothing(
    tmp_path: Path, private_names_of_the_dead: Callable[[Path], Path], form: Callable[[Path], Path]
) -> None:
    top = form(private_names_of_the_dead(tmp_path))
    top.mkdir()
    folder = os.open(top, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # else the system refuses it before Python does
    try:
        remove_dead(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        subprocess.run(["rm", "-rf", str(top)], check=True)


def test_a_private_folder_is_nobody_elses_and_is_removed(tmp_path: Path) -> None:
    with private_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "x").touch()
    assert list(tmp_path.iterdir()) == []


def test_many_files_in_one_folder_look_through_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(private, "remove_dead", seen.append)
    names = {private_path(tmp_path).name for _ in range(1000)}
    assert len(names) == 1000
    assert seen == [tmp_path]
