"""The cache has Open Model Zoo's layout, saves requests, and is never trusted."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback, Reply

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


@pytest.mark.parametrize("target", ["{}/blob", "../../../blob"])
def test_an_entry_that_is_a_link_is_copied(zoo: Zoo, server: Loopback, tmp_path: Path, target: str) -> None:
    """What is installed is a file of its own, wherever the link leads; so is it with what is spoilt."""
    folder = zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    blob, cache = tmp_path / "blob", tmp_path / "cache"
    blob.write_bytes(BODY)
    entry(cache).parent.mkdir(parents=True)
    entry(cache).symlink_to(target.format(tmp_path))
    assert zoo.run("--cache_dir", str(cache)).status == 0
    assert server.requests == []
    assert not (folder / "net.bin").is_symlink()
    assert visible(folder) == {"net.bin": BODY}
    blob.write_bytes(b"spoilt")
    (folder / "net.bin").unlink()
    assert zoo.run("--cache_dir", str(cache)).status == 0
    assert server.count("/net") == 1
    assert visible(folder) == {"net.bin": BODY}
    assert blob.read_bytes() == b"spoilt"


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


def test_the_layout_is_open_model_zoos(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    """What its ``DirCache.put`` made of a file with the content ``weights``."""
    zoo.add("net", described("net.bin", b"weights", server.serve("/net", b"weights")))
    assert zoo.run("--cache_dir", str(tmp_path / "cache")).status == 0
    digits = "8f897288240c1d2f6903b9b919fed895ff5e30cccba49097b21f52ff2aa70665567d587ff5cbb7c37b009a42187c3d"
    assert visible(tmp_path / "cache") == {f"1/e9/{digits}": b"weights"}


@pytest.fixture
def filled(zoo: Zoo, server: Loopback, tmp_path: Path) -> Path:
    """A cache that holds the file of the model ``net``, and no source to fetch it from again."""
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY, Reply(b"", 404))))
    assert zoo.run("--cache_dir", str(tmp_path)).status == 0
    (zoo.output / "public/net/net.bin").unlink()
    return tmp_path


def test_entry_and_file_share_their_bytes(zoo: Zoo, filled: Path) -> None:
    assert zoo.run("--cache_dir", str(filled)).status == 0
    assert (zoo.output / "public/net/net.bin").samefile(entry(filled))


def test_an_entry_with_other_permissions_is_copied(zoo: Zoo, filled: Path) -> None:
    """As Open Model Zoo's tools leave them, readable by their owner only."""
    entry(filled).chmod(0o600)
    assert zoo.run("--cache_dir", str(filled)).status == 0
    file = zoo.output / "public/net/net.bin"
    assert not file.samefile(entry(filled))
    assert file.stat().st_mode == (zoo.root / "public/net/model.yml").stat().st_mode
    assert file.read_bytes() == BODY


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="needs a second file system")
def test_a_cache_on_another_disk_is_copied(zoo: Zoo, filled: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        shutil.copytree(filled / "1", Path(other) / "1")
        assert zoo.run("--cache_dir", other).status == 0
        assert not (zoo.output / "public/net/net.bin").samefile(entry(Path(other)))
    assert visible(zoo.output) == {"public/net/net.bin": BODY}


def test_blocks_are_shared_where_the_file_system_can(
    zoo: Zoo, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clone(out: int, request: int, source: int) -> int:
        assert request == 0x40049409
        os.sendfile(out, source, 0, len(BODY))
        return 0

    monkeypatch.setattr(fcntl, "ioctl", clone)
    assert zoo.run("--cache_dir", str(filled)).status == 0
    assert visible(zoo.output) == {"public/net/net.bin": BODY}
    assert not (zoo.output / "public/net/net.bin").samefile(entry(filled))


def test_post_processing_leaves_the_entry_alone(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    body = b"dim: 10\n" * 100
    step = {"$type": "regex_replace", "file": "a.txt", "pattern": "10", "replacement": "1"}
    folder = zoo.add("net", described("a.txt", body, server.serve("/a", body)), postprocessing=[step])
    for _ in range(3):
        assert zoo.run("--cache_dir", str(tmp_path)).status == 0
        digits = hashlib.sha384(body).hexdigest()
        cached = tmp_path / "1" / digits[:2] / digits[2:]
        assert cached.samefile(folder / "a.txt.orig")
        assert cached.read_bytes() == body
        assert (folder / "a.txt").read_bytes() == b"dim: 1\n" * 100
        shutil.rmtree(folder)
    assert server.count("/a") == 1


def test_a_file_edited_in_place_spoils_no_other_run(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    assert zoo.run("--cache_dir", str(tmp_path)).status == 0
    with (zoo.output / "public/net/net.bin").open("r+b") as stream:
        stream.write(b"edited")
    assert zoo.run("--cache_dir", str(tmp_path)).status == 0
    assert visible(zoo.output) == {"public/net/net.bin": BODY}
    assert entry(tmp_path).read_bytes() == BODY
    assert server.count("/net") == 2


def test_a_wrong_descriptor_costs_no_entry(zoo: Zoo, filled: Path, server: Loopback) -> None:
    """Its digest is that of the entry, its size or its other digest is not."""
    server.serve("/wrong", BODY)
    right = described("net.bin", BODY, f"{server.root}/wrong")
    zoo.add("short", right | {"size": 5})
    zoo.add("other", right | {"sha256": "0" * 64})
    result = zoo.run("--name", "short,other", "--cache_dir", str(filled))
    assert result.err.count("not usable from the cache") == 2
    assert result.status == 1
    assert entry(filled).read_bytes() == BODY


def test_a_corrupt_entry_without_a_source_is_removed(zoo: Zoo, filled: Path) -> None:
    entry(filled).write_bytes(b"x" * len(BODY))
    assert zoo.run("--cache_dir", str(filled)).status == 1
    assert not entry(filled).exists()
    assert visible(zoo.output) == {}


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write anywhere")
def test_a_cache_that_is_read_only_serves_and_warns_once(zoo: Zoo, filled: Path, server: Loopback) -> None:
    zoo.add("more", *(described(f"{n}.bin", bytes([n]), server.serve(f"/{n}", bytes([n]))) for n in range(5)))
    for folder in (filled / "1", entry(filled).parent):
        folder.chmod(0o555)
    (filled / "1/staging").chmod(0o555)
    # Root without this capability is refused like anybody.
    unprivileged = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    run = zoo.start("--cache_dir", str(filled), prefix=unprivileged)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert err.count("the cache does not take") == 1
    assert len(visible(zoo.output)) == 6


def test_a_cache_that_is_no_folder_serves_nothing(zoo: Zoo, server: Loopback, tmp_path: Path) -> None:
    """Or whose entry is a folder or a pipe, which would never end."""
    zoo.add("net", described("net.bin", BODY, server.serve("/net", BODY)))
    entry(tmp_path).parent.mkdir(parents=True)
    os.mkfifo(entry(tmp_path))
    assert zoo.run("--cache_dir", str(tmp_path)).status == 0
    assert visible(zoo.output) == {"public/net/net.bin": BODY}
    assert entry(tmp_path).read_bytes() == BODY
