"""What FFmpeg, libjpeg and libpng say of broken files, and of texts in them, straight to standard error."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import cv2
import pytest
from attacks.attack import Attack
from attacks.escapes import EVIL, in_terminal

from nets.tiny_classifier import draw_picture

#: As users may set them, for other programs.
TALKATIVE = {"OPENCV_FFMPEG_LOGLEVEL": "56", "OPENCV_LOG_LEVEL": "DEBUG", "OPENCV_VIDEOIO_DEBUG": "1"}
_OURS = re.compile(r"(?:INFO|WARNING|DEBUG|ERROR): |classification_demo: |  |\n?$")


def jpeg_with_a_gap() -> bytes:
    data = bytearray(cv2.imencode(".jpg", draw_picture(1))[1].tobytes())
    data[-200:-60] = bytes(140)
    return bytes(data)


def png_with_a_text() -> bytes:
    """A profile that is none, and a text; libpng warns of the first."""
    data = cv2.imencode(".png", draw_picture(1))[1].tobytes()
    chunks = b""
    for kind, body in ((b"iCCP", EVIL.encode()[:70] + b"\0\0x"), (b"tEXt", b"Title\0" + EVIL.encode())):
        chunks += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + chunks + data[33:]


def cut_video(video: Path) -> bytes:
    data = bytearray(video.read_bytes())
    frame = data.index(b"00dc") + 8
    data[frame + 900 : frame + 1100] = bytes(200)
    return bytes(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("argv", [(), ("--verbose",)], ids=["", "verbose"])
@pytest.mark.parametrize("kind", ["gap.jpg", "text.png", "cut.avi"])
def test_libraries_reach_no_terminal(
    kind: str, argv: tuple[str, ...], attack: Attack, tiny, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers = {"gap.jpg": jpeg_with_a_gap, "text.png": png_with_a_text, "cut.avi": lambda: cut_video(video)}
    (attack.folder / kind).write_bytes(makers[kind]())
    for name, value in TALKATIVE.items():
        monkeypatch.setenv(name, value)
    words = ["classification_demo", "-m", tiny.xml, "-i", kind, "--no_show", *argv]
    if not argv:
        in_terminal(attack.folder, *words)
    shown = attack.run(*words).err
    assert not [line for line in shown.splitlines() if not _OURS.match(line)], shown
