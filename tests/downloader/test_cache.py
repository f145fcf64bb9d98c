"""The cache has Open Model Zoo's layout, saves requests, and is never trusted."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback

BODY = b"weights" * 10_000
DIGITS = hashlib.sha384(BODY).hexdigest()


def entry(cache: Path) -> Path:
    """Where Open Model Zoo's tools put the file (format 1)."""
    return cache / "1" / DIGITS[:2] / DIGITS[2:]


def test_a_fetched_file_is_put_there_and_taken_out_without_network(
    zoo: Zoo, server: Loopback, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    assert zoo.run("--cache_dir", str(cache)).status == 0
    assert visible(cache) == {f"1/{DIGITS[:2]}/{DIGITS[2:]}": BODY}
    (folder / "net.bin").unlink()
    assert zoo.run("--cache_dir", str(cache)).status == 0
    assert visible(folder) == {"net.bin": BODY}
    assert server.count("/net") == 1


def test_a_sha256_descriptor_fills_the_cache_by_the_digest_that_was_computed(
    zoo: Zoo, server: Loopback, tmp_path: Path
) -> None:
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY), algorithm="sha256"))
    assert zoo.run("--cache_dir", str(tmp_path)).status == 0
    assert entry(tmp_path).read_bytes() == BODY


def test_a_corrupt_entry_is_a_warning_and_is_mended(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    for number, spoilt in enumerate([b"x" + BODY[1:], BODY[:-1], BODY + b"x", b""], start=1):
        (folder / "net.bin").unlink(missing_ok=True)
        entry(tmp_path).parent.mkdir(parents=True, exist_ok=True)
        entry(tmp_path).write_bytes(spoilt)
        result = zoo.run("--quiet", "--cache_dir", str(tmp_path))
        assert result.status == 0
        assert "WARNING: net.bin: not usable from the cache" in result.err
        assert visible(folder) == {"net.bin": BODY}
        assert server.count("/net") == number
        assert entry(tmp_path).read_bytes() == BODY


def test_wrong_files_do_not_get_in(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    zoo.add("net", described("net.bin", BODY, server.serve("/net", b"z" * len(BODY))))
    assert zoo.run("--cache_dir", str(tmp_path / "cache")).status == 1
    assert visible(tmp_path / "cache") == {}


def test_a_cache_that_takes_nothing_is_a_warning(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    result = zoo.run("--cache_dir", str(tmp_path / "cache"))
    assert result.status == 0
    assert "the cache does not take net.bin" in result.err
    assert visible(folder) == {"net.bin": BODY}


def test_old_staging_files_are_removed_and_fresh_ones_are_left(
    zoo: Zoo, server: Loopback, tmp_path: Path
) -> None:
    staging = tmp_path / "1" / "staging"
    staging.mkdir(parents=True)
    for name, age_s in [("old", 100_000), ("fresh", 100)]:
        (staging / name).touch()
        os.utime(staging / name, (time.time() - age_s,) * 2)
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    assert zoo.run("--cache_dir", str(tmp_path)).status == 0
    assert [path.name for path in staging.iterdir()] == ["fresh"]
