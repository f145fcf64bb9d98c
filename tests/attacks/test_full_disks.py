"""A disk with too little room, or a limit on the size of files, while a command writes.

Exit status 0 if, and only if, every output is whole; else 1, with what was there before as it was, and nothing beside.
``OMZ_TRIES=200`` tries so many random pairs of a command and a size.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from attacks.outputs import CASES, Case, contents, disk, faults, learn, prepare, run

TRIES = int(os.environ.get("OMZ_TRIES", "26"))


def known(case: Case, inputs: Path, folder: Path) -> int:
    """Run the command with room enough once; returns how many bytes it writes."""
    if not case.reference:
        learn(case, inputs, folder)
    return sum(map(len, case.reference.values()))


QUICK = ("video.avi", "one picture", "caffe2ir", "download")
CHECKED = [
    pytest.param(name, marks=[pytest.mark.slow] if name not in QUICK else [], id=name) for name in CASES
]


@pytest.mark.parametrize("name", CHECKED)
def test_a_limit_on_sizes(name: str, inputs: Path, tmp_path: Path) -> None:
    """Needs no rights: half of the largest output is too little."""
    case = CASES[name]
    known(case, inputs, tmp_path)
    largest = max(map(len, case.reference.values()))
    prepare(case, inputs, tmp_path, old=True)
    before = contents(tmp_path)
    done = run(case.words, inputs, tmp_path, limit=largest // 2)
    assert done.returncode == 1, done.stderr
    assert faults(case, done, tmp_path, before) == [], done.stderr


class Tries:
    """Random commands, one after the other; what was wrong with what they left."""

    def __init__(self, inputs: Path, folder: Path) -> None:
        self.inputs, self.folder = inputs, folder
        self.draw, self.outcomes, self.wrong = random.Random(TRIES), Counter[int](), list[str]()
        self.names = list(CASES)
        self.draw.shuffle(self.names)

    def run(self, number: int, spoil: Callable[[int], Mapping[str, str]]) -> None:
        """Run a command; ``spoil`` is given how many bytes it is going to write, and spoils its disk."""
        name = self.names[number % len(self.names)]
        case = CASES[name]
        size = known(case, self.inputs, self.folder)
        prepare(case, self.inputs, self.folder, old=self.draw.random() < 0.4)
        before = contents(self.folder)
        environment = spoil(size)
        done = run(case.words, self.inputs, self.folder, environment=environment)
        self.outcomes[done.returncode] += 1
        if found := faults(case, done, self.folder, before):
            self.wrong.append(f"{name} of {size} bytes, {environment}: {found}: {done.stderr[-500:]}")

    def end(self) -> None:
        print(f"{TRIES} tries, exit statuses {dict(self.outcomes)}, {len(self.wrong)} wrong")
        assert not self.wrong, "\n".join(self.wrong)
        assert self.outcomes[1] >= TRIES // 4


@pytest.mark.slow
def test_full_disks(inputs: Path, tmp_path: Path) -> None:
    tries = Tries(inputs, tmp_path)
    try:
        with disk(tmp_path) as leave_room:

            def fill(size: int) -> dict[str, str]:
                leave_room(int(tries.draw.uniform(0, 1.3) * size) + tries.draw.choice([0, 4096, 65536]))
                return {}

            for number in range(TRIES):
                leave_room(None)
                tries.run(number, fill)
    except PermissionError as reason:
        pytest.skip(str(reason))
    tries.end()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_disks_with_faults(inputs: Path, tmp_path: Path) -> None:
    """A quota that is used up, a fault of the medium, a disk that has become read-only, at any byte or at fsync."""
    library = tmp_path / "faulty.so"
    source = Path(__file__).with_name("faulty_disk.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    folder = tmp_path / "disk"
    folder.mkdir()
    tries = Tries(inputs, folder)

    def spoil(size: int) -> dict[str, str]:
        number = tries.draw.choice([errno.EIO, errno.EDQUOT, errno.EROFS])
        where = {"FAULTY_BYTES": str(int(tries.draw.uniform(0, 1.2) * size))}
        if tries.draw.random() < 0.25:
            where = {"FAULTY_SYNC": "1"}
        return where | {
            "LD_PRELOAD": str(library), "FAULTY_FOLDER": str(folder), "FAULTY_ERRNO": str(number)
        }  # fmt: skip

    for number in range(TRIES):
        tries.run(number, spoil)
    tries.end()
