"""All commands take an added network as they take a model of the zoo; and the README's recipe is what works."""

from __future__ import annotations

import json
import shlex
import shutil
import tarfile
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest

from nets import se_resnext, synthetic_weights, write_model
from omz import cli
from omz.zoo import catalogue

from .conftest import MEAN, NAMES, SIDE

README = Path(__file__).resolve().parents[2] / "README.md"
#: Command line -> what ``omz`` calls the command.
ONE_ROOF = {
    "omz_downloader": "download",
    "omz_converter": "convert",
    "accuracy_check": "accuracy",
    "classification_demo": "classify",
}


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def test_recipe_of_the_readme(tmp_path, monkeypatch, pictures, capsys):
    recipe = README.read_text().split("## I have a caffemodel\n")[1].split("```")[1].strip().splitlines()
    assert len(recipe) == 5
    net = se_resnext((1,), stem=8, width=8, cardinality=4, size=224, classes=len(NAMES))
    write_model(tmp_path, net, synthetic_weights(net), name="deploy")
    (tmp_path / "deploy.caffemodel").rename(tmp_path / "net.caffemodel")
    (tmp_path / "names.txt").write_text("".join(f"{index} - {name}\n" for index, name in enumerate(NAMES)))
    shutil.copytree(pictures, tmp_path / "labelled_pictures")
    shutil.copytree(pictures / NAMES[0], tmp_path / "my_pictures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(catalogue.ROOT_VARIABLE, raising=False)
    for line in recipe:
        words = shlex.split(line)
        command = words[1:] if words[0] == "omz" else [ONE_ROOF[words[0]], *words[1:]]
        assert run(*command, *(["--no_show"] if words[0] == "classification_demo" else [])) == 0, line
    assert "my-net on" in capsys.readouterr().out


@pytest.mark.slow
def test_every_command(add, root, labels, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert add(MEAN, "--labels", labels, f"--resize={SIDE + 8}", f"--crop={SIDE}") == 0
    own = ("--name", "my-net", "--models_root", root)
    assert run("download", *own) == run("convert", *own) == 0

    assert run("quantize", *own, "--dataset_dir", pictures, "--subset_size=12") == 0
    for precision in ("FP32", "FP16", "FP32-INT8", "FP16-INT8"):
        assert Path(f"public/my-net/{precision}/my-net.xml").is_file()

    capsys.readouterr()
    assert run("info", *own, "--json") == 0
    (info,) = json.loads(capsys.readouterr().out)
    assert info["outputs"] == {"prob": "[1,7]"}
    assert info["published_top1"] is None

    assert run("accuracy", *own, "-s", pictures, "--json", "measured.json") == 0
    measured = json.loads(Path("measured.json").read_text())
    assert {result["precision"] for result in measured["results"]} == {
        "FP32", "FP16", "FP32-INT8", "FP16-INT8",
    }  # fmt: skip

    assert run("report", *own, "-s", pictures, "-o", "report.html", "--quiet") == 0
    report = Path("report.html").read_text(encoding="utf-8")
    assert "big dog" in report

    capsys.readouterr()
    assert run("dump", *own) == 0
    (dumped,) = json.loads(capsys.readouterr().out)
    assert dumped["subdirectory"] == "public/my-net"
    assert dumped["quantization_output_precisions"] == ["FP16-INT8", "FP32-INT8"]

    assert run("classify", "-m", "my-net", "-i", pictures / "cat", "--no_show") == 0
    assert run("benchmark", "-m", "my-net", "-i", pictures / "cat", "-time", 1, "--no_show") == 0
    assert run("pages", *own, "--check") == 0
    assert run("download", *own, "--verify_only") == 0


@pytest.mark.slow
def test_scores_are_those_of_the_net(add, root, caffe, labels, pictures, tmp_path):
    """What the commands measure is what plain OpenCV, NumPy and OpenVINO find, from the prototxt on."""
    assert add(MEAN, "--labels", labels, f"--resize={SIDE}x{SIDE}") == 0
    own = ("--name", "my-net", "--models_root", root)
    assert run("download", *own, "-o", tmp_path) == run("convert", *own, "-d", tmp_path) == 0
    table = tmp_path / "answers.csv"
    options = ("-m", tmp_path, "-s", pictures, "--precisions=FP32", "--infer_precision=f32")
    assert run("accuracy", *own, *options, "--predictions", table) == 0
    assert (
        cli.main(
            [
                "caffe2ir",
                "-d",
                str(caffe[0]),
                "-w",
                str(caffe[1]),
                "-o",
                str(tmp_path),
                "-n",
                "raw",
                "--data_type=FP32",
            ]
        )
        == 0
    )
    net = ov.Core().compile_model(tmp_path / "raw.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rows = [line.split(",") for line in table.read_text().splitlines()]
    header, rows = rows[0], rows[1:]
    assert len(rows) == 24
    for row in rows:
        told = dict(zip(header, row, strict=True))
        picture = cv2.resize(cv2.imread(told["picture"]), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        blob = picture.astype(np.float32).transpose(2, 0, 1)[None] - np.float32([104, 117, 123]).reshape(
            1, 3, 1, 1
        )
        scores = net(blob)[0][0]
        assert float(told["score"]) == pytest.approx(scores.max(), abs=1e-4)
        assert told["ranking"].split() == [str(index) for index in np.argsort(-scores)[:5]]


@pytest.mark.slow
def test_through_a_bundle_to_a_machine_that_has_none_of_it(add, root, labels, tmp_path, monkeypatch):
    assert add(MEAN, "--labels", labels, f"--resize={SIDE}x{SIDE}") == 0
    own = ("--name", "my-net", "--models_root", root)
    here, there = tmp_path / "here", tmp_path / "there"
    assert run("download", *own, "-o", here) == run("convert", *own, "-d", here) == 0
    assert run("bundle", *own, "-d", here, "-o", tmp_path / "zoo.tar") == 0
    there.mkdir()
    monkeypatch.chdir(there)
    with tarfile.open(tmp_path / "zoo.tar") as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from 3.11.4 on
        archive.extractall(there, [one for one in archive if one.name.startswith("models/")], **safely)
    shutil.rmtree(root)
    assert run("download", "--from_bundle", tmp_path / "zoo.tar", "--models_root", "models") == 0
    assert run("convert", "--name=my-net", "--models_root=models") == 0
    for path in (here / "public/my-net").rglob("*.xml"):
        assert (there / path.relative_to(here)).read_bytes() == path.read_bytes()
    assert run("pages", "--all", "--models_root=models", "--check") == 0
