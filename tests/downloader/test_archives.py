"""Archives of strangers: plain files below one folder, or an error."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from omz.downloader import archive_streams
from omz.downloader.archives import Limits, unpack
from omz.downloader.pool import Cancelled, CancelToken
from omz.errors import DownloadError

MODES = {"tar": "w", "gztar": "w:gz", "bztar": "w:bz2", "xztar": "w:xz"}
GOOD = {"a.txt": b"a" * 100_000, "dir/b.bin": bytes(range(256)) * 100, "dir/empty": b""}


def make_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("folder/", b"")
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def make_tar(path: Path, members: dict[str, bytes], mode: str) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(body), 0o4777
            archive.addfile(info, io.BytesIO(body))
    return path


def make(path: Path, kind: str, members: dict[str, bytes]) -> Path:
    return make_zip(path, members) if kind == "zip" else make_tar(path, members, MODES[kind])


def unpacked(archive: Path, kind: str, limits: Limits | None = None) -> dict[str, bytes]:
    target = archive.parent / "out"
    files = unpack(archive, kind, target, limits=limits, cancel=CancelToken())
    return {path.as_posix(): (target / path).read_bytes() for path in files}


@pytest.mark.parametrize("kind", ["zip", *MODES])
def test_good_archives(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path / "a", kind, GOOD)
    assert unpacked(archive, kind) == GOOD
    assert (tmp_path / "out/folder").is_dir()
    assert not (tmp_path / "out/a.txt").stat().st_mode & (stat.S_ISUID | stat.S_IXUSR)


@pytest.mark.parametrize("kind", ["zip", *MODES])
@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/../../x", "..", "a\\..\\x", "C:/x", "x\ny", "x\u202egpj.bin"]
)
def test_paths_that_lead_elsewhere(tmp_path: Path, kind: str, name: str) -> None:
    archive = make(tmp_path / "a", kind, {name: b"evil"})
    with pytest.raises(DownloadError, match="not plainly inside"):
        unpacked(archive, kind)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != archive]


def test_a_member_without_a_name(tmp_path: Path) -> None:
    """Nothing is left of the name before its NUL; zipfile cannot tell whether that is a folder."""
    archive = make_zip(tmp_path / "a", {"QQ": b"evil"})
    archive.write_bytes(archive.read_bytes().replace(b"QQ", b"\0Q"))
    with pytest.raises(DownloadError, match="has no name"):
        unpacked(archive, "zip")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_tar_devices(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a", "w") as archive:
        info = tarfile.TarInfo("x")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DownloadError, match="'x' is a link or a device"):
        unpacked(tmp_path / "a", "tar")


def test_zip_devices(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        info = zipfile.ZipInfo("x")
        info.external_attr = (stat.S_IFIFO | 0o777) << 16
        archive.writestr(info, "")
    with pytest.raises(DownloadError, match="'x' is a device"):
        unpacked(tmp_path / "a", "zip")


@pytest.mark.parametrize("kind", ["zip", *MODES])
def test_the_same_name_twice(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path / "a", kind, {"x": b"1", "./x": b"2"})
    with pytest.raises(DownloadError, match=r"'\./x' is there twice"):
        unpacked(archive, kind)


@pytest.mark.parametrize("kind", ["zip", *MODES])
@pytest.mark.parametrize(
    ("one", "other", "problem"),
    [
        ("net.bin", "NET.bin", "one name on some disks"),
        ("Dir/a", "dir/b", "one name on some disks"),
        ("\u00e9", "e\u0301", "one name on some disks"),
        ("a", "a/b", "'a/b' is there twice"),
        ("a/b", "a", "'a' is there twice"),
        ("folder", "x", "'folder' is there twice"),
        (".omz.lock", "x", "keeps for its own files"),
        ("a/.net.bin.part", "x", "keeps for its own files"),
    ],
)
def test_names_in_each_others_way(tmp_path: Path, kind: str, one: str, other: str, problem: str) -> None:
    with pytest.raises(DownloadError, match=problem):
        unpacked(make(tmp_path / "a", kind, {one: b"1", other: b"2"}), kind)


def test_tar_members_with_holes(tmp_path: Path) -> None:
    """A sparse file of 64 KiB data and a petabyte of nothing."""
    info = tarfile.TarInfo("x")
    info.type, info.size, info.mtime = tarfile.GNUTYPE_SPARSE, 512, 0
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"%011o\0" % (1 << 32)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a").write_bytes(header + bytes(512 + 1024))
    with tarfile.open(tmp_path / "a") as archive:
        assert archive.next().size == 1 << 32  # type: ignore[union-attr]
    with pytest.raises(DownloadError, match="'x' is packed in a way that is not accepted"):
        unpacked(tmp_path / "a", "tar")


@pytest.mark.parametrize("size", ["-512", "-100000", "99999999999999999999"])
def test_tar_members_of_impossible_size(tmp_path: Path, size: str) -> None:
    """By a pax header, which counts for more than the field of the plain header."""
    with tarfile.open(tmp_path / "a", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
        info = tarfile.TarInfo("x")
        info.pax_headers = {"size": size}
        archive.addfile(info, io.BytesIO())
        archive.addfile(tarfile.TarInfo("z"), io.BytesIO())
    with pytest.raises(DownloadError):
        unpacked(tmp_path / "a", "tar")


def global_header(number: int, size: int) -> bytes:
    record = f" key{number}=".encode() + b"v" * size + b"\n"
    record = str(len(record) + 5).encode() + record
    info = tarfile.TarInfo("g")
    info.type, info.size = tarfile.XGLTYPE, len(record)
    return info.tobuf() + record + bytes(-len(record) % 512)


def test_tar_headers_that_add_up_in_memory(tmp_path: Path) -> None:
    """Each of them is small enough; by gzip they take next to nothing. In a row, and one before each member."""
    headers = [global_header(number, 50_000) for number in range(10_000, 12_000)]
    empty = tarfile.TarInfo("x").tobuf()
    for name, between in (("row", b""), ("each", empty)):
        (tmp_path / name).write_bytes(gzip.compress(between.join(headers) + bytes(1024), 1))
        tracemalloc.start()
        with pytest.raises(DownloadError):
            unpacked(tmp_path / name, "gztar")
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
        tracemalloc.stop()


def test_a_zip_directory_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "a", {str(number): b"" for number in range(2000)})
    monkeypatch.setattr(archive_streams, "ZIP_DIRECTORY_BYTES", 50_000)
    with pytest.raises(DownloadError, match="directory is larger than 50000 bytes"):
        unpacked(archive, "zip")


@pytest.mark.parametrize("kind", ["zip", *MODES])
def test_limits(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path / "a", kind, GOOD)
    with pytest.raises(DownloadError, match="more than 2 members"):
        unpacked(archive, kind, Limits(members=2))
    with pytest.raises(DownloadError, match="more than 100000 bytes"):
        unpack(archive, kind, tmp_path / "out2", limits=Limits(total_bytes=100_000), cancel=CancelToken())


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_bombs_are_stopped_by_their_ratio(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path / "a", kind, {"x": bytes(100 << 20)})
    assert archive.stat().st_size < 200_000
    with pytest.raises(DownloadError, match="unpacks to more than"):
        unpacked(archive, kind)


def test_a_zip_that_lies_about_its_sizes(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"x": b"y" * 1000}, zipfile.ZIP_STORED)
    body = archive.read_bytes()
    archive.write_bytes(body.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(DownloadError, match="cannot be unpacked as zip"):
        unpacked(archive, "zip")


def test_a_tar_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 2 << 20
    (tmp_path / "a").write_bytes(info.tobuf() + bytes(2 << 20))
    with pytest.raises(DownloadError, match="header of the archive is larger"):
        unpacked(tmp_path / "a", "tar")


def test_xz_that_asks_for_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Written with a small dictionary, then the header's size (one byte) and its CRC are set to 1 GiB.
    body = make_tar(tmp_path / "plain", GOOD, "w").read_bytes()
    small = lzma.compress(body, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}])
    header = bytearray(small[12:24])
    header[header.index(0x21) + 2] = 36  # 2^30 in the format's logarithmic code
    header[8:12] = zlib.crc32(header[:8]).to_bytes(4, "little")
    (tmp_path / "a").write_bytes(small[:12] + bytes(header) + small[24:])
    with pytest.raises(DownloadError, match="cannot be unpacked as xztar"):
        unpacked(tmp_path / "a", "xztar")
    monkeypatch.setattr(archive_streams, "XZ_MEMORY_BYTES", 2 << 30)  # it was refused for nothing else
    assert unpacked(tmp_path / "a", "xztar") == GOOD


def test_several_xz_streams_are_one(tmp_path: Path) -> None:
    body = make_tar(tmp_path / "plain", GOOD, "w").read_bytes()
    parts = (lzma.compress(body[:5000]), bytes(4), lzma.compress(body[5000:]))
    (tmp_path / "a").write_bytes(b"".join(parts))
    assert unpacked(tmp_path / "a", "xztar") == GOOD


@pytest.mark.parametrize("kind", ["zip", *list(MODES)[1:]])
def test_truncated_archives(tmp_path: Path, kind: str) -> None:
    """At every 5 %, and within the last bytes, where the checksums are."""
    body = make(tmp_path / "a", kind, {"x": bytes(range(256)) * 40, "y": b"y" * 5000}).read_bytes()
    for kept in {*range(0, len(body), len(body) // 20), *range(len(body) - 9, len(body))}:
        (tmp_path / "a").write_bytes(body[:kept])
        with pytest.raises(DownloadError, match=r"^a: [^\n]*$"):
            unpack(tmp_path / "a", kind, tmp_path / str(kept), limits=None, cancel=CancelToken())


def test_truncated_tar(tmp_path: Path) -> None:
    """A tar may end between members (the digest of the archive is the guard there), but not within one."""
    body = make_tar(tmp_path / "a", {"x": bytes(10_000)}, "w").read_bytes()
    for kept in (1025, 5000, 11_023):
        (tmp_path / "a").write_bytes(body[:kept])
        with pytest.raises(DownloadError):
            unpack(tmp_path / "a", "tar", tmp_path / str(kept), limits=None, cancel=CancelToken())


@pytest.mark.parametrize("kind", ["zip", *MODES])
@pytest.mark.parametrize(
    "body", [b"", b"not an archive", b"\0" * 5000, b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0"]
)
def test_what_is_no_archive(tmp_path: Path, kind: str, body: bytes) -> None:
    (tmp_path / "a").write_bytes(body)
    if kind == "tar" and body == b"\0" * 5000:  # the end mark: an empty archive
        assert unpacked(tmp_path / "a", kind) == {}
        return
    with pytest.raises(DownloadError, match=f"cannot be unpacked as {kind}"):
        unpacked(tmp_path / "a", kind)


def test_an_encrypted_zip(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"x": b"x"}, zipfile.ZIP_STORED)
    body = bytearray(archive.read_bytes())
    body[body.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(body)
    with pytest.raises(DownloadError, match="cannot be unpacked as zip"):
        unpacked(archive, "zip")


def test_cancelling(tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.set()
    with pytest.raises(Cancelled):
        unpack(make_zip(tmp_path / "a", GOOD), "zip", tmp_path / "out", limits=None, cancel=cancel)
