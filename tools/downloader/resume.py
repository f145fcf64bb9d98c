"""A file that is on its way: its bytes beside the target, and what is known of them, for another run to go on.

On disk it is one file, so that no half of it can be lost or belong to another: the bytes at their final offsets, with
holes for what is missing, and after them a block of ``STATE_BYTES`` with a checksum and a JSON object (:class:`State`).

While a process writes to it, it is called ``.<name>.<machine><random>.part`` and locked; at rest, ``.<name>.part``.
Taking one over is a matter of renaming, which only one process can do, whatever locks are worth on the file system:

- One at rest is anybody's who may write to it. What only has such a name (a folder, a link, a file of another user) is
  left where it is; then what we leave keeps its private name.
- One whose process was killed is taken over only if its lock is free, locks work, and the process cannot be on another
  machine. Failing that, it is left alone until it is old.

Bytes are trusted as far as they will be hashed anew, and the whole by its digest. After a crash of the machine (another
``boot``) what had been forced to the disk counts; that happens every ``DURABLE_S`` seconds.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import secrets
import stat
import threading
import time
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Self

from omz.downloader.files import STALE_S, age_s, keeps_off, take_lock
from omz.downloader.hashes import Digester, Follower
from omz.downloader.pool import Cancelled, CancelToken
from omz.downloader.ranges import Span, are_sound, size, without
from omz.downloader.web import Version
from omz.errors import DownloadError
from omz.files import machine, writing

log = logging.getLogger(__name__)

FORMAT = 1
STATE_BYTES = 4096  # one block, so that it is written at once
#: How often the state is written, and how often it is forced to the disk, in seconds.
SAVED_S, DURABLE_S = 0.01, 10.0
_CREDENTIALS = re.compile("//[^/@]*@")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the bytes come from, and of how many (None: not known, which leaves nothing to resume)."""

    source: str
    total: int | None
    version: Version = field(default_factory=Version)


@dataclass(slots=True)
class State:
    """What the last block tells: what is missing, and what may be missing after a crash of the machine."""

    origin: Origin
    missing: list[Span]
    unsafe: list[Span]

    def encode(self) -> bytes | None:
        """Return the block, or None if the state does not fit in one."""
        content = asdict(self.origin) | {
            "format": FORMAT,
            "source": _CREDENTIALS.sub("//", self.origin.source),
            "missing": self.missing,
            "unsafe": self.unsafe,
            "boot": boot(),
        }
        text = json.dumps(content).encode()
        block = f"{zlib.crc32(text):08x} ".encode() + text
        return block.ljust(STATE_BYTES) if len(block) <= STATE_BYTES else None

    @classmethod
    def decode(cls, block: bytes, total: int) -> Self | None:
        """Return the state, or None if the block does not hold one of a file of ``total`` bytes."""
        checksum, _, text = block.rstrip().partition(b" ")
        if checksum != f"{zlib.crc32(text):08x}".encode():
            return None
        try:
            content = json.loads(text)
            spans = {key: [(int(a), int(b)) for a, b in content[key]] for key in ("missing", "unsafe")}
            origin = Origin(str(content["source"]), int(content["total"]), Version(**content["version"]))
            same_boot = content["boot"] == boot()
        except (ValueError, KeyError, TypeError):
            return None
        lost = spans["missing" if same_boot else "unsafe"]
        if content.get("format") != FORMAT or origin.total != total or not are_sound(lost, total):
            return None
        return cls(origin, lost, lost)


class Partial:
    """The file that is to become ``target``. Several threads may write to it at once.

    Attributes:
        origin: Where the bytes come from that are there; None before :meth:`begin`.
        missing: What is not there yet, in order.
    """

    def __init__(self, target: Path, algorithms: Collection[str]) -> None:
        self.target, self._algorithms = target, algorithms
        self.origin: Origin | None = None
        self.missing: list[Span] = []
        self._unsafe: list[Span] = []
        self._path: Path | None = None
        self._descriptor = -1
        self._follower: Follower | None = None
        self._saved = self._durable = 0.0
        self._lock = threading.Lock()

    @property
    def total(self) -> int | None:
        """How many bytes the file will have, if that is known."""
        origin = self.origin  # other threads may ask
        return None if origin is None else origin.total

    @property
    def held(self) -> int:
        """How many bytes of the file are there."""
        total = self.total
        return 0 if total is None else total - size(self.missing)

    def begin(self, origin: Origin, limit: int) -> None:
        """Begin with nothing, in a new file: a process that wrongly thinks the old one its own does no harm.

        Args:
            origin: Where the bytes will come from.
            limit: The most that may come, in bytes, if the size is not known.
        """
        self.discard()
        self._path = private_path(self.target)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        take_lock(self._descriptor)
        self.origin = origin
        end = limit if origin.total is None else origin.total
        self.missing = [(0, end)] if end else []
        self._unsafe = list(self.missing)
        self._follower = Follower(self._descriptor, self._algorithms)
        self._durable = time.monotonic()
        self._save()

    def go_on_from(self, origin: Origin) -> None:
        """The missing bytes will come from ``origin``."""
        self.origin = origin

    def write(self, start: int, data: bytes) -> int:
        """Write bytes that are missing at ``start``; return how many there are now.

        Raises:
            Cancelled: The file has been given up, while this thread was waiting for the bytes.
            OSError: The disk is full, or takes no more for another reason.
        """
        view, position = memoryview(data), start
        with self._lock:
            if self._descriptor < 0:
                raise Cancelled
            while view:
                written = os.pwrite(self._descriptor, view, position)
                view, position = view[written:], position + written
            self.missing = without(self.missing, start, position)
            if self._follower:
                self._follower.advance(self._contiguous)
            now = time.monotonic()
            if now - self._durable > DURABLE_S:
                os.fdatasync(self._descriptor)
                self._unsafe, self._durable, self._saved = list(self.missing), now, 0.0
            if now - self._saved > SAVED_S:
                self._save()
                self._saved = now
            return position if self.total is None else self.held

    def end(self, total: int) -> None:
        """The file ends here: what was beyond ``total`` is not missing."""
        with self._lock:
            self.missing = without(self.missing, total, max((end for _, end in self.missing), default=total))
            if self.origin:
                self.origin = Origin(self.origin.source, total, self.origin.version)

    def digester(self, cancel: CancelToken) -> Digester:
        """Return the digests of the file once it is complete.

        Raises:
            OSError: The file could not be read back.
        """
        if self._follower is None or self.missing:
            raise ValueError("the file is not complete")
        os.fdatasync(self._descriptor)  # while the last bytes are hashed
        return self._follower.digester(cancel)

    def commit(self) -> None:
        """Give the complete, verified file its final name, durably."""
        if self._path is None or self.total is None:
            raise ValueError("there is no file")
        os.ftruncate(self._descriptor, self.total)
        os.fsync(self._descriptor)
        self._path.replace(self.target)
        self._close()
        sync_folder(self.target.parent)
        remove_partials(self.target)

    def discard(self) -> None:
        """Drop all that is there."""
        if self._path:
            self._path.unlink(missing_ok=True)
        self._close()

    def release(self) -> None:
        """Leave what is there to the next run, if it is of any use."""
        if not (self._path and self.held):
            return self.discard()
        try:
            if self._save() and _is_free(resting_path(self.target)):
                self._path.replace(resting_path(self.target))
        finally:
            self._close()

    def _adopt(self, path: Path, descriptor: int, state: State) -> None:
        self._path, self._descriptor = path, descriptor
        self.origin, self.missing, self._unsafe = state.origin, state.missing, state.unsafe
        self._durable = time.monotonic()
        self._follower = Follower(descriptor, self._algorithms)
        self._follower.advance(self._contiguous)

    @property
    def _contiguous(self) -> int:
        """How many bytes there are from the start without a hole."""
        if self.missing:
            return self.missing[0][0]
        return self.total or 0

    def _save(self) -> bool:
        """Write the state behind the bytes; return whether there is one and the disk took it."""
        if self.origin is None or self.origin.total is None:
            return False
        block = State(self.origin, self.missing, self._unsafe).encode()
        return block is not None and os.pwrite(self._descriptor, block, self.origin.total) == len(block)

    def _close(self) -> None:
        if self._follower:
            self._follower.stop()
            self._follower = None
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor, self._path, self.origin, self.missing = -1, None, None, []


@contextmanager
def claimed(target: Path, algorithms: Collection[str]) -> Iterator[Partial]:
    """Yield what earlier runs have left of ``target``, or an empty :class:`Partial`.

    When the block ends, what has not been committed is left to the next run.

    Raises:
        DownloadError: The disk is full, or does not take the file for another reason.
    """
    partial = Partial(target, algorithms)
    with writing(target, DownloadError):
        for path, _ in _claimable(target):
            if opened := _take_over(path, target):
                if partial.origin is None:
                    partial._adopt(*opened)
                else:
                    opened[0].unlink(missing_ok=True)
                    os.close(opened[1])
        try:
            yield partial
        finally:
            with suppress(OSError):  # of no importance beside what ended the block
                partial.release()


def held_bytes(target: Path) -> int | None:
    """Return how many bytes of ``target`` wait for the next run to go on; None if there is nothing."""
    states = [state for _, state in _claimable(target) if state]
    return max((_held(state) for state in states), default=None)


def remove_partials(target: Path) -> None:
    """Remove what killed runs have left of ``target``, which is there already."""
    for path, _ in _claimable(target):
        if opened := _take_over(path, target):
            opened[0].unlink(missing_ok=True)
            os.close(opened[1])


def resting_path(target: Path) -> Path:
    """Return the name of what is there of ``target`` while nobody writes to it."""
    return target.with_name(f".{_stem(target)}.part")


def private_path(target: Path) -> Path:
    """Return a name for what is there of ``target`` that no other process uses."""
    return target.with_name(f".{_stem(target)}.{machine()}{secrets.token_hex(4)}.part")


@cache
def boot() -> str:
    """Return what is the same until the machine starts again."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where it can be done."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _stem(target: Path) -> str:
    name = target.name
    # With the dots, the digits and the suffix, names can have 255 bytes.
    return name if len(name.encode()) <= 220 else sha256(name.encode()).hexdigest()


def _claimable(target: Path) -> Sequence[tuple[Path, State | None]]:
    """Return the unfinished files of ``target`` with their states, the one that holds most first."""
    names = re.compile(re.escape(f".{_stem(target)}.") + "(?:[0-9a-f]{16}\\.)?part")
    found = []
    with suppress(FileNotFoundError), os.scandir(target.parent) as entries:
        for entry in entries:
            if names.fullmatch(entry.name):
                path = Path(entry.path)
                found.append((path, _read_state(path)))
    return sorted(found, key=lambda item: _held(item[1]), reverse=True)


def _held(state: State | None) -> int:
    return 0 if state is None or state.origin.total is None else state.origin.total - size(state.missing)


def _read_state(path: Path) -> State | None:
    with suppress(OSError), open(_opened(path, os.O_RDONLY), "rb") as stream:
        return _state_of(stream.fileno())
    return None


def _opened(path: Path, mode: int) -> int:
    """Open a regular file, and nothing else of that name, such as a link to a file elsewhere.

    Raises:
        OSError: There is none, or none that we may open so.
    """
    descriptor = os.open(
        path, mode | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    )  # a pipe would keep us waiting
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return descriptor


def _is_free(resting: Path) -> bool:
    """Tell whether a file may come to rest at a name: there is nothing, or something that we could use."""
    try:
        os.close(_opened(resting, os.O_RDWR))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _state_of(descriptor: int) -> State | None:
    total = os.fstat(descriptor).st_size - STATE_BYTES
    return State.decode(os.pread(descriptor, STATE_BYTES, total), total) if total >= 0 else None


def _take_over(path: Path, target: Path) -> tuple[Path, int, State] | None:
    """Make an unfinished file ours; remove it if it is of no use, and leave it alone if it may be in use."""
    private, at_rest = private_path(target), path == resting_path(target)
    with ExitStack() as stack, suppress(OSError):  # not ours to touch, or another process is quicker
        descriptor = _opened(path, os.O_RDWR)
        stack.callback(os.close, descriptor)
        if not take_lock(descriptor) or not (at_rest or _is_dead(path, descriptor)):
            return None
        path = path.rename(private)
        if not os.path.samestat(path.stat(), os.fstat(descriptor)):
            return None  # another process has had it meanwhile; a later run will find what it left
        if state := _state_of(descriptor):
            stack.pop_all()
            return path, descriptor, state
        path.unlink()
    return None


def _is_dead(path: Path, descriptor: int) -> bool:
    """Tell whether the process that wrote to a file is no more, given that the file's lock is ours now."""
    if age_s(path) > STALE_S:
        return True
    ours = path.name.removesuffix(".part").rpartition(".")[2].startswith(machine())
    total = os.fstat(descriptor).st_size - STATE_BYTES
    block = os.pread(descriptor, STATE_BYTES, max(total, 0))
    return (ours or f'"boot": "{boot()}"'.encode() in block) and keeps_off(path)
