"""Checkpoints of some kilobytes that would be gigabytes, or take for ever, in the hands of Python's own reader."""

from __future__ import annotations

import struct

import pytest
from attacks.attack import Attack
from attacks.models import add_checkpoints
from converter.pytorch.torch_files import call, name, program, text, zip_file


def doubling(times: int) -> bytes:
    """A pair of pairs of pairs and so on: two to the power of ``times`` when spelt out."""
    pairs = (
        b"h" + bytes([level]) + b"h" + bytes([level]) + b"\x86q" + bytes([level + 1])
        for level in range(times)
    )
    return b"}" + text("state_dict") + b"(Nq\x00" + b"".join(pairs) + b"ts"


BOMBS = {
    "doubling": doubling(200),
    "nested-lists": b"]" * 100_000 + b"a" * 99_999,
    "nested-tuples": b"N" + b"\x85" * 500_000,
    "nested-marks": b"(" * 500_000,
    "nested-dictionaries": (b"}" + text("model")) * 20_000 + b"}" + b"s" * 20_000,
    "within-itself": b"}q\x00" + text("state_dict") + b"h\x00s",
    "within-a-list": b"]q\x00h\x00a",
    "memo-far-out": b"Nr\xff\xff\xff\xff" * 1000,
    "memo-without-end": b"N\x94" * 600_000,
    "copies": b"(](" + b"N" * 50_000 + b"eq\x00" + call(name("torch", "Size"), b"h\x00") * 1000 + b"t",
    "operations": b"]" + b"Na" * 600_000,
    "declared-4-gigabytes": b"X" + struct.pack("<I", 0xFFFFFFFF) + b"x",
    "declared-16-exabytes": b"\x8d" + struct.pack("<Q", 1 << 63) + b"x",
    "declared-bytes": b"\x8e" + struct.pack("<Q", 1 << 62) + b"x",
    "declared-bytearray": b"\x96" + struct.pack("<Q", 1 << 62) + b"x",
    "declared-integer": b"\x8b" + struct.pack("<i", -1) + b"x",
    "integer-of-a-megabyte": b"\x8b" + struct.pack("<i", 1 << 20) + b"\x7f" * (1 << 20),
    "frame-of-16-exabytes": b"\x95" + struct.pack("<Q", (1 << 64) - 1),
    "keys-of-equal-hash": b"}(" + b"".join(b"\x8a\x0a" + (n * ((1 << 61) - 1)).to_bytes(10, "little") + b"N"
                                          for n in range(20_000)) + b"u",
}  # fmt: skip


@pytest.mark.slow
def test_none_goes_off(attack: Attack) -> None:
    contents = {key: zip_file(program(body)) for key, body in BOMBS.items()}
    attack.refused_each(contents, *add_checkpoints(attack.folder, contents), seconds=30, megabytes=400)
