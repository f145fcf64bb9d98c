"""Pixels against direct calls of the libraries."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter

from omz.errors import InferenceError
from omz.inference.picture_input import PictureInput
from omz.inference.preparation import Preparation, apply_step, preprocessing_of
from omz.zoo.step_effects import scaled_size, size_after
from omz.zoo.steps import PictureSteps, Step

SIDES = st.integers(1, 90)
OPENCV = {"NEAREST": 0, "LINEAR": 1, "BILINEAR": 1, "CUBIC": 2, "BICUBIC": 2, "AREA": 3, "LANCZOS4": 4}


def step(**keys) -> Step:
    return TypeAdapter(Step).validate_python(keys)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def run(image: np.ndarray, **keys) -> np.ndarray:
    return apply_step(step(**keys), image, 32, 32)


def steps_of(*steps: dict, reader: str = "opencv_imread") -> PictureSteps:
    return PictureSteps(preprocessing=steps, reader=reader)


@pytest.mark.parametrize("interpolation", OPENCV)
@pytest.mark.parametrize("shape", [(50, 70), (70, 50), (20, 90), (33, 33)])
def test_stretch_is_opencvs(interpolation, shape):
    image = noise(*shape)
    expected = cv2.resize(image, (40, 40), interpolation=OPENCV[interpolation])
    np.testing.assert_array_equal(run(image, type="resize", size=40, interpolation=interpolation), expected)


@pytest.mark.parametrize("interpolation", ["NEAREST", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS"])
@pytest.mark.parametrize("shape", [(50, 70), (70, 50), (20, 90), (33, 33)])
def test_pillow_resize_is_pillows(interpolation, shape):
    image = noise(*shape)
    size = (40 * shape[1] // shape[0], 40) if shape[1] >= shape[0] else (40, 40 * shape[0] // shape[1])
    expected = np.asarray(Image.fromarray(image).resize(size, Image.Resampling[interpolation]))
    found = run(
        image,
        type="resize",
        size=40,
        interpolation=interpolation,
        aspect_ratio_scale="greater",
        use_pillow=True,
    )
    np.testing.assert_array_equal(found, expected)


def test_bilinear_is_the_default_of_both():
    image = noise(50, 70)
    np.testing.assert_array_equal(run(image, type="resize", size=40), cv2.resize(image, (40, 40)))
    expected = np.asarray(Image.fromarray(image).resize((40, 40), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(run(image, type="resize", size=40, use_pillow=True), expected)
    assert (run(image, type="resize", size=40) != expected).any()  # they are not the same


def test_sides_are_width_and_height():
    assert run(noise(50, 70), type="resize", dst_width=20, dst_height=30).shape == (30, 20, 3)
    assert run(noise(50, 70), type="crop", dst_width=20, dst_height=30).shape == (30, 20, 3)


@given(SIDES, SIDES, st.integers(1, 60), st.integers(1, 60))
@settings(derandomize=True, deadline=None)
def test_pillow_crop_is_pillows_also_beyond_the_picture(height, width, new_width, new_height):
    image = noise(height, width)
    left, top = round((width - new_width) / 2.0), round((height - new_height) / 2.0)
    expected = np.asarray(Image.fromarray(image).crop((left, top, left + new_width, top + new_height)))
    found = run(image, type="crop", dst_width=new_width, dst_height=new_height, use_pillow=True)
    np.testing.assert_array_equal(found, expected)


@given(SIDES, SIDES, st.integers(1, 60))
@settings(derandomize=True, deadline=None)
def test_crop_is_the_middle_after_enlarging_what_is_too_small(height, width, size):
    image = noise(height, width)
    found = run(image, type="crop", size=size)
    assert found.shape == (size, size, 3)
    if height >= size and width >= size:
        top, left = (height - size) // 2, (width - size) // 2
        np.testing.assert_array_equal(found, image[top : top + size, left : left + size])


def test_central_fraction_and_max_square():
    image = noise(41, 63)
    np.testing.assert_array_equal(run(image, type="crop", central_fraction=0.875), image[3:38, 4:59])
    np.testing.assert_array_equal(run(image, type="crop", max_square=True), image[:, 11:52])


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 512))
@settings(derandomize=True, deadline=None)
def test_aspect_rules(width, height, size):
    shorter = scaled_size(size, size, width, height, "greater")
    assert min(shorter) == size or min(width, height) == max(width, height)
    assert shorter == (max(1, int(size * width / height)), size) if width >= height else shorter[0] == size
    fitted = scaled_size(size, size, width, height, "fit_to_window")
    assert max(fitted) <= size
    assert scaled_size(size, size, width, height, None) == (size, size)


def test_normalization_and_channels():
    image = noise(5, 6)
    found = run(image, type="normalization", mean="104, 117, 123", std="58.4")
    np.testing.assert_allclose(found, (image - np.array([104.0, 117, 123])) / 58.4, rtol=1e-6, atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(run(image, type="bgr_to_rgb"), image[:, :, ::-1])
    np.testing.assert_array_equal(run(image, type="rgb_to_bgr"), image[:, :, ::-1])


def test_readers_give_bgr_and_rgb(tmp_path):
    image = noise(40, 40)
    cv2.imwrite(str(tmp_path / "p.png"), image)
    np.testing.assert_array_equal(Preparation(steps_of(), 40, 40)(tmp_path / "p.png"), image)
    by_pillow = Preparation(steps_of(reader="pillow_imread"), 40, 40)(tmp_path / "p.png")
    np.testing.assert_array_equal(by_pillow, image[:, :, ::-1])
    turned = Preparation(steps_of({"type": "rgb_to_bgr"}, reader="pillow_imread"), 40, 40)
    np.testing.assert_array_equal(turned(tmp_path / "p.png"), image)


def test_whole_recipe_of_senet(tmp_path):
    image = noise(375, 500)
    cv2.imwrite(str(tmp_path / "p.png"), image)
    prepare = preprocessing_of(
        steps_of({"type": "resize", "size": 256}, {"type": "crop", "size": 224}),
        PictureInput("NCHW", 1, 3, 224, 224),
    )
    expected = cv2.resize(image, (256, 256), interpolation=cv2.INTER_LINEAR)[16:240, 16:240]
    np.testing.assert_array_equal(prepare(tmp_path / "p.png"), expected)
    assert prepare(tmp_path / "p.png").dtype == np.uint8


def test_whole_recipe_of_gluon(tmp_path):
    image = noise(375, 500)
    cv2.imwrite(str(tmp_path / "p.png"), image)
    steps = (
        {
            "type": "resize",
            "size": 256,
            "aspect_ratio_scale": "greater",
            "interpolation": "BICUBIC",
            "use_pillow": True,
        },
        {"type": "crop", "size": 224, "use_pillow": True},
    )
    resized = Image.fromarray(image).resize((341, 256), Image.Resampling.BICUBIC)
    left = round((341 - 224) / 2)
    expected = np.asarray(resized.crop((left, 16, left + 224, 240)))
    np.testing.assert_array_equal(
        preprocessing_of(steps_of(*steps), PictureInput("NCHW", 1, 3, 224, 224))(tmp_path / "p.png"), expected
    )


def test_steps_that_do_not_fit_the_network_are_refused_at_once():
    with pytest.raises(InferenceError, match="becomes 227 x 227, and the network takes 224 x 224"):
        preprocessing_of(steps_of({"type": "resize", "size": 227}), PictureInput("NHWC", 1, 3, 224, 224))
    with pytest.raises(InferenceError, match="cropped to the middle 50 %, a picture"):
        preprocessing_of(
            steps_of({"type": "crop", "central_fraction": 0.5}), PictureInput("NCHW", 1, 3, 224, 224)
        )


def test_auto_resize_takes_the_networks_size():
    image = noise(50, 70)
    found = preprocessing_of(steps_of({"type": "auto_resize"}), PictureInput("NCHW", 1, 3, 20, 24)).apply(
        image
    )
    np.testing.assert_array_equal(found, cv2.resize(image, (24, 20)))


def test_without_pillow_the_way_to_it_is_told(monkeypatch):
    import sys

    from omz.inference import preparation

    monkeypatch.setitem(sys.modules, "PIL", None)
    preparation.pillow.cache_clear()
    try:
        with pytest.raises(InferenceError, match=r"omz-toolkit\[accuracy\]"):
            preprocessing_of(
                steps_of({"type": "resize", "size": 32, "use_pillow": True}),
                PictureInput("NCHW", 1, 3, 32, 32),
            )
        preprocessing_of(
            steps_of({"type": "resize", "size": 32}, {"type": "crop", "size": 32, "use_pillow": True}),
            PictureInput("NCHW", 1, 3, 32, 32),
        )
    finally:
        preparation.pillow.cache_clear()


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0", b"no picture at all", b"GIF89a"])
def test_what_pillow_cannot_read_is_one_line(tmp_path, content):
    (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(InferenceError, match=r"p\.jpg: not decodable") as error:
        Preparation(steps_of(reader="pillow_imread"), 4, 4)(tmp_path / "p.jpg")
    assert "\n" not in str(error.value)


def test_what_grows_without_bound_is_refused():
    line = np.zeros((1, 65000, 3), np.uint8)
    with pytest.raises(InferenceError, match="that is too large"):
        run(line, type="resize", size=256, aspect_ratio_scale="greater")
    with pytest.raises(InferenceError, match="that is too large"):
        run(line, type="crop", size=256)


@given(st.integers(1, 200), st.integers(1, 200), st.data())
@settings(derandomize=True, deadline=None, max_examples=200)
def test_sizes_are_told_beforehand(height, width, data):
    """What arithmetic says of a picture's size is what the libraries make of it."""
    kinds = st.sampled_from(
        [
            {"type": "auto_resize"},
            {"type": "resize", "size": 33},
            {"type": "resize", "dst_width": 20, "dst_height": 31, "aspect_ratio_scale": "fit_to_window"},
            {"type": "resize", "size": 24, "aspect_ratio_scale": "greater", "use_pillow": True},
            {"type": "resize", "dst_width": 20, "dst_height": 31, "aspect_ratio_scale": "width"},
            {"type": "resize", "size": 17, "aspect_ratio_scale": "height"},
            {"type": "crop", "size": 21},
            {"type": "crop", "dst_width": 9, "dst_height": 21, "use_pillow": True},
            {"type": "crop", "max_square": True},
            {"type": "crop", "central_fraction": 0.6},
            {"type": "bgr_to_rgb"},
        ]
    )
    steps = steps_of(*data.draw(st.lists(kinds, max_size=4)))
    image = Preparation(steps, 32, 28).apply(noise(height, width))
    assert size_after(steps, (width, height), (32, 28)) == (image.shape[1], image.shape[0])
