"""ONNX whose weights are in a file that is none of its own: a secret, a pipe, a device."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from attacks.attack import Attack

from nets.onnx_wire import WEIGHTS, dense, elsewhere, entry, model_bytes

SECRET = WEIGHTS + 1000


def forge(folder: Path, location: str) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(model_bytes(dense(elsewhere(entry("location", location)))))
    return path


@pytest.mark.parametrize(
    "location",
    ["../secret", "SECRET", "sub/../../secret", "link", "up/secret", "pipe", "/dev/zero", "zero", "sub"],
)
def test_only_files_of_its_own(attack: Attack, location: str) -> None:
    secret = attack.folder.parent / "secret"
    SECRET.tofile(secret)
    (attack.folder / "sub").mkdir()
    for name, target in (("link", "../secret"), ("up", ".."), ("zero", "/dev/zero")):
        (attack.folder / name).symlink_to(target)
    os.mkfifo(attack.folder / "pipe")
    forge(attack.folder, str(secret) if location == "SECRET" else location)
    message = attack.refused("onnx2ir", "-m", "net.onnx", "-o", "out")
    assert "outside of its own folder" in message or "cannot be read" in message


@pytest.mark.slow
@pytest.mark.parametrize("what", ["weights", "network"])
def test_exchanged_while_it_is_read(attack: Attack, what: str) -> None:
    """Somebody changes files as fast as can be: the IR holds what may be read, or there is none."""
    folder = attack.folder
    secret, honest = folder.parent / "secret", folder.parent / "honest"
    SECRET.tofile(secret)
    WEIGHTS.tofile(honest)
    WEIGHTS.tofile(folder / "w.bin")
    path = forge(folder, "w.bin")
    sound = path.read_bytes()
    forged = forge(folder, "../x")  # of the same length as the sound one, and another location
    odd = forged.read_bytes().replace(b"../x", b"./s ")
    path.write_bytes(sound)
    done = threading.Event()

    def exchange() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            if what == "weights":
                (folder / "new").symlink_to(secret)
                os.replace(folder / "new", folder / "w.bin")  # noqa: PTH105 - as fast as can be
                os.link(honest, folder / "new")
                os.replace(folder / "new", folder / "w.bin")  # noqa: PTH105
            else:
                with path.open("r+b") as stream:
                    stream.write(odd if turn % 2 else sound)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        results = [attack.run("onnx2ir", "-m", "net.onnx", "-o", f"out{turn}").status for turn in range(6)]
    finally:
        done.set()
        thread.join()
    assert set(results) <= {0, 1}
    for turn, status in enumerate(results):
        xml = folder / f"out{turn}" / "net.xml"
        assert xml.exists() == (status == 0)
        if status == 0:
            model = ov.Core().read_model(xml)
            values = [node.data for node in model.get_ops() if node.get_type_name() == "Constant"]
            assert all(np.max(value) < 1000 for value in values)
