"""Processes of ours: what they import, what they may take, and how their end is told."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from omz import child, trial
from omz.child import Child, ChildError, Death, Limits
from omz.errors import DescriptorError, InferenceError, ParseError
from omz.workers import call_all
from omz.zoo.labels import read_labels

LIMITS = Limits(256 << 20, 2)


def test_a_child_serves_one_call_after_another() -> None:
    with Child() as other:
        first = other.call(os.getpid)
        assert first == other.call(os.getpid) != os.getpid()


def test_what_a_child_raises_is_raised_here(tmp_path: Path) -> None:
    with Child() as other:
        with pytest.raises(FileNotFoundError) as lost:
            other.call(os.listdir, str(tmp_path / "lost"))
        assert lost.value.filename == str(tmp_path / "lost")
        with pytest.raises(DescriptorError, match="lost"):
            other.call(read_labels, tmp_path / "lost.txt")
        with pytest.raises(ChildError, match="invalid literal") as caught:
            other.call(int, "x")
        assert type(caught.value).__name__ == "ValueError"


@pytest.mark.parametrize("place", ["current", "script", "relative", "empty"])
def test_no_child_has_a_folder_of_anybody_on_its_path(tmp_path, monkeypatch, place) -> None:
    (tmp_path / "planted.py").write_text("")
    sub = tmp_path / "sub"
    sub.mkdir()
    monkeypatch.chdir(tmp_path if place != "script" else sub)
    if place == "script":
        monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tmp_path / "run.py"), raising=False)
    if place == "relative":
        monkeypatch.chdir(sub)
        monkeypatch.setenv("PYTHONPATH", "..")
    monkeypatch.syspath_prepend("" if place == "empty" else str(tmp_path))
    assert importlib.import_module("planted")
    with Child() as other, pytest.raises(ChildError, match="planted"):
        other.call(importlib.import_module, "planted")
    del sys.modules["planted"]


def test_a_child_finds_what_an_absolute_path_leads_to(tmp_path, monkeypatch) -> None:
    (tmp_path / "extra_package.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Child() as other:
        other.call(importlib.import_module, "extra_package")


def test_the_environment_of_children_does_not_lead_to_the_current_folder(monkeypatch) -> None:
    for name, text in {
        "PYTHONPATH": ".", "PYTHONSTARTUP": "x.py", "PATH": ":/usr/bin:.", "LD_LIBRARY_PATH": ":/lib",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, text)
    found = child.environment()
    assert found["PATH"] == "/usr/bin"
    assert found["LD_LIBRARY_PATH"] == "/lib"
    assert found["PYTHONSAFEPATH"] == "1"
    assert not {"PYTHONPATH", "PYTHONSTARTUP"} & set(found)


def test_no_process_is_started_in_another_way() -> None:
    """Whoever needs one calls omz.child: what it is started with keeps the current folder off its path."""
    ways = re.compile(r"sys\.executable, |multiprocessing|ProcessPool|os\.(fork|system|exec|spawn|popen)")
    root = Path(__file__).resolve().parents[1]
    files = [path for room in ("tools", "demos") for path in (root / room).rglob("*.py")]
    assert len(files) > 200
    found = {path.name for path in files if ways.search(path.read_text())}
    assert not found
    starting = {path.name for path in files if "import subprocess" in path.read_text()}
    assert starting == {"child.py", "postprocessing.py"}


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_death_is_told(name) -> None:
    with Child() as other, pytest.raises(Death, match=name) as caught:
        other.call(signal.raise_signal, getattr(signal, name))
    assert caught.value.cause == "signal"


def test_a_limit_of_memory_holds_at_once() -> None:
    with Child() as other, pytest.raises(Death, match="256 MB") as caught:
        other.call(bytearray, 1 << 40, limits=LIMITS)
    assert caught.value.cause == "memory"
    with Child() as other:
        assert other.call(len, bytes(100), limits=LIMITS) == 100


def test_a_limit_of_time_is_of_the_processor() -> None:
    with Child() as other, pytest.raises(Death, match="2 s") as caught:
        other.call(sum, range(10**13), limits=LIMITS)
    assert caught.value.cause == "time"
    with Child() as other:
        other.call(time.sleep, 3, limits=LIMITS)


def test_a_child_that_waits_for_nothing_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(child, "_PATIENCE", 0)
    monkeypatch.setattr(child, "_SLACK_S", 0.5)
    with Child() as other, pytest.raises(Death) as caught:
        other.call(time.sleep, 600, limits=LIMITS)
    assert caught.value.cause == "time"
    assert other.ended


def test_a_limited_child_leaves_no_core() -> None:
    words = "__import__('resource').getrlimit(__import__('resource').RLIMIT_CORE)[0]"
    with Child() as other:
        assert other.call(eval, words, limits=LIMITS) == 0


def test_a_child_ends_with_its_parent() -> None:
    code = (
        "import os, time; from omz.child import Child; other = Child()\n"
        "print(other.call(os.getpid), flush=True); other.call(time.sleep, 600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    number = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{number}/cmdline").exists() and Path(f"/proc/{number}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_trial_names_the_file_and_raises_the_error_that_is_asked_for(tmp_path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"x")
    trial.try_out(len, "", where=path, files=[path], error=ParseError)
    with pytest.raises(ParseError, match=r"net\.onnx: .*SIGSEGV"):
        trial.try_out(signal.raise_signal, signal.SIGSEGV, where=path, files=[path], error=ParseError)
    with pytest.raises(InferenceError, match=r"net\.onnx: .*512 MB.*OMZ_TRIAL_FACTOR"):
        trial.try_out(bytearray, 1 << 40, where=path, files=[path], error=InferenceError)


def test_limits_grow_with_the_files(tmp_path, monkeypatch) -> None:
    path = tmp_path / "net.bin"
    path.write_bytes(bytes(5_000_000))
    found = trial.limits([path, tmp_path / "lost"])
    assert found == Limits(20_000_000 + (512 << 20), 10.1)
    monkeypatch.setenv(trial.FACTOR, "2")
    assert trial.limits([path]).seconds == 20.2


def test_a_call_that_dies_fails_alone() -> None:
    calls = [[signal.SIGCONT], [signal.SIGSEGV], [signal.SIGCONT], [-1], [signal.SIGKILL], [signal.SIGCONT]]
    outcomes = list(call_all(signal.raise_signal, calls, 2, (len, "")))
    kinds = [type(one).__name__ for one in outcomes]
    assert [kind if kind in ("NoneType", "Death") else "other" for kind in kinds] == [
        "NoneType", "Death", "NoneType", "other", "Death", "NoneType",
    ]  # fmt: skip
