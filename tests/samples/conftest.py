"""What the tests of the bundled sample share: its descriptor, its files and its held-out pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from omz.converter.caffe import caffe_pb2
from omz.zoo import catalogue
from omz.zoo.schema import Model

NAME = "se-resnext-digits"


@dataclass(frozen=True)
class HeldOut:
    names: list[str]
    pictures: list[np.ndarray]  # BGR, uint8
    classes: np.ndarray

    def batch(self, *, swapped: bool = False) -> np.ndarray:
        """Return (360, 3, 32, 32), float32, 0..255, BGR as OpenCV reads; ``swapped`` gives RGB instead."""
        resized = [cv2.resize(picture, (32, 32)) for picture in self.pictures]
        batch = np.stack(resized).transpose(0, 3, 1, 2).astype(np.float32)
        return batch[:, ::-1].copy() if swapped else batch

    def accuracy(self, probabilities: np.ndarray, top: int = 1) -> float:
        """Return in how many percent of the pictures the true class is among the ``top`` first."""
        best = np.argsort(-probabilities, axis=1)[:, :top]
        return float(100 * (best == self.classes[:, None]).any(axis=1).mean())


@pytest.fixture(scope="session")
def descriptor() -> Model:
    (model,) = (m for m in catalogue.load_all(catalogue.packaged_root()) if m.name == NAME)
    assert isinstance(model, Model)
    return model


@pytest.fixture(scope="session")
def folder() -> Path:
    return catalogue.packaged_root() / "samples" / NAME


@pytest.fixture(scope="session")
def prototxt(folder: Path) -> caffe_pb2.NetParameter:
    return text_format.Parse((folder / f"{NAME}.prototxt").read_text(), caffe_pb2.NetParameter())


@pytest.fixture(scope="session")
def weights(folder: Path) -> dict[str, list[np.ndarray]]:
    model = caffe_pb2.NetParameter.FromString((folder / f"{NAME}.caffemodel").read_bytes())
    return {
        layer.name: [np.frombuffer(blob.data[0], "<f4").reshape(blob.shape.dim) for blob in layer.blobs]
        for layer in model.layer
        if layer.blobs
    }


@pytest.fixture(scope="session")
def held_out(folder: Path) -> HeldOut:
    rows = [line.split() for line in (folder / "heldout.txt").read_text().splitlines()]
    names = [name for name, _ in rows]
    pictures = [cv2.imread(str(folder / "heldout" / name)) for name in names]
    return HeldOut(names, pictures, np.array([int(index) for _, index in rows]))


@pytest.fixture
def sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the sample's own modules (drawing, network, train) importable by their names."""
    monkeypatch.syspath_prepend(str(folder))
    return folder
