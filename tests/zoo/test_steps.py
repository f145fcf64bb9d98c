"""Preprocessing steps as text that travels with an IR, and in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omz.errors import DescriptorError
from omz.zoo.accuracy_check import load_evaluation
from omz.zoo.catalogue import packaged_root
from omz.zoo.step_effects import in_words, misfit
from omz.zoo.steps import MAX_TEXT, OPENCV_INTERPOLATIONS, PILLOW_INTERPOLATIONS, PictureSteps

SIZES = st.one_of(
    st.builds(lambda size: {"size": size}, st.integers(1, 16384)),
    st.builds(lambda w, h: {"dst_width": w, "dst_height": h}, st.integers(1, 999), st.integers(1, 999)),
)
SCALES = st.sampled_from(
    [{}, *({"aspect_ratio_scale": one} for one in ("greater", "width", "fit_to_window"))]
)
METHODS = st.one_of(
    st.just({}),
    st.builds(lambda name: {"interpolation": name}, st.sampled_from(sorted(OPENCV_INTERPOLATIONS))),
    st.builds(
        lambda name: {"interpolation": name, "use_pillow": True},
        st.sampled_from(sorted(PILLOW_INTERPOLATIONS)),
    ),
)
NUMBERS = st.tuples(*[st.floats(-1e6, 1e6)] * 3)
STEPS = st.one_of(
    st.builds(lambda *parts: {"type": "resize"} | parts[0] | parts[1] | parts[2], SIZES, SCALES, METHODS),
    st.builds(lambda size, pillow: {"type": "crop", "use_pillow": pillow} | size, SIZES, st.booleans()),
    st.builds(lambda part: {"type": "crop", "central_fraction": part}, st.floats(1e-3, 1)),
    st.builds(lambda mean: {"type": "normalization", "mean": mean}, NUMBERS),
    st.sampled_from([{"type": "auto_resize"}, {"type": "bgr_to_rgb"}, {"type": "crop", "max_square": True}]),
)
RECIPES = st.builds(
    lambda steps, reader: PictureSteps(preprocessing=steps, reader=reader),
    st.lists(STEPS, max_size=5),
    st.sampled_from(["opencv_imread", "pillow_imread"]),
)


@given(RECIPES)
@settings(derandomize=True, deadline=None)
def test_text_gives_the_same_steps_and_the_steps_the_same_text(steps):
    text = steps.to_text()
    again = PictureSteps.from_text(text, "net.xml")
    assert again == steps
    assert again.to_text() == text
    assert list(json.loads(text)) == ["preprocessing", "reader"]  # sorted
    assert not set(text) & set(" \n\t")


@pytest.mark.parametrize(
    "path", sorted(packaged_root().glob("*/*/accuracy-check.yml")), ids=lambda p: p.parent.name
)
def test_steps_of_every_model_go_through_text(path):
    steps = load_evaluation(path).steps
    assert PictureSteps.from_text(steps.to_text(), "x") == steps


def test_the_form_is_that_of_an_accuracy_check_file():
    text = (
        '{"preprocessing":[{"aspect_ratio_scale":"greater","size":256,"type":"resize"},'
        '{"size":224,"type":"crop"}],"reader":"opencv_imread"}'
    )
    assert PictureSteps.from_text(text, "x").to_text() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not the JSON of preprocessing steps"),
        ("[", "is not the JSON of preprocessing steps"),
        ("[" * 8000, "nested too deeply|is not the JSON"),
        ("[]", "expected a mapping"),
        ('{"preprocessing": 5}', "preprocessing"),
        ('{"preprocessing": [{"type": "warp"}]}', "step 'warp' is not supported. Known: resize"),
        ('{"preprocessing": [{"type": "resize"}]}', "expected a 'size'"),
        ('{"preprocessing": [{"type": "crop", "size": 8, "warp": 1}]}', r"preprocessing\[0\]\.warp"),
        ('{"preprocessing": [{"type": "crop", "size": 1e400}]}', "size"),
        ('{"preprocessing": [{"type": "normalization", "mean": [NaN, 1, 1]}]}', "mean"),
        ('{"preprocessing": [], "preprocessing": []}', "a key is there twice"),
        ('{"reader": "tf_imread"}', "reader"),
        ('{"pages": []}', "'pages'"),
        (json.dumps({"preprocessing": [{"type": "bgr_to_rgb"}] * 33}), "preprocessing"),
        ('{"preprocessing": []' + " " * MAX_TEXT + "}", f"expected up to {MAX_TEXT} characters"),
        ('{"preprocessing": [{"type": "' + "x" * 5000 + '"}]}', "is not supported"),
    ],
)
def test_what_is_none_of_ours_is_one_line_that_names_the_place(text, message):
    with pytest.raises(DescriptorError, match=message) as error:
        PictureSteps.from_text(text, "net.xml: rt_info")
    assert str(error.value).startswith("net.xml: rt_info")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("steps", "reader", "words"),
    [
        ([], "opencv_imread", "as they are"),
        ([{"type": "resize", "size": 256}], "opencv_imread", "stretched to 256 x 256"),
        (
            [{"type": "resize", "size": 256, "aspect_ratio_scale": "greater"}, {"type": "crop", "size": 224}],
            "opencv_imread",
            "resized to 256 by the shorter side, cropped to 224",
        ),
        (
            [
                {"type": "rgb_to_bgr"},
                {"type": "resize", "size": 9, "interpolation": "BICUBIC", "use_pillow": True},
            ],
            "pillow_imread",
            "read by Pillow, RGB turned into BGR, stretched to 9 x 9 (bicubic, Pillow)",
        ),
        (
            [
                {"type": "crop", "central_fraction": 0.875},
                {"type": "auto_resize"},
                {"type": "normalization", "std": 2},
            ],
            "opencv_imread",
            "cropped to the middle 87.5 %, stretched to the network's input, normalized",
        ),
    ],
)
def test_words(steps, reader, words):
    assert in_words(PictureSteps(preprocessing=steps, reader=reader)) == words


def test_steps_that_do_not_give_the_networks_size_are_told():
    shorter = {"type": "resize", "size": 224, "aspect_ratio_scale": "greater"}
    assert misfit(PictureSteps(preprocessing=[shorter]), (224, 224)) == (
        "resized to 224 by the shorter side, a picture of 500 x 375 becomes 298 x 224, and the network takes 224 x 224"
    )
    assert misfit(PictureSteps(preprocessing=[shorter, {"type": "crop", "size": 224}]), (224, 224)) == ""
    assert misfit(PictureSteps(preprocessing=[{"type": "auto_resize"}]), (31, 17)) == ""
