"""Sequences of faults, of every kind and in every way to run, for a while; ``fault_run.py`` goes on for longer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from downloader.sequences import drawn

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
    numbers = [n for n in range(2000) if drawn(n)[0] in ("inside", "process") and drawn(n)[1][0] == "flip"]
    done = subprocess.run(
        [*RUN, "--jobs", "2", "--only", *map(str, numbers[:3])],
        capture_output=True, text=True, timeout=900, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-5000:] + done.stderr[-2000:]
    assert "wrong file:     3" in done.stdout
    assert f"failed:         {' '.join(map(str, numbers[:3]))}" in done.stdout
