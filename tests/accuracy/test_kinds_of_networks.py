"""accuracy_check on networks as people have them: every kind of output and input, against NumPy."""

from __future__ import annotations

import csv
import io
import json

import cv2
import numpy as np
import pytest
from openvino import opset13 as op

from nets.tiny_classifier import LABELS, build, draw_picture, form_name
from omz.accuracy.command import main
from omz.accuracy.evaluation import input_shape
from omz.errors import InferenceError
from omz.inference.picture_input import PictureInput
from omz.inference.preparation import Preparation, preprocessing_of
from omz.zoo.steps import PictureSteps

COUNT = 24


def sigmoid(scores):
    return [op.sigmoid(scores).output(0)]


def plain(scores):
    return [scores.output(0)]


def arg_max(k):
    return lambda scores: [op.topk(scores, op.constant(np.array(k)), 1, "max", "value", "i64").output(1)]


def two(scores):
    return [op.softmax(scores, 1).output(0), op.sigmoid(op.negative(scores)).output(0)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Pictures, each in the folder of a class by lot."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(8)
    labels = rng.integers(0, 6, COUNT)
    for number, label in enumerate(labels):
        (folder / LABELS[label]).mkdir(exist_ok=True)
        cv2.imwrite(str(folder / LABELS[label] / f"{number:02}.png"), draw_picture(number))
    return folder, labels


def seen(number, channels):
    image = draw_picture(number)
    if channels == 1:
        return cv2.imdecode(cv2.imencode(".png", image)[1], cv2.IMREAD_GRAYSCALE)
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]) if channels == 4 else image


@pytest.fixture
def check(data, tmp_path, capfd):
    """Build a net and measure it; returns the result and the net."""

    def call(*options, **form):
        net = build(tmp_path / "net.xml", **form)
        arguments = ["-m", str(net.xml), "-s", str(data[0]), "--infer_precision", "f32", "--quiet"]
        status = main([*arguments, "--json", "-", *map(str, options)])
        captured = capfd.readouterr()
        assert status == 0, captured.err
        (result,) = json.loads(captured.out)["results"]
        return result, net

    return call


def correct(net, labels, k=1, channels=3, sign=1):
    scores = [sign * net.of(seen(number, channels)) for number in range(COUNT)]
    order = [np.argsort(-one, kind="stable")[:k] for one in scores]
    return sum(label in best for label, best in zip(labels, order, strict=True))


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"ends": plain},
        {"ends": sigmoid},
        {"four_dimensional": True},
        {"channels": 1},
        {"channels": 4},
        {"channels": 1, "layout": "NHWC"},
        {"layout": "NHWC", "layout_told": False},
        {"batch": 6},
        {"batch": 6, "stubborn": True},
    ],
    ids=form_name,
)
def test_top_1_and_top_5_are_numpys(check, data, form):
    result, net = check(**form)
    channels = form.get("channels", 3)
    for metric, k in zip(result["metrics"], (1, 5), strict=True):
        assert metric["name"] == f"accuracy@top{k}"
        assert metric["correct"] == correct(net, data[1], k, channels)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_networks_that_name_their_classes_have_the_ranks_that_they_name(check, data, k):
    result, net = check(ends=arg_max(k))
    assert [metric["top_k"] for metric in result["metrics"]] == ([1, 5] if k == 5 else [1])
    for metric in result["metrics"]:
        assert metric["correct"] == correct(net, data[1], metric["top_k"])
    notes = " ".join(result["notes"])
    assert ("top-5 is not measured" in notes) == (k < 5)


def test_answers_without_a_score_have_an_empty_place_in_the_csv(data, tmp_path, capfd):
    net = build(tmp_path / "net.xml", ends=arg_max(1))
    arguments = ["-m", str(net.xml), "-s", str(data[0]), "--predictions", "-", "--quiet"]
    assert main([*arguments, "--infer_precision", "f32"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert len(rows) == COUNT
    assert {row["score"] for row in rows} == {""}
    assert all(row["ranking"] == row["answer"] for row in rows)


def test_one_of_several_outputs(check, data, tmp_path, capfd):
    assert main(["-m", str(build(tmp_path / "two.xml", ends=two).xml), "-s", str(data[0])]) == 1
    error = capfd.readouterr().err
    assert "has 2 outputs: prob [1,6], prob1 [1,6]" in error
    assert "--output_name" in error
    for name, sign in (("prob", 1), ("prob1", -1)):
        result, net = check("--output_name", name, ends=two)
        assert result["metrics"][0]["correct"] == correct(net, data[1], sign=sign)


def test_an_input_of_any_size(check, data, tmp_path, capfd):
    form = {"shape": (-1, 3, -1, -1), "height": 28, "width": 36}
    assert main(["-m", str(build(tmp_path / "any.xml", **form).xml), "-s", str(data[0])]) == 1
    assert "--input_shape [1,3,224,224]" in capfd.readouterr().err
    result, net = check("--input_shape", "[1,3,28,36]", **form)
    assert result["metrics"][0]["correct"] == correct(net, data[1])


def test_resumed_answers_are_not_those_of_another_output(data, tmp_path, capfd):
    net = build(tmp_path / "net.xml", ends=two)
    arguments = ["-m", str(net.xml), "-s", str(data[0]), "--infer_precision", "f32", "--json", "-", "--quiet"]
    arguments += ["--resume", str(tmp_path / "kept")]
    counts = []
    for name in ("prob", "prob1"):
        assert main([*arguments, "--output_name", name]) == 0
        (result,) = json.loads(capfd.readouterr().out)["results"]
        counts.append(result["metrics"][0]["correct"])
    assert counts == [correct(net, data[1]), correct(net, data[1], sign=-1)]


class TestPreparation:
    """The steps of an accuracy-check.yml on pictures of other channels than three."""

    @staticmethod
    def steps(*steps, **reader):
        return PictureSteps(preprocessing=steps, **({"reader": reader} if reader else {}))

    @pytest.fixture
    def path(self, tmp_path):
        cv2.imwrite(str(tmp_path / "p.png"), draw_picture(3))
        return tmp_path / "p.png"

    def test_grey_is_read_as_opencv_does_and_made_where_a_step_says_so(self, path):
        picture = PictureInput("NCHW", 1, 1, 24, 32)
        read = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        resized = cv2.resize(read, (32, 24))[:, :, np.newaxis]
        for steps in (
            self.steps({"type": "auto_resize"}),
            self.steps({"type": "auto_resize"}, type="opencv_imread", reading_flag="gray"),
        ):
            np.testing.assert_array_equal(preprocessing_of(steps, picture)(path), resized)
        late = self.steps({"type": "auto_resize"}, {"type": "bgr_to_gray"})
        expected = cv2.cvtColor(cv2.resize(cv2.imread(str(path)), (32, 24)), cv2.COLOR_BGR2GRAY)
        np.testing.assert_array_equal(preprocessing_of(late, picture)(path)[:, :, 0], expected)

    def test_grey_by_pillow(self, path):
        from PIL import Image

        steps = self.steps(
            {"type": "resize", "dst_width": 32, "dst_height": 24, "use_pillow": True}, type="pillow_imread"
        )
        found = preprocessing_of(steps, PictureInput("NHWC", 1, 1, 24, 32))(path)
        expected = np.asarray(Image.open(path).convert("L").resize((32, 24), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(found[:, :, 0], expected)

    def test_values_for_each_channel(self, path):
        grey = PictureInput("NCHW", 1, 1, 24, 32)
        one = self.steps({"type": "auto_resize"}, {"type": "normalization", "mean": 100, "std": 50})
        read = cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (32, 24)).astype(np.float32)
        np.testing.assert_allclose(preprocessing_of(one, grey)(path)[:, :, 0], (read - 100) / 50, rtol=1e-6)
        three = self.steps({"type": "auto_resize"}, {"type": "normalization", "mean": "1, 2, 3"})
        with pytest.raises(InferenceError, match="normalizes 3 channels, and the picture has 1"):
            preprocessing_of(three, grey)
        four = self.steps({"type": "auto_resize"}, {"type": "normalization", "mean": "1, 2, 3, 4"})
        found = preprocessing_of(four, PictureInput("NCHW", 1, 4, 24, 32))(path)
        assert found[:, :, 3].tolist() == [[251] * 32] * 24
        with pytest.raises(InferenceError, match="normalizes 4 channels, and the picture has 3"):
            preprocessing_of(four, PictureInput("NCHW", 1, 3, 24, 32))

    def test_alpha_stays_behind_reversed_colours(self, tmp_path):
        image = np.random.default_rng(0).integers(0, 256, (24, 32, 4), np.uint8)
        cv2.imwrite(str(tmp_path / "p.png"), image)
        by_opencv = Preparation(self.steps({"type": "bgr_to_rgb"}), 32, 24, 4)
        by_pillow = Preparation(self.steps(type="pillow_imread"), 32, 24, 4)
        for prepare in (by_opencv, by_pillow):
            np.testing.assert_array_equal(prepare(tmp_path / "p.png"), image[..., [2, 1, 0, 3]])

    def test_colours_of_a_grey_picture_stay(self, path):
        steps = self.steps({"type": "auto_resize"}, {"type": "bgr_to_rgb"})
        found = preprocessing_of(steps, PictureInput("NCHW", 1, 1, 24, 32))(path)
        plain = preprocessing_of(self.steps({"type": "auto_resize"}), PictureInput("NCHW", 1, 1, 24, 32))(
            path
        )
        np.testing.assert_array_equal(found, plain)

    def test_grey_steps_do_not_fit_a_network_of_colours(self):
        steps = self.steps({"type": "auto_resize"}, {"type": "bgr_to_gray"})
        with pytest.raises(InferenceError, match="it gives 1 channels, and the network takes 3"):
            preprocessing_of(steps, PictureInput("NCHW", 1, 3, 24, 32))
        late = self.steps(
            {"type": "auto_resize"}, {"type": "normalization", "mean": 1}, {"type": "bgr_to_gray"}
        )
        with pytest.raises(InferenceError, match="grey once it is normalized"):
            preprocessing_of(late, PictureInput("NCHW", 1, 1, 24, 32))

    def test_a_grey_reader_travels_with_the_ir(self):
        steps = self.steps({"type": "auto_resize"}, type="opencv_imread", reading_flag="gray")
        assert PictureSteps.from_text(steps.to_text(), "x") == steps


def test_the_input_of_an_ir(tmp_path):
    net = build(tmp_path / "net.xml", channels=1, layout="NHWC", layout_told=False, batch=3)
    assert input_shape(net.xml) == PictureInput("NHWC", 3, 1, 24, 32)
