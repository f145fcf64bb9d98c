"""ONNX under the name of an IR: OpenVINO goes by the content, and would read it without any of our checks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from attacks.attack import Attack

from nets.onnx_wire import IN_MEMORY, dense, elsewhere, entry, field, inside, model_bytes

#: What an IR has in its first bytes, in a field for texts.
MARK = field(2, b'<?xml version="1.0"?>\n<net name="n" version="11">')


IN_OUR_MEMORY = elsewhere(entry("location", IN_MEMORY), entry("offset", "4194304"))


def measure(attack: Attack, name: str, content: bytes) -> str:
    """Ask for the speed of a network."""
    cv2.imwrite(str(attack.folder / "x.png"), np.zeros((8, 8, 3), np.uint8))
    (attack.folder / name).write_bytes(content)
    (attack.folder / name).with_suffix(".bin").write_bytes(bytes(64))
    return attack.refused("omz", "benchmark", "-m", name, "-i", "x.png", "-d", "CPU")


@pytest.mark.parametrize("name", ["net.xml", "net.dat", "net.pb", "net", "net.XML", "net.onnx.xml"])
def test_only_irs_are_read(attack: Attack, name: str) -> None:
    assert "IR" in measure(attack, name, model_bytes(dense(IN_OUR_MEMORY), before=MARK))


@pytest.mark.parametrize("start", [b"", b"\n", b"\xef\xbb\xbf", b" ", b"<\x00\x00\x00TFL3"])
def test_bytes_before_it(attack: Attack, start: bytes) -> None:
    """What stands before the first element is what another reader may see a network in."""
    assert "IR" in measure(attack, "net.xml", start + model_bytes(dense(inside()), before=MARK))
