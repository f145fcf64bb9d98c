"""Fuzz what is left of a download: a state whose checksum holds, whoever wrote it, is gone on from or discarded."""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from pathlib import Path
from random import Random

import harness

with harness.measured():
    from omz.downloader.partial import claimed
    from omz.downloader.partial_state import STATE_BYTES, Origin, State
    from omz.downloader.pool import CancelToken
    from omz.downloader.takeover import held_bytes, resting_path
    from omz.downloader.web import Range, Version

from mutations import mutated_text, mutated_tree

BODY = bytes(range(256)) * 20
TOTAL = len(BODY)


def go_on(path: Path) -> None:
    """Go on with what a block says that there is, as a download does; every byte that is missing arrives."""
    text = path.read_bytes()[: STATE_BYTES - 9]
    folder = path.parent / "files"
    folder.mkdir(exist_ok=True)
    target = folder / "net.bin"
    block = (f"{zlib.crc32(text):08x} ".encode() + text).ljust(STATE_BYTES)
    resting_path(target).write_bytes(BODY + block)
    held = held_bytes(target)
    with claimed(target, ["sha384"]) as partial:
        if (partial.origin is None) != (held is None) or not 0 <= partial.held <= TOTAL:
            raise ValueError(f"{held} bytes are told of, {partial.held} are there")
        if partial.origin is None:
            partial.begin(Origin("", TOTAL), TOTAL)
        for value in Range(
            0, None, TOTAL, partial.origin.version if partial.origin else Version()
        ).headers.values():
            value.encode("latin-1")
        for start, end in list(partial.missing):
            partial.write(start, BODY[start:end])
        partial.digester(CancelToken())
        partial.commit()
    if target.read_bytes() != BODY or [one.name for one in folder.iterdir()] != [target.name]:
        raise ValueError("another file, or more files")
    target.unlink()


def texts() -> list[bytes]:
    spans = [[(0, TOTAL)], [(5, 9), (100, TOTAL)], [], [(at, at + 2) for at in range(0, 600, 5)]]
    versions = [Version('"v1"', "Mon, 01 Jan 2024 00:00:00 GMT"), Version()]
    states = [State(Origin("https://host/net", TOTAL, v), list(s), list(s)) for s in spans for v in versions]
    return [block[9:].rstrip() for state in states if (block := state.encode())]


def mutate(data: bytes, rng: Random) -> bytes:
    """Change what the JSON text holds, mostly."""
    if rng.random() < 0.7:
        with suppress(ValueError, TypeError, RecursionError):
            tree = json.loads(data)
            for _ in range(rng.choice([1, 1, 2, 3])):
                tree = mutated_tree(tree, rng)
            return json.dumps(tree).encode()
    if rng.random() < 0.3:
        numbers = [
            b"-1",
            b"0",
            b"Infinity",
            b"NaN",
            b"1e999",
            b"5.0",
            b"true",
            b"9" * 400,
            b"[" * 900,
            b'"\\ud800"',
        ]
        digits = [at for at, byte in enumerate(data) if chr(byte).isdigit()] or [0]
        at = rng.choice(digits)
        return data[:at] + rng.choice(numbers) + data[at + 1 :]
    return mutated_text(data, rng)


if __name__ == "__main__":
    os.fsync = os.fdatasync = lambda _: None  # what a disk forgets is not tried here
    harness.fuzz(go_on, "state", texts(), mutate)
