"""ONNX whose weights are in a file that is none of its own: a secret, a pipe, a device."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from attacks.attack import Attack

from nets.onnx_wire import IN_MEMORY, WEIGHTS, dense, elsewhere, entry, model_bytes

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


def test_weights_behind_a_terabyte_of_nothing(attack: Attack) -> None:
    """It takes no room on the disk, nor in an archive, and hours to read."""
    with (attack.folder / "weights.bin").open("wb") as stream:
        stream.truncate(1 << 40)
        stream.seek(1 << 40)
        stream.write(WEIGHTS.tobytes())
    where = entry("location", "weights.bin"), entry("offset", str(1 << 40))
    (attack.folder / "net.onnx").write_bytes(model_bytes(dense(elsewhere(*where))))
    assert "weights.bin: is mostly holes" in attack.refused("onnx2ir", "-m", "net.onnx", "-o", "out")


ADDRESS = 1 << 22  # of nothing: whoever reads there dies of it
HONEST = "weights/kernel.bin"


def write_weights(folder: Path) -> None:
    """Write a file that is a hole but for its end."""
    (folder / HONEST).parent.mkdir()
    with (folder / HONEST).open("wb") as stream:
        stream.seek(ADDRESS)
        stream.write(WEIGHTS.tobytes())


def exchange_weights(folder: Path) -> None:
    """Put a link to a secret in the place of the weights, and the weights back."""
    file, new = folder / HONEST, folder / "new"
    new.symlink_to(folder.parent / "secret")
    new.replace(file)
    new.hardlink_to(folder.parent / "honest")
    new.replace(file)


def exchange_location(folder: Path) -> None:
    """Write another location into the network, and the first one back."""
    with (folder / "net.onnx").open("r+b", buffering=0) as stream:
        at = stream.read().index(b"location") + len(b"location") + 2
        for location in (IN_MEMORY, HONEST):
            stream.seek(at)
            stream.write(location.encode())
            time.sleep(0.001)


@pytest.mark.slow
@pytest.mark.parametrize("exchange", [exchange_weights, exchange_location])
def test_exchanged_while_it_is_read(attack: Attack, exchange: Callable[[Path], None]) -> None:
    """Somebody changes files as fast as can be: the IR holds what may be read, or there is none."""
    folder = attack.folder
    write_weights(folder)
    (folder.parent / "honest").hardlink_to(folder / HONEST)
    with (folder.parent / "secret").open("wb") as stream:
        stream.seek(ADDRESS)
        stream.write(SECRET.tobytes())
    entries = [entry("location", HONEST), entry("offset", str(ADDRESS)), entry("length", "64")]
    (folder / "net.onnx").write_bytes(model_bytes(dense(elsewhere(*entries))))
    done = threading.Event()

    def keep_on() -> None:
        while not done.is_set():
            exchange(folder)

    thread = threading.Thread(target=keep_on)
    thread.start()
    try:
        results = [attack.run("onnx2ir", "-m", "net.onnx", "-o", f"out{turn}").status for turn in range(8)]
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
