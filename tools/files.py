"""Files from strangers are read up to a bound; files of ours appear whole or not at all."""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from omz.errors import ZooError

_PRIVATE = re.compile(r"\.omz-([0-9a-f]{8})-[0-9a-f]{16}\.part")


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
        with path.open("rb") as stream:
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
        with path.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as reason:
        raise error(f"{path}: cannot be read: {reason.strerror}") from reason
    except ValueError as reason:  # what mmap raises on an empty file
        raise error(f"{path}: is empty. Download it again.") from reason


def private_path(folder: Path) -> Path:
    """Return a name in ``folder`` that nobody else uses and that tells what it is: an unfinished file of ours.

    It tells the machine as well: only there is it known whether the process that uses it is still alive.
    """
    return folder / f".omz-{machine()}-{secrets.token_hex(8)}.part"


def private_machine(name: str) -> str | None:
    """Return which :func:`machine` made a private name; None if it is no private name."""
    match = _PRIVATE.fullmatch(name)
    return match and match[1]


@cache
def machine() -> str:
    """Return 8 hexadecimal digits that stay the same on this machine, and differ on others."""
    identity = os.uname().nodename
    with suppress(OSError):
        identity += Path("/etc/machine-id").read_text()
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


@contextmanager
def whole_file(target: Path, error: type[ZooError]) -> Iterator[BinaryIO]:
    """Open a private file beside ``target`` that takes its name when the block ends well.

    On any exception the private file is removed and ``target`` is left as it was. The folder must be there.

    Raises:
        ZooError: An ``error``: the disk is full, or does not take the file for another reason.
    """
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
        path.unlink(missing_ok=True)


@contextmanager
def writing(target: Path, error: type[ZooError]) -> Iterator[None]:
    """Turn an operating system's refusal to write into an ``error`` that names ``target``."""
    try:
        yield
    except BrokenPipeError:  # of a report on stdout; no fault of the disk
        raise
    except OSError as reason:
        raise error(
            f"{target}: cannot be written: {reason.strerror or reason}. Check the free space and the permissions."
        ) from reason
