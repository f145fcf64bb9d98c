"""A disk with too little room, or a limit on the size of files, while a command writes.

Exit status 0 if, and only if, every output is whole; else 1, with what was there before as it was, and nothing beside.
``OMZ_TRIES=200`` tries so many random pairs of a command and a size.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.outputs import CASES, Case, contents, disk, faults, learn, make_inputs, prepare, run
from downloader.loopback import Loopback

TRIES = int(os.environ.get("OMZ_TRIES", "30"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    server = Loopback()
    yield make_inputs(tmp_path_factory.mktemp("inputs"), server)
    server.close()


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


@pytest.mark.slow
def test_full_disks(inputs: Path, tmp_path: Path) -> None:
    draw, outcomes, wrong = random.Random(TRIES), Counter[str](), []
    names = list(CASES)
    draw.shuffle(names)
    try:
        with disk(tmp_path) as leave_room:
            for number in range(TRIES):
                name = names[number % len(names)]
                case = CASES[name]
                leave_room(None)
                size = known(case, inputs, tmp_path)
                prepare(case, inputs, tmp_path, old=draw.random() < 0.4)
                before = contents(tmp_path)
                room = int(draw.uniform(0, 1.3) * size) + draw.choice([0, 4096, 65536])
                leave_room(room)
                done = run(case.words, inputs, tmp_path)
                found = faults(case, done, tmp_path, before)
                wrong += (
                    [f"{name}, room for {room} of {size}: {found}: {done.stderr[-500:]}"] if found else []
                )
                outcomes[f"exit {done.returncode}"] += 1
    except PermissionError as reason:
        pytest.skip(str(reason))
    print(f"{TRIES} pairs of a command and a size: {dict(outcomes)}, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    assert outcomes["exit 1"] >= TRIES // 4
