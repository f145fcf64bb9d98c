"""Forged safetensors: every rule of the format broken, the three attempts of its own ``attacks/`` folder among them."""

from __future__ import annotations

import json
import struct

import pytest
from attacks.attack import Attack
from attacks.models import add_checkpoints
from converter.pytorch.torch_files import safetensors_file


def entry(
    begin: object, end: object, shape: object = (2, 2), dtype: object = "F32", **more: object
) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end], **more}


ONE = {"w": entry(0, 16)}
DATA = bytes(16)
#: Attempts 2 and 3: a hundred thousand tensors on the same few bytes.
CROWD = json.dumps({f"weight_{n}": entry(0, 16) for n in range(100_000)}).encode()
FILES = {
    "header-larger-than-the-file": struct.pack("<Q", 1000) + json.dumps(ONE).encode() + DATA,
    "header-of-4-gigabytes": struct.pack("<Q", 1 << 32) + b"{" + DATA,
    "header-of-16-exabytes": struct.pack("<Q", (1 << 64) - 1) + b"{" + DATA,
    "header-of-nothing": struct.pack("<Q", 0) + b"{}" + DATA,
    "header-just-too-large": safetensors_file(b"{" + b" " * (8 << 20) + b"}"),
    "crowd-on-the-same-bytes": safetensors_file(CROWD, DATA),
    "crowd-in-one-shape": safetensors_file({"w": entry(0, 4, [1] * 100_000)}, bytes(4)),
    "overlap": safetensors_file({"a": entry(0, 16), "b": entry(8, 24)}, bytes(24)),
    "the-same-bytes-twice": safetensors_file({"a": entry(0, 16), "b": entry(0, 16)}, DATA),
    "hole-before": safetensors_file({"a": entry(4, 20)}, bytes(20)),
    "hole-between": safetensors_file({"a": entry(0, 16), "b": entry(20, 36)}, bytes(36)),
    "polyglot-behind": safetensors_file(ONE, DATA + b"PK\x05\x06" + bytes(18)),
    "nothing-but-a-secret": safetensors_file({}, b"secret"),
    "beyond-the-end": safetensors_file({"w": entry(0, 16)}, bytes(15)),
    "negative": safetensors_file({"w": entry(-16, 0)}, DATA),
    "backwards": safetensors_file({"w": entry(16, 0)}, DATA),
    "beyond-64-bits": safetensors_file({"w": entry(0, 1 << 70)}, DATA),
    "fractions": safetensors_file({"w": entry(0.0, 16.0)}, DATA),
    "truth-for-numbers": safetensors_file({"w": entry(False, True, [1], "U8")}, b"x"),
    "three-offsets": safetensors_file(
        {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16, 32]}}, DATA
    ),
    "shape-of-more": safetensors_file({"w": entry(0, 16, [1 << 40, 1 << 40])}, DATA),
    "shape-that-overflows": safetensors_file({"w": entry(0, 16, [(1 << 62) + 1, 4])}, DATA),
    "shape-below-zero": safetensors_file({"w": entry(0, 16, [-2, -2])}, DATA),
    "shape-of-text": safetensors_file({"w": entry(0, 16, "22")}, DATA),
    "shape-of-lists": safetensors_file({"w": entry(0, 16, [[2], [2]])}, DATA),
    "another-type": safetensors_file({"w": entry(0, 16, dtype="F64")}, DATA),
    "unknown-type": safetensors_file({"w": entry(0, 16, dtype="\x1b[2J")}, DATA),
    "type-of-no-text": safetensors_file({"w": entry(0, 16, dtype=None)}, DATA),
    "four-bits": safetensors_file({"w": entry(0, 2, dtype="F4")}, bytes(2)),
    "more-than-the-format-knows": safetensors_file({"w": entry(0, 16, code="import os")}, DATA),
    "a-name-twice": safetensors_file(b'{"w":%s,"w":%s}' % ((json.dumps(ONE["w"]).encode(),) * 2), DATA),
    "a-key-twice": safetensors_file(
        b'{"w":{"dtype":"F64","dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}', DATA
    ),
    "a-list": safetensors_file([ONE], DATA),
    "deep": safetensors_file(b'{"w":' + b"[" * 100_000, DATA),
    "deep-objects": safetensors_file(b'{"w":' * 100_000, DATA),
    "not-utf-8": safetensors_file(b'{"\xff\xfe":1}', DATA),
    "a-number-of-a-megabyte": safetensors_file(b'{"w":' + b"9" * 1_000_000 + b"}", DATA),
    "no-number": safetensors_file(b'{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,Infinity]}}', DATA),
    "cut-off": safetensors_file(ONE, DATA)[:40],
    "eight-bytes": struct.pack("<Q", 2),
    "nothing": b"",
    "names-that-a-terminal-obeys": safetensors_file({"\x1b]0;owned\x07\u202e": entry(0, 16), "b": 1}, DATA),
}


@pytest.mark.slow
def test_each_is_refused(attack: Attack) -> None:
    attack.refused_each(FILES, *add_checkpoints(attack.folder, FILES, ".safetensors"), megabytes=600)
