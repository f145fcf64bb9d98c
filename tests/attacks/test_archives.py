"""Models whose archives want to write elsewhere, or to fill the disk; each digest is right, as its maker wrote it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Mapping

import pytest
from attacks.attack import Attack
from attacks.models import describe, file_entry


def tar(*members: tuple[str, bytes, bytes, str], headers: Mapping[str, str] | None = None) -> bytes:
    """Return a tar of (name, type, content, target of a link); ``headers`` are pax's for the last of them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number, (name, kind, content, target) in enumerate(members, start=1):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, target, len(content), 0o4777
            if number == len(members):
                info.pax_headers = dict(headers or {})
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def file(name: str, content: bytes = b"evil") -> tuple[str, bytes, bytes, str]:
    return name, tarfile.REGTYPE, content, ""


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[str, bytes, bytes, str]:
    return name, kind, b"", target


def zipped(*members: tuple[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr = name, mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def zip_of_one_content(members: int) -> bytes:
    """Every entry of the directory has the same bytes: a bomb that no single member shows.

    See https://www.bamsoftware.com/hacks/zipbomb/.
    """
    whole = zipped(("x0000000", bytes(1 << 20)))
    at = whole.index(b"PK\x01\x02")
    entry, end = whole[at : whole.index(b"PK\x05\x06")], whole[-22:]
    entries = b"".join(entry.replace(b"x0000000", b"x%07d" % number) for number in range(members))
    fields = list(struct.unpack("<4sHHHHLLH", end))
    fields[3:6] = members, members, len(entries)
    return whole[:at] + entries + struct.pack("<4sHHHHLLH", *fields)


TARS = {
    "parent": tar(file("../escaped")),
    "absolute": tar(file("/tmp/escaped")),
    "parent-within": tar(file("a/../../escaped")),
    "over-the-descriptor": tar(file("../../../zoo/public/parent/model.yml")),
    "by-pax-header": tar(file("good"), headers={"path": "../escaped"}),
    "link-out": tar(link("a", "../.."), file("a/escaped")),
    "link-out-and-back": tar(link("a", "../tar-absolute"), file("b")),
    "link-absolute": tar(link("a", "/etc/passwd")),
    "link-to-itself": tar(link("a", "a")),
    "links-in-a-ring": tar(link("a", "b"), link("b", "a")),
    "write-through-a-link": tar(file("real/x"), link("a", "real"), file("a/x")),
    "hard-link-out": tar(link("a", "../../../secret", tarfile.LNKTYPE)),
    "hard-link-by-pax": tar(link("a", "b", tarfile.LNKTYPE), headers={"linkpath": "/etc/passwd"}),
    "device": tar(link("null", "", tarfile.CHRTYPE)),
    "block-device": tar(link("sda", "", tarfile.BLKTYPE)),
    "fifo": tar(link("pipe", "", tarfile.FIFOTYPE)),
    "two-in-one-name": tar(file("Net.bin"), file("net.BIN")),
    "two-in-one-normal-form": tar(file("\u00e9.bin"), file("e\u0301.bin")),
    "twice": tar(file("a"), file("a")),
    "file-for-a-folder": tar(file("a"), file("a/b")),
    "ours": tar(file(".omz-0badcafe-0123456789abcdef.part")),
    "that-a-terminal-obeys": tar(file("\x1b]0;owned\x07")),
    "turned-round": tar(file("a\u202egnp.exe")),
    "windows": tar(file("C:\\autoexec.bat")),
    "sparse": tar(file("a"), headers={"GNU.sparse.size": str(1 << 50), "GNU.sparse.map": "0,4"}),
    "negative": tar(file("a"), headers={"size": "-512"}),
    "petabyte": tar(file("a"), headers={"size": str(1 << 60)}),
    "headers": tar(file("a"), headers={"comment": "x" * (1 << 20)}),
    "cut-off": tar(file("a", bytes(10_000)))[:5000],
}  # fmt: skip
ZIPS = {
    "zip-parent": zipped(("../escaped", b"evil")),
    "zip-absolute": zipped(("/tmp/escaped", b"evil")),
    "zip-backslash": zipped(("..\\escaped", b"evil")),
    "zip-link": zipped(("a", b"../../../secret"), mode=stat.S_IFLNK | 0o777),
    "zip-device": zipped(("a", b""), mode=stat.S_IFCHR | 0o666),
    "zip-without-a-name": zipped(("QQ", b"evil")).replace(b"QQ", b"\0Q"),
    "zip-bomb": zipped(("a", bytes(100 << 20))),
    "zip-of-one-content": zip_of_one_content(4000),
    "zip-that-lies": zipped(("a", bytes(1 << 20))).replace(struct.pack("<L", 1 << 20), struct.pack("<L", 4)),
    "zip-in-a-zip": b"PK\x03\x04" + zipped(("../escaped", b"evil"))[:-22],
}


def packed() -> dict[str, tuple[str, bytes]]:
    bomb, small = tar(file("a", bytes(80 << 20))), gzip.compress(tar(file("a", bytes(9000))))
    return {
        "gzip-bomb": ("gztar", gzip.compress(bomb, 9)),
        "bzip2-bomb": ("bztar", bz2.compress(bomb)),
        "xz-bomb": ("xztar", lzma.compress(bomb, preset=0)),
        "gzip-broken": ("gztar", small[:-4] + b"oops"),
        "gzip-without-end": ("gztar", small[:-30]),
    }


def test_each_is_refused(attack: Attack) -> None:
    """Only the archives are there afterwards, as they were."""
    archives = {key: ("tar", body) for key, body in TARS.items()} | {
        key: ("zip", body) for key, body in ZIPS.items()
    }
    _lay_out(attack, archives)
    (attack.folder / "secret").write_text("secret")
    attack.refused_each(archives, "omz_downloader", "--all", "--models_root", "zoo", "-o", "out", "--quiet")
    assert not list(attack.folder.parent.rglob("*escaped*"))


@pytest.mark.slow
def test_bombs_are_stopped(attack: Attack) -> None:
    archives = packed()
    _lay_out(attack, archives)
    attack.refused_each(archives, "omz_downloader", "--all", "--models_root", "zoo", "-o", "out", "--quiet")


def _lay_out(attack: Attack, archives: Mapping[str, tuple[str, bytes]]) -> None:
    """Put each archive where omz_downloader keeps it, which has only to check and unpack it then."""
    for name, (kind, body) in archives.items():
        describe(
            attack.folder, name, [file_entry("net.archive", body)], framework="dldt", model_optimizer_args=None,
            postprocessing=[{"$type": "unpack_archive", "file": "net.archive", "format": kind}],
        )  # fmt: skip
        place = attack.folder / "out" / "public" / name
        place.mkdir(parents=True)
        (place / "net.archive.orig").write_bytes(body)
