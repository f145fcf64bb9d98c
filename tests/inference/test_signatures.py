"""What the first bytes tell, against OpenCV's own readers."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omz.inference.signatures import (
    START_BYTES,
    is_text,
    page_title,
    starts_page,
    starts_picture,
    starts_playlist,
)

FORMATS = (
    *(
        ".avif",
        ".bmp",
        ".gif",
        ".hdr",
        ".jp2",
        ".jpg",
        ".pam",
        ".pbm",
        ".pfm",
        ".pgm",
        ".png",
        ".ppm",
        ".ras",
        ".sr",
    ),
    *(".tif", ".webp"),
)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_that_opencv_writes_and_reads_is_a_picture(tmp_path, picture, suffix):
    image = picture(1, 120, 160)
    image = image.astype(np.float32) if suffix in (".hdr", ".pfm") else image
    image = image[..., 0] if suffix in (".pbm", ".pgm") else image
    path = tmp_path / "unnamed"
    try:
        path.write_bytes(cv2.imencode(suffix, image)[1].tobytes())
    except cv2.error:
        pytest.skip(f"this OpenCV writes no {suffix}")
    assert cv2.haveImageReader(str(path))
    assert starts_picture(path.read_bytes()[:START_BYTES])


@given(st.binary(max_size=80))
def test_a_picture_here_is_one_to_opencv(tmp_path_factory, start):
    if starts_picture(start):
        path = tmp_path_factory.mktemp("x") / "unnamed"
        path.write_bytes(start)
        assert cv2.haveImageReader(str(path))


def test_videos_pages_and_text_are_no_pictures(video):
    for start in (
        video.read_bytes()[:START_BYTES],
        b"<!DOCTYPE html><p>",
        b"BMI: 23",
        b"P5 is a course",
        b"",
        b"\0" * 99,
    ):
        assert not starts_picture(start) or start.startswith(b"P5")
    assert not is_text(video.read_bytes()[:START_BYTES])


@pytest.mark.parametrize(
    "start",
    [
        b"#EXTM3U\n#EXT-X-VERSION:3\n",
        b"ffconcat version 1.0\nfile x.mp4\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 239.0.0.1\n",
        b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">',
        b"\xef\xbb\xbf[playlist]\nFile1=http://x\n",
        b"#EXTM3U\n\0\x01binary after all",
    ],
)
def test_playlists(start):
    assert starts_playlist(start)


@pytest.mark.parametrize(
    "start", [b"RIFF\x10\0\0\0AVI LIST", b"\0\0\0\x18ftypisom", b"\x1aE\xdf\xa3", b"", b"a list of things"]
)
def test_no_playlists(start):
    assert not starts_playlist(start)


@pytest.mark.parametrize(
    ("start", "title"),
    [
        (b"<!DOCTYPE html><html><title>Log in</title>", "Log in"),
        (
            b"\xef\xbb\xbf\n <!-- hello --> <HTML><HEAD><title lang=en>\n A  \xff\n</title>",
            "A \N{REPLACEMENT CHARACTER}",
        ),
        (b"<?xml version='1.0'?><html>", ""),
    ],
)
def test_pages(start, title):
    assert starts_page(start)
    assert page_title(start) == title


def test_no_pages():
    for start in (b"<svg>", b"<header>", b"text <html>", b"", b"<?xml version='1.0'?><net>"):
        assert not starts_page(start)


@pytest.mark.parametrize(
    "unit", [b" ", b"<!--", b"<?", b" <!---->", b"c=IN I", b"<title>", b"\xef\xbb\xbf", b"<", b"\n#"]
)
def test_nothing_takes_long(unit):
    start = (unit * START_BYTES)[:START_BYTES]
    began = time.process_time()
    for tell in (starts_page, starts_picture, starts_playlist, page_title, is_text):
        tell(start)
    assert time.process_time() - began < 0.5


def test_text():
    assert is_text("maté, thé\r\n\tx\x1b[0m".encode())
    assert not is_text(b"")
    assert not is_text(b"RIFF\x10\0\0\0")
