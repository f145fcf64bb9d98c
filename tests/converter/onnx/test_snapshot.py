"""OpenVINO gets what was checked, whatever becomes of the files meanwhile; nothing is left behind."""

import os
import tempfile
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from nets.onnx_wire import WEIGHTS, dense, elsewhere, entry, inside, model_bytes
from omz.converter.onnx import external_data
from omz.converter.onnx.convert import _read
from omz.converter.onnx.snapshot import snapshot
from omz.errors import ConversionError, ParseError


def weights_of(model: ov.Model) -> np.ndarray:
    (constant,) = [node for node in model.get_ops() if node.get_type_name() == "Constant"]
    return constant.data.reshape(4, 4)


def network_at(folder: Path, location: str | None = "w.bin", *more: bytes) -> Path:
    """Write a network whose weights are in another file, or in it."""
    weights = inside() if location is None else elsewhere(entry("location", location), *more)
    path = folder / "net.onnx"
    path.write_bytes(model_bytes(dense(weights)))
    return path


def test_what_was_checked_stays(tmp_path):
    path = network_at(tmp_path, None)
    with snapshot(path) as checked:
        path.write_bytes(b"something else")
        assert (weights_of(_read(checked.path)) == WEIGHTS).all()
        with pytest.raises(OSError, match=r".") as caught:  # sealed
            checked.path.write_bytes(b"something else")
        assert caught.value.errno


@pytest.mark.parametrize(
    "location",
    [
        "w", "w.bin", "./w.bin", "deep/er/w.bin", "//w.bin"[1:].lstrip("/"), "c:w.bin", "x:../w.bin"[:2] + "w", "..w",
        "model.onnx", "%2e%2e%2fw", "w\u0301.bin", "a" * 200, "b" * 255, "d/" * 150 + "w", "with space", "~",
    ],
)  # fmt: skip
def test_every_name_leads_to_its_file(tmp_path, location):
    """Names that OpenVINO makes other names of as well: it drops what is before a colon, and dots at the beginning."""
    file = tmp_path / location
    file.parent.mkdir(parents=True, exist_ok=True)
    WEIGHTS.tofile(file)
    path = network_at(tmp_path, location)
    with snapshot(path) as checked:
        file.unlink()
        assert (weights_of(_read(checked.path)) == WEIGHTS).all()


def test_files_may_be_exchanged_meanwhile(tmp_path):
    path = network_at(tmp_path)
    WEIGHTS.tofile(tmp_path / "w.bin")
    (WEIGHTS + 1).tofile(tmp_path / "other")
    with snapshot(path) as checked:
        (tmp_path / "w.bin").unlink()
        (tmp_path / "w.bin").symlink_to(tmp_path / "other")
        assert (weights_of(_read(checked.path)) == WEIGHTS).all()


@pytest.mark.parametrize("linked", [True, False])
def test_weights_are_linked_or_else_copied(tmp_path, monkeypatch, linked):
    path = network_at(tmp_path, "w.bin", entry("offset", "64"), entry("length", "64"))
    np.stack([WEIGHTS + 1, WEIGHTS, WEIGHTS + 2]).tofile(tmp_path / "w.bin")
    if not linked:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "link", refuse)
    with snapshot(path) as checked:
        (data,) = checked.data
        assert data.samefile(tmp_path / "w.bin") == linked
        assert data.stat().st_size == 192
        model = _read(checked.path)
    assert (weights_of(model) == WEIGHTS).all()  # after the links have gone


def test_links_are_on_the_disk_of_the_weights(tmp_path, monkeypatch):
    path = network_at(tmp_path)
    assert external_data.place_for_links(path) == Path(tempfile.gettempdir())
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/proc")
    assert external_data.place_for_links(path) == tmp_path


def test_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    path = network_at(tmp_path)
    WEIGHTS.tofile(tmp_path / "w.bin")
    descriptors = set(Path("/proc/self/fd").iterdir())
    with snapshot(path):
        assert list((tmp_path / "tmp").iterdir())
    (tmp_path / "w.bin").write_bytes(b"short")
    with pytest.raises(ConversionError), snapshot(path):
        pass
    (tmp_path / "net.onnx").write_bytes(b"\x07")
    with pytest.raises(ParseError), snapshot(path):
        pass
    assert not list((tmp_path / "tmp").iterdir())
    assert set(Path("/proc/self/fd").iterdir()) == descriptors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "web page"),
        (b"PK\x03\x04", "zip archive"),
        (b'ir_version: 8\ngraph { name: "g" }\n', "as text"),
        (b'{"irVersion": "8"}', "as JSON"),
        (b"\x20\x00\x00\x00ORTM", "ONNX Runtime"),
        (b"<\n  ir_version: 8,\n>\ng (float x) => (float y) { y = Relu(x) }", "not a sound network"),
    ],
)
def test_what_else_is_called_onnx(tmp_path, content, message):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ParseError, match=message), snapshot(path):
        pass


def test_no_larger_than_protobuf_reads(tmp_path):
    path = tmp_path / "net.onnx"
    with path.open("wb") as stream:
        stream.truncate(1 << 31)
    with pytest.raises(ParseError, match="larger than 2 GB"), snapshot(path):
        pass
