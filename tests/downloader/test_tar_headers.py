"""Headers of tars for which tarfile would take minutes, in archives of some kilobytes; and those that people have."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from pathlib import Path

import pytest

from omz.downloader.archives import unpack
from omz.downloader.pool import CancelToken
from omz.errors import DownloadError

END = bytes(1024)


def extension(kind: bytes, content: bytes) -> bytes:
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(content)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    size += len(str(size + len(str(size))))
    return b"%d %s=%s\n" % (size, key, value)


def member(name: str, content: bytes = b"") -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


PAX, ALL = tarfile.XHDTYPE, tarfile.XGLTYPE
SPARSE = b"".join(
    record(b"GNU.sparse." + key, value)
    for key, value in ((b"major", b"1"), (b"minor", b"0"), (b"realsize", b"1"))
)
OLD_SPARSE = bytearray(member("s"))
OLD_SPARSE[156:157] = tarfile.GNUTYPE_SPARSE
OLD_SPARSE[148:156] = b"%06o\0 " % (sum(OLD_SPARSE[:148]) + 256 + sum(OLD_SPARSE[156:512]))
BOMBS = {
    "digits": lambda: extension(PAX, record(b"comment", b"1" * 65_000)) * 9 + member("x"),
    "digits without a record": lambda: extension(PAX, b"1" * 65_000) + member("x"),
    "digits for all": lambda: extension(ALL, record(b"comment", b"1" * 65_000)) + member("x"),
    "records": lambda: b"".join(extension(PAX, b"6 a=b\n" * 10_000) + member(f"{n}") for n in range(500)),
    "records for all": lambda: (
        b"".join(
            extension(ALL, b"".join(record(b"k%d" % (n * 3000 + k), b"") for k in range(3000)))
            for n in range(10)
        )
        + b"".join(member(f"{n}") for n in range(3000))
    ),
    "a sparse file's map": lambda: extension(PAX, SPARSE) + member("s", b"9000000\n" + b"0\n" * 9_000_000),
    "an old sparse file": lambda: bytes(OLD_SPARSE),
    "long names": lambda: extension(tarfile.GNUTYPE_LONGNAME, b"a" * 60_000) * 500 + member("x"),
    "a record too short": lambda: extension(PAX, b"3 a=b\n") + member("x"),
    "a record too long": lambda: extension(PAX, b"99 a=b\n") + member("x"),
    "no record": lambda: extension(PAX, b"6 abcd\n") + member("x"),
    "a record of no length": lambda: extension(PAX, b"0 a=b\n") + member("x"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_at_once(tmp_path: Path, bomb: str) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(BOMBS[bomb]() + END, mtime=0))
    began = time.process_time()
    with pytest.raises(DownloadError):
        unpack(tmp_path / "a", "gztar", tmp_path / "out", cancel=CancelToken())
    assert time.process_time() - began < 3  # a third of a second at most; in tarfile up to a minute


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_headers_that_people_have(tmp_path: Path, form: int) -> None:
    """Long names, names of any letters, times with digits behind the point, what is said for all members."""
    names = ["a" * 90, "b/" * 40 + "c", "plain"] + (
        [] if form == tarfile.USTAR_FORMAT else ["ä" * 100, "d/" * 90 + "e"]
    )
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, pax_headers={"comment": "of git"}) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 3, 1_700_000_000.123456
            info.pax_headers = {"SCHILY.xattr.user.sha": "ab12" * 16}
            archive.addfile(info, io.BytesIO(b"abc"))
    (tmp_path / "a").write_bytes(out.getvalue())
    files = unpack(tmp_path / "a", "tar", tmp_path / "out", cancel=CancelToken())
    assert [str(path) for path in files] == names
    assert {(tmp_path / "out" / path).read_bytes() for path in files} == {b"abc"}


def test_a_name_after_another_header(tmp_path: Path) -> None:
    """What has been looked at is read again by tarfile, with all that follows it."""
    content = (
        extension(ALL, record(b"comment", b"x"))
        + extension(PAX, record(b"path", b"long/name"))
        + member("short", b"1")
        + member("next", b"2")
    )
    (tmp_path / "a").write_bytes(content + END)
    files = unpack(tmp_path / "a", "tar", tmp_path / "out", cancel=CancelToken())
    assert [str(path) for path in files] == ["long/name", "next"]
