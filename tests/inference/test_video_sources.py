"""Video from files, servers and cameras: a real RTSP server and a network camera on the loopback interface."""

from __future__ import annotations

import logging
import os
import socket
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from downloader.loopback import Loopback, Reply
from inference.servers import RawServer, answer, motion_jpeg, rtsp

from omz.errors import InferenceError
from omz.inference import opencv, video_sources
from omz.inference.sources import Video, open_source, repeat


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(video_sources, "OPEN_SECONDS", 1.0)
    monkeypatch.setattr(video_sources, "FRAME_SECONDS", 1.0)


@pytest.fixture
def jpegs(picture):
    return [cv2.imencode(".jpg", picture(number))[1].tobytes() for number in range(20)]


@pytest.fixture(scope="module")
def transport_stream(picture, tmp_path_factory):
    """Return 50 frames of MPEG-2 video, (90, 120), as an MPEG transport stream."""
    path = tmp_path_factory.mktemp("stream") / "x.ts"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MPG2"), 25, (120, 90))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no MPEG-2")
    for number in range(50):
        writer.write(picture(number))
    writer.release()
    return path.read_bytes()


def test_rtsp_frames_are_those_that_were_sent(transport_stream, picture, caplog):
    with caplog.at_level(logging.INFO), RawServer(rtsp(transport_stream)) as server:
        address = f"rtsp://me:secret@127.0.0.1:{server.port}/live"
        source = open_source(address)
        assert source.kind == "stream"
        frames = list(source)
    assert 40 <= len(frames) <= 50  # a decoder of a stream gives its last frames only when more come
    assert [frame.number for frame in frames] == list(range(len(frames)))
    assert {frame.source for frame in frames} == {f"rtsp://127.0.0.1:{server.port}/live"}
    difference = frames[5].load().astype(int) - picture(5).astype(int)
    assert abs(difference).mean() < 20  # MPEG-2
    assert f"opening rtsp://127.0.0.1:{server.port}/live (at most 10 s)" in caplog.text
    assert "ends after" in caplog.text
    assert "secret" not in caplog.text


def test_a_network_camera_is_a_stream(jpegs, picture, caplog):
    with RawServer(motion_jpeg(jpegs)) as server:
        source = open_source(f"http://127.0.0.1:{server.port}/camera")
        assert source.kind == "stream"
        frames = list(source)
    assert 18 <= len(frames) <= 20  # a JPEG ends for the decoder where the next one begins
    for frame in frames:
        difference = frame.load().astype(int) - picture(frame.number).astype(int)
        assert abs(difference).mean() < 8  # JPEG
    assert "ends after" in caplog.text


def test_a_stream_that_falls_silent_ends(hasty, jpegs, caplog):
    with RawServer(motion_jpeg(jpegs, stall=20)) as server:
        source = open_source(f"http://127.0.0.1:{server.port}/camera")
        began = time.monotonic()
        assert len(list(source)) >= 15
        assert time.monotonic() - began < 5
    assert "no frame came for 1 s" in caplog.text


def test_a_stream_is_opened_again_when_it_is_repeated(jpegs):
    with RawServer(motion_jpeg(jpegs[:10])) as server:
        source = open_source(f"http://127.0.0.1:{server.port}/camera")
        numbers = [frame.number for frame in islice(repeat(source), 25)]
    assert numbers.count(0) == 3


def test_a_stream_that_cannot_be_opened_again_ends(hasty, jpegs, caplog):
    with RawServer(motion_jpeg(jpegs)) as server:
        frames = repeat(open_source(f"http://127.0.0.1:{server.port}/camera"))
        next(frames)
    assert 18 <= len(list(frames)) + 1 <= 20
    assert "it is not repeated any more" in caplog.text
    with pytest.raises(InferenceError):  # the first time, it is an error
        next(repeat(Video(f"http://127.0.0.1:{server.port}/camera")))


def test_a_video_file_at_an_address_is_a_video(video, picture):
    server = Loopback()
    try:
        for headers in ({}, {"Content-Type": "video/x-msvideo"}):
            source = open_source(server.serve("/clip.avi", Reply(video.read_bytes(), headers=headers)))
            assert (source.kind, source.fps) == ("video", 10.0)
            frames = list(source)
            assert [frame.number for frame in frames] == list(range(9))
            assert abs(frames[3].load().astype(int) - picture(103).astype(int)).mean() < 8  # JPEG
            assert len(list(source)) == 9
    finally:
        server.close()


@pytest.mark.parametrize(
    ("playlist", "reached"),
    [
        ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nx.ts\n#EXT-X-ENDLIST\n", True),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{path}\n#EXT-X-ENDLIST\n", False),
        ("ffconcat version 1.0\nfile file:{path}\n", False),
    ],
)
def test_a_playlist_at_an_address_reaches_no_file_here(transport_stream, tmp_path, playlist, reached):
    (tmp_path / "x.ts").write_bytes(transport_stream)
    server = Loopback()
    try:
        body = playlist.format(path=tmp_path / "x.ts").encode()
        address = server.serve(
            "/x.m3u8", Reply(body, headers={"Content-Type": "application/vnd.apple.mpegurl"})
        )
        server.serve("/x.ts", transport_stream)
        if reached:
            assert len(list(open_source(address))) >= 40
        else:
            with pytest.raises(InferenceError, match="no video that OpenCV reads"):
                open_source(address)
    finally:
        server.close()


def test_a_login_that_only_the_decoder_knows_is_left_to_it(hasty):
    head = 'HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Digest realm="x", nonce="1"\nContent-Length: 0'
    with RawServer(answer(head)) as server:
        with pytest.raises(InferenceError, match="401 Unauthorized"):
            open_source(f"http://127.0.0.1:{server.port}/camera")
        assert len(server.requests) == 1
        with pytest.raises(InferenceError, match="refused, not there"):
            open_source(f"http://me:secret@127.0.0.1:{server.port}/camera")
        assert len(server.requests) > 2


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "tcp"])
def test_nobody_there_is_told_at_once(scheme):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(InferenceError, match="refused, not there, or no video") as error:
        open_source(f"{scheme}://me:secret@127.0.0.1:{port}/x")
    assert time.monotonic() - began < 5
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "tcp"])
def test_who_never_answers_is_waited_for_no_longer_than_said(hasty, scheme):
    began = time.monotonic()
    with (
        RawServer(lambda connection, _: time.sleep(20)) as server,
        pytest.raises(InferenceError, match="no video within 1 s"),
    ):
        open_source(f"{scheme}://127.0.0.1:{server.port}/x")
    assert time.monotonic() - began < 5


def test_work_that_does_not_end_is_left_alone(hasty, monkeypatch):
    """As where the look-up of a name hangs, which FFmpeg does not bound."""
    load = opencv.load()

    class Slow:
        def __getattr__(self, name):
            return getattr(load, name)

        def VideoCapture(self, *_):  # noqa: N802 - OpenCV's name
            time.sleep(10)

    monkeypatch.setattr(video_sources.opencv, "load", Slow)
    began = time.monotonic()
    with pytest.raises(InferenceError, match="no video within 1 s"):
        Video("rtsp://x/y")
    assert time.monotonic() - began < 5


def test_kinds_and_rates(video, monkeypatch):
    assert Video(video).kind == "video"
    for rate in (0.0, -5.0, float("nan"), 1e9):
        monkeypatch.setattr(
            video_sources, "_property", lambda capture, name, rate=rate: rate if name == "FPS" else 5
        )
        assert Video(video).fps == 25.0


def test_frames_that_are_too_large_are_refused(video, monkeypatch):
    monkeypatch.setattr(opencv, "MAX_PIXELS", 90 * 120 - 1)
    with pytest.raises(InferenceError, match="frames of 120 x 90"):
        Video(video)


def test_names_that_a_decoder_would_take_for_something_else(video, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("concat:x.avi", "x%03d.avi", "-x.avi", "http:x.avi", "a?token=x.avi", "new\nline.avi"):
        Path(name).write_bytes(video.read_bytes())
        frames = list(open_source(name))
        assert [frame.source for frame in frames] == [name] * 9


def test_a_name_that_is_no_utf8_is_refused(video, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.avi"))
    path.write_bytes(video.read_bytes())
    with pytest.raises(InferenceError, match="whose name is no UTF-8"):  # OpenCV crashes on it
        open_source(path)


def test_cameras(monkeypatch, tmp_path):
    assert not video_sources.is_camera(tmp_path)
    assert not video_sources.is_camera(Path("/dev/null"))
    assert not video_sources.is_camera(Path("/dev/video98765"))
    asked = []

    class Camera:
        def __init__(self, source, backend=None):
            asked.append((source, backend))
            self.left = 3

        def isOpened(self):  # noqa: N802 - OpenCV's name
            return True

        def get(self, _):
            return 30.0

        def read(self):
            self.left -= 1
            return self.left >= 0, np.zeros((4, 4, 3), np.uint8)

        def release(self):
            pass

    monkeypatch.setattr(video_sources, "is_camera", lambda path: str(path).startswith("/dev/video"))
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    for source in (0, Path("/dev/video0")):
        camera = Video(source)
        assert camera.kind == "camera"
        assert [frame.source for frame in camera] == [str(source)] * 3
    assert asked == [(0, None), ("/dev/video0", cv2.CAP_V4L2)]
