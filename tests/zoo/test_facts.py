"""The descriptors that come with the toolkit against the collected facts about the models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from omz.zoo import catalogue
from omz.zoo.labels import load_labels
from omz.zoo.schema import BundledSource, Digest, GoogleDriveSource, HttpSource, Model

REPOSITORY = Path(__file__).parents[2]
FACTS = REPOSITORY / "../shared/zoo/caffe-models.yml"
SENET = ["se-inception", "se-resnet-101", "se-resnet-152", "se-resnet-50", "se-resnext-101", "se-resnext-50"]
MODELS = {
    model.name: model for model in catalogue.load_all(catalogue.packaged_root()) if isinstance(model, Model)
}
needs_facts = pytest.mark.skipif(
    not FACTS.is_file(), reason=f"the collection of facts, {FACTS}, is not there"
)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return {fact["name"]: fact for fact in yaml.safe_load(FACTS.read_text(encoding="utf-8"))["models"]}


def test_whole_family_is_there():
    assert set(SENET) <= set(MODELS)


@needs_facts
@pytest.mark.parametrize("name", SENET)
def test_files_equal_the_facts(facts, name):
    model, fact = MODELS[name], facts[name]
    assert [file.name for file in model.files] == [known["name"] for known in fact["files"]]
    for file, known in zip(model.files, fact["files"], strict=True):
        assert file.size == known["size"]
        digests = [
            Digest(algorithm, known[algorithm]) for algorithm in ("sha384", "sha256") if algorithm in known
        ]
        assert file.digests == digests
        assert [address(source) for source in file.sources] == known["sources"]


def address(source: HttpSource | GoogleDriveSource | BundledSource) -> object:
    if isinstance(source, HttpSource):
        return source.url
    assert isinstance(source, GoogleDriveSource)
    return {"google_drive": source.id}


@needs_facts
@pytest.mark.parametrize("name", SENET)
def test_tensors_preprocessing_and_figures_equal_the_facts(facts, name):
    model, fact = MODELS[name], facts[name]
    specification = model.specification
    assert specification is not None
    (given,), (result,) = model.input_info, model.output_info
    assert (given.name, given.shape, given.layout) == tuple(
        fact["input"][k] for k in ("name", "shape", "layout")
    )
    assert result.model_dump() == fact["output"]
    assert specification.channel_order == fact["input"]["original_channel_order"]
    arguments = dict(argument.split("=", 1) for argument in model.model_optimizer_args or [])
    means = re.fullmatch(rf"{given.name}\[(.*)\]", arguments.pop("--mean_values"))
    assert means
    assert [float(mean) for mean in means[1].split(",")] == fact["preprocessing"]["mean_values"]
    assert fact["preprocessing"]["reverse_input_channels"] is False
    prototxt, caffemodel = (known["name"] for known in fact["files"])
    assert arguments == {
        "--output": fact["output"]["name"],
        "--input_model": f"$dl_dir/{caffemodel}",
        "--input_proto": f"$dl_dir/{prototxt}",
    }
    assert (specification.gflops, specification.mparams) == (fact["gflops"], fact["mparams"])
    assert {"top1": specification.top1, "top5": specification.top5} == fact["accuracy"]
    assert model.model_info.labels == fact["labels"] == "imagenet_2015"
    assert f"{specification.title} <{specification.paper}>" == model.description
    assert f"{specification.title}; {specification.paper}" == fact["description"]
    assert (model.framework, model.quantizable, model.license) == ("caffe", True, fact["license"]["url"])


@needs_facts
@pytest.mark.parametrize("name", SENET)
def test_notes_tell_of_axpy_where_the_net_has_it(facts, name):
    specification = MODELS[name].specification
    assert specification is not None
    has_axpy = any("Axpy" in note for note in facts[name].get("notes", []))
    assert any("Axpy" in note for note in specification.notes) == has_axpy


@pytest.mark.parametrize("name", SENET)
def test_accuracy_config_is_of_the_descriptor(name):
    model = MODELS[name]
    specification = model.specification
    assert specification is not None
    config = yaml.safe_load((model.directory / "accuracy-check.yml").read_text(encoding="utf-8"))
    original, converted = config["models"]
    assert (original["name"], converted["name"]) == (f"{name}-cf", name)
    prototxt, caffemodel = (file.name for file in model.files)
    assert original["launchers"] == [
        {"framework": "caffe", "model": prototxt, "weights": caffemodel, "adapter": "classification"}
    ]
    assert converted["launchers"] == [{"framework": "openvino", "adapter": "classification"}]
    steps = [{"type": "resize", "size": 256}, {"type": "crop", "size": 224}]
    normalization = {"type": "normalization", "mean": "104, 117, 123"}
    for entry, preprocessing in ((original, [*steps, normalization]), (converted, steps)):
        (dataset,) = entry["datasets"]
        assert dataset["name"] == f"imagenet_1000_classes_{str(model.model_info.labels)[-4:]}"
        assert dataset["preprocessing"] == preprocessing
        references = {metric["top_k"]: metric["reference"] * 100 for metric in dataset["metrics"]}
        assert references == pytest.approx({1: specification.top1, 5: specification.top5}, abs=1e-6)
        assert [metric["name"] for metric in dataset["metrics"]] == ["accuracy@top1", "accuracy@top5"]


@pytest.mark.parametrize("name", MODELS)
def test_every_class_has_a_name(name):
    """The list, or reference to one, is as long as the output is wide."""
    model = MODELS[name]
    labels = model.model_info.labels
    assert labels is not None
    count = len(load_labels(labels)) if isinstance(labels, str) else len(labels)
    assert model.output_info[0].shape[1] == count


@pytest.mark.parametrize("name", MODELS)
def test_licence_text_is_there_and_names_the_family(name):
    specification = MODELS[name].specification
    assert specification is not None
    text = (REPOSITORY / "licenses" / specification.license_file).read_text(encoding="utf-8")
    if name in SENET:
        first = text.split("\n\n")[0]
        assert name in re.findall(r"[a-z0-9-]+", first)
        assert "hujie-frank/SENet" in first
        assert (REPOSITORY / "LICENSE").read_text(encoding="utf-8").strip() in text


@pytest.mark.parametrize("name", MODELS)
def test_bundled_files_are_the_promised_ones(name):
    import hashlib

    for file in MODELS[name].files:
        for source in file.sources:
            if isinstance(source, BundledSource):
                content = (MODELS[name].directory / source.path).read_bytes()
                assert len(content) == file.size
                for digest in file.digests:
                    assert hashlib.new(digest.algorithm, content).hexdigest() == digest.hexdigest


@pytest.mark.parametrize(
    "path", sorted(catalogue.packaged_root().glob("public/**/*.yml")), ids=lambda p: p.parent.name
)
def test_file_starts_with_its_licence(path):
    assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: Apache-2.0\n")
