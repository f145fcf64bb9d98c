"""The files beside an ONNX file that tensors are in: opened here, once, and handed on under names of ours.

OpenVINO's reader makes a path of what the file says by rules of its own: it drops what is before a colon, and dots and
slashes at the beginning; one location it takes for an address in its own memory. So it gets other locations than those
in the file: links to what was opened and checked here, alone in a private folder.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path, PurePosixPath

from omz.converter.onnx.graph import ModelReader
from omz.converter.onnx.tensors import ExternalData
from omz.converter.onnx.wire import Reader
from omz.errors import ConversionError, ParseError, located
from omz.files import check_holes, map_file

#: What onnxruntime and OpenVINO understand as an address in memory, however it is spelt.
_IN_MEMORY = "_ort_mem_addr_"
#: All tensors together may be so many times as large as the files; several may be one and the same.
MAX_SHARED = 16
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
#: Of the folder in the private folder, for links of long names: no name has more than 255 characters.
_DEEP, _NAME_MAX, _SHORT_NAME = "_", 200, 12


def external_files(path: Path) -> list[Path]:
    """Return the files that an ONNX file says its tensors are in, sorted; none for most networks.

    Raises:
        ParseError: The file is not a network in ONNX, or is cut short.
        ConversionError: One of the files is not there, or not in the folder of the ONNX file or below.
    """
    with map_file(path, ParseError) as content:
        if content.find(b"location") < 0:
            return []
        model = ModelReader(Reader(content))
        with located(str(path)):
            model.read()
            locations = sorted({data.location for data in model.external})
    for location in locations:
        with opened(path, location):
            pass
    return [path.parent / PurePosixPath(location) for location in locations]


def link_all(path: Path, tensors: Sequence[ExternalData], folder: Path) -> dict[str, bytes]:
    """Check the files that tensors are in, and link them into a folder.

    Args:
        path: The ONNX file.
        tensors: What is in other files.
        folder: A private one, of the file system of ``path`` so that nothing is copied.

    Returns:
        The new location for each in the file, of the same length.

    Raises:
        ConversionError: A file is not there, is no regular file in the folder of ``path``, or is too short.
    """
    named: dict[str, list[ExternalData]] = {}
    for tensor in tensors:
        named.setdefault(tensor.location, []).append(tensor)
    counters: dict[int, Iterator[int]] = {}
    links, total = {}, 0
    for location, inside in named.items():
        length = len(location.encode())
        name = _name(next(counters.setdefault(length, count())), length)
        if name is None:
            raise ConversionError(f"{path}: has too many files with names of {length} characters")
        with opened(path, location) as descriptor:
            check_holes(path.parent / location, ConversionError)
            size = os.fstat(descriptor).st_size
            for tensor in inside:
                _check_range(path, tensor, size)
            _link(descriptor, folder / name)
        links[location] = name.encode()
        total += size
    if sum(tensor.length for tensor in tensors) > MAX_SHARED * total:
        raise ConversionError(
            f"{path}: its tensors are {MAX_SHARED} times as large as the files that they are in"
        )
    return links


@contextmanager
def opened(path: Path, location: str) -> Iterator[int]:
    """Open a file that an ONNX file takes tensors from.

    Links within the folder are followed; whoever puts another link there meanwhile gets an error.

    Raises:
        ConversionError: It is not there, or no regular file in the folder of the ONNX file or below.
    """
    relative = PurePosixPath(location)
    if _IN_MEMORY in location.lower():
        raise ConversionError(
            f"{path}: takes its weights from memory ({location!r}), not from a file; that is refused"
        )
    outside = ConversionError(
        f"{path}: takes its weights from {location!r}, outside of its own folder; that is refused"
    )
    if relative.is_absolute() or ".." in relative.parts or "\\" in location or "\0" in location:
        raise outside
    file = path.parent / relative
    try:
        folder = path.parent.resolve(strict=True)
        real = file.resolve(strict=True)
        if not real.is_relative_to(folder):
            raise outside
        descriptor = _open_below(folder, real.relative_to(folder).parts)
        itself = os.path.samestat(os.fstat(descriptor), path.stat())
    except (OSError, RuntimeError) as reason:  # RuntimeError: links in a circle, before Python 3.13
        if isinstance(reason, FileNotFoundError):
            raise ConversionError(f"{file}: is not there; {path.name} takes its weights from it") from None
        words = getattr(reason, "strerror", None) or reason
        raise ConversionError(
            f"{file}: cannot be read: {words}; {path.name} takes its weights from it"
        ) from reason
    try:
        if itself:
            raise ConversionError(f"{path}: takes its weights from itself; save them in another file")
        yield descriptor
    finally:
        os.close(descriptor)


def _open_below(folder: Path, parts: Sequence[str]) -> int:
    """Open a regular file; nothing on the way may be a link, a device or a pipe."""
    at = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts:
        try:
            inner = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
        finally:
            os.close(at)
        at = inner
    try:
        if not stat.S_ISREG(os.fstat(at).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        return os.open(f"/proc/self/fd/{at}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(at)


def _check_range(path: Path, tensor: ExternalData, size: int) -> None:
    end = tensor.offset + tensor.length
    if end > size or (tensor.to_the_end and end != size):
        raise ConversionError(
            f"{path}: tensor {tensor.tensor!r} takes {tensor.length} bytes from {tensor.offset} "
            f"of {tensor.location!r}, which has {size}. Download both files again"
        )


def _name(number: int, length: int) -> str | None:
    """Return the name of a link, of a length; None if there are too many."""
    digits = ""
    width = length if length <= _NAME_MAX else _SHORT_NAME
    while number or not digits:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    if len(digits) > width:
        return None
    name = digits.zfill(width)
    return name if length <= _NAME_MAX else _DEEP + "/" * (length - len(_DEEP) - width) + name


def _link(descriptor: int, link: Path) -> None:
    """Give an open file another name: a hard link, so that no other file can take its place; else a copy."""
    link.parent.mkdir(exist_ok=True)
    try:
        # with a folder stated, Python follows the link in /proc to the file that is open
        os.link(f"/proc/self/fd/{descriptor}", link, src_dir_fd=descriptor, follow_symlinks=True)
    except OSError:  # another disk, another owner
        try:
            copy(descriptor, link)
        except OSError as reason:
            raise ConversionError(f"{link.parent}: cannot be written to: {reason.strerror}") from reason


def copy(descriptor: int, target: Path) -> None:
    """Copy an open file to a new one; disks that can let both share their blocks.

    Raises:
        OSError: It cannot be written.
    """
    with target.open("xb") as stream:
        size = os.fstat(descriptor).st_size
        done = 0
        while done < size:
            try:
                sent = os.copy_file_range(descriptor, stream.fileno(), size - done, done)
            except OSError:  # between two kinds of file systems
                sent = os.sendfile(stream.fileno(), descriptor, done, size - done)
            if not sent:
                break
            done += sent


def place_for_links(path: Path) -> Path:
    """Return the folder to link the files beside ``path`` into a folder of: of the same disk, where that can be."""
    temporary = Path(tempfile.gettempdir())
    if temporary.stat().st_dev == path.parent.stat().st_dev or not os.access(path.parent, os.W_OK):
        return temporary
    return path.parent
