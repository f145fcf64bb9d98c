"""``import omz``: what the commands give, in a few lines of Python."""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

import omz
from nets.tiny_classifier import draw_picture
from omz.errors import ConversionError, DownloadError, InferenceError, UsageError

SAMPLE = "se-resnext-digits"


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    """The bundled sample, downloaded."""
    (folder,) = omz.download(SAMPLE, tmp_path_factory.mktemp("api"))
    return folder


@pytest.fixture(scope="module")
def network(sample) -> omz.Network:
    files = (sample / f"{SAMPLE}.prototxt", sample / f"{SAMPLE}.caffemodel")
    return omz.convert(*files, mean=(104, 117, 123), labels="digits_red_blue")


@pytest.fixture(scope="module")
def digits(network, tmp_path_factory) -> omz.Session:
    return omz.load(network.save(tmp_path_factory.mktemp("ir"), precision="FP32"))


def test_nothing_heavy_is_imported_before_it_is_used():
    code = "import sys, omz; omz.models(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"openvino", "cv2", "numpy", "pydantic", "rich"}.isdisjoint(modules.split())


@pytest.mark.parametrize("name", omz.__all__)
def test_every_name_is_there_and_documented(name):
    thing = getattr(omz, name)
    assert name == "__version__" or inspect.getdoc(inspect.unwrap(thing))


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="clasify"):
        _ = omz.clasify


def test_models_are_names():
    assert SAMPLE in omz.models()
    assert omz.models("se-resnext-??") == ["se-resnext-50"]


def test_packages_that_are_functions_stay_packages():
    from omz.accuracy import metrics

    assert omz.accuracy.metrics is metrics
    assert list(inspect.signature(omz.models).parameters) == ["pattern", "models_root"]


def test_a_name_that_is_no_model_has_suggestions(tmp_path):
    with pytest.raises(UsageError, match=SAMPLE):
        omz.download("se-resnxt-digits", tmp_path)


def test_what_cannot_be_downloaded_is_an_error_that_says_why(tmp_path):
    (tmp_path / "samples").write_text("in the way")
    with pytest.raises(DownloadError, match=rf"{SAMPLE}: .*samples"):
        omz.download(SAMPLE, tmp_path)


def test_the_network_is_that_of_the_command(sample, network, tmp_path):
    from omz.converter.caffe2ir import main

    words = ["--input_proto", sample / f"{SAMPLE}.prototxt", "--input_model", sample / f"{SAMPLE}.caffemodel"]
    words += ["--mean_values", "[104,117,123]", "--labels", "digits_red_blue", "-o", tmp_path]
    assert main([*map(str, words), "--quiet"]) == 0
    xml = network.save(str(tmp_path / "api" / "net.xml"))
    for suffix in (".xml", ".bin"):
        assert xml.with_suffix(suffix).read_bytes() == (tmp_path / f"{SAMPLE}{suffix}").read_bytes()


def test_the_network_agrees_with_caffes_definition(network):
    agreement = network.verify()
    assert agreement.difference < 3e-5
    assert agreement.blobs > 20


def test_a_network_of_other_values_does_not_verify(sample, network, tmp_path):
    from dataclasses import replace

    other = replace(network.arguments, mean_values={"": (0.0, 0.0, 0.0)})
    with pytest.raises(ConversionError, match="differs"):
        replace(network, arguments=other).verify()


def test_precisions_are_checked(network, tmp_path):
    with pytest.raises(UsageError, match="FP16"):
        network.save(tmp_path, precision="INT8")


@pytest.mark.parametrize(
    ("files", "error"), [((), UsageError), (("a", "b", "c"), UsageError), (("no.onnx",), ConversionError)]
)
def test_files_that_make_no_network(files, error):
    with pytest.raises(error):
        omz.convert(*files)


def test_half_of_a_network_of_caffe_says_what_is_missing(sample):
    with pytest.raises(ConversionError, match=r"digits\.prototxt: .* Give its caffemodel"):
        omz.convert(sample / f"{SAMPLE}.prototxt")


def test_pictures_of_every_kind_have_one_answer(digits):
    path = Path(__file__).parents[1] / "models/samples" / SAMPLE / "images/red_3.png"
    image = cv2.imread(str(path))
    kinds = [path, str(path), path.read_bytes(), image]
    answers = [digits(kind) for kind in kinds]
    assert {answer.label for answer in answers} == {"red 3"}
    assert len({answer.score for answer in answers}) == 1
    assert [answer.top for answer in digits(kinds)] == [answer.top for answer in answers]


def test_images_of_pillow_are_rgb(digits):
    from PIL import Image

    path = Path(__file__).parents[1] / "models/samples" / SAMPLE / "images/blue_5.png"
    assert digits(Image.open(io.BytesIO(path.read_bytes()))).label == "blue 5"


def test_answers_are_those_of_numpy(tiny):
    classifier = omz.load(tiny.xml)
    for number in range(5):
        image = draw_picture(number)
        answer = classifier(image)
        expected = tiny.probabilities(image)
        assert answer.index == int(expected.argmax()) == answer.top[0].index
        assert answer.score == pytest.approx(expected.max(), abs=2e-2)  # bfloat16 where the processor has it
        assert answer.label == classifier.labels[answer.index]


def test_a_stream_is_lazy_ordered_and_endless(tiny):
    taken = []

    def pictures():
        number = 0
        while True:
            taken.append(number)
            yield draw_picture(number % 7)
            number += 1

    classifier = omz.load(tiny.xml)
    answers = list(islice(classifier.stream(pictures()), 50))
    assert [answer.index for answer in answers] == [tiny.ranking(draw_picture(n % 7))[0] for n in range(50)]
    assert len(taken) < 200


def test_an_unreadable_picture_raises_alone_and_is_told_among_others(tiny, tmp_path):
    classifier = omz.load(tiny.xml)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(InferenceError, match=r"bad\.png"):
        classifier(tmp_path / "bad.png")
    good, bad, odd = classifier([draw_picture(0), tmp_path / "bad.png", np.zeros((4, 4), np.float32)])
    assert good.top
    assert "bad.png" in bad.error
    assert "float32" in odd.error
    with pytest.raises(InferenceError, match=r"bad\.png"):
        _ = bad.label


@pytest.mark.parametrize("one", ["a.png", Path("a.png"), b"abc", np.zeros((4, 4, 3), np.uint8)])
def test_one_picture_is_no_stream(tiny, one):
    with pytest.raises(UsageError, match="one after another"):
        next(omz.load(tiny.xml).stream(one))


@pytest.mark.parametrize("thing", [None, 7, object()])
def test_what_is_no_picture_is_told(tiny, thing):
    with pytest.raises(InferenceError, match=type(thing).__name__):
        omz.load(tiny.xml)(thing)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": {5: "a", 6: "b", 7: "c"}}, "labels: expected a list"),
        ({"labels": {"a", "b", "c"}}, "labels: expected a list"),
        ({"labels": [1, 2, 3]}, "labels: expected a list"),
        ({"labels": 3}, "labels: expected a list"),
        ({"top_k": 0}, "top_k 0"),
        ({"top_k": -1}, "top_k -1"),
        ({"threshold": 2.0}, "threshold 2"),
        ({"threshold": float("nan")}, "threshold nan"),
    ],
)
def test_what_has_no_meaning_is_wrong_usage(tiny, wrong, message):
    with pytest.raises(UsageError, match=message):
        omz.load(tiny.xml, **wrong)


def test_a_closed_session_says_so_and_a_stream_under_way_goes_on(tiny):
    classifier = omz.load(tiny.xml)
    stream = classifier.stream([draw_picture(number) for number in range(3)])
    first = next(stream)
    classifier.close()
    classifier.close()
    assert [first.index, *(answer.index for answer in stream)] == [
        tiny.ranking(draw_picture(number))[0] for number in range(3)
    ]
    assert "closed" in repr(classifier)
    for use in (lambda: classifier(draw_picture(0)), lambda: classifier.labels, classifier.__enter__):
        with pytest.raises(UsageError, match="closed"):
            use()


HELDOUT = Path(__file__).parents[1] / "models/samples" / SAMPLE


def test_accuracy_is_that_of_the_page(network, tmp_path):
    from omz.inference.devices import DeviceOptions

    network.save(tmp_path / f"public/{SAMPLE}/FP32/{SAMPLE}.xml", "FP32")
    found = omz.accuracy(
        tmp_path / f"public/{SAMPLE}/FP32/{SAMPLE}.xml", device=DeviceOptions(precision="f32")
    )
    assert (found.top1, found.top5, found.images) == (pytest.approx(355 / 360), 1.0, 360)  # as published
    assert found.interval == pytest.approx((0.9679, 0.9941), abs=1e-4)
    assert found.advice == ""
    assert any("accuracy-check.yml" in note for note in found.notes)


def test_accuracy_on_folders_of_classes(network, tmp_path):
    xml = network.save(tmp_path / "own.xml", "FP32")
    for path in (HELDOUT / "images").glob("*.png"):
        (tmp_path / "data" / path.stem).mkdir(parents=True)
        (tmp_path / "data" / path.stem / path.name).write_bytes(path.read_bytes())
    found = omz.accuracy(str(xml), str(tmp_path / "data"))
    assert (found.top1, found.images, dict(found.unreadable)) == (1.0, 12, {})


def test_accuracy_without_pictures_is_wrong_usage(tiny):
    with pytest.raises(UsageError, match="source"):
        omz.accuracy(tiny.xml)


@pytest.mark.slow
def test_quantized_networks_answer_as_the_exact_one(network, tmp_path):
    xml = network.save(tmp_path / "own.xml", "FP32")
    quantized = omz.quantize(xml, HELDOUT / "images")
    assert quantized.xml == tmp_path / "own-FP32-INT8.xml"
    assert quantized.pictures == 12
    assert (
        omz.quantize(str(xml), str(HELDOUT / "images"), str(tmp_path / "to.xml")).xml == tmp_path / "to.xml"
    )
    assert quantized.xml.with_suffix(".bin").stat().st_size < 0.5 * xml.with_suffix(".bin").stat().st_size
    pictures = sorted((HELDOUT / "images").glob("*.png"))
    answers = [omz.load(path)(pictures) for path in (xml, quantized.xml)]
    assert [one.label for one in answers[0]] == [one.label for one in answers[1]]
