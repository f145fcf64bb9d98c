"""stdout or stderr full or closed, under every command that writes files: what it writes is whole all the same."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from attacks.outputs import CASES, contents, faults, filled_in, learn, prepare

#: Where everything goes, and whether messages alone are lost, which is no failure.
PLACES = {"2>/dev/full": True, "2>&-": True, ">/dev/full": False, ">&-": False, "<&- >&- 2>&-": False}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name != "one picture" else []) for name in CASES]
)
def test_files_are_whole(name: str, inputs: Path, tmp_path: Path) -> None:
    case = replace(CASES[name], reference={})  # what it writes may name the folder
    learn(case, inputs, tmp_path)
    for place, messages_only in PLACES.items():
        prepare(case, inputs, tmp_path)
        before = contents(tmp_path)
        words = [word for word in filled_in(case.words, inputs, tmp_path) if word != "--quiet"]
        done = subprocess.run(
            ["bash", "-c", f"{shlex.join(words)} {place}"], capture_output=True, text=True, check=False, cwd=inputs,
            env={**os.environ, "NO_PROXY": "*"},
        )  # fmt: skip
        assert done.returncode in ((0,) if messages_only else (0, 1)), (place, done.stderr)
        if done.returncode:
            assert not done.stderr or "stdout: cannot be written" in done.stderr.splitlines()[-1]
        done.returncode = 0  # of the files it is asked for
        assert faults(case, done, tmp_path, before) == [], (place, done.stderr)
