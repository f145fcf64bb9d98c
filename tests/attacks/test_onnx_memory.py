"""ONNX whose weights are in the memory of whoever reads it: OpenVINO takes one location for an address.

An IR made of such a file would hold what the process has in memory: keys, other models, anything.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks.attack import Attack

from nets.onnx_wire import IN_MEMORY, WEIGHTS, dense, elsewhere, entry, field, inside, model_bytes

ADDRESS = str(0x400000)
LOCATED = field(1, b"location") + field(2, IN_MEMORY.encode())
RANGE = [entry("offset", ADDRESS), entry("length", "64")]
HONEST = entry("location", "w.bin")


def weights(*entries: bytes, marked: bytes = field(14, 1)) -> bytes:
    return model_bytes(dense(elsewhere(*entries, *RANGE, marked=marked)))


GRAPH = dense(elsewhere(HONEST, *RANGE))
FORGED = {
    "plain": weights(entry("location", IN_MEMORY)),
    "dots, which OpenVINO drops": weights(entry("location", f"./{IN_MEMORY}")),
    "a drive, which OpenVINO drops": weights(entry("location", f"x:{IN_MEMORY}")),
    "a tag in five bytes": weights(HONEST, field(13, LOCATED, tag_width=5)),
    "a tag in five bytes, in the entry": weights(
        field(13, field(1, b"location", tag_width=5) + field(2, IN_MEMORY.encode()))
    ),
    "a length in five bytes": weights(HONEST, field(13, LOCATED, size_width=5)),
    "location given twice": weights(HONEST, entry("location", IN_MEMORY)),
    "the value given twice": weights(field(13, field(1, b"location") + field(2, b"w.bin") + LOCATED[10:])),
    "another graph, which protobuf merges": model_bytes(dense(inside()), after=field(7, GRAPH)),
    "an entry in a group": weights(HONEST, b"\x6b" + LOCATED + b"\x6c"),
    "EXTERNAL in two bytes": weights(entry("location", IN_MEMORY), marked=field(14, 1, size_width=2)),
    "EXTERNAL beyond 32 bits": weights(entry("location", IN_MEMORY), marked=field(14, 1 << 32 | 1)),
    "EXTERNAL after it was not": weights(entry("location", IN_MEMORY), marked=field(14, 0) + field(14, 1)),
    "a shape in seven dimensions of one": model_bytes(
        dense(elsewhere(entry("location", IN_MEMORY), *RANGE, shape=(1,) * 5 + (4, 4)))
    ),
}


@pytest.fixture
def beside(attack: Attack) -> Path:
    """Files that really have the names that are forged."""
    for name in ("w.bin", IN_MEMORY, f"x:{IN_MEMORY}"):
        path = attack.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        WEIGHTS.tofile(path)
    return attack.folder


@pytest.mark.parametrize("case", FORGED)
@pytest.mark.usefixtures("beside")
def test_memory_is_not_read(attack: Attack, case: str) -> None:
    (attack.folder / "net.onnx").write_bytes(FORGED[case])
    message = attack.refused("onnx2ir", "-m", "net.onnx", "-o", "out")
    assert "net.onnx: " in message
    assert "OpenVINO" not in message  # which has not even seen it


def test_data_that_are_shorter_than_their_shape(attack: Attack) -> None:
    """A reader that trusts the shape reads on behind the data."""
    tensor = elsewhere(field(9, bytes(8)), shape=(4, 4), marked=b"")
    (attack.folder / "net.onnx").write_bytes(model_bytes(dense(tensor)))
    assert "takes 64 bytes, and has 8" in attack.refused("onnx2ir", "-m", "net.onnx", "-o", "out")


def test_a_range_that_ends_before_it_begins(attack: Attack) -> None:
    """The end of the range, counted in 64 bits, is within the file; its beginning is before it in memory."""
    WEIGHTS.tofile(attack.folder / "w.bin")
    tensor = elsewhere(HONEST, entry("offset", str((1 << 64) - 64)), entry("length", "64"))
    (attack.folder / "net.onnx").write_bytes(model_bytes(dense(tensor)))
    assert "is no offset" in attack.refused("onnx2ir", "-m", "net.onnx", "-o", "out")
