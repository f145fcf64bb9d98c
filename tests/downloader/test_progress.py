"""What a run tells: JSON events as Open Model Zoo documents them, log lines, bars."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import pytest
from downloader.conftest import Zoo, described
from downloader.loopback import Loopback

from omz.downloader.progress import BarReporter, JsonReporter, LogReporter

BODY = b"weights" * 100_000
STEP = {"$type": "regex_replace", "file": "net.prototxt", "pattern": "10", "replacement": "1"}


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def two_files(zoo: Zoo, server: Loopback, prototxt: bytes = b"dim: 10") -> None:
    zoo.add(
        "net",
        described("net.prototxt", b"dim: 10", server.serve("/net.prototxt", prototxt)),
        described("net.caffemodel", BODY, server.serve("/net.caffemodel", BODY)),
        postprocessing=[STEP],
    )


def file_events(name: str, size: int) -> list[dict[str, Any]]:
    common = {"model": "net", "model_file": name}
    return [
        {"$type": "model_file_download_begin", **common, "size": size},
        {"$type": "model_file_download_progress", **common, "size": size},
        {"$type": "model_file_download_end", **common, "successful": True},
    ]


def test_json_events_of_a_second_run(zoo: Zoo, server: Loopback) -> None:
    """The whole sequence; the first run has more progress events, the next test looks at those."""
    two_files(zoo, server)
    zoo.run()
    result = zoo.run("--progress_format", "json")
    assert events(result.out) == [
        {"$type": "model_download_begin", "model": "net", "num_files": 2},
        *file_events("net.prototxt", 7),
        *file_events("net.caffemodel", len(BODY)),
        {"$type": "model_download_end", "model": "net", "successful": True},
        {"$type": "model_postprocessing_begin", "model": "net"},
        {"$type": "model_postprocessing_end", "model": "net"},
    ]


def test_json_events_of_a_first_run(zoo: Zoo, server: Loopback) -> None:
    two_files(zoo, server)
    result = zoo.run("--progress_format=json")
    assert result.status == 0
    told = events(result.out)
    progress = [event for event in told if event["$type"] == "model_file_download_progress"]
    others = [event["$type"] for event in told if event["$type"] != "model_file_download_progress"]
    assert others == [
        "model_download_begin",
        *["model_file_download_begin", "model_file_download_end"] * 2,
        "model_download_end",
        "model_postprocessing_begin",
        "model_postprocessing_end",
    ]
    sizes = [event["size"] for event in progress if event["model_file"] == "net.caffemodel"]
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(BODY)


def test_every_begin_has_its_end_on_failure(zoo: Zoo, server: Loopback) -> None:
    two_files(zoo, server, prototxt=b"dim: 99")
    result = zoo.run("--progress_format", "json")
    assert result.status == 1
    told = [event for event in events(result.out) if event["$type"] != "model_file_download_progress"]
    assert [event["$type"] for event in told] == [
        "model_download_begin",
        "model_file_download_begin",
        "model_file_download_end",
        "model_download_end",
    ]
    assert [event["successful"] for event in told[2:]] == [False, False]
    assert "FAILED:\nnet" in result.err


def test_failing_postprocessing_has_its_end(zoo: Zoo, server: Loopback) -> None:
    file = described("net.prototxt", b"dim: 99", server.serve("/net", b"dim: 99"))
    zoo.add("net", file, postprocessing=[STEP])
    result = zoo.run("--progress_format", "json")
    assert result.status == 1
    assert [event["$type"] for event in events(result.out)][-3:] == [
        "model_download_end",
        "model_postprocessing_begin",
        "model_postprocessing_end",
    ]


def test_json_progress_is_throttled_but_the_last_one_comes() -> None:
    out = io.StringIO()
    reporter = JsonReporter(out, interval_s=3600)
    reporter.file_begin("net", "file", 1000)
    for size in range(1001):
        reporter.file_progress("net", "file", size)
    reporter.file_end("net", "file", successful=True)
    assert [event["size"] for event in events(out.getvalue()) if "progress" in event["$type"]] == [0, 1000]


def test_text_goes_to_stderr_in_few_lines(zoo: Zoo, server: Loopback) -> None:
    two_files(zoo, server)
    result = zoo.run()
    assert result.out == ""
    assert result.err.splitlines() == [
        "INFO: net: net.prototxt: 0.0 kB, verified",
        "INFO: net: net.caffemodel: 700.0 kB, verified",
    ]
    assert zoo.run("--quiet").err == ""


def test_the_log_tells_of_long_transfers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reporter = LogReporter()
    reporter._throttle._interval_s = 0
    reporter.file_begin("net", "file", 110_000_000)
    reporter.file_progress("net", "file", 50_000_000)
    assert caplog.messages == ["net: file: 50.0 MB of 110.0 MB"]


def test_bars_and_log_lines_share_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    logging.basicConfig(stream=terminal, level=logging.INFO, format="%(message)s", force=True)
    (handler,) = logging.getLogger().handlers
    with BarReporter(terminal) as reporter:
        reporter.file_begin("net", "[bold]file", 1000)
        reporter.file_progress("net", "[bold]file", 500)
        logging.getLogger("omz").warning("a warning")
        reporter.file_end("net", "[bold]file", successful=True)
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is terminal
    lines = [line for line in terminal.getvalue().splitlines() if "a warning" in line]
    assert len(lines) == 1
    assert "net/[bold]file" in terminal.getvalue()
    assert "net: [bold]file: verified" in terminal.getvalue()


def test_the_bar_of_all_files_counts_what_is_fetched() -> None:
    with BarReporter(io.StringIO()) as reporter:
        reporter.run_begin(3, 600)
        for file, held in (("a", 200), ("b", 50), ("c", 0)):
            reporter.file_begin("net", file, 200)
            reporter.file_progress("net", file, held)
        reporter.file_progress("net", "b", 110)
        reporter.file_progress("net", "c", 70)
        reporter.file_progress("net", "c", 0)  # starts again
        reporter.file_progress("net", "c", 30)
        whole = reporter._progress.tasks[0]
        assert (whole.description, whole.completed, whole.total) == ("all 3 files", 90, 350)
        resumed = reporter._progress.tasks[2]
        assert (resumed.completed, resumed.total) == (110, 200)


def test_one_file_has_one_bar() -> None:
    with BarReporter(io.StringIO()) as reporter:
        reporter.run_begin(1, 200)
        reporter.file_begin("net", "a", 200)
        assert len(reporter._progress.tasks) == 1
