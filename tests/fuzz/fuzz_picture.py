"""Fuzz what is read off a picture's file before it is decoded: its format, its size, whether it names other files.

Where a picture is decoded after all, its size must be what was read off, or be within the bound by OpenCV's own doing.
"""

from __future__ import annotations

import io
import os
from random import Random
from typing import TYPE_CHECKING

import harness

with harness.measured():
    from omz.inference.images import decode
    from omz.inference.reduction import Enough
    from omz.inference.signatures import (
        START_BYTES,
        is_text,
        page_title,
        starts_page,
        starts_picture,
        starts_playlist,
    )
    from omz.inference.stated_size import stated_size

import numpy as np
from mutations import mutated_wire
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

MOST_PIXELS = 1 << 18
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MOST_PIXELS)  # OpenCV is loaded by the first picture

MARKERS = [
    bytes([0xFF, kind, 0, 17, 8, 0xFF, 0xFF, 0xFF, 0xFF, 3, 1, 0x22, 0]) for kind in (0xC0, 0xC2, 0xC8)
]
MARKERS += [b"\xff", b"\xff\xfe\0\2", b"\xff\xd8", b"\xff\xda", b"\xff\xe1\xff\xff"]


def read(path: Path) -> None:
    data = path.read_bytes()
    start = data[:START_BYTES]
    if starts_picture(start) and starts_page(start):
        raise ValueError("a picture that is a page")
    starts_playlist(start), page_title(start), is_text(start)
    if not data:
        return
    pixels = np.frombuffer(data, np.uint8)
    stated = stated_size(pixels)
    divisor = Enough(8, 8).reduction(pixels)
    image = decode(pixels, path.name)
    height, width = image.shape[:2]
    if height * width > MOST_PIXELS:
        raise ValueError(f"{height} x {width} pixels were decoded")
    if stated and (height, width) not in (stated, stated[::-1]):
        raise ValueError(f"{stated} were stated, {height} x {width} pixels were decoded")
    if divisor > 1 and min(height, width) // divisor < 8:
        raise ValueError(f"divided by {divisor}, {height} x {width} pixels are too few")


def seeds() -> list[bytes]:
    """Return a picture in each format, in several ways of storing it."""
    colours = Image.fromarray(np.arange(40 * 30 * 3, dtype=np.uint16).astype(np.uint8).reshape(30, 40, 3))
    ways = [
        ("PNG", {}),
        ("JPEG", {"quality": 50}),
        ("JPEG", {"progressive": True, "exif": _turned()}),
        ("GIF", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 30}),
        ("TIFF", {}),
        ("PPM", {}),
    ]
    contents = []
    for form, options in ways:
        stream = io.BytesIO()
        colours.save(stream, form, **options)
        contents.append(stream.getvalue())
    return [
        *contents,
        b"#EXTM3U\nhttp://x/\n",
        b"<!doctype html><title>x</title>",
        b"v=0\nc=IN IP4 127.0.0.1\n",
    ]


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x112] = 6
    return exif


def mutate(data: bytes, rng: Random) -> bytes:
    """Change bytes, those of the head above all, or put a segment of JPEG somewhere."""
    if rng.random() < 0.3:
        return mutated_wire(data, rng)
    content = bytearray(data)
    at = rng.randrange(min(len(content), rng.choice([32, 200, 4000])) + 1)
    if data[:2] == b"\xff\xd8" and rng.random() < 0.5:
        content[at:at] = rng.choice(MARKERS)
    else:
        content[at : at + 4] = rng.choice(
            [b"\0\0\0\x10", b"\x10\0\0\0", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\0\1"]
        )
    return bytes(content)


if __name__ == "__main__":
    harness.fuzz(read, "picture", seeds(), mutate)
