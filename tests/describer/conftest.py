"""Small networks of one's own, in a folder that is nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from nets import se_resnext, synthetic_weights, write_model
from omz import cli

NAMES = ("cat", "big dog", "null", "0-9", "#hash", 'naïve: "x"', "yes")
SIDE = 32
MEAN = "--mean_values=[104,117,123]"

Add = Callable[..., int]


@pytest.fixture(scope="session")
def caffe(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The prototxt and the caffemodel of a small SE-ResNeXt with seven classes."""
    net = se_resnext((1,), stem=8, width=8, cardinality=4, size=SIDE, classes=len(NAMES))
    return write_model(tmp_path_factory.mktemp("caffe"), net, synthetic_weights(net), name="deploy v2")


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "names.txt"
    path.write_text("".join(f"{index} - {name}\n" for index, name in enumerate(NAMES)), encoding="utf-8")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "zoo"


@pytest.fixture
def add(caffe: tuple[Path, Path], root: Path) -> Add:
    """Run ``omz add`` on the Caffe net, or on ``files`` of others."""

    def add_(*options: object, name: str = "my-net", files: tuple[object, ...] | None = None) -> int:
        own = ("--input_proto", caffe[0], "--input_model", caffe[1]) if files is None else files
        words = ["add", "--name", name, "--models_root", root, *own, *options]
        return cli.main([str(word) for word in words])

    return add_


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of three classes, with eight pictures each."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(5)
    for name in NAMES[:3]:
        (folder / name).mkdir()
        for number in range(8):
            cells = random.integers(0, 256, (4, 5, 3), np.uint8)
            cv2.imwrite(str(folder / name / f"{number}.png"), cv2.resize(cells, (60, 40)))
    return folder
