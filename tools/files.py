"""Files from strangers are read up to a bound; files of ours appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from omz.errors import UsageError, ZooError
from omz.private import private_path
from omz.regular_files import open_regular

#: Of linux/fs.h: share the blocks of another file.
FICLONE = 0x40049409
#: In bytes, of a file that is mostly holes and is read all the same: a second or two.
MAX_HOLES = 1 << 30


def read_bounded(path: Path, limit: int, what: str, error: type[ZooError]) -> bytes:
    """Return the content of a file.

    Args:
        path: The file.
        limit: In bytes; the largest that is sensible.
        what: What the file should be, for the message, such as ``label list``.
        error: What to raise.

    Raises:
        ZooError: An ``error``: the file cannot be read, or is larger than ``limit``.
    """
    try:
        with open_regular(path) as stream:
            content = stream.read(limit + 1)
    except OSError as reason:
        raise error(f"{path}: cannot be read: {reason.strerror}") from reason
    if len(content) > limit:
        raise error(f"{path}: larger than {limit} bytes; that is no {what}")
    return content


def map_file(path: Path, error: type[ZooError]) -> mmap.mmap:
    """Map a file privately, so that its contents can be used in place.

    The mapping is copy-on-write, not read-only, because OpenVINO shares memory with writable
    arrays only. Nobody writes.

    Raises:
        ZooError: An ``error``: the file is missing, unreadable or empty.
    """
    try:
        with open_regular(path) as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as reason:
        raise error(f"{path}: cannot be read: {reason.strerror}") from reason
    except ValueError as reason:  # what mmap raises on an empty file
        raise error(f"{path}: is empty. Download it again.") from reason


def data_bytes(path: Path) -> int:
    """Return how large a file is without its holes, which cost nobody anything; 0 if there is none."""
    try:
        found = path.stat()
        if not found.st_blocks and found.st_size:
            with path.open("rb") as stream:
                os.lseek(stream.fileno(), 0, os.SEEK_DATA)  # fails where all is a hole
            return found.st_size
        return min(found.st_size, 512 * found.st_blocks)
    except OSError:
        return 0


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder with those that it is in; on any exception those that were made go again, unless they hold files.

    Raises:
        OSError: It cannot be made.
    """
    made = list(takewhile(lambda path: not path.exists(), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise


def is_mostly_holes(path: Path) -> bool:
    """Tell whether to read a file takes far longer than to have made it: most of it costs no room on the disk."""
    return data_bytes(path) < path.stat().st_size // 8


def check_holes(path: Path, error: type[ZooError]) -> None:
    """Refuse a file that is to be read whole and would take hours, most of it of nothing.

    Raises:
        ZooError: An ``error``: it is one.
    """
    if path.is_file() and path.stat().st_size > MAX_HOLES and is_mostly_holes(path):
        size = path.stat().st_size
        raise error(f"{path}: is mostly holes, of {size >> 30} GB. Is it a download that was cut short?")


def take_lock(descriptor: int) -> bool:
    """Take the lock on an open file for as long as it is open; return whether nobody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here, so that nobody has one
        pass
    return True


def check_writable(target: Path, option: str) -> None:
    """Check that a file can be made or replaced, before work is done that its content would be lost of.

    Args:
        target: What :func:`whole_file` will write; its folder need not be there yet.
        option: That names it on the command line, for the message.

    Raises:
        UsageError: It is a folder or a device.
        ZooError: Its folder takes no files.
    """
    folder = target.parent
    try:
        if not stat.S_ISREG(target.stat().st_mode):
            raise UsageError(f"{option} {target}: is {'a folder' if target.is_dir() else 'no regular file'}")
    except FileNotFoundError:
        while not folder.exists():
            folder = folder.parent
    except OSError as reason:
        raise ZooError(f"{option} {target}: cannot be written: {reason.strerror}") from reason
    # tried, as permissions do not tell all: disks may be read-only, folders of other kinds take no files
    path = private_path(folder)
    try:
        path.touch(exist_ok=False)
        path.unlink()
    except OSError as reason:
        raise ZooError(f"{option} {target}: cannot be written: {reason.strerror}") from reason


@contextmanager
def whole_file(target: Path, error: type[ZooError]) -> Iterator[BinaryIO]:
    """Open a private file beside ``target`` that takes its name when the block ends well.

    On any exception the private file is removed and ``target`` is left as it was. The folder must be there.

    Raises:
        ZooError: An ``error``: the disk is full, or does not take the file for another reason, or a device or a pipe
            is in its place.
    """
    with writing(target, error):
        # to root nothing would refuse to put a file in the place of /dev/null
        if target.exists() and not (target.is_file() or target.is_dir()):
            raise error(f"{target}: cannot be written: is no regular file")
    path = private_path(target.parent)
    try:
        with (
            writing(target, error),
            path.open("xb") as stream,
        ):  # mode "x": the user's umask, nobody else's file
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with writing(target, error):
            path.replace(target)
    finally:
        with suppress(OSError):  # of a read-only disk; it would hide the error that names the target
            path.unlink(missing_ok=True)


def write_whole(target: Path, data: bytes, error: type[ZooError]) -> None:
    """Write a file beside its target, then rename; folders are made.

    Raises:
        ZooError: An ``error``: it cannot be written.
    """
    with writing(target, error):
        target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target, error) as stream:
        stream.write(data)


def write_output(target: str, text: str, error: type[ZooError]) -> None:
    r"""Write what an option such as ``--json`` asks for: to a file, whole or not at all, or to stdout for ``-``.

    What is no UTF-8 in a file's name is escaped: such a byte, 0xff say, is written as ``\udcff``, which in JSON is the
    same name again.

    Raises:
        ZooError: An ``error``: the file cannot be written.
    """
    data = text.encode(errors="backslashreplace")
    if target == "-":
        sys.stdout.write(data.decode())
    else:
        write_whole(Path(target), data, error)


@contextmanager
def writing(target: Path, error: type[ZooError]) -> Iterator[None]:
    """Turn an operating system's refusal to write into an ``error`` that names ``target``."""
    try:
        yield
    except OSError as reason:
        raise error(
            f"{target}: cannot be written: {reason.strerror or reason}. Check the free space and the permissions."
        ) from reason


def check_end(path: Path, size: int) -> None:
    """Make a file longer, to learn what another library has been told when it wrote it and keeps to itself.

    Raises:
        OSError: The disk takes no ``size`` bytes more, or none of a file that is so long.
    """
    with path.open("ab") as stream:  # which makes it if need be
        try:
            os.posix_fallocate(stream.fileno(), os.fstat(stream.fileno()).st_size, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                raise
            stream.write(bytes(min(size, 1 << 20)))  # a disk that knows no other way


def share_blocks(source: BinaryIO, target: BinaryIO) -> bool:
    """Let a file that is open for writing share the blocks of another; the first write to either parts them.

    Returns:
        Whether the file system does it: Btrfs, XFS, bcachefs and others do.
    """
    try:
        fcntl.ioctl(target.fileno(), FICLONE, source.fileno())
    except OSError:
        return False
    return True
