"""A picture that is too large is refused by what its file states, before anything is decoded."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from omz.errors import InferenceError
from omz.inference.images import read_image
from omz.inference.stated_size import stated_size

#: Forms of pictures by the name that Pillow knows them by, after what may tell them apart, and what it is told.
FORMS = {
    "PNG": {},
    "JPEG": {},
    "progressive JPEG": {"progressive": True},
    "WebP": {},
    "lossless WebP": {"lossless": True},
    "animated WebP": {"save_all": True},
    "GIF": {},
    "BMP": {},
}


def write(path, form, width, height):
    """Let Pillow write a picture, and tell its size, which is what we compare with."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))
    more = [picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)] if form.startswith("animated") else []
    picture.save(path, form.split()[-1], **FORMS[form], **({"append_images": more} if more else {}))
    with Image.open(path) as written:
        return written.size


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (300, 257), (1025, 4)], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_sizes_are_those_that_pillow_reads(tmp_path, form, size):
    path = tmp_path / "picture"
    width, height = write(path, form, *size)
    assert stated_size(np.fromfile(path, np.uint8)) == (height, width)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_cut_off_states_no_size_or_the_right_one(tmp_path, form):
    path = tmp_path / "picture"
    width, height = write(path, form, 30, 20)
    data = np.fromfile(path, np.uint8)
    assert {stated_size(data[:length]) for length in range(700)} <= {None, (height, width)}


def test_a_bmp_from_the_top_down(tmp_path):
    path = tmp_path / "picture"
    write(path, "BMP", 30, 20)
    content = bytearray(path.read_bytes())
    content[22:26] = struct.pack("<i", -20)
    assert stated_size(np.frombuffer(content, np.uint8)) == (20, 30)
    path.write_bytes(content)
    assert read_image(path).shape == (20, 30, 3)


SIDE = 16_000  # squared, more than we decode, and less than OpenCV would by itself


def enlarged(form: str, content: bytearray) -> bytes:
    """Return the file of a small picture with another size in its header."""
    match form:
        case "PNG":
            content[16:24] = struct.pack(">II", SIDE, SIDE)
            content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        case "JPEG" | "progressive JPEG":
            place = content.index(b"\xff\xc2" if form.startswith("prog") else b"\xff\xc0")
            content[place + 5 : place + 9] = struct.pack(">HH", SIDE, SIDE)
        case "lossless WebP":
            content[21:25] = struct.pack("<I", (SIDE - 1) | (SIDE - 1) << 14)
        case "animated WebP":
            content[24:30] = 2 * (SIDE - 1).to_bytes(3, "little")
        case "WebP":
            content[26:30] = struct.pack("<HH", SIDE, SIDE)
        case "GIF":
            content[6:10] = struct.pack("<HH", SIDE, SIDE)
        case "BMP":
            content[18:26] = struct.pack("<ii", SIDE, SIDE)
    return bytes(content)


@pytest.mark.parametrize("form", FORMS)
def test_a_small_file_that_claims_huge_dimensions_is_refused(tmp_path, form):
    """Although OpenCV was loaded before, by another, and so without our limit."""
    assert cv2
    path = tmp_path / "bomb"
    write(path, form, 40, 40)
    path.write_bytes(enlarged(form, bytearray(path.read_bytes())))
    tracemalloc.start()
    with pytest.raises(
        InferenceError, match=r"bomb: 16000 x 16000 pixels; pictures of up to 134 million pixels"
    ):
        read_image(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_the_limit_can_be_raised(tmp_path, monkeypatch):
    path = tmp_path / "picture"
    write(path, "PNG", 40, 40)
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "1599")
    with pytest.raises(InferenceError, match="40 x 40 pixels"):
        read_image(path)
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "1600")
    assert read_image(path).shape == (40, 40, 3)
