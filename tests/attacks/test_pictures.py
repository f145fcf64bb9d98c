"""Pictures that are bombs, state what they are not, or are programs for other readers, among sound ones."""

from __future__ import annotations

import gzip
import json
import struct
import zlib

import cv2
import numpy as np
import pytest
from attacks.attack import Attack

from nets.tiny_classifier import build

SIDE = 60_000


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(count >> 20)), packer.flush()])


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    """A sound picture of 8 x 8 whose frame states another size."""
    small = encoded(".jpg", 8, 8)
    at = small.index(b"\xff\xc0")
    return small[:2] + before + small[2 : at + 5] + struct.pack(">HH", height, width) + small[at + 9 :]


def encoded(suffix: str, height: int = 24, width: int = 32) -> bytes:
    picture = np.arange(height * width * 3, dtype=np.uint32).astype(np.uint8).reshape(height, width, 3)
    return bytes(cv2.imencode(suffix, picture)[1])


def tiff(*entries: tuple[int, int, int, int], big_endian: bool = False) -> bytes:
    order = ">" if big_endian else "<"
    body = b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
    mark = b"MM\0*" if big_endian else b"II*\0"
    return mark + struct.pack(f"{order}IH", 8, len(entries)) + body + struct.pack(f"{order}I", 8)


def exif(body: bytes) -> bytes:
    content = b"Exif\0\0" + body
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


SIZES = [
    *((256, 4, 1, SIDE), (257, 4, 1, SIDE), (258, 3, 1, 8), (259, 3, 1, 1)),
    *((262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 4)),
]
#: A frame of 8 x 8 that is none.
FRAME = b"\xff\xc0\0\x11\x08\0\x08\0\x08\x03\x01\x22\0\x02\x11\x01\x03\x11\x01"
BMP = "<IIIIiiHHIIiiII"
PICTURES = {
    "bomb.png": png(SIDE, SIDE, chunk(b"IDAT", zeros(20 << 20))),
    "no-size.png": png(0, 0, chunk(b"IDAT", zeros(1 << 20))),
    "negative.png": png(0xFFFFFFFF, 0xFFFFFFFF, chunk(b"IDAT", zeros(1 << 20))),
    "text-bomb.png": png(8, 8, chunk(b"zTXt", b"Comment\0\0" + zeros(300 << 20)), chunk(b"IDAT", b"")),
    "profile-bomb.png": png(8, 8, chunk(b"iCCP", b"icc\0\0" + zeros(300 << 20)), chunk(b"IDAT", b"")),
    "chunk-of-gigabytes.png": b"\x89PNG\r\n\x1a\n" + b"\x7f\xff\xff\xff" + b"IHDR" + bytes(100),
    "bomb.jpg": jpeg(65_500, 65_500),
    "second-frame.jpg": jpeg(8, 8, FRAME.replace(b"\0\x08\0\x08", b"\xff\xff\xff\xff")),
    "frame-in-a-comment.jpg": jpeg(65_500, 65_500, b"\xff\xfe\0\x15" + FRAME),
    "segments.jpg": jpeg(65_500, 65_500, b"\xff\xfe\0\x02" * 50_000),
    "filled-up.jpg": jpeg(65_500, 65_500, b"\xff" * 100_000),
    "garbage-before.jpg": jpeg(65_500, 65_500, b"garbage"),
    "bomb.gif": b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + b"," + bytes(20),
    "bomb.bmp": b"BM" + struct.pack(BMP, 100, 0, 54, 40, SIDE, SIDE, 1, 24, 0, 0, 0, 0, 0, 0),
    "upside-down.bmp": b"BM" + struct.pack(BMP, 100, 0, 54, 40, SIDE, -(1 << 31), 1, 24, 0, 0, 0, 0, 0, 0),
    "bomb.webp": b"RIFF\x64\0\0\0WEBPVP8L\x50\0\0\0\x2f" + struct.pack("<I", 0x0FFFFFFF) + bytes(80),
    "canvas.webp": b"RIFF\x64\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + b"\xff" * 6 + bytes(80),
    "bomb.tiff": tiff(*SIZES),
    "bomb-big-endian.tiff": tiff(*SIZES, big_endian=True),
    "within-itself.tiff": tiff((330, 4, 1, 8), *SIZES),
    "entries.tiff": b"II*\0\x08\0\0\0\xff\xff" + bytes(200),
    "bomb.ppm": b"P6 60000 60000 255\n" + bytes(100),
    "digits.pgm": b"P2 " + b"9" * 1_000_000 + b" 1 255\n1",
    "bomb.exr": b"\x76\x2f\x31\x01\x02\0\0\0dataWindow\0box2i\0\x10\0\0\0" + struct.pack("<4i", 0, 0, SIDE, SIDE),
    "bomb.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n" + bytes(100),
    "bomb.jp2": b"\xff\x4f\xff\x51\0\x2f\0\0" + struct.pack(">8I", SIDE, SIDE, 0, 0, SIDE, SIDE, 0, 0) + bytes(60),
    "bomb.avif": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1\0\0\0\x14ispe\0\0\0\0" + struct.pack(">II", SIDE, SIDE),
    "bomb.ras": b"\x59\xa6\x6a\x95" + struct.pack(">7I", SIDE, SIDE, 24, 0, 1, 0, 0),
    "page.png": b"<!doctype html><script>alert(1)</script>",
    "drawing.png": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "playlist.png": b"#EXTM3U\nhttp://127.0.0.1:9/\n",
    "pickle.png": b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touchtR.",
    "packed.png": gzip.compress(bytes(1 << 20)),
    "nothing.png": b"",
    "zeros.jpg": bytes(1 << 20),
    "cut-off.png": encoded(".png")[: len(encoded(".png")) // 2],
}  # fmt: skip
#: Odd, and decoded all the same: what is odd is in what nobody asks for.
HARMLESS = {
    "larger-than-it-says.png": png(8, 8, chunk(b"IDAT", zeros(200 << 20))),
    "sound.png": encoded(".png"),
    "polyglot.png": encoded(".png") + b"PK\x05\x06" + bytes(18) + b"<script>alert(1)</script>",
    "turned-to-99.jpg": encoded(".jpg")[:2] + exif(tiff((0x112, 3, 1, 99))) + encoded(".jpg")[2:],
    "without-end.jpg": encoded(".jpg")[:2] + exif(tiff(*[(0x8769, 4, 1, 8)] * 100)) + encoded(".jpg")[2:],
    "a-gigabyte-of-note.jpg": encoded(".jpg")[:2] + exif(tiff((0x927C, 7, 1 << 30, 8))) + encoded(".jpg")[2:],
}


@pytest.mark.slow
def test_what_cannot_be_decoded_is_named_and_the_others_are_classified(attack: Attack) -> None:
    build(attack.folder / "net.xml")
    folder = attack.folder / "pictures"
    folder.mkdir()
    for name, content in {**PICTURES, **HARMLESS}.items():
        (folder / name).write_bytes(content)
    odd = "\x1b]0;owned\x07\u202e.png"
    (folder / odd).write_bytes(encoded(".png")[: len(encoded(".png")) // 2])
    outcome = attack.run(
        "classification_demo", "-m", "net.xml", "-i", "pictures", "-d", "CPU", "--no_show", "--json"
    )
    told = json.loads(outcome.out)
    assert {entry["source"].rpartition("/")[2] for entry in told["images"]} == set(HARMLESS)
    assert {entry["source"].rpartition("/")[2] for entry in told["unreadable"]} == {*PICTURES, odd}
    assert outcome.seconds < 30
    assert outcome.megabytes < 1100
