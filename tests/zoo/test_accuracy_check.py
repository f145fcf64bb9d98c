from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omz.accuracy.definitions import load_definition
from omz.errors import DescriptorError
from omz.zoo.accuracy_check import load_evaluation
from omz.zoo.catalogue import load_all, packaged_root

FILES = sorted(packaged_root().glob("*/*/accuracy-check.yml"))


def write(path: Path, *steps, metrics=None, launcher="openvino", adapter="classification", **dataset) -> Path:
    used = {
        "name": "imagenet_1000_classes",
        "preprocessing": list(steps),
        "metrics": metrics or [],
        **dataset,
    }
    entry = {"name": "m", "launchers": [{"framework": launcher, "adapter": adapter}], "datasets": [used]}
    path.write_text(yaml.safe_dump({"models": [entry]}))
    return path


def test_every_model_has_a_configuration_that_agrees_with_its_descriptor():
    models = {model.name: model for model in load_all(packaged_root())}
    assert {path.parent.name for path in FILES} == set(models)
    for path in FILES:
        evaluation, model = load_evaluation(path), models[path.parent.name]
        assert evaluation.model == model.name
        definition = load_definition(evaluation.dataset)
        assert definition.labels == model.model_info.labels, path
        top1 = model.specification and model.specification.top1
        if top1 and 1 in evaluation.references:
            assert evaluation.references[1] * 100 == pytest.approx(top1, abs=5e-3), path


def test_launchers_are_told_apart():
    path = packaged_root() / "public/se-resnext-50/accuracy-check.yml"
    assert load_evaluation(path).model == "se-resnext-50"
    caffe = load_evaluation(path, "caffe")
    assert caffe.model == "se-resnext-50-cf"
    assert caffe.steps.preprocessing[-1].mean == (104, 117, 123)
    assert load_evaluation(path).references == {1: 0.78968, 5: 0.9463}
    with pytest.raises(DescriptorError, match="launcher of framework 'tf'; got se-resnext-50-cf"):
        load_evaluation(path, "tf")


def test_old_name_of_the_launcher(tmp_path):
    assert load_evaluation(write(tmp_path / "a.yml", launcher="dlsdk")).model == "m"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"type": "warp"}, "preprocessing step 'warp' is not supported. Known: resize, auto_resize, crop"),
        ({"size": 3}, "preprocessing step 'None' is not supported"),
        ("resize", "preprocessing step 'resize'|expected"),
        ({"type": "resize"}, "expected a 'size'"),
        ({"type": "resize", "size": 8, "use_tensorflow": True}, "use_tensorflow"),
        ({"type": "resize", "size": 8, "interpolation": "SINC"}, "'SINC'"),
        ({"type": "resize", "size": 8, "interpolation": "AREA", "use_pillow": True}, "'AREA'"),
        ({"type": "resize", "size": 0}, "size"),
        ({"type": "resize", "size": 10**9}, "size"),
        ({"type": "resize", "size": 8, "aspect_ratio_scale": "ctpn"}, "aspect_ratio_scale"),
        ({"type": "crop"}, "expected one of a size"),
        ({"type": "crop", "size": 8, "max_square": True}, "expected one of a size"),
        ({"type": "crop", "central_fraction": 1.5}, "central_fraction"),
        ({"type": "normalization"}, "expected 'mean' or 'std'"),
        ({"type": "normalization", "mean": "1, 2"}, "mean"),
        ({"type": "normalization", "std": "1, 0, 1"}, "without zeros"),
        ({"type": "normalization", "mean": ".nan"}, "mean"),
    ],
)
def test_what_is_not_known_is_one_line_that_names_it(tmp_path, step, message):
    with pytest.raises(DescriptorError, match=message) as error:
        load_evaluation(write(tmp_path / "a.yml", step))
    assert "\n" not in str(error.value)
    assert "a.yml" in str(error.value)


def test_other_tasks_are_refused_by_their_adapter(tmp_path):
    with pytest.raises(DescriptorError, match="adapter 'ssd'; only 'classification'"):
        load_evaluation(write(tmp_path / "a.yml", {"type": "padding"}, adapter={"type": "ssd"}))
    assert load_evaluation(write(tmp_path / "a.yml", adapter={"type": "classification", "block": True}))


def test_readers_and_values(tmp_path):
    path = write(
        tmp_path / "a.yml",
        {"type": "normalization", "mean": 127.5, "std": "imagenet"},
        reader="pillow_imread",
    )
    evaluation = load_evaluation(path)
    assert evaluation.steps.reader.type == "pillow_imread"
    assert evaluation.steps.preprocessing[0].mean == (127.5, 127.5, 127.5)
    assert evaluation.steps.preprocessing[0].std[0] == pytest.approx(104.00698793)
    with pytest.raises(DescriptorError, match="'tf_imread'"):
        load_evaluation(write(tmp_path / "a.yml", reader="tf_imread"))
    with pytest.raises(DescriptorError, match="reading_flag"):
        load_evaluation(
            write(tmp_path / "a.yml", reader={"type": "opencv_imread", "reading_flag": "unchanged"})
        )


@pytest.mark.parametrize(
    "content", ["[]", "models: 3", "models: [1]", "a: &b c", "models:\n- name: m\n  launchers: 3"]
)
def test_strange_files(tmp_path, content):
    (tmp_path / "a.yml").write_text(content)
    with pytest.raises(DescriptorError, match=r"a\.yml"):
        load_evaluation(tmp_path / "a.yml")


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a/b", ".hidden", "", "a\nb"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    path = write(tmp_path / "a.yml")
    content = yaml.safe_load(path.read_text())
    content["models"][0]["name"] = name
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(DescriptorError, match="name"):
        load_evaluation(path)


KEYS = st.sampled_from(
    (
        "name",
        "launchers",
        "framework",
        "adapter",
        "datasets",
        "reader",
        "type",
        "preprocessing",
        "metrics",
        "size",
    )
)
WORDS = st.sampled_from(
    ("openvino", "classification", "resize", "crop", "accuracy", "opencv_imread", "1,2,3")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)


def refusal(path: Path) -> str:
    """Return why a file is refused, '' if it is read."""
    try:
        load_evaluation(path)
    except DescriptorError as error:
        return str(error)
    return ""


@given(
    st.fixed_dictionaries(
        {"launchers": st.just([{"framework": "openvino"}]) | VALUES}, optional={"name": WORDS | VALUES}
    ),
    st.lists(st.dictionaries(KEYS, VALUES, max_size=5), max_size=2) | VALUES,
)
@settings(
    derandomize=True,
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_content_is_an_evaluation_or_one_line(tmp_path, entry, datasets):
    path = tmp_path / "a.yml"
    path.write_text(json.dumps({"models": [{**entry, "datasets": datasets}]}))  # JSON is YAML
    message = refusal(path)
    assert "\n" not in message
    assert len(message) < 1500


def test_definitions_as_open_model_zoo_publishes_them(tmp_path):
    path = tmp_path / "dataset_definitions.yml"
    conversion = {"converter": "imagenet", "annotation_file": "val.txt", "has_background": True}
    other = {"name": "coco", "annotation_conversion": {"converter": "mscoco_detection"}}
    entries = [
        other,
        {"name": "imagenet_1001_classes", "annotation_conversion": conversion, "annotation": "x.pickle",
         "data_source": "ILSVRC2012_img_val", "metrics": [{"type": "accuracy"}]},
        {"name": "imagenet_1000_classes_2015", "annotation_conversion": {**conversion, "has_background": False}},
    ]  # fmt: skip
    path.write_text(yaml.safe_dump({"datasets": entries}))
    definition = load_definition("imagenet_1001_classes", path)
    assert (definition.labels, definition.first_class, definition.annotation_file) == (
        "imagenet_2012",
        1,
        "val.txt",
    )
    assert load_definition("imagenet_1000_classes_2015", path).labels == "imagenet_2015"
    with pytest.raises(DescriptorError, match="mscoco_detection"):
        load_definition("coco", path)
    with pytest.raises(DescriptorError, match=r"no dataset 'cifar'\. Known: coco"):
        load_definition("cifar", path)
