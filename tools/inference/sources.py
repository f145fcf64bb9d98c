"""Where frames come from: what ``-i`` names, and how it is told apart."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from omz.errors import InferenceError, UsageError
from omz.inference.addresses import STREAM_SCHEMES, WEB_SCHEMES, scheme, shown
from omz.inference.folders import (
    Found,
    files_below,
    has_magic,
    is_folder,
    list_pictures,
    look,
    matches,
    natural_key,
    pictures_below,
    tell,
)
from omz.inference.frames import Frame, repeat
from omz.inference.images import is_picture
from omz.inference.path_lists import read_list
from omz.inference.picture_sources import Arrays, NoPicture, Pictures
from omz.inference.video_sources import (
    LIVE,
    Video,
    check_video_file,
    is_camera,
)
from omz.inference.web import NoPictureError, fetch
from omz.inference.web_pictures import WebPicture
from omz.suggestions import files_near

__all__ = [
    "LIVE",
    "Arrays",
    "Frame",
    "Pictures",
    "Source",
    "Video",
    "files_below",
    "list_pictures",
    "natural_key",
    "open_source",
    "open_sources",
    "pictures_below",
    "repeat",
]  # fmt: skip

Source = Pictures | Video | Arrays

_TAKEN = (
    "pictures, folders, 'patterns', @list.txt, http(s) addresses; or one video, rtsp:// address or camera"
)
_ALONE = "a video or a camera is given alone"


def open_source(text: str | Path) -> Source:
    """Open what one ``-i`` names; see :func:`open_sources`."""
    return open_sources([text])


def open_sources(inputs: Sequence[str | Path]) -> Source:
    """Open what ``-i`` names, one thing or several.

    Any number of pictures, mixed as one likes: files, folders (those directly in it, or if there is none, in the
    folders in it), patterns with ``*``, ``?``, ``[...]`` and ``**``, ``@list.txt`` with a path or an http(s) address a
    line, and http(s) addresses. Or a single video: a file, an address (http, https, rtsp, rtmp ...), or a camera by
    its index or device. A file that exists goes before whatever else its name might mean.

    Args:
        inputs: At least one; a :class:`~pathlib.Path` is a file or a folder, whatever its name may look like.

    Raises:
        InferenceError: There is no such thing, or no picture in a folder, or it cannot be opened.
        UsageError: A video or a camera is not given alone.
    """
    if not inputs:
        raise InferenceError("no picture is given")
    if len(inputs) == 1:
        return _open(inputs[0])
    return _gathered(inputs)


def _open(given: str | Path) -> Source:
    """Open the only thing that is given; it may be anything."""
    text = str(given)
    name = scheme(text) if isinstance(given, str) else ""
    if name in WEB_SCHEMES:
        began = time.monotonic()
        try:
            return Pictures([WebPicture(text, fetch(text, tell=True))], "image")
        except NoPictureError:  # a page or an error would have been told
            return Video(text, spent=time.monotonic() - began)
    if name in STREAM_SCHEMES:
        return Video(text)
    path, mode = Path(given), _mode(given)
    if mode is None:
        if name == "" and _is_index(text):
            return Video(int(text))
        if isinstance(given, str) and _is_pattern(text) and len(found := matches(text)) == 1:
            return _open(found[0])
    elif is_camera(path):
        return Video(path)
    elif stat.S_ISREG(mode):
        if is_picture(path):
            return Pictures([path], "image")
        check_video_file(path)
        return Video(path)
    return _gathered([given])


def _gathered(inputs: Sequence[str | Path]) -> Pictures:
    """Return the pictures that all the inputs name; what was looked through is told once."""
    looked: list[Found] = []
    pictures = Pictures([item for given in inputs for item in _pictures(given, looked)])
    if looked:
        found = Found(
            [path for one in looked for path in one.pictures],
            sum(one.others for one in looked),
            sum(one.unread for one in looked),
        )
        tell(shown(inputs[0]) if len(inputs) == 1 else f"{len(looked)} of {len(inputs)} inputs", found)
    return pictures


def _pictures(given: str | Path, looked: list[Found]) -> Sequence[Path | WebPicture | NoPicture]:
    """Return the pictures that one of several things names; folders and patterns add what is in them to ``looked``."""
    text = str(given)
    name = scheme(text) if isinstance(given, str) else ""
    if name in WEB_SCHEMES:
        return [WebPicture(text)]
    if name in STREAM_SCHEMES:
        raise UsageError(f"{shown(text)}: {_ALONE}")
    if name:
        raise InferenceError(f"{shown(text)}: {name}:// is not taken.\n-i takes {_TAKEN}")
    path, mode = Path(given), _mode(given)
    if mode is None:
        return _by_name(given, looked)
    if stat.S_ISDIR(mode):
        looked.append(look(path))
        return looked[-1].required(path)
    if stat.S_ISREG(mode):
        return [path] if is_picture(path) else [NoPicture(path, f"no picture; {_ALONE}")]
    if is_camera(path):
        raise UsageError(f"{shown(text)}: {_ALONE}")
    raise InferenceError(f"{shown(text)}: is no regular file, folder or camera")


def _by_name(given: str | Path, looked: list[Found]) -> Sequence[Path | WebPicture]:
    """Return the pictures that a list or a pattern names: there is no file of that name."""
    text = str(given)
    if isinstance(given, str):
        if text.startswith("@"):
            return read_list(Path(text[1:]))
        if _is_pattern(text):
            looked.append(_matching(text))
            return looked[-1].pictures
        if _is_index(text):
            raise UsageError(f"{shown(text)}: no such file, and if it is meant to be a camera: {_ALONE}")
        if " ! " in text:
            raise InferenceError(f"{shown(text)}: GStreamer pipelines are not taken.\n-i takes {_TAKEN}")
    meant = files_near(Path(given)) if text else ""
    raise InferenceError(
        f"{shown(text) or 'an empty name'}: no such file or folder (and no camera index).{meant}"
    )


def _matching(pattern: str) -> Found:
    """Return the pictures that match a pattern, and those of the folders that do."""
    pictures: list[Path] = []
    others = unread = 0
    for path in matches(pattern):
        found = look(path) if is_folder(path) else Found([path], 0) if is_picture(path) else Found([], 1)
        pictures += found.pictures
        others, unread = others + found.others, unread + found.unread
    pictures = list(dict.fromkeys(pictures))
    if not pictures:
        what = f"no picture ({others} other files)" if others else "nothing"
        raise InferenceError(f"{shown(pattern)}: matches {what}")
    return Found(pictures, others, unread)


def _is_pattern(text: str) -> bool:
    return has_magic(text) and "\0" not in text


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6


def _mode(given: str | Path) -> int | None:
    """Return the mode of a file or folder, None if there is none of that name."""
    if not str(given):  # which a Path takes for the working directory
        return None
    try:
        return os.stat(given).st_mode  # noqa: PTH116 - of a word that need be no path
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise InferenceError(f"{shown(given)}: {error.strerror}") from error
    except ValueError:  # of a NUL
        return None
