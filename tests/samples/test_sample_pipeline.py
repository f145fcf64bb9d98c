"""The whole chain on the bundled sample: downloader, converter, IR, image files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from omz.zoo.schema import Model

pytestmark = pytest.mark.slow
NAME = "se-resnext-digits"

Classify = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Download and convert with the commands as users do; returns the folder of the IRs."""
    output = tmp_path_factory.mktemp("zoo")
    for command, folders in (
        ("omz_downloader", ["-o", output]),
        ("omz_converter", ["-d", output, "-o", output]),
    ):
        line = [Path(sys.executable).parent / command, "--name", NAME, *folders]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return output / "samples" / NAME


@pytest.fixture(scope="module", params=["FP32", "FP16"])
def classify(request: pytest.FixtureRequest, converted: Path) -> Classify:
    """Return a function from one input (1, 3, 32, 32) to probabilities (20,)."""
    import openvino as ov

    core = ov.Core()
    # Not the CPU's own idea of precision, which may be bfloat16.
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    model = core.compile_model(converted / request.param / f"{NAME}.xml", "CPU", config)
    return lambda picture: model({"data": picture})["prob"][0]


def test_accuracy_on_the_held_out_pictures_is_as_stated(classify: Classify, descriptor: Model, held_out):
    result = np.stack([classify(picture[None]) for picture in held_out.batch()])
    facts = descriptor.specification
    assert facts is not None
    assert round(held_out.accuracy(result), 3) == facts.top1 >= 97
    assert round(held_out.accuracy(result, top=5), 3) == facts.top5


def test_swapped_channels_are_noticed(classify: Classify, held_out):
    result = np.stack([classify(picture[None]) for picture in held_out.batch(swapped=True)])
    assert held_out.accuracy(result) < 10


def test_shown_pictures_are_recognized(classify: Classify, folder: Path):
    for path in sorted((folder / "images").glob("*.png")):
        picture = cv2.resize(cv2.imread(str(path)), (32, 32)).transpose(2, 0, 1)[None].astype(np.float32)
        index = int(classify(picture).argmax())
        assert f"{('red', 'blue')[index // 10]}_{index % 10}" == path.stem
