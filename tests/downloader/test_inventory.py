"""--verify_only and --dry_run: true to what is on the disk, without touching it or any server."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import socket
import zipfile
from pathlib import Path

import pytest
from downloader.conftest import Described, Zoo, described, visible
from downloader.loopback import Loopback, Reply

BODY = random.Random(4).randbytes(3_000_000)
TEXT = b"dim: 10\n"
REPLACE = {"$type": "regex_replace", "file": "a.txt", "pattern": "10", "replacement": "1"}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p): (p.stat().st_mtime_ns, p.stat().st_ino) for p in [folder, *folder.rglob("*")] if p.exists()
    }


def states(zoo: Zoo, *arguments: str) -> tuple[int, dict[str, str]]:
    """Verify; returns the exit status, and each file's state with what is wrong with it."""
    before = everything(zoo.output)
    result = zoo.run("--verify_only", "--progress_format", "json", *arguments)
    assert everything(zoo.output) == before
    found = {}
    for event in map(json.loads, result.out.splitlines()):
        assert event["$type"] == "model_file_verification"
        found[event["model_file"]] = " ".join(filter(None, (event["state"], event["problem"])))
    return result.status, found


def file(zoo: Zoo, server: Loopback, name: str, body: bytes = BODY) -> Described:
    return described(name, body, server.serve(f"/{name}", body))


def test_each_state(zoo: Zoo, server: Loopback) -> None:
    """Of the four, only a file that is ok is a success."""
    folder = zoo.add("net", *(file(zoo, server, f"{name}.bin") for name in "abcdef"))
    assert states(zoo) == (1, {f"{name}.bin": "missing" for name in "abcdef"})
    assert not zoo.output.exists()
    assert zoo.run().status == 0
    assert states(zoo) == (0, {f"{name}.bin": "ok" for name in "abcdef"})
    (folder / "b.bin").unlink()
    (folder / "c.bin").write_bytes(b"x" + BODY[1:])
    (folder / "d.bin").write_bytes(BODY[:-1])
    (folder / "e.bin").unlink()
    (folder / "e.bin").mkdir()
    assert states(zoo) == (
        1,
        {
            "a.bin": "ok",
            "b.bin": "missing",
            "c.bin": "corrupt wrong digest",
            "d.bin": f"corrupt has {len(BODY) - 1} bytes, not {len(BODY)}",
            "e.bin": "corrupt is a folder",
            "f.bin": "ok",
        },
    )


def test_in_words_and_with_the_models_that_failed(zoo: Zoo, server: Loopback) -> None:
    zoo.add("bad", file(zoo, server, "a.bin"))
    zoo.add("good", file(zoo, server, "b.bin"))
    assert zoo.run("--name", "good").status == 0
    result = zoo.run("--verify_only", "-j", "2")
    assert result.status == 1
    assert result.out == "missing  bad/a.bin\nok       good/b.bin\n"
    assert result.err.endswith("FAILED:\nbad\n")


def interrupted(zoo: Zoo, server: Loopback) -> Path:
    """Leave a part of a file behind, and return the folder of its model."""
    headers = {"ETag": '"1"', "Accept-Ranges": "bytes"}
    url = server.serve("/net", Reply(BODY[:1_500_000], headers=headers, length=len(BODY)), Reply(b"", 404))
    folder = zoo.add("net", described("net.bin", BODY, url))
    assert zoo.run("--num_attempts", "1").status == 1
    return folder


def test_a_part_of_a_file(zoo: Zoo, server: Loopback) -> None:
    interrupted(zoo, server)
    assert states(zoo) == (1, {"net.bin": f"partial 1500000 of {len(BODY)} bytes"})


def test_post_processed_files_are_compared_with_what_post_processing_makes(
    zoo: Zoo, server: Loopback
) -> None:
    """Their digests are not those of the descriptor; those of the originals are."""
    folder = zoo.add(
        "net", file(zoo, server, "a.txt", TEXT), file(zoo, server, "b.bin"), postprocessing=[REPLACE]
    )
    assert zoo.run().status == 0
    assert states(zoo) == (0, {"a.txt": "ok", "b.bin": "ok"})
    (folder / "a.txt").write_bytes(b"dim: 2\n")
    assert states(zoo) == (1, {"a.txt": "corrupt is not what post-processing makes", "b.bin": "ok"})
    (folder / "a.txt").unlink()
    assert states(zoo) == (1, {"a.txt": "partial is not post-processed", "b.bin": "ok"})
    (folder / "a.txt.orig").rename(folder / "a.txt")
    assert states(zoo) == (1, {"a.txt": "partial is not post-processed", "b.bin": "ok"})
    assert zoo.run().status == 0
    (folder / "a.txt.orig").write_bytes(b"dim: 3\n")
    assert states(zoo) == (1, {"a.txt": "corrupt a.txt.orig: has 7 bytes, not 8", "b.bin": "ok"})
    (folder / "a.txt.orig").unlink()
    assert states(zoo) == (1, {"a.txt": "missing a.txt.orig is not there", "b.bin": "ok"})
    assert server.count("/a.txt") == 1


def test_what_came_out_of_an_archive(zoo: Zoo, server: Loopback) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("x", "y", "z"):
            archive.writestr(f"dir/{name}", name)
    step = {"$type": "unpack_archive", "file": "a.zip", "format": "zip"}
    folder = zoo.add("net", file(zoo, server, "a.zip", packed.getvalue()), postprocessing=[step])
    assert zoo.run().status == 0
    assert states(zoo) == (0, {"a.zip": "ok", "dir/x": "ok", "dir/y": "ok", "dir/z": "ok"})
    (folder / "dir/x").unlink()
    (folder / "dir/y").write_text("Y")
    problem = "corrupt is not what post-processing makes"
    assert states(zoo) == (1, {"a.zip": "ok", "dir/x": "missing", "dir/y": problem, "dir/z": "ok"})


def test_post_processing_that_cannot_be_done(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", file(zoo, server, "a.txt", TEXT), postprocessing=[REPLACE | {"pattern": "11"}])
    assert zoo.run().status == 1
    assert visible(folder) == {"a.txt.orig": TEXT}
    status, found = states(zoo)
    assert status == 1
    assert found["a.txt"].startswith("corrupt a.txt: pattern '11': expected a match, found none")


def test_other_precisions_are_not_asked_for(zoo: Zoo, server: Loopback) -> None:
    zoo.add("net", file(zoo, server, "FP16/a"), file(zoo, server, "FP32/a"))
    assert zoo.run("--precisions", "FP16").status == 0
    assert states(zoo, "--precisions", "FP16") == (0, {"FP16/a": "ok"})
    assert states(zoo)[0] == 1


def test_a_dry_run_tells_and_does_nothing(zoo: Zoo, server: Loopback, tmp_path: Path, offline: None) -> None:
    cache = tmp_path / "cache"
    folder = zoo.add(
        "net",
        described("keep.bin", b"k", "http://127.0.0.1:9/k"),
        described("cached.bin", b"c", "http://127.0.0.1:9/c"),
        described("fetch.bin", BODY, "http://me:pw@127.0.0.1:9/f", "http://127.0.0.1:9/g"),
        described("unknown.bin", BODY, {"$type": "google_drive", "id": "abc"}) | {"size": "unknown"},
        described("here.bin", BODY, {"$type": "bundled", "path": "here.bin"}),
    )
    folder.mkdir(parents=True)
    (folder / "keep.bin").write_bytes(b"k")
    digits = hashlib.sha384(b"c").hexdigest()
    entry = cache / "1" / digits[:2] / digits[2:]
    entry.parent.mkdir(parents=True)
    entry.write_bytes(b"c")
    before = everything(tmp_path)
    arguments = ["--dry_run", "--cache_dir", str(cache), "--mirror", "https://mirror.invalid/zoo"]
    result = zoo.run(*arguments)
    assert result.status == 0
    mirror = "https://mirror.invalid/zoo/public/net"
    assert result.out.splitlines() == [
        "keep     net/keep.bin",
        "cache    net/cached.bin  from the cache",
        f"fetch    net/fetch.bin  3.0 MB from {mirror}/fetch.bin, else http://127.0.0.1:9/f, else http://127.0.0.1:9/g",
        f"fetch    net/unknown.bin  unknown size from {mirror}/unknown.bin, else Google Drive file abc",
        "copy     net/here.bin  from bundled file here.bin",
        "2 files to fetch, 3.0 MB, and 1 of unknown size",
    ]
    events = [json.loads(line) for line in zoo.run(*arguments, "--progress_format", "json").out.splitlines()]
    assert [event.get("action") for event in events] == ["keep", "cache", "fetch", "fetch", "copy", None]
    assert events[2] == {
        "$type": "model_file_plan",
        "model": "net",
        "model_file": "fetch.bin",
        "action": "fetch",
        "size": len(BODY),
        "fetch_size": len(BODY),
        "sources": [f"{mirror}/fetch.bin", "http://127.0.0.1:9/f", "http://127.0.0.1:9/g"],
    }
    total = {"$type": "plan_end", "num_files": 2, "fetch_size": len(BODY), "num_unknown_sizes": 1}
    assert events[-1] == total
    assert everything(tmp_path) == before


def test_a_spoilt_cache_is_no_help_and_is_left_alone(zoo: Zoo, tmp_path: Path, offline: None) -> None:
    zoo.add("net", described("a.bin", BODY, "http://127.0.0.1:9/k"))
    digits = hashlib.sha384(BODY).hexdigest()
    entry = tmp_path / "cache/1" / digits[:2] / digits[2:]
    entry.parent.mkdir(parents=True)
    for spoilt in (b"x", b"x" * len(BODY)):
        entry.write_bytes(spoilt)
        assert zoo.run("--dry_run", "--cache_dir", str(tmp_path / "cache")).out.startswith("fetch ")
        assert entry.read_bytes() == spoilt


def test_what_is_left_of_a_part(zoo: Zoo, server: Loopback) -> None:
    interrupted(zoo, server)
    asked = len(server.requests)
    assert "resume   net/net.bin  1.5 MB from" in zoo.run("--dry_run").out
    assert len(server.requests) == asked


def test_one_or_the_other(zoo: Zoo) -> None:
    zoo.add("net", described("a.bin", BODY, "http://127.0.0.1:9/k"))
    assert zoo.run("--dry_run", "--verify_only").status == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read(zoo: Zoo, server: Loopback) -> None:
    folder = zoo.add("net", file(zoo, server, "a.bin"))
    assert zoo.run().status == 0
    (folder / "a.bin").chmod(0)
    assert states(zoo) == (1, {"a.bin": f"corrupt cannot be read: {os.strerror(errno.EACCES)}"})
