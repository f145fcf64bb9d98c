"""Links in archives of strangers: what they lead to within the folder, or an error."""

from __future__ import annotations

import errno
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.loopback import Loopback

from omz.downloader import links
from omz.downloader.archives import Limits, unpack
from omz.downloader.pool import CancelToken
from omz.errors import DownloadError

#: A name and its content; or a name, an arrow, and where the link leads. "=>" is a hard link.
Members = Sequence[tuple[str, bytes] | tuple[str, str, str]]


def make_tar(members: Members) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, *rest in members:
            info = tarfile.TarInfo(name)
            if len(rest) == 2:
                info.type = tarfile.SYMTYPE if rest[0] == "->" else tarfile.LNKTYPE
                info.linkname = rest[1]
                archive.addfile(info)
            else:
                info.size = len(rest[0])
                archive.addfile(info, io.BytesIO(rest[0]))
    return out.getvalue()


def make_zip(members: Members) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, *rest in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = ((stat.S_IFLNK if len(rest) == 2 else stat.S_IFREG) | 0o777) << 16
            archive.writestr(info, rest[-1])
    return out.getvalue()


MAKERS = {"tar": make_tar, "zip": make_zip}


def unpacked(folder: Path, kind: str, members: Members, limits: Limits | None = None) -> dict[str, bytes]:
    """Unpack an archive of these members; there must be no link among the results."""
    archive, target = folder / "a", folder / "out"
    archive.write_bytes(MAKERS[kind](members))
    files = unpack(archive, kind, target, limits=limits, cancel=CancelToken())
    assert not [path for path in target.rglob("*") if path.is_symlink()]
    assert {path.relative_to(target) for path in target.rglob("*") if path.is_file()} == {
        Path(path) for path in files
    }
    return {path.as_posix(): (target / path).read_bytes() for path in files}


FILES: Members = [("lib/x.so.1", b"x"), ("data/deep/b.bin", b"b")]
GOOD = [
    ("lib/x.so", "->", "x.so.1", {"lib/x.so": b"x"}),
    ("x.so", "->", "./lib//x.so.1", {"x.so": b"x"}),
    ("lib/b", "->", "../data/deep/b.bin", {"lib/b": b"b"}),
    ("lib/up", "->", "../lib/../data/deep/../deep/b.bin", {"lib/up": b"b"}),
    ("all", "->", "data", {"all/deep/b.bin": b"b"}),
    ("lib/all", "->", "../data/deep/", {"lib/all/b.bin": b"b"}),
]


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("name", "arrow", "target", "more"), GOOD)
def test_links_within_the_folder(
    tmp_path: Path, kind: str, first: bool, name: str, arrow: str, target: str, more: dict[str, bytes]
) -> None:
    """Before or behind what they lead to."""
    link = [(name, arrow, target)]
    members = [*link, *FILES] if first else [*FILES, *link]
    assert unpacked(tmp_path, kind, members) == {"lib/x.so.1": b"x", "data/deep/b.bin": b"b"} | more


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_links_to_links(tmp_path: Path, kind: str) -> None:
    """The parent of a folder behind a link is that of the folder, not of the link."""
    members: Members = [
        *FILES,
        ("one", "->", "two"),
        ("two", "->", "lib/x.so.1"),
        ("short", "->", "data/deep"),
        ("up", "->", "short/../deep/b.bin"),
        ("data/other", "->", "../lib"),
        ("both", "->", "data"),
    ]
    found = unpacked(tmp_path, kind, members)
    assert found["one"] == found["two"] == found["both/other/x.so.1"] == b"x"
    assert found["up"] == found["short/b.bin"] == b"b"


def test_hard_links(tmp_path: Path) -> None:
    members: Members = [*FILES, ("lib/y", "=>", "./lib/x.so.1"), ("z", "=>", "lib/l"), ("lib/l", "->", "y")]
    found = unpacked(tmp_path, "tar", members)
    assert found["lib/y"] == found["z"] == found["lib/l"] == b"x"


def test_on_a_disk_without_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is copied counts."""

    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_link)
    members: Members = [("a", b"a" * 50_000), *((f"l{n}", "->", "a") for n in range(4))]
    assert unpacked(tmp_path, "zip", members) == dict.fromkeys(("a", "l0", "l1", "l2", "l3"), b"a" * 50000)
    (tmp_path / "second").mkdir()
    with pytest.raises(DownloadError, match="more than 200000 bytes"):
        unpacked(tmp_path / "second", "zip", members, Limits(total_bytes=200_000))


BAD = [
    ([("l", "->", "/etc/passwd")], "'l' is a link that leads out of the folder"),
    ([("l", "->", "../evil")], "'l' is a link that leads out of the folder"),
    ([("lib/l", "->", "../lib/../../x")], "'lib/l' is a link that leads out of the folder"),
    ([("s", "->", "data/deep"), ("l", "->", "s/../../../x")], "'l' is a link that leads out of the folder"),
    ([("l", "->", "..")], "'l' is a link that leads out of the folder"),
    ([("l", "->", "missing")], "'l' is a link that leads to nothing"),
    ([("l", "->", "lib/x.so.1/..")], "'l' is a link that leads to nothing"),
    ([("l", "->", "lib/x.so.1/y")], "'l' is a link that leads to nothing"),
    ([("l", "->", "LIB/x.so.1")], "'l' is a link that leads to nothing"),
    ([("l", "->", "l")], "'l' is a link that leads in a circle"),
    ([("l", "->", "m"), ("m", "->", "l")], "leads in a circle"),
    ([("l", "->", ".")], "'l' is a link to a folder that it is in itself"),
    ([("lib/l", "->", "../lib")], "'lib/l' is a link to a folder that it is in itself"),
    ([("lib/l", "->", "../data"), ("data/m", "->", "../lib")], "is a link to a folder that it is in itself"),
    ([("l", "->", "x" * 2000)], "more than 1024 characters"),
    ([("l", "->", "lib"), ("l/evil", b"x")], "'l/evil' is there twice"),
    ([("l", "->", "lib"), ("l", b"x")], "'l' is there twice"),
    ([("l", "->", "lib"), ("L", "->", "lib")], "one name on some disks"),
    ([("../l", "->", "lib")], "not plainly inside the folder"),
    ([(f"l{n}", "->", f"l{n + 1}") for n in range(50)] + [("l50", b"x")], "through too many others"),
]


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # of zipfile, on writing it
@pytest.mark.parametrize(("members", "problem"), BAD)
def test_links_that_are_refused(
    tmp_path: Path, kind: str, members: list[tuple[str, str, str]], problem: str
) -> None:
    with pytest.raises(DownloadError, match=problem):
        unpacked(tmp_path, kind, [*FILES, *members])
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert {path.name for path in tmp_path.iterdir()} <= {"a", "out"}


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("lib", "'h' is a hard link to a folder"),
        ("/lib/x.so.1", "leads out of the folder"),
        ("../out/lib/x.so.1", "leads out of the folder"),
        ("h", "in a circle"),
        ("missing", "leads to nothing"),
    ],
)
def test_hard_links_that_are_refused(tmp_path: Path, target: str, problem: str) -> None:
    with pytest.raises(DownloadError, match=problem):
        unpacked(tmp_path, "tar", [*FILES, ("h", "=>", target)])


def test_links_that_multiply(tmp_path: Path) -> None:
    """Ten links each to ten: they count as what they stand for."""
    levels: list[tuple[str, str, str]] = [
        (f"d{level}/l{n}", "->", f"../d{level + 1}") for level in range(9) for n in range(10)
    ]
    with pytest.raises(DownloadError, match="holds more than 5000 members"):
        unpacked(tmp_path, "tar", [*levels, ("d9/x", b"x")], Limits(members=5000))


def test_links_into_the_deep(tmp_path: Path) -> None:
    chain: list[tuple[str, str, str]] = [
        (f"d{n}/l", "->", f"../d{n + 1}") for n in range(2 * links.MAX_DEPTH)
    ]
    with pytest.raises(DownloadError, match="folders in each other"):
        unpacked(tmp_path, "tar", [*chain, (f"d{2 * links.MAX_DEPTH}/x", b"x")])


def test_a_model_whose_archive_has_links(zoo: Zoo, server: Loopback) -> None:
    """Also over a second run, which changes nothing."""
    body = make_tar([*FILES, ("x.so", "->", "lib/x.so.1"), ("all", "->", "data")])
    folder = zoo.add(
        "net",
        described("net.tar", body, server.serve("/net", body)),
        postprocessing=[{"$type": "unpack_archive", "file": "net.tar", "format": "tar"}],
    )
    for _ in range(2):
        result = zoo.run()
        assert result.status == 0, result.err
        assert visible(folder) == {
            "net.tar.orig": body,
            "lib/x.so.1": b"x",
            "x.so": b"x",
            "data/deep/b.bin": b"b",
            "all/deep/b.bin": b"b",
        }
    assert server.count("/net") == 1
