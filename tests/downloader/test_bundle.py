"""Bundles: the same bytes for the same content, and no more trusted than a server."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from downloader.conftest import Result, Zoo, described, visible
from downloader.loopback import Loopback

from omz.downloader import bundle_command, packing
from omz.downloader.bundle import MANIFEST

BODY = random.Random(5).randbytes(500_000)
TEXT = b"dim: 10\n"
REPLACE = {"$type": "regex_replace", "file": "net.txt", "pattern": "10", "replacement": "1"}
SPECIFICATION = {
    "title": "A net",
    "paper": "https://example.com/paper",
    "channel_order": "BGR",
    "license_name": "A licence",
    "license_file": "LICENCE.txt",
}


class Packer:
    """Packs what a zoo has downloaded."""

    def __init__(self, zoo: Zoo, capsys: pytest.CaptureFixture[str], target: Path) -> None:
        self._zoo, self._capsys, self.target = zoo, capsys, target

    def __call__(self, *arguments: str) -> Result:
        self._capsys.readouterr()
        selection = [] if "--name" in arguments else ["--all"]
        paths = ["--models_root", str(self._zoo.root), "-d", str(self._zoo.output), "-o", str(self.target)]
        status = bundle_command.main([*selection, *paths, *arguments])
        captured = self._capsys.readouterr()
        return Result(status, captured.out, captured.err)


@pytest.fixture
def pack(zoo: Zoo, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Packer:
    return Packer(zoo, capsys, tmp_path / "zoo.tar")


@pytest.fixture
def downloaded(zoo: Zoo, server: Loopback, tmp_path: Path) -> Zoo:
    """Two models, one with post-processing and one with a licence."""
    zoo.add(
        "one",
        described("sub/net.bin", BODY, server.serve("/one", BODY)),
        described("net.txt", TEXT, server.serve("/text", TEXT)),
        postprocessing=[REPLACE],
    )
    zoo.add("two", described("net.bin", b"two", server.serve("/two", b"two")), specification=SPECIFICATION)
    (tmp_path / "licenses").mkdir()
    (tmp_path / "licenses/LICENCE.txt").write_text("Do what you like.")
    assert zoo.run().status == 0
    return zoo


@pytest.fixture
def elsewhere(downloaded: Zoo, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Install from a bundle into an empty folder, on a machine without a network."""

    def install(path: Path, *arguments: str) -> Result:
        def refuse(*_: object) -> None:
            raise AssertionError("the network was used")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        shutil.rmtree(downloaded.output, ignore_errors=True)
        roots = ["--models_root", str(downloaded.root)]
        from omz.downloader import command

        downloaded._capsys.readouterr()
        status = command.main(["--from_bundle", str(path), "-o", str(downloaded.output), *roots, *arguments])
        captured = downloaded._capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return install


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def write(path: Path, contents: dict[str, bytes], manifest: dict[str, Any] | None = None) -> Path:
    """Write a tar; a new manifest takes the place of that in ``contents``."""
    if manifest is not None:
        contents = contents | {MANIFEST: json.dumps(manifest).encode()}
    with tarfile.open(path, "w") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_there_and_back(downloaded: Zoo, pack: Packer, elsewhere: Callable[..., Result]) -> None:
    before = visible(downloaded.output)
    assert pack().status == 0
    result = elsewhere(pack.target)
    assert result.status == 0, result.err
    assert visible(downloaded.output) == before
    assert before["public/one/net.txt"] == b"dim: 1\n"
    assert downloaded.run("--verify_only").status == 0


def test_what_is_in_it(downloaded: Zoo, pack: Packer) -> None:
    assert pack().status == 0
    found = members(pack.target)
    one, two = (downloaded.root / f"public/{name}/model.yml" for name in ("one", "two"))
    assert list(found) == [
        "omz-bundle.json",
        "licenses/LICENCE.txt",
        "models/public/one/model.yml",
        "models/public/two/model.yml",
        "files/public/one/net.txt",
        "files/public/one/sub/net.bin",
        "files/public/two/net.bin",
    ]
    assert found["files/public/one/net.txt"] == TEXT  # as it was downloaded
    assert found["licenses/LICENCE.txt"] == b"Do what you like."
    assert found["models/public/one/model.yml"] == one.read_bytes()
    assert found["models/public/two/model.yml"] == two.read_bytes()
    manifest = json.loads(found["omz-bundle.json"])
    assert (manifest["format"], manifest["version"]) == ("omz-bundle", 1)
    assert manifest["models"][1] == {
        "name": "two",
        "subdirectory": "public/two",
        "license": "https://example.com/licence",
        "license_file": "LICENCE.txt",
        "files": [{"name": "net.bin", "size": 3, "sha384": hashlib.sha384(b"two").hexdigest()}],
    }


def test_the_same_content_gives_the_same_bytes(downloaded: Zoo, pack: Packer) -> None:
    """Whenever, by whomever, with whatever permissions, and in whatever order it was asked for."""
    assert pack().status == 0
    first = pack.target.read_bytes()
    for path in downloaded.output.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            os.utime(path, (1, 1))
    before = os.umask(0o077)
    try:
        assert pack("--name", "two,one,t*").status == 0
    finally:
        os.umask(before)
    assert pack.target.read_bytes() == first


def test_the_bytes_are_always_these(zoo: Zoo, pack: Packer) -> None:
    """On every machine. A change of them is a change that users see."""
    folder = zoo.add("net", described("net.bin", b"net", "http://127.0.0.1:9/net"))
    folder.mkdir(parents=True)
    (folder / "net.bin").write_bytes(b"net")
    assert pack().status == 0
    digest = "7fd40198856e1debb1bd26c3ba10a5a47c3961973cff4bf4320b6f601da79f14"
    assert hashlib.sha256(pack.target.read_bytes()).hexdigest() == digest


def test_it_is_laid_out_as_a_mirror_and_as_a_models_folder(
    downloaded: Zoo, pack: Packer, tmp_path: Path, server: Loopback
) -> None:
    assert pack().status == 0
    subprocess.run(["tar", "-xf", pack.target, "-C", tmp_path, "files"], check=True)
    for path in (tmp_path / "files").rglob("*"):
        if path.is_file():
            server.serve(f"/{path.relative_to(tmp_path / 'files')}", path.read_bytes())
    shutil.rmtree(downloaded.output)
    assert downloaded.run("--mirror", server.root).status == 0
    assert server.requests[-3:] == ["/public/one/sub/net.bin", "/public/one/net.txt", "/public/two/net.bin"]


def test_a_chosen_model_only(downloaded: Zoo, pack: Packer, elsewhere: Callable[..., Result]) -> None:
    assert pack().status == 0
    assert elsewhere(pack.target, "--name", "two").status == 0
    assert visible(downloaded.output) == {"public/two/net.bin": b"two"}


def test_a_model_that_is_not_in_it(downloaded: Zoo, pack: Packer, elsewhere: Callable[..., Result]) -> None:
    assert pack("--name", "two").status == 0
    result = elsewhere(pack.target, "--name", "one,two")
    assert result.status == 1
    assert "zoo.tar does not hold files/public/one/" in result.err
    assert result.err.endswith("FAILED:\none\n")
    assert visible(downloaded.output) == {"public/two/net.bin": b"two"}


def test_a_model_that_the_catalogue_does_not_know(
    downloaded: Zoo, pack: Packer, elsewhere: Callable[..., Result], tmp_path: Path
) -> None:
    """Its descriptor is in the bundle, for those who trust it."""
    assert pack().status == 0
    shutil.rmtree(downloaded.root / "public/two")
    result = elsewhere(pack.target)
    assert result.status == 2
    assert "no descriptor of public/two in" in result.err
    assert f"tar -xf {pack.target} models" in result.err
    assert visible(downloaded.output) == {}
    subprocess.run(["tar", "-xf", pack.target, "-C", tmp_path / "licenses", "models"], check=True)
    assert elsewhere(pack.target, "--models_root", str(tmp_path / "licenses/models")).status == 0
    assert visible(downloaded.output)["public/two/net.bin"] == b"two"


def test_composite_models_bring_their_stages(zoo: Zoo, server: Loopback, pack: Packer) -> None:
    for stage in ("pair-a", "pair-b"):
        zoo.add(f"pair/{stage}", described("net.bin", BODY, server.serve(f"/{stage}", BODY)))
    text = "description: Two.\ntask_type: classification\nlicense: https://example.com/licence\n"
    (zoo.root / "public/pair/composite-model.yml").write_text(text)
    assert zoo.run().status == 0
    before = visible(zoo.output)
    assert pack().status == 0
    assert members(pack.target)["models/public/pair/composite-model.yml"] == text.encode()
    shutil.rmtree(zoo.output)
    assert zoo.run("--from_bundle", str(pack.target)).status == 0
    assert visible(zoo.output) == before


# Packing


@pytest.mark.parametrize("how", ["missing", "spoilt"])
def test_what_is_not_whole_is_not_packed(downloaded: Zoo, pack: Packer, how: str) -> None:
    pack.target.write_bytes(b"an older one")
    path = downloaded.output / "public/one/net.txt.orig"
    path.unlink()
    if how == "spoilt":
        path.write_bytes(b"dim: 9\n")
    result = pack()
    assert result.status == 1
    assert "public/one/net.txt: is not there, or not whole" in result.err
    assert "omz_downloader --name one -o" in result.err
    assert pack.target.read_bytes() == b"an older one"


def test_what_changes_meanwhile_is_not_packed(
    downloaded: Zoo, pack: Packer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = packing._add_bytes

    def add_and_spoil(*arguments: Any) -> None:
        add(*arguments)
        (downloaded.output / "public/two/net.bin").write_bytes(b"TWO")

    monkeypatch.setattr(packing, "_add_bytes", add_and_spoil)
    result = pack()
    assert result.status == 1
    assert "has changed while it was being packed" in result.err
    assert sorted(path.name for path in pack.target.parent.iterdir()) == ["licenses", "models", "output"]


def test_events(downloaded: Zoo, pack: Packer) -> None:
    events = [json.loads(line) for line in pack("--progress_format", "json").out.splitlines()]
    assert {event["$type"] for event in events} == {
        "model_pack_begin", "model_pack_end",
        "model_file_pack_begin", "model_file_pack_progress", "model_file_pack_end",
    }  # fmt: skip
    assert events[-1] == {"$type": "model_pack_end", "model": "two", "successful": True}


def test_wrong_usage(downloaded: Zoo, pack: Packer, capsys: pytest.CaptureFixture[str]) -> None:
    assert bundle_command.main(["--all", "--models_root", str(downloaded.root)]) == 2
    assert "-o FILE is needed" in capsys.readouterr().err
    assert pack("--name", "nobody").status == 2


# Hostile bundles


@pytest.fixture
def packed(pack: Packer, downloaded: Zoo) -> dict[str, bytes]:
    assert pack().status == 0
    return members(pack.target)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../evil", "not plainly inside"),
        ("/evil", "not plainly inside"),
        ("files/../../evil", "not plainly inside"),
        ("files/a\\b", "not plainly inside"),
        ("files/a\x1b[31m", "not plainly inside"),
        ("files/public/two/.omz.lock", "keeps for its own files"),
        ("files/public/two/NET.bin", "one name on some disks"),
        ("files/public/two/net.bin/x", "is there twice"),
        ("./files/public/two/net.bin", "is there twice"),
        ("evil", "does not belong into a bundle"),
        ("files/public/two/more.bin", "do not agree on"),
    ],
)
def test_odd_members(
    packed: dict[str, bytes],
    elsewhere: Callable[..., Result],
    tmp_path: Path,
    downloaded: Zoo,
    name: str,
    problem: str,
) -> None:
    result = elsewhere(write(tmp_path / "evil.tar", packed | {name: b"evil"}))
    assert result.status == 1
    assert problem in result.err
    assert len(result.err.splitlines()) <= 2
    assert visible(downloaded.output) == {}
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices(
    packed: dict[str, bytes], elsewhere: Callable[..., Result], pack: Packer, kind: bytes
) -> None:
    with tarfile.open(pack.target, "a") as archive:
        info = tarfile.TarInfo("files/x")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    result = elsewhere(pack.target)
    assert result.status == 1
    assert "is a link or a device" in result.err


@pytest.mark.parametrize("content", [b"TWO", b"tw", b"twoo", b""])
def test_files_that_are_not_what_the_descriptor_promises(
    packed: dict[str, bytes],
    elsewhere: Callable[..., Result],
    tmp_path: Path,
    downloaded: Zoo,
    content: bytes,
) -> None:
    """With a manifest that vouches for them."""
    manifest = json.loads(packed[MANIFEST])
    lie = {"name": "net.bin", "size": len(content), "sha384": hashlib.sha384(content).hexdigest()}
    manifest["models"][1]["files"] = [lie]
    contents = packed | {"files/public/two/net.bin": content}
    result = elsewhere(write(tmp_path / "evil.tar", contents, manifest))
    assert result.status == 1
    assert result.err.endswith("FAILED:\ntwo\n")
    assert "public/two/net.bin" not in visible(downloaded.output)
    assert "public/one/sub/net.bin" in visible(downloaded.output)


def test_a_descriptor_in_the_bundle_does_not_count(
    packed: dict[str, bytes], elsewhere: Callable[..., Result], tmp_path: Path, downloaded: Zoo
) -> None:
    """Not even one that is true to the file beside it."""
    good, evil = (hashlib.sha384(body).hexdigest().encode() for body in (b"two", b"owt"))
    manifest = json.loads(packed[MANIFEST].replace(good, evil))
    name = "models/public/two/model.yml"
    contents = packed | {"files/public/two/net.bin": b"owt", name: packed[name].replace(good, evil)}
    assert elsewhere(write(tmp_path / "evil.tar", contents, manifest)).status == 1
    assert "public/two/net.bin" not in visible(downloaded.output)


def spoilt_manifests(good: dict[str, Any]) -> dict[str, object]:
    (one, two), deep = good["models"], json.loads("[" * 500 + "]" * 500)
    other = two["files"][0] | {"name": "x"}
    return {
        "no object": [],
        "another format": good | {"format": "zip"},
        "a later version": good | {"version": 2},
        "an unknown key": good | {"x": 1},
        "a path that leads elsewhere": good | {"models": [one, two | {"subdirectory": "../two"}]},
        "a wrong size": good | {"models": [one, two | {"files": [two["files"][0] | {"size": 4}]}]},
        "a file that is not there": good | {"models": [one, two | {"files": [*two["files"], other]}]},
        "a file left out": good | {"models": [one]},
        "depth": good | {"models": deep},
        "a huge number": good | {"version": 10**4000},
    }  # fmt: skip


@pytest.mark.parametrize("lie", list(spoilt_manifests({"models": [{}, {"files": [{}]}]})))
def test_manifests_that_lie(
    packed: dict[str, bytes], elsewhere: Callable[..., Result], tmp_path: Path, downloaded: Zoo, lie: str
) -> None:
    manifest: Any = spoilt_manifests(json.loads(packed[MANIFEST]))[lie]
    result = elsewhere(write(tmp_path / "evil.tar", packed, manifest))
    assert result.status == 1
    assert "evil.tar: " in result.err
    assert len(result.err.splitlines()) <= 2
    assert visible(downloaded.output) == {}


def test_manifests_that_are_none(
    packed: dict[str, bytes], elsewhere: Callable[..., Result], tmp_path: Path
) -> None:
    for text in (b"", b"{", b"\xff", b"[" * 100_000, b"1" * 10_000, b"null", b" " * (9 << 20)):
        result = elsewhere(write(tmp_path / "evil.tar", packed | {MANIFEST: text}))
        assert result.status == 1
        assert "is no bundle: " in result.err
        assert len(result.err.splitlines()) <= 2


def test_damaged_bundles(
    packed: dict[str, bytes], elsewhere: Callable[..., Result], pack: Packer, downloaded: Zoo
) -> None:
    """Cut off anywhere, or with a byte changed anywhere: an error, or what the descriptors promise."""
    body = pack.target.read_bytes()
    right = {"public/one/sub/net.bin": BODY, "public/two/net.bin": b"two", "public/one/net.txt.orig": TEXT}
    chance = random.Random(6)
    for round_ in range(40):
        position = chance.randrange(len(body)) if round_ % 2 else chance.randrange(6000)
        changed = body[:position] + (
            b"" if round_ % 4 < 2 else bytes([body[position] ^ 64]) + body[position + 1 :]
        )
        pack.target.write_bytes(changed)
        result = elsewhere(pack.target)
        assert result.status in (0, 1, 2), result.err
        assert "internal error" not in result.err
        found = visible(downloaded.output)
        assert all(found.get(name, content) == content for name, content in right.items())


@pytest.mark.parametrize("body", [b"", b"x" * 2000, bytes(20_000)])
def test_what_is_no_bundle(elsewhere: Callable[..., Result], tmp_path: Path, body: bytes) -> None:
    (tmp_path / "evil.tar").write_bytes(body)
    result = elsewhere(tmp_path / "evil.tar")
    assert result.status == 1
    assert "evil.tar: is no bundle: " in result.err
    assert elsewhere(tmp_path / "missing.tar").status == 1


def test_no_network_means_no_mirror(elsewhere: Callable[..., Result], tmp_path: Path) -> None:
    assert elsewhere(tmp_path / "x.tar", "--mirror", "https://host/x").status == 2


@pytest.mark.slow
def test_a_gigabyte_takes_little_memory(zoo: Zoo, pack: Packer, tmp_path: Path) -> None:
    """Of zeros, which take no room on the disk until they are packed."""
    size, digest = 1 << 30, hashlib.sha384()
    for _ in range(1024):
        digest.update(bytes(1 << 20))
    entry = {
        "name": "net.bin",
        "size": size,
        "checksum": digest.hexdigest(),
        "source": "http://127.0.0.1:9/net",
    }
    folder = zoo.add("net", entry)
    folder.mkdir(parents=True)
    with (folder / "net.bin").open("wb") as stream:
        stream.truncate(size)
    common = f"'--all', '--models_root', {str(zoo.root)!r}, "
    runs = {
        "bundle_command": f"'-d', {str(zoo.output)!r}, '-o', {str(pack.target)!r}",
        "command": f"'--from_bundle', {str(pack.target)!r}, '-o', {str(tmp_path / 'out')!r}",
    }
    for module, arguments in runs.items():
        code = f"import sys; from omz.downloader.{module} import main; sys.exit(main([{common}{arguments}]))"
        limit = partial(resource.setrlimit, resource.RLIMIT_DATA, (160 << 20, 160 << 20))
        run = subprocess.run(
            [sys.executable, "-c", code], preexec_fn=limit, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "out/public/net/net.bin").stat().st_size == size
