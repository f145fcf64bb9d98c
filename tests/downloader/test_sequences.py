"""Sequences of faults, of every kind and in every way to run, for a while; ``fault_run.py`` goes on for longer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

RUN = [sys.executable, str(Path(__file__).with_name("fault_run.py"))]


@pytest.mark.slow
def test_a_short_run_finds_nothing() -> None:
    done = subprocess.run(
        [*RUN, "--minutes", "0.5", "--jobs", "4", "--seed", "7"], capture_output=True, text=True, timeout=900
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert int(re.search(r"sequences: +(\d+)", done.stdout)[1]) >= 4  # type: ignore[index]
    assert "failed:         none" in done.stdout


@pytest.mark.slow
def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    """With a downloader that takes any file for the right one."""
    (tmp_path / "sitecustomize.py").write_text(
        "from omz.downloader.hashes import Digester\nDigester.mismatch = lambda *_: None\n"
    )
    only = ["--jobs", "2", "--minutes", "5", "--seed", "7", "--most", "40"]
    done = subprocess.run(
        [*RUN, *only], capture_output=True, text=True, timeout=900, env={"PYTHONPATH": str(tmp_path)}
    )
    assert done.returncode == 1, done.stdout[-5000:] + done.stderr[-2000:]
    assert re.search(r"wrong file: +[1-9]", done.stdout)
    number = re.search(r"sequence (\d+) \((?:inside|process)\): wrong file", done.stdout)
    assert number is not None
    again = subprocess.run(
        [*RUN, "--only", number[1]],
        capture_output=True,
        text=True,
        timeout=300,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert f"failed:         {number[1]}" in again.stdout
