"""``classification_benchmark_demo``: what it measures, counts and draws."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.demos.classification_benchmark_demo.command import main
from omz.demos.classification_benchmark_demo.grid import LiveGrid
from omz.inference import benchmark as measurement
from omz.inference.benchmark import benchmark
from omz.inference.benchmark_report import accuracy_of
from omz.inference.classification import Classified
from omz.inference.ground_truth import truth_of
from omz.inference.pipeline import Outcome
from omz.inference.ranking import Prediction
from omz.zoo.class_list import ClassList

#: Each of these takes a second or more.
pytestmark = pytest.mark.slow

GREEN, RED, NEUTRAL = [80, 175, 76], [60, 60, 215], [150, 110, 60]


@pytest.fixture
def demo(tiny, folder, capfd):
    def call(*arguments, inputs=folder, seconds=0.3):
        status = main(["-m", str(tiny.xml), "-i", str(inputs), "-time", str(seconds), *map(str, arguments)])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def truth(tiny, folder, tmp_path):
    """Ground truth: 6 pictures have their best class, 3 the second best, 1 the sixth, 2 are not named."""
    lines = []
    for number in range(10):
        ranking = tiny.ranking(cv2.imread(str(folder / f"p{number}.png")))
        lines.append(f"./p{number}.png {ranking[0 if number < 6 else 1 if number < 9 else 5]}")
    path = tmp_path / "truth.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_accuracy_equals_the_count_by_hand(demo, truth):
    status, out, _ = demo("-gt", truth, "--json", "-")
    assert status == 0
    assert json.loads(out)["accuracy"] == {"top1": 0.6, "top5": 0.9, "counted": 10, "without_truth": 2}


def test_accuracy_covers_the_whole_set_even_if_the_time_is_too_short(tiny, folder, truth):
    seen = []
    report = benchmark(
        tiny.xml,
        folder,
        ground_truth=truth,
        seconds=0.2,
        on_outcome=lambda outcome: bool(seen.append(outcome)),
    )
    assert len(seen) == 1  # the callback ended the measurement at once
    assert report.accuracy.counted == 10
    assert report.accuracy.top == {1: 0.6, 5: 0.9}
    assert [result.source for result in report.classified] == [str(folder / f"p{n}.png") for n in range(12)]


def test_top_n_is_counted_too(demo, truth):
    status, out, _ = demo("-gt", truth, "-nt", 2, "--json", "-")
    assert status == 0
    assert json.loads(out)["accuracy"]["top2"] == 0.9


def test_accuracy_by_hand_on_made_up_results():
    def result(name, *indexes, error=""):
        return Classified(f"dir/{name}", 0, tuple(Prediction(i, str(i), 0.1) for i in indexes), None, error)

    results = [
        result("a", 1, 2, 3),
        result("b", 2, 1, 3),
        result("c", 4, 5, 6),
        result("d", 1),
        result("e", error="x"),
    ]
    classes = ClassList.of_network(None, 7)
    accuracy = accuracy_of(results, truth_of({"a": 1, "b": 1, "c": 1, "e": 1}, classes), (1, 2))
    assert (accuracy.top, accuracy.counted, accuracy.without_truth) == ({1: 1 / 3, 2: 2 / 3}, 3, 1)
    assert accuracy_of(results, truth_of({}, classes), (1,)) is None


def test_report_has_everything(demo, tiny, folder, tmp_path):
    status, out, _ = demo("--json", "-", "--repeats", 3, "-nireq", 2, "--infer_precision", "f32")
    assert status == 0
    report = json.loads(out)
    assert report["model"] == str(tiny.xml)
    assert report["execution_devices"] == ["CPU"]
    assert (report["precision"], report["hint"], report["requests"]) == ("f32", "throughput", 2)
    assert report["pictures"] == {"readable": 12, "unreadable": []}
    assert report["fast_decode"] is False
    assert report["compile"]["from_cache"] is False
    assert report["compile"]["seconds"] > 0
    for kind in ("end_to_end", "inference_only"):
        spread = report["throughput_fps"][kind]
        assert len(spread["values"]) == 3
        assert spread["min"] == min(spread["values"])
        assert spread["median"] == sorted(spread["values"])[1]
        assert spread["max"] == max(spread["values"])
    assert set(report["latency"]) == {"decoding", "preprocessing", "inference", "postprocessing", "total"}
    for summary in (*report["latency"].values(), report["inference_only_latency"]):
        levels = [summary[f"{name}_ms"] for name in ("min", "p50", "p90", "p95", "p99", "p99.9", "max")]
        assert levels == sorted(levels)
        assert all(float(f"{level:.3g}") == level for level in levels)  # three significant digits
    assert report["accuracy"] is None


def test_throughput_is_what_was_counted(tiny, folder):
    outcomes, times = [], []

    def on_outcome(outcome):
        outcomes.append(outcome)
        times.append(time.perf_counter())
        return True

    began = time.perf_counter()
    report = benchmark(tiny.xml, folder, seconds=0.5, on_outcome=on_outcome)
    ended = time.perf_counter()
    (fps,) = report.end_to_end.values
    assert len(outcomes) == report.latencies["total"].count
    seconds = len(outcomes) / fps
    assert max(0.45, times[-1] - times[0]) <= seconds <= ended - began  # however long the last pictures take
    totals = [1000 * outcome.timing.total for outcome in outcomes]
    for q in (50, 90, 95, 99, 99.9):
        assert report.latencies["total"].percentiles[f"p{q:g}"] == pytest.approx(np.percentile(totals, q))
    assert {outcome.source for outcome in outcomes} == {str(folder / f"p{n}.png") for n in range(12)}


def test_fast_decode_is_measured_and_told(demo, picture, tmp_path):
    path = tmp_path / "p.jpg"
    cv2.imwrite(str(path), picture(0, 480, 640))
    status, out, _ = demo("--fast_decode", "--json", "-", inputs=path)
    assert (status, json.loads(out)["fast_decode"]) == (0, True)
    assert "decoded at a part of their size" in demo("--fast_decode", inputs=path)[1]


def test_the_cache_is_reported(demo, tmp_path):
    loaded = []
    for _ in range(2):
        status, out, _ = demo("--json", "-", "--cache_dir", tmp_path / "cache")
        assert status == 0
        loaded.append(json.loads(out)["compile"]["from_cache"])
    assert loaded == [False, True]


def test_text_for_people(demo, truth):
    status, out, err = demo("-gt", truth)
    assert status == 0
    for part in (
        "end to end",
        "inference only",
        "p99.9",
        "decoding",
        "top-1   60.00 %",
        "without ground truth: 2",
        "█",
    ):
        assert part in out
    assert "no window" in err


def tile_colours(path):
    sheet = cv2.imread(str(path))
    return {
        name
        for name, colour in (("green", GREEN), ("red", RED), ("neutral", NEUTRAL))
        if (sheet == colour).all(-1).any()
    }


def test_grid_is_green_red_and_neutral(demo, truth, tmp_path):
    assert demo("-gt", truth, "-o", tmp_path / "grid.png", "-res", "800x600")[0] == 0
    assert cv2.imread(str(tmp_path / "grid.png")).shape == (600, 800, 3)
    assert tile_colours(tmp_path / "grid.png") == {"green", "red", "neutral"}
    assert demo("-o", tmp_path / "plain.png")[0] == 0
    assert tile_colours(tmp_path / "plain.png") == {"neutral"}


def test_bad_pictures_are_left_out_of_the_measurement(demo, folder, tmp_path):
    shutil.copy(folder / "p1.png", tmp_path)
    (tmp_path / "bad.png").write_bytes(b"x")
    status, out, err = demo("--json", "-", inputs=tmp_path)
    assert status == 0
    report = json.loads(out)
    assert report["pictures"]["readable"] == 1
    assert [bad["source"] for bad in report["pictures"]["unreadable"]] == [str(tmp_path / "bad.png")]
    assert err.count("bad.png") == 1
    (tmp_path / "p1.png").write_bytes(b"")
    status, out, err = demo(inputs=tmp_path)
    assert (status, out) == (1, "")
    assert "no readable picture" in err


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("./p1.png", "line 2: expected"),
        ("./p1.png one", "line 2: 'one' is no class of the network"),
        ("./p1.png -2", "line 2: expected"),
        ("./p1.png 1.5", "line 2: expected"),
        ("./p0.png 3", "line 2: p0.png is 3 here, and 0 in line 1"),
        ("./p1.png 6", "line 2: class 6; expected 0 to 5. Does the list count from 1?"),
    ],
)
def test_bad_ground_truth_takes_one_line(demo, tmp_path, line, why):
    path = tmp_path / "truth.txt"
    path.write_text(f"./p0.png 0\n{line}\n")
    status, out, err = demo("-gt", path)
    assert (status, out) == (1, "")
    (message,) = (text for text in err.splitlines() if not text.startswith("INFO"))
    assert str(path) in message
    assert why in message


def test_open_model_zoos_flags_are_understood(demo, truth, tmp_path):
    flags = [
        "-gt",
        truth,
        "-d",
        "CPU",
        "-nthreads",
        1,
        "-nstreams",
        1,
        "-nireq",
        2,
        "-nt",
        1,
        "-res",
        "640x480",
    ]
    flags += ["-no_show", "-auto_resize", "-layout", "NCHW", "-reverse_input_channels"]
    flags += [
        "-mean_values",
        "1.0 2.0 3.0",
        "-scale_values",
        "1 1 1",
        "-hint",
        "none",
        "-cache_dir",
        tmp_path / "c",
    ]
    status, _, err = demo(*flags)
    assert status == 0
    assert "no window" not in err


def test_wrong_usage(demo, video, tmp_path):
    assert demo("-o", tmp_path / "grid.mp4")[0] == 2
    assert demo("--repeats", 0)[0] == 2
    assert demo("-res", "10x10")[0] == 2
    assert demo(seconds=-5)[0] == 2
    status, _, err = demo(inputs=video)
    assert status == 1
    assert "no video" in err


def test_unlimited_time_ends_when_told_to(tiny, folder, monkeypatch):
    monkeypatch.setattr(measurement, "UNLIMITED_INFERENCE_SECONDS", 0.1)
    seen = []
    report = benchmark(
        tiny.xml, folder, seconds=-1, repeats=5, on_outcome=lambda o: len(seen.append(o) or seen) < 30
    )
    assert len(seen) == 30
    assert report.latencies["total"].count == 30
    assert len(report.end_to_end.values) == 1


def test_comparison_with_benchmark_app_runs(tiny):
    """The target itself is for a full net on a quiet machine; here the benchmark only has to work."""
    pytest.importorskip("openvino.tools.benchmark")
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "classify.py"
    command = [sys.executable, str(script), "-m", str(tiny.xml), "--rounds", "1", "--seconds", "1"]
    done = subprocess.run([*command, "--size", "64", "48"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows[-5:] == [
        "benchmark_app",
        "demo, inference only",
        "the limit of end to end",
        "demo, end to end",
        "Python, `stream`",
    ]


def test_the_live_grid_colours_by_the_truth():
    truth = truth_of({"right.png": 1, "wrong.png": 0}, ClassList.of_network(None, 2))
    for name, there in (("right.png", GREEN), ("wrong.png", RED), ("unknown.png", NEUTRAL)):
        grid = LiveGrid((320, 240), truth)
        picture = np.zeros((40, 40, 3), np.uint8)
        grid.update(Outcome(f"some/{name}", 0, (Prediction(1, "b", 0.9),), image=picture))
        drawn = grid.draw("title").reshape(-1, 3)
        assert [(drawn == colour).all(1).any() for colour in (GREEN, RED, NEUTRAL)] == [
            colour == there for colour in (GREEN, RED, NEUTRAL)
        ]
