"""Descriptors and accuracy configurations that name files of the user's, where theirs should be."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from attacks.attack import Attack
from attacks.models import describe, file_entry

from nets.tiny_classifier import build

SECRET = "0: a secret\n1: another\n"
FILES: dict[str, Any] = {
    "../escaped": {},
    "/tmp/escaped": {},
    "a/../../escaped": {},
    "a\\..\\escaped": {},
    "C:escaped": {},
    "a\0b": {},
    ".omz-0badcafe-0123456789abcdef.part": {},
    "net.prototxt": {"source": "file:///etc/passwd"},
    "net.prototxt ": {"source": {"$type": "bundled", "path": "../../../../etc/passwd"}},
    "net.prototxt  ": {"source": {"$type": "google_drive", "id": "../x"}},
    "net.prototxt   ": {"source": {"$type": "huggingface", "repo": "../..", "path": "../x"}},
    "net.prototxt    ": {"source": "https://user\x1b[2J@host/x y"},
}
ARGUMENTS = {
    "proto": ["--input_proto=/etc/passwd"],
    "proto-apart": ["--input_proto", "/etc/passwd"],
    "proto-by-its-short-name": ["-d", "/etc/passwd"],
    "model": ["--input_model=$dl_dir/../../../secret.txt"],
    "model-relative": ["--input_model=secret.txt"],
    "mean": ["--mean_file=/etc/passwd"],
    "mean-beside": ["--mean_file=$config_dir/../../../secret.txt"],
    "output": ["--output_dir=/tmp/escaped"],
    "name": ["--model_name=../../escaped"],
    "library": ["--extensions=/tmp/evil.so"],
    "transformations": ["--transformations_config=/tmp/evil.json"],
    "variable": ["--input_proto=${HOME}/net.prototxt"],
    "code": ["--input_proto=$dl_dir/`touch escaped`;$(touch escaped)"],
}
DATASETS: dict[str, Any] = {
    "labels": {"labels": "/etc/passwd"},
    "labels-up": {"labels": "../../../../../secret.txt"},
    "meta": {"annotation_conversion": {"converter": "imagenet", "dataset_meta_file": "/etc/passwd"}},
    "meta-up": {"dataset_meta": "../secret.txt"},
    "list": {"annotation_conversion": {"converter": "imagenet", "annotation_file": "../secret.txt"}},
    "list-whole": {"annotation_conversion": {"converter": "imagenet", "annotation_file": "/etc/passwd"}},
    "labels-file": {"annotation_conversion": {"converter": "imagenet", "labels_file": "../secret.txt"}},
    "csv": {"annotation_conversion": {"converter": "mnist_csv", "annotation_file": "../secret.txt"}},
    "written": {
        "annotation_conversion": {
            "converter": "mnist_csv",
            "annotation_file": "a.csv",
            "converted_images_dir": "/tmp",
        }
    },
    "pickle": {"annotation": "evil.pickle"},
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_a_descriptor(attack: Attack, name: str) -> None:
    describe(attack.folder, "net", [file_entry(name, b"x") | FILES[name]])
    message = attack.refused("omz_downloader", "--all", "--models_root", "zoo", "-o", "out")
    assert "zoo/public/net/model.yml" in message


def test_arguments_of_a_conversion(attack: Attack) -> None:
    (attack.folder / "secret.txt").write_text(SECRET)
    for name, arguments in ARGUMENTS.items():
        usual = ["--input_model=$dl_dir/net.caffemodel", "--input_proto=$dl_dir/net.prototxt"]
        describe(attack.folder, name, [], framework="caffe", model_optimizer_args=[*usual, *arguments])
        place = attack.folder / "files" / "public" / name
        place.mkdir(parents=True)
        for file in ("net.caffemodel", "net.prototxt"):
            (place / file).write_bytes(b"x")
    messages = attack.refused_each(
        ARGUMENTS, "omz_converter", "--all", "--models_root", "zoo", "-d", "files", "-o", "out"
    )
    for name, message in messages.items():
        assert "root:" not in message, "a line of another's file is shown"
        assert "model.yml" in message or name == "code", message


def test_data_of_an_accuracy_configuration(attack: Attack) -> None:
    (attack.folder / "secret.txt").write_text(SECRET)
    (attack.folder / "data").mkdir()
    irs = attack.folder / "irs" / "public"
    for name, stated in DATASETS.items():
        arguments = ["--input_model=$dl_dir/net.onnx"]
        path = describe(attack.folder, name, [], framework="onnx", model_optimizer_args=arguments)
        dataset = {"name": "mine", "annotation_conversion": {"converter": "imagenet"}, **stated}
        launchers = [{"framework": "openvino", "adapter": "classification"}]
        content = {"models": [{"name": name, "launchers": launchers, "datasets": [dataset]}]}
        (path.parent / "accuracy-check.yml").write_text(json.dumps(content))
        (irs / name / "FP32").mkdir(parents=True)
        build(irs / name / "FP32" / f"{name}.xml")
    messages = attack.refused_each(
        DATASETS, "accuracy_check", "--all", "--models_root", "zoo", "-m", "irs", "-s", "data", seconds=30
    )
    for name, message in messages.items():
        assert not re.search(r"secret(?!\.txt)|2 classes|root:|is no JSON", message), (
            f"{name} is read: {message}"
        )
