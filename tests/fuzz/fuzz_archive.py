"""Fuzz the unpacking of archives, zip and tar in every packing: what comes out is plain files within the folder."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import harness

with harness.measured():
    from omz.downloader.archives import Limits, unpack
    from omz.downloader.pool import CancelToken

from mutations import STRINGS, mutated_wire

LIMITS = Limits(members=200, total_bytes=8 << 20)
KINDS = ("zip", "tar", "gztar", "bztar", "xztar")
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gztar": gzip.compress,
    "bztar": bz2.compress,
    "xztar": lzma.compress,
}
OPENERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZ": bz2.decompress,
    b"\xfd7": lzma.decompress,
}
NAMES = [
    "net.bin",
    "a/b/net.xml",
    "../x",
    "/x",
    "a",
    "a/",
    "A/b",
    ".",
    "..",
    "a\\b",
    "C:x",
    "x" * 300,
    *STRINGS,
]
TYPES = [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]
TYPES += [
    tarfile.CHRTYPE,
    tarfile.CONTTYPE,
    tarfile.GNUTYPE_SPARSE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.XHDTYPE,
]


def read(path: Path) -> None:
    """Unpack a file as what it begins like; whatever comes of it stays inside."""
    data = path.read_bytes()
    kind = _kind(data)
    outer = path.parent / "unpacking"
    shutil.rmtree(outer, ignore_errors=True)
    (outer / "target").mkdir(parents=True)
    (outer / "secret").write_text("secret")
    try:
        files = unpack(path, kind, outer / "target", limits=LIMITS, cancel=CancelToken())
        for file in files:
            if not (outer / "target" / file).is_file() or (outer / "target" / file).is_symlink():
                raise ValueError(f"{file} is no plain file")
    finally:
        if sorted(one.name for one in outer.iterdir()) != ["secret", "target"]:
            raise ValueError("something was written outside of the folder")
        if (outer / "secret").read_text() != "secret":
            raise ValueError("something was written through a link")
        if any(one.is_symlink() or not (one.is_file() or one.is_dir()) for one in outer.rglob("*")):
            raise ValueError("something else than files and folders was made")


def _kind(data: bytes) -> str:
    if data[:2] == b"PK":
        return "zip"
    starts = {b"\x1f\x8b": "gztar", b"BZ": "bztar", b"\xfd7": "xztar"}
    return starts.get(data[:2], KINDS[zlib.crc32(data) % len(KINDS)] if data[:1] == b"\0" else "tar")


def tar_of(members: list[tuple[str, bytes, bytes, str]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar of (name, type, content, target of a link)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, kind, content, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zip_of(members: list[tuple[str, bytes, bytes, str]], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of the same."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, kind, content, target in members:
            info = zipfile.ZipInfo(name)
            link = kind == tarfile.SYMTYPE
            info.external_attr = (0o120777 if link else 0o100644) << 16
            info.compress_type = packing
            archive.writestr(info, target if link else content)
    return stream.getvalue()


MEMBERS = [
    ("net/", tarfile.DIRTYPE, b"", ""),
    ("net/net.xml", tarfile.REGTYPE, b"<net/>" * 50, ""),
    ("net/same.xml", tarfile.SYMTYPE, b"", "net.xml"),
    ("other", tarfile.SYMTYPE, b"", "net"),
    ("net/net.bin", tarfile.REGTYPE, bytes(3000), ""),
    ("x" * 150 + ".bin", tarfile.REGTYPE, b"1", ""),
]


def seeds() -> list[bytes]:
    tars = [tar_of(MEMBERS), tar_of(MEMBERS, tarfile.GNU_FORMAT), tar_of(MEMBERS[:2], tarfile.USTAR_FORMAT)]
    packed = [pack(tars[0]) for pack in PACKERS.values()]
    return [
        *tars,
        *packed,
        zip_of(MEMBERS),
        zip_of(MEMBERS, zipfile.ZIP_STORED),
        zip_of(MEMBERS, zipfile.ZIP_BZIP2),
    ]


def mutate(data: bytes, rng: Random) -> bytes:
    """Change bytes, the headers of a tar with their checksums, or make an archive of odd members."""
    choice = rng.random()
    if choice < 0.15:
        return _odd_archive(rng)
    opener = OPENERS.get(data[:2])
    if choice < 0.5 or data[:2] == b"PK":
        return mutated_wire(data, rng)
    if opener is None:
        return _other_headers(data, rng)
    with suppress(OSError, EOFError, lzma.LZMAError, ValueError, zlib.error):
        content = opener(data)
        if len(content) < 1 << 20:
            return rng.choice(list(PACKERS.values()))(_other_headers(content, rng))
    return mutated_wire(data, rng)


def _odd_archive(rng: Random) -> bytes:
    members = []
    for _ in range(rng.choice([1, 2, 3, 8])):
        content = bytes(rng.choice([0, 1, 600, 100_000]))
        name, kind, target = rng.choice(NAMES), rng.choice(TYPES), rng.choice(NAMES)
        members.append((name, kind, content if kind == tarfile.REGTYPE else b"", target))
    with suppress(ValueError, UnicodeEncodeError, OSError):
        return zip_of(members) if rng.random() < 0.3 else tar_of(members)
    return tar_of(MEMBERS)


def _other_headers(data: bytes, rng: Random) -> bytes:
    """Change a field of a header and mend its checksum, as nobody's archive would have it by accident."""
    content = bytearray(data)
    blocks = [at for at in range(0, len(content) - 511, 512) if content[at + 257 : at + 262] == b"ustar"]
    if not blocks:
        return mutated_wire(data, rng)
    at = rng.choice(blocks)
    field, size = rng.choice(
        [(0, 100), (100, 8), (124, 12), (124, 12), (136, 12), (156, 1), (157, 100), (345, 155)]
    )
    value = rng.choice(
        [
            b"",
            b"\xff" * size,
            b"7" * (size - 1),
            b"\x80" + b"\xff" * 11,
            rng.choice(NAMES).encode(),
            rng.choice(TYPES),
        ]
    )
    content[at + field : at + field + size] = value[:size].ljust(size, b"\0")
    content[at + 148 : at + 156] = b" " * 8
    content[at + 148 : at + 156] = b"%06o\0 " % sum(content[at : at + 512])
    return bytes(content)


if __name__ == "__main__":
    harness.fuzz(read, "archive", seeds(), mutate)
