"""What commands that are killed leave unfinished, the next one that writes there removes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from nets import se_resnet, synthetic_weights, write_model
from nets.tiny_classifier import draw_picture
from omz.private import is_private

RUN = "import sys; from omz.cli import main; sys.exit(main())"
#: Killed once all of a file is written, and before it has its name.
DYING = f"import os, signal; os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL); {RUN}"
NET = ("--input_proto", "net.prototxt", "--input_model", "net.caffemodel")
COMMANDS = {
    "caffe2ir": (*NET, "--output_dir", "out"),
    "info": ("-m", "tiny.xml", "--json", "out/x.json"),
    "classify": ("-m", "tiny.xml", "-i", "data/0/0.png", "-o", "out/x.png", "--no_show"),
    "classify a video": ("-m", "tiny.xml", "-i", "clip.avi", "-o", "out/x.avi", "--no_show"),
    "accuracy": ("-m", "tiny.xml", "-s", "data", "--csv", "out/x.csv"),
    "report": ("-m", "tiny.xml", "-s", "data", "-o", "out/x.html", "-t", "0.1"),
    "add": (*NET, "--models_root", "out", "--name", "net"),
    "quantize": ("-m", "tiny.xml", "-s", "data", "-o", "out/int8.xml"),
}
SLOW = ("classify a video", "report", "quantize")


@pytest.fixture
def place(tmp_path: Path, tiny, video: Path) -> Path:
    for half in (tiny.xml, tiny.xml.with_suffix(".bin")):
        shutil.copy(half, tmp_path)
    shutil.copy(video, tmp_path)
    net = se_resnet((1,), stem=8, width=8, size=32, classes=10)
    write_model(tmp_path, net, synthetic_weights(net), name="net")
    for label in range(6):
        (tmp_path / f"data/{label}").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / f"data/{label}/{label}.png"), draw_picture(label))
    (tmp_path / "out").mkdir()
    return tmp_path


def start(code: str, *words: object, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL)


def strays(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if is_private(path.name)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in COMMANDS]
)
def test_what_a_killed_command_leaves_the_next_one_removes(place: Path, name: str) -> None:
    if name == "quantize":
        pytest.importorskip("nncf")
    words = (name.split()[0], *COMMANDS[name])
    assert start(DYING, *words, folder=place).wait() == -signal.SIGKILL
    assert len(strays(place)) == 1
    assert start(RUN, *words, folder=place).wait() == 0
    assert strays(place) == []
    assert list((place / "out").iterdir())


def test_another_command_that_writes_there_removes_it_too(place: Path) -> None:
    for name in ("caffe2ir", "info", "classify"):
        assert start(DYING, name, *COMMANDS[name], folder=place).wait() == -signal.SIGKILL
    assert strays(place) != []
    assert start(RUN, "info", *COMMANDS["info"], folder=place).wait() == 0
    assert [path.name for path in (place / "out").iterdir()] == ["x.json"]


@pytest.mark.slow
def test_many_commands_side_by_side_with_kills(place: Path) -> None:
    """Of 40, every fourth is killed; all others succeed, and one more leaves no stray."""
    draw = random.Random(10)
    names = ("caffe2ir", "info", "classify")
    killed = 0
    for _ in range(10):
        runs = [start(RUN, name, *COMMANDS[name], folder=place) for name in (*names, "caffe2ir")]
        time.sleep(draw.uniform(0.2, 3))
        runs[-1].kill()
        killed += runs[-1].wait() == -signal.SIGKILL
        assert [run.wait() for run in runs[:-1]] == [0, 0, 0]
    assert start(RUN, "info", *COMMANDS["info"], folder=place).wait() == 0
    assert strays(place) == []
    print(f"{killed} of 10 killed; 30 others succeeded")
    assert killed
