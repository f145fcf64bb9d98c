"""OpenCV's FFmpeg, held to what is asked of it: which formats it may take a file for, and what it may open besides.

FFmpeg goes by the content of a file, whatever its name is. Some formats are no videos, but name files and addresses
(HLS, DASH, concat, SDP, numbered pictures, scripts), and FFmpeg opens these as well. So it is told which formats are
taken, before it reads one, and which protocols.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from omz.inference import opencv
from omz.inference.time_limit import within

if TYPE_CHECKING:
    import cv2

#: Where OpenCV looks for FFmpeg's options whenever it opens something.
_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
#: FFmpeg's names of formats that hold their frames themselves.
_VIDEOS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "h261", "h263",
    "h264", "hevc", "vvc", "vc1", "m4v", "av1", "obu", "ivf", "flv", "live_flv", "kux", "asf", "asf_o", "ogg", "mxf",
    "mjpeg", "mjpeg_2000", "gif", "apng", "yuv4mpegpipe", "nut", "dv", "rm", "wtv", "swf", "nsv", "dirac", "cavsvideo",
    "avs2", "avs3", "evc", "vivo", "amv", "roq", "smk", "bink", "flic", "mpsub",
)  # fmt: skip
#: What servers send besides. A playlist of HLS names other addresses, of the protocols below, as cameras have it.
_STREAMS = ("hls", "applehttp", "mpjpeg", "rtsp", "rtp", "rtmp")
_NETWORK = (
    "http", "https", "httpproxy", "tls", "tcp", "udp", "crypto", "rtsp", "rtsps", "rtp", "rtcp", "srtp", "rtmp",
    "rtmpe", "rtmps", "rtmpt", "rtmpte", "rtmpts", "ffrtmpcrypt", "ffrtmphttp",
)  # fmt: skip
_lock = threading.Lock()


def open_video(
    name: str, seconds: float, frame_seconds: float, tell: Callable[[], None], *, local: bool
) -> cv2.VideoCapture:
    """Open a video, and nothing else that there is of that name.

    In a thread, as FFmpeg does not hear Ctrl-C, and its bounds do not hold for the look-up of names.

    Args:
        name: An absolute path, or an address.
        seconds: For opening it.
        frame_seconds: For each frame later.
        tell: Called if it takes longer than a moment.
        local: Whether it is a file, and may open none but itself.

    Raises:
        TimeoutError: It was not opened in time.
    """
    module = opencv.load()
    bounds = [
        *(module.CAP_PROP_OPEN_TIMEOUT_MSEC, int(900 * seconds)),  # so that it may end by itself
        *(module.CAP_PROP_READ_TIMEOUT_MSEC, int(1000 * frame_seconds)),
    ]
    formats, protocols = (_VIDEOS, ("file",)) if local else (_VIDEOS + _STREAMS, _NETWORK)

    def opened() -> cv2.VideoCapture:
        with _options(formats, protocols):
            capture: cv2.VideoCapture = module.VideoCapture(name, module.CAP_FFMPEG, bounds)
        return capture

    return within(seconds, opened, tell)


@contextmanager
def _options(formats: tuple[str, ...], protocols: tuple[str, ...]) -> Iterator[None]:
    """Set FFmpeg's options beside those of the user, who has not the last word on these."""
    with _lock:
        before = os.environ.get(_VARIABLE)
        ours = f"format_whitelist;{','.join(formats)}|protocol_whitelist;{','.join(protocols)}"
        # what OpenCV sets where nothing is set
        os.environ[_VARIABLE] = f"{before or 'rtsp_flags;prefer_tcp'}|{ours}"
        try:
            yield
        finally:
            if before is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = before
