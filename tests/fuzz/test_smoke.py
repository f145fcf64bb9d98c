"""Each fuzz target runs for a while and finds nothing; CONTRIBUTING.md says how to run one for longer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 10
FOLDER = Path(__file__).parent
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FOLDER.glob("fuzz_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_short_run_finds_nothing(target, tmp_path):
    pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 only")
    command = [sys.executable, str(FOLDER / f"fuzz_{target}.py"), "-seed=1", f"-max_total_time={SECONDS}"]
    done = subprocess.run(
        [*command, f"-artifact_prefix={tmp_path}/"], capture_output=True, text=True, timeout=SECONDS + 120
    )
    assert done.returncode == 0, done.stderr[-4000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs is not None
    assert int(runs[1]) > 5  # on a machine that is busy with other things
    assert not list(tmp_path.iterdir())
