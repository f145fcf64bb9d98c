"""The descriptors of timm's Gluon checkpoints against the collected facts, and against themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from nets.timm_resnets import DEFAULTS, VARIANTS, parameter_count, shapes
from omz.zoo import catalogue
from omz.zoo.model_files import Digest, HttpSource
from omz.zoo.schema import Model

REPOSITORY = Path(__file__).parents[2]
FACTS = REPOSITORY / "../shared/zoo/timm-models.yml"
RELEASE = "https://github.com/rwightman/pytorch-pretrained-gluonresnet/releases/download/v0.1"
MODELS = {
    model.name: model
    for model in catalogue.load_all(catalogue.packaged_root())
    if isinstance(model, Model) and model.name.startswith("gluon_")
}
SE_RESNEXTS = [name for name in MODELS if "_seresnext" in name]
needs_facts = pytest.mark.skipif(
    not FACTS.is_file(), reason=f"the collection of facts, {FACTS}, is not there"
)


def test_whole_family_is_there():
    assert set(MODELS) == set(VARIANTS)
    assert len(SE_RESNEXTS) == 3


def numbers(model: Model, flag: str) -> list[float]:
    found = [re.fullmatch(rf"--{flag}=data\[(.*)\]", text) for text in model.model_optimizer_args or []]
    (match,) = filter(None, found)
    return [float(number) for number in match[1].split(",")]


@needs_facts
@pytest.mark.parametrize("name", SE_RESNEXTS)
def test_descriptor_equals_the_facts(name):
    facts = {fact["name"]: fact for fact in yaml.safe_load(FACTS.read_text(encoding="utf-8"))["models"]}
    model, fact = MODELS[name], facts[name]
    specification = model.specification
    assert specification is not None
    (file,), (known,) = model.files, fact["files"]
    assert (file.name, file.size) == (known["name"], known["size"])
    assert file.digests == [Digest("sha256", known["sha256_prefix"], is_prefix=True)]
    assert [source.url for source in file.sources if isinstance(source, HttpSource)] == known["sources"]
    assert len(file.sources) == len(known["sources"])
    (given,), (result,) = model.input_info, model.output_info
    assert (given.name, given.shape, given.layout) == (
        "data",
        fact["input"]["shape"],
        fact["input"]["layout"],
    )
    assert (result.name, result.shape, result.values) == ("logits", [1, 1000], "logits")
    assert specification.channel_order == fact["input"]["channel_order"] == "RGB"
    assert "--reverse_input_channels" in (model.model_optimizer_args or [])
    scale = fact["preprocessing"]["value_range"][1] * 255
    for flag, key in (("mean_values", "mean"), ("scale_values", "std")):
        assert numbers(model, flag) == pytest.approx([scale * x for x in fact["preprocessing"][key]])
    assert round(specification.mparams * 1e6) == fact["params"]
    assert round(specification.gflops * 1e9) == fact["flops"]
    assert {"top1": specification.top1, "top5": specification.top5} == fact["accuracy"]
    info = model.model_info
    assert {"crop_pct": info.crop_pct, "interpolation": info.interpolation} == fact["eval_preprocessing"]
    assert info.labels == fact["labels"] == "imagenet_2012"
    assert model.description == f"{specification.title} <{specification.paper}>"
    assert fact["description"] == f"{specification.title}; {specification.paper}"
    gmacs = re.search(r"count ([\d.]+) GMACs", fact["notes"][0])
    assert gmacs
    notes = " ".join(specification.notes)
    assert f"benchmark tables have {gmacs[1]} " in notes
    assert fact["hub_id"] in notes


@pytest.mark.parametrize("name", MODELS)
def test_file_comes_from_the_release_and_has_its_digits_in_its_name(name):
    (file,) = MODELS[name].files
    assert file.name == f"{name}-{file.sha256_prefix}.pth"
    assert [str(source) for source in file.sources] == [f"{RELEASE}/{file.name}"]
    assert file.known_digits == 8


@pytest.mark.parametrize("name", MODELS)
def test_architecture_is_that_of_timms_definition(name):
    """And the parameters that it has are those that the page states."""
    section, specification = MODELS[name].pytorch, MODELS[name].specification
    assert section is not None
    assert specification is not None
    defined = DEFAULTS | VARIANTS[name]
    assert section.block == {1: "basic", 4: "bottleneck"}[defined["expansion"]]
    for key in ("cardinality", "base_width", "block_reduce_first", "stem", "stem_width", "avg_down", "se"):
        assert getattr(section, key) == defined[key], key
    assert section.down_kernel_size == defined["down_kernel_size"]
    assert section.layers == list(defined["layers"])
    assert section.channels == list(defined["channels"])
    table = shapes(name)
    squeezed = [table.get(f"layer{stage}.0.se.fc1.weight", ())[:1] for stage in range(1, 5)]
    assert section.se_channels == [width for one in squeezed for width in one]
    import numpy as np

    count = parameter_count({key: np.broadcast_to(np.float32(0), shape) for key, shape in table.items()})
    assert specification.mparams == round(count / 1e6, 2)


@pytest.mark.parametrize("name", MODELS)
def test_size_of_the_file_is_that_of_its_tensors_and_a_little_more(name):
    """2019's format: four bytes a number, and a few hundred for each tensor's name and place."""
    table = shapes(name)
    numbers_bytes = sum(
        (8 if key.endswith("num_batches_tracked") else 4) * _count(shape) for key, shape in table.items()
    )
    size = MODELS[name].files[0].size
    assert size is not None
    assert 0 < size - numbers_bytes < 400 * len(table)


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


@pytest.mark.parametrize("name", MODELS)
def test_accuracy_config_is_of_the_descriptor(name):
    model = MODELS[name]
    specification = model.specification
    assert specification is not None
    (entry,) = yaml.safe_load((model.directory / "accuracy-check.yml").read_text(encoding="utf-8"))["models"]
    assert entry["name"] == name
    assert entry["launchers"] == [{"framework": "openvino", "adapter": "classification"}]
    (dataset,) = entry["datasets"]
    resize, crop = dataset["preprocessing"]
    assert (resize["type"], resize["aspect_ratio_scale"], resize["interpolation"]) == (
        "resize",
        "greater",
        "BICUBIC",
    )
    assert crop["size"] / resize["size"] == model.model_info.crop_pct == 0.875
    references: dict[Any, float] = {
        metric["top_k"]: metric["reference"] * 100 for metric in dataset["metrics"]
    }
    assert references == pytest.approx({1: specification.top1, 5: specification.top5}, abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_licence_names_the_model(name):
    specification = MODELS[name].specification
    assert specification is not None
    text = (REPOSITORY / "licenses" / specification.license_file).read_text(encoding="utf-8")
    head, found, _ = text.partition("Apache License\n")
    assert found
    assert name in re.findall(r"\w+", head)
    assert (REPOSITORY / "LICENSE").read_text(encoding="utf-8").strip() in text


@pytest.mark.parametrize("name", SE_RESNEXTS)
def test_page_tells_of_the_weak_digest_and_the_reversed_channels(name):
    page = (MODELS[name].directory / "README.md").read_text(encoding="utf-8")
    assert "checks sizes and the first 8 digits of the SHA-256 (no more is published" in page
    original, converted = page.split("## Input")[1].split("## Output")[0].split("### Converted model")
    assert "Channel order is `RGB`" in original
    assert "Mean values - [123.675, 116.28, 103.53]." in original
    assert "Scale values - [58.395, 57.12, 57.375]" in original
    assert "Channel order is `BGR`" in converted
    assert "bicubic" in page
    assert "score of each class, any number" in page
