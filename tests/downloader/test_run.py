"""Whole runs: several models, several jobs, several processes, and runs that are stopped."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback, Reply

from omz.downloader.takeover import held_bytes

BODY = random.Random(2).randbytes(500_000)


def bodies(count: int) -> list[bytes]:
    return [random.Random(seed).randbytes(10_000 + seed) for seed in range(count)]


def test_a_failed_model_does_not_stop_the_others(zoo: Zoo, server: Loopback) -> None:
    good = server.serve("/good", BODY)
    zoo.add("a-bad", described("net.bin", BODY, f"{server.root}/missing"))
    folder = zoo.add("b-good", described("net.bin", BODY, good))
    zoo.add("c-bad", described("net.bin", BODY, server.serve("/wrong", b"wrong")))
    result = zoo.run()
    assert result.status == 1
    assert visible(zoo.output) == {"public/b-good/net.bin": BODY}
    assert folder.is_dir()
    assert result.err.endswith("\nFAILED:\na-bad\nc-bad\n")
    assert "ERROR: a-bad: net.bin could not be fetched" in result.err
    assert "ERROR: c-bad: net.bin could not be fetched" in result.err


def test_verbose_adds_the_traceback(zoo: Zoo, server: Loopback) -> None:
    zoo.add("bad", described("net.bin", BODY, f"{server.root}/missing"))
    assert "Traceback" in zoo.run("--verbose").err
    assert "Traceback" not in zoo.run().err


def test_selection_by_pattern(zoo: Zoo, server: Loopback) -> None:
    for name in ("net-a", "net-b", "other"):
        zoo.add(name, described("net.bin", BODY, server.serve("/net", BODY)))
    assert zoo.run("--name", "net-*").status == 0
    assert set(visible(zoo.output)) == {"public/net-a/net.bin", "public/net-b/net.bin"}
    assert zoo.run("--name", "nets").status == 2


def test_a_composite_model_brings_its_stages_once(zoo: Zoo, server: Loopback) -> None:
    for stage in ("pair-decoder", "pair-encoder"):
        zoo.add(f"pair/{stage}", described("net.bin", BODY, server.serve(f"/{stage}", BODY)))
    (zoo.root / "public/pair/composite-model.yml").write_text(
        "description: Two nets.\ntask_type: classification\nlicense: https://example.com/licence\n"
    )
    assert zoo.run("--name", "pair,pair-encoder").status == 0
    assert sorted(server.requests) == ["/pair-decoder", "/pair-encoder"]
    assert len(visible(zoo.output / "public/pair")) == 2
    for stage in ("pair-decoder", "pair-encoder"):
        (zoo.output / "public/pair" / stage / "net.bin").unlink()
    server.serve("/pair-decoder", Reply(b"", 404))
    assert zoo.run("--name", "pair,pair-encoder").err.endswith("FAILED:\npair\n")


@pytest.mark.parametrize(
    ("precisions", "names"), [("FP16", ["FP16/a"]), ("FP32, FP16", ["FP16/a", "FP32/a"])]
)
def test_precisions(zoo: Zoo, server: Loopback, precisions: str, names: list[str]) -> None:
    entries = [
        described(name, BODY, server.serve(f"/{name}", BODY)) for name in ("FP16/a", "FP32/a", "doc/a")
    ]
    folder = zoo.add("net", *entries)
    assert zoo.run("--precisions", precisions).status == 0
    assert sorted(visible(folder)) == [*names, "doc/a"]


def test_a_model_without_the_precision_is_left_out(zoo: Zoo, server: Loopback) -> None:
    url = server.serve("/net", BODY)
    entries = [described(f"FP16/net.{suffix}", BODY, url) for suffix in ("xml", "bin")]
    zoo.add("net", *entries, framework="dldt", model_optimizer_args=None)
    result = zoo.run("--precisions", "FP32")
    assert result.status == 0
    assert "net: left out, there is FP16 only" in result.err
    assert server.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--precisions", "FP17"],
        ["--precisions", ""],
        ["--num_attempts", "0"],
        ["--num_attempts", "x"],
        ["-j", "0"],
        ["-j", "many"],
        ["--progress_format", "xml"],
    ],
)
def test_wrong_usage(zoo: Zoo, arguments: list[str]) -> None:
    zoo.add("net", described("net.bin", BODY, "http://127.0.0.1:9/net"))
    result = zoo.run(*arguments)
    assert result.status == 2
    assert "Traceback" not in result.err
    assert not zoo.output.exists()


@pytest.mark.parametrize("jobs", ["1", "4", "auto"])
def test_jobs(zoo: Zoo, server: Loopback, jobs: str) -> None:
    """Files of one model and of several at once; never more than asked for."""
    expected = {}
    for number, body in enumerate(bodies(12)):
        url = server.serve(f"/{number}", body)
        expected[number] = (body, described(f"{number}.bin", body, url))
    for model in range(3):
        zoo.add(f"net{model}", *(expected[number][1] for number in range(12) if number % 3 == model))
    assert zoo.run("-j", jobs).status == 0
    assert visible(zoo.output) == {
        f"public/net{number % 3}/{number}.bin": body for number, (body, _) in expected.items()
    }
    assert len(server.requests) == 12
    assert server.most_at_once <= (1 if jobs == "1" else 4)


def test_jobs_run_at_once(zoo: Zoo, server: Loopback) -> None:
    """Two files of one model that each wait for the other to have begun."""
    for name in "ab":
        server.serve(f"/{name}", Reply(BODY, pause_after=100))
    zoo.add("net", *(described(name, BODY, f"{server.root}/{name}") for name in "ab"))
    run = zoo.start("-j", "2")
    try:
        wait_until(lambda: len(server.requests) == 2)
    finally:
        server.go_on.set()
        run.communicate(timeout=60)
    assert run.returncode == 0


def wait_until(condition: object, timeout_s: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_ctrl_c_stops_at_once_and_leaves_no_half_file(zoo: Zoo, server: Loopback, jobs: str) -> None:
    """The server has gone quiet, so that a thread is inside a read."""
    folder = zoo.add(
        "net", described("net.bin", BODY, server.serve("/net", Reply(BODY, pause_after=200_000)))
    )
    for number in range(3):
        zoo.add(f"next{number}", described("net.bin", BODY, f"{server.root}/missing"))
    run = zoo.start("-j", jobs)
    wait_until(lambda: held_bytes(folder / "net.bin"))
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)  # the server would be quiet for 60 s
    assert run.returncode == 130, err
    assert err.endswith("interrupted\n")  # and so nothing of Python's, as the process ends
    assert visible(zoo.output) == {}


def test_kill_leaves_nothing_under_a_final_name_and_the_next_run_cleans_up(
    zoo: Zoo, server: Loopback
) -> None:
    url = server.serve("/net", Reply(BODY, pause_after=200_000), BODY)
    folder = zoo.add("net", described("net.bin", BODY, url))
    run = zoo.start()
    wait_until(lambda: held_bytes(folder / "net.bin"))
    run.kill()
    run.communicate(timeout=30)
    assert not (folder / "net.bin").exists()
    assert zoo.run().status == 0
    assert [path.name for path in folder.iterdir()] == ["net.bin"]
    assert (folder / "net.bin").read_bytes() == BODY


def test_two_processes_do_the_work_once(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", Reply(BODY, pause_after=1000))))
    first = zoo.start()
    assert server.paused.wait(60)
    second = zoo.start()
    assert second.stderr is not None
    assert "waiting for another process" in second.stderr.readline()
    server.go_on.set()
    for run in (first, second):
        _, err = run.communicate(timeout=30)
        assert run.returncode == 0, err
    assert server.count("/net") == 1
    assert visible(folder) == {"net.bin": BODY}


def test_without_a_lock_the_result_is_the_same(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    def no_lock(*_: object, **__: object) -> None:
        raise NotImplementedError("no locks on this file system")

    monkeypatch.setattr(filelock.FileLock, "acquire", no_lock)
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    result = zoo.run()
    assert result.status == 0, result.err
    assert visible(folder) == {"net.bin": BODY}


def test_a_reader_of_the_report_that_goes_away_stops_the_run(zoo: Zoo, server: Loopback) -> None:
    files = [described(f"{n}.bin", BODY, server.serve(f"/{n}", BODY)) for n in range(20)]
    for number, file in enumerate(files):
        zoo.add(f"net{number:02}", file)
    run = zoo.start("--progress_format", "json", "-j", "2")
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()
    assert run.stderr is not None
    err = run.stderr.read()
    run.wait(30)
    run.stderr.close()
    assert run.returncode == 0, err
    assert "Traceback" not in err
    assert len(server.requests) < 20


SCRIPTS = ["tools/downloader/downloader.py", "tools/downloader/converter.py", "tools/converter/converter.py"]
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_of_a_checkout_use_the_checkout(tmp_path: Path, script: str) -> None:
    """From elsewhere, without the toolkit (-S: no site-packages), and with another one in the way."""
    other = tmp_path / "omz"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('the wrong omz')")
    command = [sys.executable, "-S", str(REPOSITORY / script), "--print_all"]
    run = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "se-resnext-50" in run.stdout.splitlines()


def test_scripts_do_not_hide_modules_behind_their_neighbours(tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['downloader.py', '--print_all']\n"
        f"sys.path.insert(0, {str(REPOSITORY / 'tools/downloader')!r})\n"
        "try:\n"
        f"    runpy.run_path({str(REPOSITORY / SCRIPTS[0])!r}, run_name='__main__')\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code\n"
        "assert not [path for path in sys.path if path.endswith('tools/downloader')], sys.path\n"
        "from omz.downloader import files\n"
        f"assert files.__file__ == {str(REPOSITORY / 'tools/downloader/files.py')!r}\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)


def test_print_all_is_light() -> None:
    code = (
        "import sys\n"
        "from omz.downloader.command import main\n"
        "for argument in ('--print_all', '--help'):\n"
        "    assert main([argument]) == 0\n"
        "heavy = {'requests', 'rich', 'pydantic', 'yaml', 'openvino', 'cv2', 'numpy', 'filelock'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
