"""Post-processing: from the originals, to the same bytes each time, or not at all."""

from __future__ import annotations

import io
import signal
import subprocess
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback

from omz.downloader import postprocessing
from omz.downloader.pool import Cancelled, CancelToken

TEXT = "name: 'grüße'\r\ndim: 10\ndim: 10\n"


def replace(pattern: str, replacement: str, file: str = "net.prototxt", **more: object) -> dict[str, Any]:
    return {
        "$type": "regex_replace",
        "file": file,
        "pattern": pattern,
        "replacement": replacement,
        **more,
    }


def unpack(file: str, kind: str = "zip") -> dict[str, Any]:
    return {"$type": "unpack_archive", "file": file, "format": kind}


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return out.getvalue()


@pytest.fixture
def prototxt(server: Loopback) -> dict[str, Any]:
    body = TEXT.encode()
    return described("net.prototxt", body, server.serve("/net.prototxt", body))


def test_text_is_replaced_and_the_original_kept(zoo: Zoo, server: Loopback, prototxt: dict[str, Any]) -> None:
    steps = [replace("dim: 10", "dim: 1", count=1), replace(r"dim: (\d+)", r"size: \g<1>")]
    folder = zoo.add("net", prototxt, postprocessing=steps)
    assert zoo.run().status == 0
    # As with Open Model Zoo's tools, line ends become "\n".
    result = {
        "net.prototxt": "name: 'grüße'\nsize: 1\nsize: 10\n".encode(),
        "net.prototxt.orig": TEXT.encode(),
    }
    assert visible(folder) == result
    before = (folder / "net.prototxt").stat()

    assert zoo.run().status == 0
    assert visible(folder) == result
    assert (folder / "net.prototxt").stat().st_mtime_ns == before.st_mtime_ns
    assert server.count("/net.prototxt") == 1

    (folder / "net.prototxt").write_text("edited")  # or half-written by another tool
    assert zoo.run().status == 0
    assert visible(folder) == result
    assert server.count("/net.prototxt") == 1


def test_a_file_put_there_by_hand_is_taken_for_the_original(
    zoo: Zoo, server: Loopback, prototxt: dict[str, Any]
) -> None:
    folder = zoo.add("net", prototxt, postprocessing=[replace("10", "1")])
    folder.mkdir(parents=True)
    (folder / "net.prototxt").write_bytes(TEXT.encode())
    assert zoo.run().status == 0
    assert visible(folder)["net.prototxt.orig"] == TEXT.encode()
    assert b"dim: 1\n" in visible(folder)["net.prototxt"]
    assert server.requests == []


def test_a_spoilt_original_is_fetched_again(zoo: Zoo, server: Loopback, prototxt: dict[str, Any]) -> None:
    folder = zoo.add("net", prototxt, postprocessing=[replace("10", "1")])
    zoo.run()
    (folder / "net.prototxt.orig").write_text("spoilt")
    assert zoo.run().status == 0
    assert visible(folder)["net.prototxt.orig"] == TEXT.encode()
    assert server.count("/net.prototxt") == 2


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (replace("no such", "x"), "expected a match, found none"),
        (replace("dim: 10", "x", count=3), "expected 3 matches, found 2"),
    ],
)
def test_a_replacement_that_does_not_fit(
    zoo: Zoo, prototxt: dict[str, Any], step: dict[str, Any], problem: str
) -> None:
    """An earlier step that went well leaves no trace either."""
    folder = zoo.add("net", prototxt, postprocessing=[replace("grüße", "x"), step])
    result = zoo.run("--quiet")
    assert result.status == 1
    assert f"net: net.prototxt: pattern {step['pattern']!r}: {problem}" in result.err
    assert len(result.err.splitlines()) <= 5
    assert visible(folder) == {"net.prototxt.orig": TEXT.encode()}


def test_a_pattern_that_never_ends_is_stopped(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postprocessing, "REGEX_SECONDS", 1)
    body = b"a" * 50
    file = described("net.prototxt", body, server.serve("/net", body))
    folder = zoo.add("net", file, postprocessing=[replace("(a+)+$(?<=b)", "x")])
    result = zoo.run("--quiet")
    assert result.status == 1
    assert "net.prototxt: pattern '(a+)+$(?<=b)': takes longer than" in result.err
    assert visible(folder) == {"net.prototxt.orig": body}


def test_a_replacement_that_fills_the_memory_is_stopped(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postprocessing, "REGEX_MEMORY_BYTES", 256 << 20)
    body = b"a" * 200_000
    file = described("net.prototxt", body, server.serve("/net", body))
    folder = zoo.add("net", file, postprocessing=[replace("", "x" * 10_000)])
    result = zoo.run("--quiet")
    assert result.status == 1
    assert "memory" in result.err
    assert visible(folder) == {"net.prototxt.orig": body}


def test_a_replacement_that_fills_the_disk_is_stopped(
    zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postprocessing, "MAX_TEXT_BYTES", 1_000_000)
    body = b"a" * 10_001
    file = described("net.prototxt", body, server.serve("/net", body))
    folder = zoo.add("net", file, postprocessing=[replace("a", "x" * 100)])
    result = zoo.run("--quiet")
    assert result.status == 1
    assert "pattern 'a': makes more than 1000000 bytes of the file" in result.err
    assert visible(folder) == {"net.prototxt.orig": body}


@pytest.mark.parametrize("how", ["processor time", "the parent's clock", "Ctrl-C"])
def test_no_worker_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(postprocessing, "REGEX_SECONDS", 1 if how == "processor time" else 0.25)
    source = tmp_path / "net.prototxt"
    source.write_bytes(b"a" * 50)
    request = {
        "source": str(source),
        "target": str(tmp_path / "out"),
        "pattern": "(a+)+$(?<=b)",
        "replacement": "x",
        "count": 0,
        "seconds": 1 if how == "processor time" else 60,
        "memory_bytes": 1 << 30,
        "result_bytes": 1000,
    }
    workers = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args, **options: workers.append(popen(*args, **options)) or workers[-1]
    )
    cancel = CancelToken()
    if how == "Ctrl-C":
        threading.Timer(0.3, cancel.set).start()
        with pytest.raises(Cancelled):
            postprocessing._run_worker(request, cancel)
    else:
        assert "takes longer" in str(postprocessing._run_worker(request, cancel)["error"])
    (worker,) = workers
    assert worker.returncode == -signal.SIGKILL
    assert not Path(f"/proc/{worker.pid}").exists()


def test_text_that_is_none_or_too_much(zoo: Zoo, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = described("net.prototxt", b"\xff\xfe", server.serve("/binary", b"\xff\xfe"))
    zoo.add("binary", binary, postprocessing=[replace("a", "b")])
    monkeypatch.setattr(postprocessing, "MAX_TEXT_BYTES", 10)
    long = described("net.prototxt", b"a" * 11, server.serve("/long", b"a" * 11))
    zoo.add("long", long, postprocessing=[replace("a", "b")])
    result = zoo.run()
    assert "is not UTF-8 text" in result.err
    assert "the file has 11 bytes; text is replaced in 10 at most" in result.err
    assert "FAILED:\nbinary\nlong\n" in result.err


def test_archives_are_unpacked_beside_themselves_and_not_fetched_twice(zoo: Zoo, server: Loopback) -> None:
    """Two archives that share a folder, and text replaced in what came out, as some descriptors have it."""
    one = zipped({"pkg/a.py": b"import x\n", "pkg/b.py": b"b"})
    two = zipped({"pkg/c.py": b"c"})
    steps = [unpack("in/one.zip"), unpack("in/two.zip"), replace("import", r"# \g<0>", "in/pkg/a.py")]
    folder = zoo.add(
        "net",
        described("in/one.zip", one, server.serve("/one", one)),
        described("in/two.zip", two, server.serve("/two", two)),
        postprocessing=steps,
    )
    result = {
        "in/one.zip.orig": one,
        "in/two.zip.orig": two,
        "in/pkg/a.py": b"# import x\n",
        "in/pkg/b.py": b"b",
        "in/pkg/c.py": b"c",
    }
    assert zoo.run().status == 0
    assert visible(folder) == result
    (folder / "in/pkg/c.py").unlink()
    (folder / "in/pkg/b.py").write_bytes(b"edited")
    assert zoo.run().status == 0
    assert visible(folder) == result
    assert (server.count("/one"), server.count("/two")) == (1, 1)


def test_a_hostile_archive_leaves_nothing(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    body = zipped({"good": b"x", "../evil": b"x"})
    folder = zoo.add(
        "net", described("a.zip", body, server.serve("/a", body)), postprocessing=[unpack("a.zip")]
    )
    result = zoo.run("--quiet")
    assert result.status == 1
    assert "net: a.zip: a.zip.orig: member '../evil' is not plainly inside the folder" in result.err
    assert visible(folder) == {"a.zip.orig": body}
    assert not list(tmp_path.rglob("evil"))


def test_an_archive_may_not_replace_a_verified_file(zoo: Zoo, server: Loopback) -> None:
    body = zipped({"net.caffemodel": b"evil"})
    folder = zoo.add(
        "net",
        described("a.zip", body, server.serve("/a", body)),
        described("net.caffemodel", b"good", server.serve("/net", b"good")),
        postprocessing=[unpack("a.zip")],
    )
    result = zoo.run()
    assert result.status == 1
    assert "net.caffemodel: post-processing would overwrite this downloaded file" in result.err
    assert visible(folder)["net.caffemodel"] == b"good"


def test_a_step_for_a_file_that_nobody_has(zoo: Zoo, prototxt: dict[str, Any]) -> None:
    zoo.add("net", prototxt, postprocessing=[replace("a", "b", "other.txt")])
    result = zoo.run()
    assert result.status == 1
    assert "other.txt: regex_replace: no such file was downloaded or unpacked" in result.err


def test_steps_for_other_precisions_are_left_out(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add(
        "net",
        described("FP16/net.xml", b"a", server.serve("/16", b"a")),
        described("FP32/net.xml", b"a", server.serve("/32", b"a")),
        postprocessing=[replace("a", "b", "FP16/net.xml"), replace("a", "c", "FP32/net.xml")],
    )
    assert zoo.run("--precisions", "FP32").status == 0
    assert visible(folder) == {"FP32/net.xml.orig": b"a", "FP32/net.xml": b"c"}
