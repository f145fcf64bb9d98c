"""``omz add``: what it writes of a network, and that this means what was asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from omz import cli
from omz.zoo import catalogue
from omz.zoo.accuracy_check import load_evaluation

from .conftest import MEAN, NAMES, SIDE


def folder(root: Path, name: str = "my-net") -> Path:
    return root / "public" / name


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_descriptor(add, root, caffe, labels):
    assert add(MEAN, "--labels", labels, "--license", "MIT", "--description", "Cats: and dogs") == 0
    written = yaml.safe_load((folder(root) / "model.yml").read_text(encoding="utf-8"))
    files = written.pop("files")
    assert [file["name"] for file in files] == ["my-net.prototxt", "my-net.caffemodel"]
    for file, original in zip(files, caffe, strict=True):
        content = original.read_bytes()
        assert file["size"] == len(content)
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["checksum"] == hashlib.sha384(content).hexdigest()
        assert file["source"] == {"$type": "bundled", "path": file["name"]}
        assert (folder(root) / file["name"]).read_bytes() == content
    assert written == {
        "description": "Cats: and dogs",
        "task_type": "classification",
        "input_info": [{"name": "data", "shape": [1, 3, SIDE, SIDE], "layout": "NCHW"}],
        "output_info": [{"name": "prob", "shape": [1, len(NAMES)], "values": "probabilities"}],
        "model_optimizer_args": [
            "--mean_values=[104,117,123]",
            "--input_proto=$dl_dir/my-net.prototxt",
            "--input_model=$dl_dir/my-net.caffemodel",
        ],
        "framework": "caffe",
        "quantizable": True,
        "license": "MIT",
        "model_info": {
            "model_type": "Classification",
            "resize_type": "standard",
            "labels": list(NAMES),
        },
    }
    assert catalogue.load_all(root)[0].name == "my-net"


def test_nothing_else_is_left(add, root):
    assert add() == 0
    names = ["README.md", "accuracy-check.yml", "model.yml", "my-net.caffemodel", "my-net.prototxt"]
    assert sorted(contents(root)) == [f"public/my-net/{name}" for name in names]


def test_the_same_inputs_give_the_same_bytes(add, root, labels, tmp_path):
    assert add(MEAN, "--labels", labels, "--resize=32x32") == 0
    first = contents(root)
    assert add(MEAN, "--labels", labels, "--resize=32x32", "--force") == 0
    assert contents(root) == first
    assert add(MEAN, "--labels", labels, "--resize=32x32", "--models_root", tmp_path / "other") == 0
    assert contents(tmp_path / "other") == first
    assert not any(str(tmp_path).encode() in content for content in first.values())


def test_list_of_the_toolkit_is_named(add, root, caffe):
    assert add("--labels=digits_red_blue") == 1  # 20 names, 7 classes
    assert not root.exists()


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ([], [{"type": "auto_resize"}]),
        (["--resize=32x32"], [{"type": "resize", "size": 32}]),
        (
            ["--resize=40", "--crop=32", "--interpolation=bicubic", "--pillow"],
            [
                {
                    "type": "resize",
                    "size": 40,
                    "aspect_ratio_scale": "greater",
                    "interpolation": "BICUBIC",
                    "use_pillow": True,
                },
                {"type": "crop", "size": 32, "use_pillow": True},
            ],
        ),
    ],
)
def test_accuracy_check_has_the_preparation(add, root, options, steps):
    assert add(*options) == 0
    path = folder(root) / "accuracy-check.yml"
    (model,) = yaml.safe_load(path.read_text())["models"]
    assert model["name"] == "my-net"
    assert model["launchers"] == [{"framework": "openvino", "adapter": "classification"}]
    (dataset,) = model["datasets"]
    assert dataset["preprocessing"] == steps
    assert [metric["top_k"] for metric in dataset["metrics"]] == [1, 5]
    assert ("is not known" in path.read_text()) == (not options)
    assert load_evaluation(path).model == "my-net"


def test_pictures_of_another_size_are_refused(add, root, capsys):
    assert add("--resize=256", "--crop=224") == 1
    assert "the network takes 32 x 32" in capsys.readouterr().err
    assert not root.exists()


def test_what_cannot_be_converted_is_not_added(add, root, caffe, tmp_path, capsys):
    odd = tmp_path / "odd.prototxt"
    odd.write_text(caffe[0].read_text().replace('type: "Axpy"', 'type: "Quux"'))
    assert add(files=("--input_proto", odd, "--input_model", caffe[1])) == 1
    assert "Quux" in capsys.readouterr().err
    assert not root.exists()


def test_page_is_what_omz_pages_makes_of_it(add, root, labels):
    assert add(MEAN, "--labels", labels, "--reverse_input_channels") == 0
    page = (folder(root) / "README.md").read_text(encoding="utf-8")
    assert "Channel order is `RGB`.\nMean values - [104, 117, 123]." in page
    assert "Channel order is `BGR`. Values are those of the image" in page
    assert 'By index: 0 `cat`, 1 `big dog`, 2 `null`, 3 `0-9`, 4 `#hash`, 5 `naïve: "x"`, 6 `yes`.' in page
    assert "omz_converter --name my-net --models_root DIR" in page
    assert "](../" not in page
    assert cli.main(["pages", "--all", "--models_root", str(root), "--check"]) == 0


def test_addresses(add, root, caffe):
    urls = ["https://example.com/a.prototxt", "http://example.com/b?c=d"]
    assert add(*(word for url in urls for word in ("--url", url))) == 0
    assert sorted(contents(root)) == [
        f"public/my-net/{name}" for name in ("README.md", "accuracy-check.yml", "model.yml")
    ]
    (model,) = catalogue.load_all(root)
    assert [file.source[0].url for file in model.files] == urls
    assert [file.sha256 for file in model.files] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in caffe
    ]


def test_dry_run_prints_the_descriptor_and_writes_nothing(add, root, capsys):
    assert add("--dry_run") == 0
    printed = capsys.readouterr().out
    assert not root.exists()
    assert add("--quiet") == 0
    assert capsys.readouterr().out == ""
    assert printed == (folder(root) / "model.yml").read_text()


def test_json(add, root, capsys):
    assert add("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["directory"]) == ("my-net", str(folder(root)))
    assert told["written"] == ["README.md", "accuracy-check.yml", "model.yml"]
    assert told["output_info"] == [{"name": "prob", "shape": [1, 7], "values": "probabilities"}]


def test_printed_commands_are_those_that_work(add, root, labels, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert add(MEAN, "--labels", labels) == 0
    modules = {
        "omz_downloader": "download",
        "omz_converter": "convert",
        "accuracy_check": "accuracy",
        "classification_demo": "classify",
    }
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    commands = [words for words in lines if words and words[0] in modules]
    assert [words[0] for words in commands] == list(modules)
    for words in commands:
        demo = words[0] == "classification_demo"
        place = pictures / NAMES[0] if demo else pictures
        given = [str(place) if word == "PICTURES" else word for word in words[1:]]
        more = ["--no_show"] if demo else []
        assert cli.main([modules[words[0]], *given, *more]) == 0
