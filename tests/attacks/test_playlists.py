"""Files that are no videos but name others: FFmpeg, which goes by their content, would open those.

Each names a file beside it and an address where we listen; nobody comes there, and the answer is there at once.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from attacks.attack import Attack

from nets.tiny_classifier import TinyNet

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
FILES = {
    "x.m3u8": HLS,
    "hls.avi": HLS,
    "bom.mp4": "\ufeff" + HLS,
    "binary.mp4": HLS + "\0\1\2",
    "control.mkv": HLS.replace("\n", "\n#\1\n", 1),
    "x.ffconcat": "ffconcat version 1.0\nfile {}\n",
    "concat.avi": "ffconcat version 1.0\n#\1\nfile {}\n",
    "x.sdp": "v=0\no=- 0 0 IN IP4 {0}\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    "sdp.ts": "v=0\n\1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=control:{}\n",
    "x.mpd": '<?xml version="1.0"?>\n<MPD><BaseURL>{}</BaseURL></MPD>',
    "dash.mp4": '\1<MPD type="static"><BaseURL>{}</BaseURL></MPD>',
    "x.ism": '<SmoothStreamingMedia><StreamIndex Url="{}"/></SmoothStreamingMedia>',
    "x.asx": '<asx version="3.0"><entry><ref href="{}"/></entry></asx>',
    "x.pls": "[playlist]\nFile1={}\nNumberOfEntries=1\n",
    "x%03d.dpx": "\1",
    "x%03d.jls": "\1",
}


@pytest.fixture
def here(attack: Attack, tiny: TinyNet, video: Path) -> Attack:
    for suffix in (".xml", ".bin"):
        shutil.copy(tiny.xml.with_suffix(suffix), attack.folder / f"net{suffix}")
    shutil.copy(video, attack.folder / "other.avi")
    return attack


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_names_others(here: Attack, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts"
        for target in ("other.avi", address):
            (here.folder / name).write_text(FILES[name].format(target), encoding="utf-8")
            message = here.refused("classification_demo", "-m", "net.xml", "-i", name, "--no_show")
            assert name in message
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "name",
    [
        "concat:other.avi|other.avi", "subfile,,start,0,end,0,,:other.avi", "data:video/avi;base64,AAAA",
        "file:other.avi", "cache:other.avi", "async:other.avi", "crypto:other.avi", "pipe:0", "lavfi:testsrc",
        "file:///etc/passwd", "concatf:x", "hls+http://127.0.0.1/x", "other%d.avi",
    ],
)  # fmt: skip
def test_a_name_that_ffmpeg_reads_in_its_own_way(here: Attack, name: str) -> None:
    here.refused("classification_demo", "-m", "net.xml", "-i", name, "--no_show")
