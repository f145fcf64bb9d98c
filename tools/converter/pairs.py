"""The two files of an IR are one thing: the ``.xml`` tells which ``.bin`` is its own.

The ``.bin`` ends, behind the weights, with their digest. The ``.xml`` has in rt_info, section ``omz``, the entry
``weights`` with ``bytes:`` the size of the ``.bin``, and three SHA-256:

- ``tree:`` of those of every 4 MiB of the weights, which several processors compute at once; the end of the ``.bin``.
- ``sample:`` of 16 blocks of the ``.bin``, the first and the last ones among them. The last one tells every other
  ``.bin``, as it ends with another digest; so that all of it need be read only to find one that is damaged.
- ``xml:`` of the ``.xml`` without the entry. What reads a network and writes it anew, as an optimizer of somebody else,
  takes the entry along; where this digest differs, it says nothing.

None of them is a signature: whoever forges the one file forges the other.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from omz.digests import tree_digest
from omz.errors import ConversionError, InferenceError, ZooError
from omz.files import take_lock
from omz.regular_files import open_regular

#: Key in the section :data:`omz.converter.ir.PROVENANCE`.
WEIGHTS = "weights"
BLOCK_BYTES, BLOCKS = 4096, 16
#: Of ours, the largest have some.
MAX_XML_BYTES = 256 << 20
#: How long to wait for another process that is renaming the files, in seconds: it needs no more than milliseconds.
PATIENCE_S = 10.0
#: How often a pair is read that others replace meanwhile.
TRIES = 20

_ENTRY = re.compile(
    rb'"bytes:(\d{1,15}) tree:([0-9a-f]{64}) sample:([0-9a-f]{64}) xml:([0-9a-f]{64})"', re.ASCII
)
_DIGEST_BYTES = hashlib.sha256().digest_size
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Seal:
    """What an ``.xml`` tells of its ``.bin``; see the module's docstring."""

    size: int
    tree: str
    sample: str


def placeholder() -> str:
    """Return what is to be in the place of the entry until :func:`seal` knows it."""
    return f"not known yet {secrets.token_hex(16)}"


def seal(xml: Path, instead_of: str) -> None:
    """Finish a pair that has just been written, durably.

    Args:
        xml: Of a pair that nobody else knows of.
        instead_of: The :func:`placeholder` that is in it.
    """
    with xml.with_suffix(".bin").open("r+b") as weights, ThreadPoolExecutor() as pool:
        most = pool.submit(os.fsync, weights.fileno())
        digest = tree_digest(weights.fileno(), os.fstat(weights.fileno()).st_size, pool)
        most.result()
        weights.seek(0, os.SEEK_END)
        weights.write(digest)
        weights.flush()
        rest = pool.submit(os.fsync, weights.fileno())
        size, sample = weights.tell(), _sample(weights)
        before, _, after = xml.read_bytes().partition(instead_of.encode())
        of_xml = hashlib.sha256(before + after).hexdigest()
        entry = f"bytes:{size} tree:{digest.hex()} sample:{sample} xml:{of_xml}"
        with xml.open("wb") as stream:
            stream.write(before + entry.encode() + after)
            stream.flush()
            os.fsync(stream.fileno())
        rest.result()


def seal_of(xml: Path) -> Seal | None:
    """Return what an ``.xml`` tells of its ``.bin``; None if it is not as we wrote it.

    Raises:
        OSError: It cannot be read.
    """
    with open_regular(xml) as stream:
        if os.fstat(stream.fileno()).st_size > MAX_XML_BYTES:
            return None
        content = stream.read(MAX_XML_BYTES)
    found = list(_ENTRY.finditer(content))
    if len(found) != 1:
        return None
    start, end = found[0].span()
    of_xml = hashlib.sha256(content[: start + 1] + content[end - 1 :]).hexdigest()
    size, tree, sample, stated = (field.decode() for field in found[0].groups())
    return Seal(int(size), tree, sample) if stated == of_xml else None


def check_pair(xml: Path, *, whole: bool = False) -> bool:
    """Check that a ``.bin`` is the one that its ``.xml`` belongs to.

    Args:
        xml: Of the pair.
        whole: Read all of the ``.bin``, and not only some blocks of it.

    Returns:
        Whether the ``.xml`` tells; those of others do not.

    Raises:
        InferenceError: It is another one, or damaged.
        OSError: A file cannot be read.
    """
    told = seal_of(xml)
    if told is None:
        return False
    path, without_end = xml.with_suffix(".bin"), told.size - _DIGEST_BYTES
    problem = ""
    with open_regular(path) as weights:
        size = os.fstat(weights.fileno()).st_size
        if size not in (told.size, without_end):
            problem = f"has {size} bytes, but {xml.name} belongs to one of {told.size}"
        elif size == told.size and _sample(weights) != told.sample:
            problem = f"is not the one that {xml.name} belongs to"
        elif whole or size == without_end:  # what writes an equal network anew leaves out the end
            with ThreadPoolExecutor() as pool:
                if tree_digest(weights.fileno(), without_end, pool).hex() != told.tree:
                    problem = f"its weights do not have the digest that {xml.name} states"
    if problem:
        raise InferenceError(
            f"{path}: {problem}: the two are not of one conversion, or damaged. Convert the model again."
        )
    return True


def publish(fresh: Path, xml: Path) -> None:
    """Give a pair its name; an old ``.xml`` goes first, and the new one comes last.

    Processes that do so in one folder wait for each other. Where its disk has no locks, they look afterwards.

    Raises:
        ConversionError: Another process has come between, and the files may be of two conversions. Readers find out.
        OSError: The files cannot be renamed.
    """
    weights, ours = xml.with_suffix(".bin"), (fresh.with_suffix(".bin").stat(), fresh.stat())
    with _turn(xml.parent):
        xml.unlink(missing_ok=True)
        fresh.with_suffix(".bin").replace(weights)
        if _is(weights, ours[0]):  # whoever was stopped here for long has lost its turn
            fresh.replace(xml)
        states = _is(weights, ours[0]), _is(xml, ours[1])
    if states not in ((True, True), (False, False)) or fresh.exists():
        raise ConversionError(
            f"{xml}: another process has written into its place at the same time; convert it again, one after the other"
        )


def read_pair(xml: Path, read: Callable[[], _Result]) -> _Result:
    """Return what ``read`` makes of a pair; it is called again if the pair has been replaced meanwhile."""
    before = _states(xml)
    try:
        result = read()
    except (OSError, ZooError):
        with _turn(xml.parent):  # somebody may have been between the two
            if _states(xml) == before:
                raise
            return _read_undisturbed(xml, read)
    if _states(xml) == before:
        return result
    with _turn(xml.parent):
        return _read_undisturbed(xml, read)


def _read_undisturbed(xml: Path, read: Callable[[], _Result]) -> _Result:
    """Do so while it is our turn: it takes more than one try only where there are no locks."""
    for _ in range(TRIES):
        before = _states(xml)
        try:
            result = read()
        except (OSError, ZooError):
            if _states(xml) == before:
                raise
        else:
            if _states(xml) == before:
                return result
    raise InferenceError(
        f"{xml}: is replaced again and again while it is read. Wait for who writes it to end."
    )


def _states(xml: Path) -> list[tuple[int, ...] | None]:
    """Return what differs once a file is another one."""
    states: list[tuple[int, ...] | None] = []
    for path in (xml, xml.with_suffix(".bin")):
        try:
            stat = path.stat()
            states.append((stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns))
        except OSError:
            states.append(None)
    return states


def _is(path: Path, stat: os.stat_result) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), stat)
    return False


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait for the lock on a folder, which leaves no file behind; go on without where the file system has none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not take_lock(descriptor) and time.monotonic() < deadline:
            time.sleep(0.002)
        yield
    finally:
        os.close(descriptor)


def _sample(weights: BinaryIO) -> str:
    """Return the digest of some blocks, evenly spread, the first and the last one among them."""
    last = max(os.fstat(weights.fileno()).st_size - BLOCK_BYTES, 0)
    starts = sorted({last * place // (BLOCKS - 1) for place in range(BLOCKS)})
    blocks = b"".join(os.pread(weights.fileno(), BLOCK_BYTES, start) for start in starts)
    return hashlib.sha256(blocks).hexdigest()
