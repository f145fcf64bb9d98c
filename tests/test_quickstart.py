"""The whole main job on the bundled sample, as a user starts it."""

import re
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest

from omz import quickstart
from omz.quickstart import PRECISIONS, QUANTIZED, main

IRS = "samples/se-resnext-digits"


def rows(said: str) -> dict[str, list[str]]:
    """The table: from the precision to the other cells."""
    found = re.findall(r"^ +(FP[\w-]+)  +(.+)$", said, re.MULTILINE)
    return {precision: re.split("  +", cells.strip()) for precision, cells in found}


def test_quickstart_does_the_main_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart, "find_spec", lambda name: None)  # as if NNCF were not installed
    assert main(["-o", str(tmp_path), "-time", "0.3"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"^\d\. .+$", said, re.MULTILINE) == [
        "1. Download",
        "2. Convert",
        "3. Quantize",
        "4. Classify",
        "5. Measure accuracy and speed",
    ]
    assert "pip install 'omz-toolkit[int8]'" in said
    assert "omz_downloader --name se-resnext-50" in said
    for precision in PRECISIONS:
        assert (tmp_path / IRS / precision / "se-resnext-digits.xml").is_file()
    sheet = cv2.imread(str(tmp_path / "classified.png"))
    assert sheet.shape == (720, 1280, 3)
    # Every picture is named for what it shows, and right answers are drawn in green; a wrong one would be red.
    greens = (sheet == (80, 175, 76)).all(axis=2).sum()
    reds = (sheet == (60, 60, 215)).all(axis=2).sum()
    assert greens > 50_000
    assert reds == 0
    table = rows(said)
    assert list(table) == list(PRECISIONS)
    for size, top1, interval, latency, rate, device in table.values():
        assert size.endswith(" kB")
        assert (top1, interval) == ("98.61 %", "96.79 - 99.41")
        assert float(latency.removesuffix(" ms")) > 0
        assert float(rate) > 0
        assert device.startswith("CPU")
    assert "<title>se-resnext-digits: report</title>" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("nncf") is None, reason="needs NNCF (extra int8)")
def test_quickstart_quantizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", str(tmp_path), "-time", "0.3"]) == 0
    table = rows(capsys.readouterr().out)
    assert list(table) == [*PRECISIONS, QUANTIZED]
    sizes = [int(cells[0].removesuffix(" kB")) for cells in table.values()]
    assert sizes == sorted(sizes, reverse=True)
    before, after = (
        float(table[precision][1].removesuffix(" %")) for precision in (PRECISIONS[0], QUANTIZED)
    )
    assert before - after <= 1.0
    assert (tmp_path / IRS / QUANTIZED / "se-resnext-digits.xml").is_file()
    assert "preset performance" in (tmp_path / "report.html").read_text()


def test_unknown_device_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart, "find_spec", lambda name: None)
    assert main(["-o", str(tmp_path), "-d", "TPU"]) == 1
    message = capsys.readouterr().err
    assert "TPU" in message
    assert "CPU" in message
    assert "Traceback" not in message
    assert list(tmp_path.iterdir()) == []  # found before the first step


@pytest.mark.parametrize("time", ["0", "-1", "nan", "inf", "x"])
def test_times_that_measure_nothing_are_wrong_usage(
    time: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-o", str(tmp_path), "-time", time]) == 2
    assert "must be a number of seconds up to 3600" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
