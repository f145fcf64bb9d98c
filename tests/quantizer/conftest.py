"""The sample's IRs, and digits that were trained on, drawn as for the training, to calibrate with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.converter.zoo_model import convert_model
from omz.downloader.download import download_models
from omz.zoo.catalogue import load_model, packaged_root

NAME = "se-resnext-digits"
FOLDER = packaged_root() / "samples" / NAME


@dataclass(frozen=True)
class Sample:
    path: Path
    label: int


def prepare(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    return cv2.resize(picture, (32, 32))


@pytest.fixture(scope="session")
def irs(tmp_path_factory) -> Path:
    """Root of the sample's IRs."""
    pytest.importorskip("nncf")
    root = tmp_path_factory.mktemp("irs")
    model = load_model(FOLDER / "model.yml", packaged_root())
    assert download_models([model], root) == []
    convert_model(model, root, root, ("FP32", "FP16"))
    return root


@pytest.fixture(scope="session")
def xml(irs: Path) -> Path:
    return irs / "samples" / NAME / "FP32" / f"{NAME}.xml"


@pytest.fixture(scope="session")
def held_out() -> list[Sample]:
    lines = (FOLDER / "heldout.txt").read_text().splitlines()
    return [Sample(FOLDER / "heldout" / name, int(label)) for name, label in map(str.split, lines)]


@pytest.fixture(scope="session")
def trained_on(tmp_path_factory) -> list[Sample]:
    """Pictures of 100 digits that are not held out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        from drawing import DIGITS, TRAINING, Look, draw, load
    folder = tmp_path_factory.mktemp("digits")
    cells, values = load()
    rng = np.random.default_rng(6)
    samples = []
    for index in rng.permutation(TRAINING)[:100]:
        blue = bool(rng.random() < 0.5)
        sample = Sample(folder / f"{index}.png", int(values[index]) + DIGITS * blue)
        cv2.imwrite(str(sample.path), draw(cells[index], blue, Look.random(rng), 40, rng))
        samples.append(sample)
    return samples


@pytest.fixture(scope="session")
def int8(xml: Path, trained_on, tmp_path_factory) -> Path:
    """The sample in 8 bits, with the options as they are."""
    from omz.quantizer import quantize_model

    output = tmp_path_factory.mktemp("int8") / "FP32-INT8" / f"{NAME}.xml"
    return quantize_model(xml, trained_on, prepare, output=output).xml
