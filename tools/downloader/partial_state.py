"""What is known of a file that is on its way, and how it is written behind the bytes.

On disk it is one file, so that no half of it can be lost or belong to another: the bytes at their final offsets, with
holes for what is missing, and after them a block of ``STATE_BYTES`` with a checksum and a JSON object (:class:`State`).

Bytes are trusted as far as they will be hashed anew, and the whole by its digest. After a crash of the machine (another
``boot``) what had been forced to the disk counts; that happens every ``partial.DURABLE_S`` seconds.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

from omz.downloader.ranges import Span, are_sound, size
from omz.downloader.web import Version

FORMAT = 1
STATE_BYTES = 4096  # one block, so that it is written at once
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
        return self._block(boot())

    def _block(self, written_in: str) -> bytes | None:
        content = asdict(self.origin) | {
            "format": FORMAT,
            "source": _CREDENTIALS.sub("//", self.origin.source),
            "missing": self.missing,
            "unsafe": self.unsafe,
            "boot": written_in,
        }
        text = json.dumps(content).encode()
        block = f"{zlib.crc32(text):08x} ".encode() + text
        return block.ljust(STATE_BYTES) if len(block) <= STATE_BYTES else None

    @classmethod
    def decode(cls, block: bytes, total: int) -> Self | None:
        """Return the state, or None if the block does not hold one of a file of ``total`` bytes.

        Whoever can write there can make the checksum right. So a block is believed only if, of what it tells, we would
        have written the same bytes: no number out of bounds, no other type, no key twice, no more than there should be.
        """
        try:
            content = json.loads(block.partition(b" ")[2])
            spans = {key: [(a, b) for a, b in content[key]] for key in ("missing", "unsafe")}
            told = cls(
                Origin(content["source"], content["total"], Version(**content["version"])),
                spans["missing"],
                spans["unsafe"],
            )
            written_in = content["boot"]
            if not told._is_sound(total) or type(written_in) is not str or told._block(written_in) != block:
                return None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        lost = told.missing if written_in == boot() else told.unsafe
        return cls(told.origin, lost, lost)

    def _is_sound(self, total: int) -> bool:
        """Tell whether all values are of their types, and within a file of ``total`` bytes."""
        edges = [edge for span in (*self.missing, *self.unsafe) for edge in span]
        return (
            all(type(number) is int for number in (self.origin.total, *edges))
            and type(self.origin.source) is str
            and self.origin.source.isprintable()
            and self.origin.version.is_sound
            and self.origin.total == total
            and are_sound(self.missing, total)
            and are_sound(self.unsafe, total)
        )


def state_of(descriptor: int) -> State | None:
    """Return what the last block of an open file tells, or None if it does not hold a state."""
    total = os.fstat(descriptor).st_size - STATE_BYTES
    return State.decode(os.pread(descriptor, STATE_BYTES, total), total) if total >= 0 else None


def is_of_this_boot(descriptor: int) -> bool:
    """Tell whether an open file was written on this machine since it started; containers share that with it."""
    total = os.fstat(descriptor).st_size - STATE_BYTES
    block = os.pread(descriptor, STATE_BYTES, max(total, 0))
    return f'"boot": "{boot()}"'.encode() in block


def held_by(state: State | None) -> int:
    """Return how many bytes are there by a state."""
    return 0 if state is None or state.origin.total is None else state.origin.total - size(state.missing)


@cache
def boot() -> str:
    """Return what is the same until the machine starts again."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
