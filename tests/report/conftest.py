"""Reports of the bundled sample, measured for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from omz.converter.zoo_model import convert_model
from omz.downloader.download import download_models
from omz.report import command
from omz.zoo import catalogue

NAME = "se-resnext-digits"


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample in FP32 and FP16."""
    folder = tmp_path_factory.mktemp("converted")
    root = catalogue.packaged_root()
    model = catalogue.load_model(root / "samples" / NAME / "model.yml", root)
    assert not download_models([model], folder)
    convert_model(model, folder, folder, ["FP32", "FP16"])
    return folder


@pytest.fixture(scope="session")
def page(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "deep" / "report.html"
    arguments = ["--name", NAME, "-m", str(converted), "-o", str(path), "-time", "0.2"]
    assert command.main([*arguments, "--infer_precision", "f32"]) == 0
    return path
