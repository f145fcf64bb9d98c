"""The whole main job on the bundled sample, as a user starts it."""

from pathlib import Path

import cv2
import pytest

from omz.quickstart import PRECISIONS, main


def test_quickstart_does_the_main_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", str(tmp_path), "-time", "0.3"]) == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line[:2] in ("1.", "2.", "3.", "4.")] == [
        "1. Download",
        "2. Convert",
        "3. Classify",
        "4. Benchmark",
    ]
    assert "omz_downloader --name se-resnext-50" in said
    for precision in PRECISIONS:
        assert (tmp_path / "samples/se-resnext-digits" / precision / "se-resnext-digits.xml").is_file()
    sheet = cv2.imread(str(tmp_path / "classified.png"))
    assert sheet.shape == (720, 1280, 3)
    # Every picture is named for what it shows, and right answers are drawn in green; a wrong one would be red.
    greens = (sheet == (80, 175, 76)).all(axis=2).sum()
    reds = (sheet == (60, 60, 215)).all(axis=2).sum()
    assert greens > 50_000
    assert reds == 0
    assert said.count("98.61 %") == 2


def test_unknown_device_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", str(tmp_path), "-d", "TPU"]) == 1
    message = capsys.readouterr().err
    assert "TPU" in message
    assert "CPU" in message
    assert "Traceback" not in message
