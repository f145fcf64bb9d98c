"""Each fuzz target runs for a while and finds nothing; CONTRIBUTING.md says how to run one for longer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS, RUNS = 20, 101
FOLDER = Path(__file__).parent
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FOLDER.glob("fuzz_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_short_run_finds_nothing(target, tmp_path):
    pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 only")
    if run(target, tmp_path, f"-max_total_time={SECONDS}") < RUNS:  # the machine is busy with other things
        assert run(target, tmp_path, f"-runs={RUNS}") >= RUNS


def run(target: str, folder: Path, *flags: str) -> int:
    """Run a target, and return how often."""
    command = [sys.executable, str(FOLDER / f"fuzz_{target}.py"), "-seed=1", f"-artifact_prefix={folder}/"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=SECONDS + 120)
    assert done.returncode == 0, done.stderr[-4000:]
    assert not list(folder.iterdir())
    return int(re.findall(r"Done (\d+) runs", done.stderr)[-1])
