"""Lists of pictures: ``@list.txt``, a path or an http(s) address a line."""

from __future__ import annotations

import os
from pathlib import Path

from omz.errors import InferenceError
from omz.files import read_bounded
from omz.inference.addresses import WEB_SCHEMES, scheme, shown
from omz.inference.images import check_file
from omz.inference.web_pictures import WebPicture

MAX_LIST_BYTES, MAX_LINES = 64 << 20, 1_000_000
_BOM = b"\xef\xbb\xbf"


def read_list(path: Path) -> list[Path | WebPicture]:
    """Read a list of pictures.

    A path is relative to the list's folder; if there is no such file, to the working directory. Blank lines are
    skipped, and so are those that begin with ``#``, unless a file has that name. Whether the pictures are there is
    found out when their turn comes.

    Raises:
        InferenceError: The list cannot be read, or names no picture.
    """
    check_file(path)
    content = read_bounded(path, MAX_LIST_BYTES, "list of pictures", InferenceError)
    if b"\0" in content:
        raise InferenceError(f"{shown(path)}: is no text; a list has a path or an address a line")
    if content.count(b"\n") > MAX_LINES:
        raise InferenceError(f"{shown(path)}: has more than {MAX_LINES} lines; give several lists")
    lines = (os.fsdecode(line.strip()) for line in content.removeprefix(_BOM).split(b"\n"))
    found = [picture for line in lines if line and (picture := _picture(line, path.parent))]
    if not found:
        raise InferenceError(f"{shown(path)}: names no picture; a list has a path or an address a line")
    return found


def _picture(line: str, folder: Path) -> Path | WebPicture | None:
    if scheme(line) in WEB_SCHEMES:
        return WebPicture(line)
    for path in (folder / line, Path(line)):
        if os.path.lexists(path):
            return path
    return None if line.startswith("#") else folder / line
