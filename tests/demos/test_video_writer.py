"""Videos appear whole or not at all, whatever OpenCV keeps to itself."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import cv2
import pytest

from omz.demos.common.containers import is_finished
from omz.demos.common.inputs import Inputs
from omz.demos.common.video_writer import VideoWriter
from omz.errors import InferenceError
from omz.inference.sources import Arrays, open_source

SUFFIXES = (".avi", ".mkv", ".mp4")
COUNT = 24


def write(path: Path, picture, count: int = COUNT) -> VideoWriter:
    writer = VideoWriter(path, 25.0, Inputs(Arrays([])))
    for number in range(count):
        writer.write(picture(number), "camera 0")
    return writer


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_was_cut_off_was_not_finished(picture, tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    write(path, picture).close()
    whole = path.read_bytes()
    assert is_finished(path)
    for size in (*range(0, len(whole), max(1, len(whole) // 300)), len(whole) - 1):
        path.write_bytes(whole[:size])
        assert not is_finished(path), size
    for more in (1, 8, 4096):
        path.write_bytes(whole + bytes(more))
        assert not is_finished(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_that_are_missing_or_damaged_are_found(picture, tmp_path, suffix, monkeypatch):
    """As if the encoder had dropped a frame; the file is one that others would take for whole."""
    path = tmp_path / f"v{suffix}"
    path.write_bytes(b"before")
    writer = write(path, picture)
    writer._begun = writer._frames = COUNT + 1
    with pytest.raises(
        InferenceError, match=rf"v{suffix}: cannot be written: .*{COUNT} of {COUNT + 1} frames"
    ):
        writer.close()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(path.name, b"before")]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_limit_on_sizes_is_told(tiny, video, tmp_path, suffix):
    """At every size that is too small, from the header on; what was there before stays."""
    path = tmp_path / f"v{suffix}"
    command = [
        str(Path(sysconfig.get_path("scripts")) / "classification_demo"), "-m", str(tiny.xml), "-i", str(video), "-o",
        str(path), "--no_show", "--quiet",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    size = path.stat().st_size
    path.write_bytes(b"before")
    for limit in (0, 100, size // 2, size - 100, size - 1, size + 100):

        def bound(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=bound)
        assert [each.name for each in tmp_path.iterdir()] == [path.name]
        if limit > size:
            assert done.returncode == 0, done.stderr
            assert path.read_bytes() != b"before"
        else:
            assert done.returncode == 1
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert f"{path}: cannot be written: File too large" in done.stderr
            assert path.read_bytes() == b"before"


def test_an_interruption_behind_a_frame_loses_nothing(picture, tmp_path):
    path = tmp_path / "v.avi"
    writer = write(path, picture)
    writer._frames -= 1  # it was written, and not counted yet
    writer.close()
    assert len(list(open_source(path))) == COUNT


def test_a_folder_that_goes_away_is_told(picture, tmp_path):
    folder = tmp_path / "folder"
    writer = write(folder / "v.avi", picture)
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    with pytest.raises(InferenceError, match=r"v\.avi: cannot be written: No such file or directory"):
        writer.close()


def test_a_full_disk_is_told_while_frames_still_come(picture, tmp_path, monkeypatch):
    """Hours may lie between; a file that does not grow is looked into."""
    from omz import files
    from omz.demos.common import video_writer

    monkeypatch.setattr(video_writer, "_LOOK_EVERY", 4)
    writer = write(tmp_path / "v.avi", picture, 11)
    size = writer._part.stat().st_size
    writer._bytes = size + 1_000_000  # as if it had not grown since
    writer.write(picture(1), "camera 0")  # there is room: it goes on

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "posix_fallocate", full)
    writer._frames, writer._bytes = 15, size + 1_000_000
    with pytest.raises(InferenceError, match="No space left on device"):
        writer.write(picture(1), "camera 0")
    writer.close(keep=False)
    assert not list(tmp_path.iterdir())


def test_a_loop_that_is_interrupted_leaves_a_whole_video(tiny, video, tmp_path):
    path = tmp_path / "v.mp4"
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background\n"
        "from omz.demos.classification_demo.command import main\n"
        "sys.exit(main())"
    )
    words = [
        "-m",
        str(tiny.xml),
        "-i",
        str(video),
        "-o",
        str(path),
        "--no_show",
        "-limit",
        "0",
        "-r",
        "--loop",
    ]
    run = subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout
    for _ in range(40):  # what is printed is of frames that are written
        assert run.stdout.readline()
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) >= 5
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
