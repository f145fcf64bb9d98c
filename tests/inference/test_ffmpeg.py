"""OpenCV's FFmpeg opens the video that it is given, and no other file or address, whatever is in that one."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

import pytest
from downloader.loopback import Loopback

from omz.errors import InferenceError
from omz.inference import ffmpeg, opencv, time_limit, video_sources
from omz.inference.sources import Video, open_source


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what we look at ourselves: FFmpeg is to refuse it, too."""
    monkeypatch.setattr(video_sources, "check_video_file", lambda path: None)


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{name}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {name}\n",
    "sdp": "v=0\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "vobsub": "# VobSub index file, v7 \nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n",
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("suffix", ["x.avi", "x.m3u8", "x.mp4", "x", "x.idx"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_what_names_other_files_is_no_video(video: Path, tmp_path: Path, kind: str, suffix: str) -> None:
    """Also in binary, where nobody takes it for text."""
    (tmp_path / "other.avi").write_bytes(video.read_bytes())
    path = tmp_path / suffix
    for ending in ("", "\0\1\2"):
        path.write_bytes((PLAYLISTS[kind].format(name="other.avi") + ending).encode())
        with pytest.raises(InferenceError, match="no picture or video that OpenCV reads"):
            Video(path)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_no_address_is_asked(tmp_path: Path, kind: str) -> None:
    server = Loopback()
    try:
        address = server.serve("/x.ts", b"x" * 1000)
        (tmp_path / "x.avi").write_text(PLAYLISTS[kind].format(name=address))
        with pytest.raises(InferenceError):
            Video(tmp_path / "x.avi")
        assert server.count("/x.ts") == 0
    finally:
        server.close()


def test_the_options_of_the_user_are_kept(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    load = opencv.load()

    class Spy:
        def __getattr__(self, name: str) -> object:
            return getattr(load, name)

        def VideoCapture(self, *words: object) -> object:  # noqa: N802 - OpenCV's name
            seen.append(os.environ[ffmpeg._VARIABLE])
            return load.VideoCapture(*words)

    monkeypatch.setattr(ffmpeg.opencv, "load", Spy)
    monkeypatch.delenv(ffmpeg._VARIABLE, raising=False)
    assert len(list(Video(video))) == 9
    assert ffmpeg._VARIABLE not in os.environ
    monkeypatch.setenv(ffmpeg._VARIABLE, "threads;1|protocol_whitelist;file,http,data")
    assert len(list(Video(video))) == 9
    assert os.environ[ffmpeg._VARIABLE] == "threads;1|protocol_whitelist;file,http,data"
    assert seen[0].endswith("|protocol_whitelist;file")
    assert seen[-1].startswith("threads;1|")
    assert seen[-1].endswith("|protocol_whitelist;file")  # the last one holds


def test_a_pipe_that_is_called_like_a_video(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.avi")
    for open_it in (Video, open_source):
        with pytest.raises(InferenceError, match=r"x\.avi: "):
            open_it(tmp_path / "x.avi")


def test_who_waits_is_told(
    video: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a file on a disk that does not answer, or a camera."""
    monkeypatch.setattr(time_limit, "MOMENT_S", 0.1)
    monkeypatch.setattr(video_sources, "OPEN_SECONDS", 0.3)
    done = threading.Event()
    load = opencv.load()

    class Stuck:
        def __getattr__(self, name: str) -> object:
            return getattr(load, name)

        def VideoCapture(self, *_: object) -> None:  # noqa: N802 - OpenCV's name
            done.wait(20)

    for module in (ffmpeg, video_sources):
        monkeypatch.setattr(module.opencv, "load", Stuck)
    began = time.monotonic()
    with caplog.at_level(logging.INFO):
        with pytest.raises(InferenceError, match=r"no video within 0\.3 s"):
            Video(video)
        with pytest.raises(InferenceError, match=r"does not answer within 0\.3 s"):
            Video(0)
    done.set()
    assert time.monotonic() - began < 15
    assert caplog.text.count("waiting for its first frame, up to 0.3 s") == 2
