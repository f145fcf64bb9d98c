"""The wheel must do the main job without the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            source,
        ],
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("omz_toolkit-*.whl")
    return path


def test_wheel_holds_data_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "omz/py.typed",
        "omz/models/public/se-resnext-50/model.yml",
        "omz/models/public/se-resnext-50/README.md",
        "omz/models/labels/imagenet_2015.txt",
        "omz/models/samples/se-resnext-digits/se-resnext-digits.caffemodel",
        "omz/demos/classification_demo/command.py",
        "omz/report/report.css",
    ):
        assert wanted in names
    assert any(name.endswith("licenses/licenses/APACHE-2.0-SENet.txt") for name in names)
    assert not [
        name for name in names if name.startswith(("tests/", "benchmarks/")) or name.endswith("train.py")
    ]
    assert wheel.stat().st_size < 3_000_000


@pytest.mark.slow
def test_wheel_runs_the_main_job_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "OMZ_MODELS_ROOT")
    }
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    binaries = tmp_path / "venv" / "bin"
    subprocess.run([binaries / "pip", "install", "-q", wheel], check=True, env=environment, timeout=500)
    work = tmp_path / "work"
    work.mkdir()

    def run(*command: str) -> str:
        result = subprocess.run(
            [binaries / command[0], *command[1:]],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert "se-resnext-50" in run("omz_downloader", "--print_all").split()
    run("omz_downloader", "--name", "se-resnext-digits")
    run("omz_converter", "--name", "se-resnext-digits", "--precisions", "FP32")
    assert (work / "samples/se-resnext-digits/FP32/se-resnext-digits.xml").is_file()
    images = REPO / "models/samples/se-resnext-digits/images"
    picture = sorted(images.glob("red_*.png"))[0]
    said = run("classification_demo", "-m", "se-resnext-digits", "-i", str(picture), "--no_show")
    assert picture.stem.replace("_", " ") in said.replace("_", " ")
