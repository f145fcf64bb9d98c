from __future__ import annotations

import json
import resource
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from omz.accuracy.datasets import open_dataset
from omz.accuracy.definitions import load_definition
from omz.accuracy.evaluation import evaluate, input_shape
from omz.accuracy.picture_facts import facts_of, picture_facts
from omz.errors import InferenceError
from omz.inference.picture_input import PictureInput
from omz.inference.preparation import preprocessing_of
from omz.zoo.accuracy_check import Evaluation, load_evaluation
from omz.zoo.catalogue import packaged_root
from omz.zoo.class_list import ClassList
from omz.zoo.labels import Label, load_labels
from omz.zoo.steps import PictureSteps

ORDERS = ("imagenet_2012", "imagenet_2015")
NETWORKS = {"imagenet_2012": "imagenet_1000_classes", "imagenet_2015": "imagenet_1000_classes_2015"}
STRETCH = Evaluation(
    model="reader", dataset="d", steps=PictureSteps(preprocessing=({"type": "resize", "size": 8},))
)


def measure(xml: Path, dataset, evaluation=STRETCH, **options):
    return evaluate(
        xml, dataset, preprocessing_of(evaluation.steps, input_shape(xml)), precision="f32", **options
    )


@pytest.fixture
def digit_parts(digits):
    evaluation = load_evaluation(packaged_root() / "samples/se-resnext-digits/accuracy-check.yml")
    dataset = open_dataset(load_definition("digits"))
    return digits / "samples/se-resnext-digits", dataset, evaluation


@pytest.mark.parametrize("precision", ["FP32", "FP16"])
def test_digits_reproduce_what_training_reported_to_the_picture(digit_parts, precision):
    folder, dataset, evaluation = digit_parts
    report = measure(folder / precision / "se-resnext-digits.xml", dataset, evaluation)
    assert (report.top1.correct, report.images, report.top5.correct) == (355, 360, 360)
    assert round(100 * report.top1.value, 3) == 98.611
    assert (report.precision, report.problems, report.peculiar) == ("f32", (), {})
    assert sum(one.top1.correct for one in report.per_class) == 355
    assert len(report.per_class) == 20
    assert report.advice == ""


@pytest.mark.parametrize("network", ORDERS)
@pytest.mark.parametrize("order", ORDERS)
def test_known_answers_of_1000_classes_give_the_known_figures(pictures, write_list, readers, network, order):
    definition = load_definition(NETWORKS[network])
    path = write_list("list.txt", order)
    report = measure(readers[network], open_dataset(definition, path))
    assert (report.top1.correct, report.images) == (750, 1000)
    for number, answer in enumerate(report.predictions, start=1):
        assert (answer.ranking[0] == answer.label) == (number % 4 != 0)
    assert report.advice == ""

    other = ORDERS[1 - ORDERS.index(order)]
    wrong = measure(readers[network], open_dataset(definition, path, label_order=other))
    assert wrong.top1.correct < 10
    said = wrong.advice
    assert "as guessing one of 1000 classes would give" in said
    assert f"in the order {other!r}" in said
    assert f"Read as {order!r} it would be 75.00 %: try --label_order {order}." in said


def test_chance_level_that_no_order_explains(pictures, write_list, readers):
    dataset = open_dataset(load_definition("imagenet_1000_classes"), write_list("list.txt", "imagenet_2012"))
    shuffled = replace(
        dataset, samples=tuple(replace(s, label=(s.label * 7 + 13) % 1000) for s in dataset.samples)
    )
    said = measure(readers["imagenet_2012"], shuffled).advice
    assert "no better: check the model's mean, scale and channel order" in said


def test_network_whose_labels_are_in_another_order_than_the_datasets(
    pictures, write_list, readers, tmp_path, caplog
):
    dataset = open_dataset(load_definition("imagenet_1000_classes"), write_list("list.txt", "imagenet_2012"))
    for order in ORDERS:
        caplog.clear()
        model = ov.Core().read_model(readers[order])
        names = " ".join(one.name.replace(" ", "_") for one in load_labels(order))
        model.set_rt_info(names, ["model_info", "labels"])
        ov.save_model(model, tmp_path / f"{order}.xml")
        measure(tmp_path / f"{order}.xml", dataset)
        said = "its labels are in the order imagenet_2015, those of dataset 'imagenet_1000_classes'"
        assert (said in caplog.text) == (order == "imagenet_2015")


def test_result_does_not_depend_on_the_number_of_requests(digit_parts):
    folder, dataset, evaluation = digit_parts
    xml = folder / "FP32/se-resnext-digits.xml"
    one, many = (measure(xml, dataset, evaluation, requests=count) for count in (1, 5))
    assert one.predictions == many.predictions


def test_resumes_where_it_was_interrupted(digit_parts, tmp_path):
    folder, dataset, evaluation = digit_parts
    xml = folder / "FP32/se-resnext-digits.xml"
    whole = measure(xml, dataset, evaluation)
    kept = tmp_path / "kept" / "answers.jsonl"

    def interrupt(done: int, total: int) -> None:
        assert total == 360
        if done == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(xml, dataset, evaluation, resume=kept, progress=interrupt)
    assert len(kept.read_text().splitlines()) == 101
    kept.write_text(kept.read_text() + "[100, [1, 2")  # cut off while writing
    there = kept.read_text()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(there) // 2, hard))  # as if the disk had become full since
    try:
        with pytest.raises(InferenceError, match=r"answers\.jsonl: cannot be written"):
            measure(xml, dataset, evaluation, resume=kept)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept.read_text() == there
    resumed = measure(xml, dataset, evaluation, resume=kept)
    assert resumed.predictions == whole.predictions
    assert resumed.measured == 260
    assert not kept.exists()


def test_answers_of_another_setting_are_not_taken_over(digit_parts, tmp_path, caplog):
    folder, dataset, evaluation = digit_parts
    xml = folder / "FP32/se-resnext-digits.xml"
    kept = tmp_path / "answers.jsonl"
    kept.write_text(json.dumps({"evaluation": "0" * 64}) + "\n[0, [19, 1], 0.5]\n")
    report = measure(xml, dataset, evaluation, resume=kept)
    assert report.measured == 360
    assert "of another model, dataset or setting" in caplog.text


def test_answers_for_pictures_that_were_overwritten_are_not_taken_over(readers, tmp_path):
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "val.txt").write_text("a.png 0\nb.png 0\n")
    dataset = open_dataset(load_definition("imagenet_1000_classes"), tmp_path)
    kept = tmp_path / "answers.jsonl"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for overwritten in (False, True):
        with pytest.raises(KeyboardInterrupt):
            measure(readers["imagenet_2012"], dataset, resume=kept, progress=interrupt)
        if overwritten:
            cv2.imwrite(str(tmp_path / "a.png"), np.full((9, 9, 3), 200, np.uint8))
        report = measure(readers["imagenet_2012"], dataset, resume=kept)
        assert report.measured == (2 if overwritten else 1)
        assert report.top1.correct == (1 if overwritten else 2)


@pytest.fixture
def troubled(tmp_path) -> Path:
    """A folder with one good picture and one of each trouble, all of the colour of class 0 but the turned one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    blank = np.zeros((9, 11, 3), np.uint8)
    cv2.imwrite(str(folder / "good.png"), blank)
    cv2.imwrite(str(folder / "grey.png"), blank[:, :, 0])
    cv2.imwrite(str(folder / "deep.png"), blank.astype(np.uint16))
    cv2.imwrite(str(folder / "greyjpeg.jpg"), blank[:, :, 0])
    Image.fromarray(blank).convert("CMYK").save(folder / "cmyk.jpg")
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(blank).save(folder / "turned.jpg", exif=exif)
    (folder / "broken.png").write_bytes((folder / "good.png").read_bytes()[:40])
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.png").write_bytes(b"")
    names = [*sorted(path.name for path in folder.iterdir()), "gone.png"]
    (folder / "val.txt").write_text("".join(f"{name} 0\n" for name in names))
    return folder


def test_troubles_are_counted_and_named(troubled, readers):
    report = measure(
        readers["imagenet_2012"], open_dataset(load_definition("imagenet_1000_classes"), troubled)
    )
    problems = {problem.path.name: problem.kind for problem in report.problems}
    assert problems == {
        "broken.png": "unreadable", "text.jpg": "unreadable", "empty.png": "unreadable", "gone.png": "missing",
    }  # fmt: skip
    assert all(problem.path.name in problem.message for problem in report.problems)
    assert {fact: {path.name for path in paths} for fact, paths in report.peculiar.items()} == {
        "grey": {"grey.png", "greyjpeg.jpg"},
        "16-bit": {"deep.png"},
        "CMYK": {"cmyk.jpg"},
        "EXIF-rotated": {"turned.jpg"},
    }
    assert report.images == 6
    assert report.top1.correct == 6  # each is read as the colour that it has


@pytest.mark.parametrize("thumbnail", [b"", b"\xff\xd8\xff\xd9"])
def test_jpeg_that_ends_too_soon_is_noted_where_the_reader_takes_it(tmp_path, thumbnail):
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "p.jpg", comment=thumbnail)
    content = (tmp_path / "p.jpg").read_bytes()
    (tmp_path / "p.jpg").write_bytes(content + b"some program's bytes")
    assert picture_facts(tmp_path / "p.jpg") == ()
    (tmp_path / "p.jpg").write_bytes(content[:-100])
    assert picture_facts(tmp_path / "p.jpg") == ("truncated",)


def test_nothing_readable_is_an_error(troubled, readers):
    (troubled / "val.txt").write_text("text.jpg 0\n")
    with pytest.raises(InferenceError, match=r"no readable picture: .*text\.jpg"):
        measure(readers["imagenet_2012"], open_dataset(load_definition("imagenet_1000_classes"), troubled))


def test_opencv_turns_by_exif_and_pillow_does_not(tmp_path):
    halves = np.zeros((20, 40, 3), np.uint8)
    halves[:, 20:] = 255
    exif = Image.Exif()
    exif[0x112] = 6  # turn clockwise to see it upright
    Image.fromarray(halves).save(tmp_path / "p.jpg", exif=exif, quality=100)
    step = {"type": "auto_resize"}
    by_opencv = preprocessing_of(PictureSteps(preprocessing=(step,)), PictureInput("NCHW", 1, 3, 40, 20))
    by_pillow = preprocessing_of(
        PictureSteps(preprocessing=(step,), reader="pillow_imread"), PictureInput("NCHW", 1, 3, 20, 40)
    )
    assert picture_facts(tmp_path / "p.jpg") == ("EXIF-rotated",)
    assert by_opencv(tmp_path / "p.jpg")[30, 10].tolist() == [255, 255, 255]
    assert by_pillow(tmp_path / "p.jpg")[10, 30].tolist() == [255, 255, 255]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize(("orientation", "facts"), [(1, ()), (2, ("EXIF-rotated",)), (6, ("EXIF-rotated",))])
def test_turned_pictures_of_any_format_are_told(tmp_path, suffix, orientation, facts):
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.new("RGB", (6, 4), "red").save(tmp_path / f"p.{suffix}", exif=exif)
    assert picture_facts(tmp_path / f"p.{suffix}") == facts


@pytest.mark.parametrize(
    ("name", "mode", "facts"),
    [
        ("p.png", "RGB", ()),
        ("p.png", "L", ("grey",)),
        ("p.png", "I;16", ("grey", "16-bit")),
        ("p.tif", "RGB", ()),
        ("p.tif", "P", ()),
        ("p.tif", "L", ("grey",)),
        ("p.tif", "1", ("grey",)),
        ("p.tif", "CMYK", ("CMYK",)),
        ("p.tif", "I;16", ("grey", "16-bit")),
        ("p.bmp", "RGB", ()),
        ("p.bmp", "P", ()),
        ("p.bmp", "L", ("grey",)),
        ("p.webp", "RGB", ()),
    ],
)
def test_what_pillow_writes_is_told(tmp_path, name, mode, facts):
    picture = Image.new("RGB", (6, 4), "red").convert(mode) if mode != "I;16" else Image.new(mode, (6, 4), 9)
    picture.save(tmp_path / name)
    assert picture_facts(tmp_path / name) == facts


def test_16_bit_tiffs_in_colour_are_told(tmp_path):
    cv2.imwrite(str(tmp_path / "p.tif"), np.full((4, 6, 3), 40_000, np.uint16))
    assert picture_facts(tmp_path / "p.tif") == ("16-bit",)


@pytest.mark.parametrize("late", [False, True])
def test_exif_data_of_a_png_may_be_before_the_picture_or_behind_it(tmp_path, late):
    tiff = b"MM\0*\0\0\0\x08\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + bytes(4)
    chunk = len(tiff).to_bytes(4, "big") + b"eXIf" + tiff
    chunk += zlib.crc32(chunk[4:]).to_bytes(4, "big")
    Image.new("RGB", (6, 4), "red").save(tmp_path / "p.png")
    content = (tmp_path / "p.png").read_bytes()
    at = content.index(b"IEND" if late else b"IDAT") - 4
    (tmp_path / "p.png").write_bytes(content[:at] + chunk + content[at:])
    assert picture_facts(tmp_path / "p.png") == ("EXIF-rotated",)
    assert cv2.imread(str(tmp_path / "p.png")).shape == (6, 4, 3)  # OpenCV finds it as well


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1\x00\x40Exif\0\0II*\0",
            b"II*\0\x08\0\0\0\x02\0", b"MM\0*\0\0\0\x08\0\x02", b"BM", b"RIFF\0\0\0\0WEBPEXIF",
        ]
    ),
)  # fmt: skip
@settings(derandomize=True, deadline=None, max_examples=500)
def test_any_bytes_have_facts(content, start):
    assert set(facts_of(start + content)) <= {"grey", "CMYK", "16-bit", "EXIF-rotated"}


def test_normalized_input_gives_what_baked_preprocessing_gives(digit_parts, tmp_path):
    """The same net without its mean, and the mean as a step in RGB order, answers the same."""
    from omz.converter.caffe2ir import main

    sample = packaged_root() / "samples/se-resnext-digits"
    files = ["--input_proto", f"{sample}/se-resnext-digits.prototxt", "--input_model"]
    target = ["--output_dir", str(tmp_path), "--model_name", "bare"]
    assert main([*files, f"{sample}/se-resnext-digits.caffemodel", *target]) == 0
    _, dataset, evaluation = digit_parts
    steps = (
        *evaluation.steps.preprocessing,
        {"type": "bgr_to_rgb"},
        {"type": "normalization", "mean": "123, 117, 104"},
        {"type": "rgb_to_bgr"},
    )
    normalized = Evaluation(
        model="bare",
        dataset="digits",
        steps={"preprocessing": [getattr(s, "model_dump", lambda s=s: s)() for s in steps]},
    )
    report = measure(tmp_path / "bare.xml", dataset, normalized)
    assert (report.top1.correct, report.top5.correct) == (355, 360)


def test_dataset_of_more_classes_than_the_network(digit_parts, readers):
    folder, dataset, evaluation = digit_parts
    samples = (replace(dataset.samples[0], label=20), *dataset.samples[1:])
    with pytest.raises(InferenceError, match="has 20 classes; dataset 'digits' has class 20"):
        measure(folder / "FP32/se-resnext-digits.xml", replace(dataset, samples=samples), evaluation)


@pytest.mark.parametrize("count", [19, 21])
def test_dataset_of_another_number_of_classes(digit_parts, count):
    """Even if all its pictures are of classes that the network has."""
    folder, dataset, evaluation = digit_parts
    classes = ClassList(tuple(Label(index, "", (f"x{index}",)) for index in range(count)))
    samples = tuple(sample for sample in dataset.samples if sample.label < 19)
    other = replace(dataset, samples=samples, classes=classes)
    with pytest.raises(
        InferenceError, match=rf"has 20 classes; dataset 'digits' has {count}, the network's own"
    ):
        measure(folder / "FP32/se-resnext-digits.xml", other, evaluation)
