"""The descriptors that come with the toolkit against the collected facts about the models."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from omz.zoo import catalogue
from omz.zoo.labels import load_labels
from omz.zoo.model_files import BundledSource, Digest, GoogleDriveSource, HttpSource
from omz.zoo.page import render
from omz.zoo.postprocessing import RegexReplace
from omz.zoo.schema import Model

REPOSITORY = Path(__file__).parents[2]
FACTS = REPOSITORY / "../shared/zoo/caffe-models.yml"
LICENCES = {
    "Apache-2.0": "Apache License, Version 2.0",
    "BSD-2-Clause": "BSD 2-Clause License",
    "BSD-3-Clause": "BSD 3-Clause License",
    "CC-BY-4.0": "Creative Commons Attribution 4.0 International Public License",
    "MIT": "MIT License",
    "unrestricted use": "terms of its authors: unrestricted use",
}
BSD = [
    "Redistributions of source code must retain the above copyright notice",
    "Redistributions in binary form must reproduce the above copyright notice",
    "EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.",
]
#: Words that the text of each licence begins, goes on and ends with.
LICENCE_WORDS = {
    "Apache License, Version 2.0": ["TERMS AND CONDITIONS FOR USE", "END OF TERMS AND CONDITIONS"],
    "BSD 2-Clause License": BSD,
    "BSD 3-Clause License": [*BSD, "nor the names of its contributors may be used to endorse"],
    "Creative Commons Attribution 4.0 International Public License": [
        "Attribution 4.0 International",
        "Section 1 -- Definitions.",
        "Section 8 -- Interpretation.",
        "Creative Commons may be contacted at creativecommons.org.",
    ],
    "MIT License": ["Permission is hereby granted, free of charge", "OTHER DEALINGS IN THE SOFTWARE."],
    "terms of its authors: unrestricted use": ["This model is released for unrestricted use."],
}
MODELS = {
    model.name: model for model in catalogue.load_all(catalogue.packaged_root()) if isinstance(model, Model)
}
CAFFE = sorted(
    name
    for name, model in MODELS.items()
    if model.framework == "caffe" and "public" in model.subdirectory.parts
)
needs_facts = pytest.mark.skipif(
    not FACTS.is_file(), reason=f"the collection of facts, {FACTS}, is not there"
)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return {fact["name"]: fact for fact in yaml.safe_load(FACTS.read_text(encoding="utf-8"))["models"]}


def test_all_caffe_models_are_there():
    assert len(CAFFE) == 26
    assert len([name for name in CAFFE if name.startswith("se-")]) == 6


@needs_facts
def test_facts_are_of_these_models(facts):
    assert sorted(facts) == CAFFE


@needs_facts
@pytest.mark.parametrize("name", CAFFE)
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


def address(source: object) -> object:
    if isinstance(source, HttpSource):
        return source.url
    assert isinstance(source, GoogleDriveSource)
    return {"google_drive": source.id}


@needs_facts
@pytest.mark.parametrize("name", CAFFE)
def test_postprocessing_equals_the_facts(facts, name):
    known = facts[name].get("postprocessing", [])
    assert [step.model_dump(by_alias=True) for step in MODELS[name].postprocessing] == [
        {"$type": step["kind"], **{key: step[key] for key in ("file", "pattern", "replacement")}, "count": 0}
        for step in known
    ]


@needs_facts
@pytest.mark.parametrize("name", CAFFE)
def test_tensors_and_arguments_equal_the_facts(facts, name):
    model, fact = MODELS[name], facts[name]
    specification = model.specification
    assert specification is not None
    (given,), (result,) = model.input_info, model.output_info
    assert given.model_dump() == {key: fact["input"][key] for key in ("name", "shape", "layout")}
    output = fact["output"]
    assert (result.name, result.values) == (output["name"], output["values"])
    assert result.shape == output.get("caffe_shape", output["shape"])
    assert specification.channel_order == fact["input"]["original_channel_order"]
    stated = [argument.partition("=") for argument in model.model_optimizer_args or []]
    arguments = {flag: value for flag, _, value in stated}
    preprocessing = fact["preprocessing"]
    assert ("--reverse_input_channels" in arguments) == preprocessing["reverse_input_channels"]
    assert preprocessing["reverse_input_channels"] == (specification.channel_order == "RGB")
    arguments.pop("--reverse_input_channels", None)
    for key in ("mean_values", "scale_values"):
        values = re.fullmatch(rf"{given.name}\[(.*)\]", arguments.pop(f"--{key}", f"{given.name}[]"))
        assert values
        assert [float(value) for value in values[1].split(",") if value] == preprocessing.get(key, [])
    by_suffix = {Path(known["name"]).suffix: known["name"] for known in fact["files"]}
    assert arguments == {
        "--output": output["name"],
        "--input_model": f"$dl_dir/{by_suffix['.caffemodel']}",
        "--input_proto": f"$dl_dir/{by_suffix['.prototxt']}",
    }


@needs_facts
@pytest.mark.parametrize("name", CAFFE)
def test_figures_labels_and_licence_equal_the_facts(facts, name):
    model, fact = MODELS[name], facts[name]
    specification = model.specification
    assert specification is not None
    assert (specification.gflops, specification.mparams) == (fact["gflops"], fact["mparams"])
    accuracy = fact.get("accuracy", {"top1": None, "top5": None})
    assert {"top1": specification.top1, "top5": specification.top5} == accuracy
    assert model.model_info.labels == fact["labels"]
    assert f"{specification.title} <{specification.paper}>" == model.description
    assert f"{specification.title}; {specification.paper}" == fact["description"]
    assert (model.framework, model.quantizable) == ("caffe", fact.get("quantizable", False))
    assert model.license == fact["license"]["url"]
    spdx = fact["license"]["name"]
    assert specification.license_name == LICENCES[spdx]
    assert specification.license_file.lower().startswith(spdx.lower().replace(" ", "-"))


def test_only_these_were_trained_with_the_labels_of_2015():
    """A wrong order gives wrong names without any error, so it stands here a second time."""
    with_2015 = [name for name in CAFFE if MODELS[name].model_info.labels == "imagenet_2015"]
    assert with_2015 == ["googlenet-v2", *(name for name in CAFFE if name.startswith("se-"))]


#: What the page of a model must say: the facts, and where the published page is wrong or leaves something out.
TOLD = {
    "densenet-*": [
        "multiply them by 0.017",
        "says that they are divided by 0.017: that is wrong",
        "`ceil_mode: false`",
        "scores of the classes (logits), not probabilities",
        "Scale values - [58.8235294117647]: every channel is divided by it.",
        "score of each class, any number",
    ],
    "mobilenet-*": ["Scale values - [58.8235294117647]: every channel is divided by it."],
    "mobilenet-v1-1.0-224": ["The input is `data`", "Open Model Zoo's page calls it `input`"],
    "shufflenet-v2-x0.5": [
        "Channel order is `RGB`.",
        "Channel order is `BGR`. Values are those of the image, 0 to 255, as 32-bit floats: the scale values are "
        "applied inside the model.",
        "Scale values - [255]: every channel is divided by it.",
        "begins with a BatchNorm of its own",
        "calls them probabilities: that is wrong",
        "score of each class, any number",
        "ShuffleChannel",
    ],
    "googlenet-v4": ["says that they are divided by 0.0078125: that is wrong", "on Google Drive only"],
    "inception-resnet-v2": [
        "says that they are divided by 0.0078125: that is wrong",
        "subtracts 104, 117 and 123",
        "on Google Drive only",
    ],
    "googlenet-v1": ["Open Model Zoo names that of Inception v4, 1602.07261"],
    "googlenet-v2": [
        "Open Model Zoo names that of Inception v4, 1602.07261",
        "labels of ILSVRC2015",
        "is a `layers` among others named `layer`",
    ],
    "caffenet": ["asks for a batch of 10, and the downloader leaves it so"],
    "resnet-*": ["on OneDrive only", "OpenVINO does the same when it loads the model"],
    "vgg*": ["Caffe's old form"],
    "se-res*": ["Axpy"],
}


@pytest.mark.parametrize("name", CAFFE)
def test_page_tells_the_traps(name):
    page = " ".join(render(MODELS[name]).split())
    for pattern, sentences in TOLD.items():
        for sentence in sentences:
            if fnmatchcase(name, pattern):
                assert sentence in page
    steps = [step for step in MODELS[name].postprocessing if isinstance(step, RegexReplace)]
    assert ("the downloader makes it 1" in page) == any(step.pattern == "dim: 10" for step in steps)


@needs_facts
@pytest.mark.parametrize("name", CAFFE)
def test_page_tells_what_depends_on_the_facts(facts, name):
    page, fact = " ".join(render(MODELS[name]).split()), facts[name]
    output = fact["output"]
    shape = ", ".join(map(str, output.get("caffe_shape", output["shape"])))
    assert page.count(f"name - `{output['name']}`, shape - `{shape}`, output data format is") == 2
    assert ("Open Model Zoo's page states `1, 1000`." in page) == ("caffe_shape" in output)
    assert ("probability of each class, in [0, 1]" in page) == (output["values"] == "probabilities")
    assert ("None is known for these files." in page) == ("accuracy" not in fact)
    evaluation = fact["eval_preprocessing"]
    size, crop = evaluation["resize"]["size"], evaluation["crop"]["size"]
    how = {
        "stretch_square": f"stretched to {size} x {size} pixels",
        "shorter_side": f"so that its shorter side has {size} pixels",
    }[evaluation["resize"]["mode"]]
    assert f"{how} and cropped to the {crop} x {crop} in its middle" in page


@needs_facts
@pytest.mark.parametrize("name", CAFFE)
def test_accuracy_config_measures_as_the_facts_say(facts, name):
    model, fact = MODELS[name], facts[name]
    config = yaml.safe_load((model.directory / "accuracy-check.yml").read_text(encoding="utf-8"))
    original, converted = config["models"]
    assert (original["name"], converted["name"]) == (f"{name}-cf", name)
    by_suffix = {Path(file.name).suffix: file.name for file in model.files}
    assert original["launchers"] == [
        {
            "framework": "caffe",
            "model": by_suffix[".prototxt"],
            "weights": by_suffix[".caffemodel"],
            "adapter": "classification",
        }
    ]
    assert converted["launchers"] == [{"framework": "openvino", "adapter": "classification"}]
    evaluation = fact["eval_preprocessing"]
    swap = [{"type": evaluation["channel_swap"]}] if "channel_swap" in evaluation else []
    steps = [resizing(evaluation["resize"]), {"type": "crop", "size": evaluation["crop"]["size"]}]
    for entry, preprocessing in ((original, [*steps, normalization(fact)]), (converted, [*swap, *steps])):
        (dataset,) = entry["datasets"]
        assert dataset["name"] == evaluation["dataset"]
        assert dataset.get("reader", "opencv_imread") == evaluation["reader"]
        assert dataset["preprocessing"] == preprocessing
        assert [metric["name"] for metric in dataset["metrics"]] == ["accuracy@top1", "accuracy@top5"]
        assert [metric["top_k"] for metric in dataset["metrics"]] == [1, 5]
        references = [metric.get("reference") for metric in dataset["metrics"]]
        if "accuracy" in fact:
            known = [fact["accuracy"]["top1"] / 100, fact["accuracy"]["top5"] / 100]
            assert references == pytest.approx(known, abs=1e-8)
        else:
            assert references == [None, None]


def resizing(fact: dict[str, Any]) -> dict[str, Any]:
    """Return the step of the accuracy checker that resizes in this way."""
    step: dict[str, Any] = {"type": "resize", "size": fact["size"]}
    if fact["mode"] == "shorter_side":
        step["aspect_ratio_scale"] = "greater"
    if fact["library"] == "pillow":
        step |= {"use_pillow": True, "interpolation": fact["interpolation"].upper()}
    return step


def normalization(fact: dict[str, Any]) -> dict[str, Any]:
    """Return the step of the accuracy checker that brings a picture to what the original network wants."""
    step: dict[str, Any] = {"type": "normalization"}
    for key, name in (("mean_values", "mean"), ("scale_values", "std")):
        numbers = [f"{value:.15g}" for value in fact["preprocessing"].get(key, [])]
        if numbers:
            step[name] = yaml.safe_load(", ".join(numbers))
    return step


@pytest.mark.parametrize("name", CAFFE)
def test_readme_lists_the_model_with_its_figures(name):
    specification = MODELS[name].specification
    assert specification is not None
    values = [getattr(specification, key) for key in ("mparams", "gflops", "top1", "top5")]
    figures = " | ".join("-" if value is None else str(value).removesuffix(".0") for value in values)
    row = f"| [{name}](models/public/{name}/README.md) | {figures} |"
    assert row in (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODELS)
def test_every_class_has_a_name(name):
    """The list, or reference to one, is as long as the output is wide."""
    model = MODELS[name]
    labels = model.model_info.labels
    assert labels is not None
    count = len(load_labels(labels)) if isinstance(labels, str) else len(labels)
    assert model.output_info[0].shape[1] == count


@pytest.mark.parametrize("name", CAFFE)
def test_licence_text_names_its_models(name):
    specification = MODELS[name].specification
    assert specification is not None
    text = (REPOSITORY / "licenses" / specification.license_file).read_text(encoding="utf-8")
    first, _, licence = text.partition("\n\n")
    assert name in re.findall(r"[a-z0-9.-]*[a-z0-9]", first)
    assert re.search(r"https?://", first)
    for words in LICENCE_WORDS[specification.license_name]:
        assert words in " ".join(licence.split())


def test_licence_of_the_senets_is_the_whole_text():
    text = (REPOSITORY / "licenses/APACHE-2.0-SENet.txt").read_text(encoding="utf-8")
    assert (REPOSITORY / "LICENSE").read_text(encoding="utf-8").strip() in text
    assert "hujie-frank/SENet" in text.split("\n\n")[0]


@pytest.mark.parametrize("name", MODELS)
def test_licence_text_is_there(name):
    specification = MODELS[name].specification
    assert specification is not None
    assert (REPOSITORY / "licenses" / specification.license_file).is_file()


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
