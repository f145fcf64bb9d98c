"""Datasets that an accuracy-check.yml defines itself, in the forms of Open Model Zoo's converters."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
import yaml
from openvino import opset13 as op

from omz.accuracy.command import main
from omz.accuracy.datasets import Dataset, open_dataset, take_stated
from omz.accuracy.definitions import load_definition
from omz.errors import ClassError, DescriptorError, InferenceError
from omz.zoo.accuracy_check import load_evaluation
from omz.zoo.class_list import ClassList
from omz.zoo.labels import load_labels

DIGITS = ClassList.of_network([str(digit) for digit in range(10)], 10)
NUMBERED = ClassList.of_network(None, 10)
RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (12, 28, 28), np.uint8)
LABELS = RNG.integers(0, 10, 12)


def config(folder: Path, conversion: dict | None = None, **dataset) -> Path:
    """Write an accuracy-check.yml whose dataset is known nowhere else."""
    if conversion is not None:
        dataset["annotation_conversion"] = conversion
    use = {"name": "mine", "preprocessing": [{"type": "resize", "size": 8}], **dataset}
    use.setdefault("metrics", [{"type": "accuracy"}])
    entry = {"name": "net", "launchers": [{"framework": "openvino"}], "datasets": [use]}
    path = folder / "accuracy-check.yml"
    path.write_text(yaml.safe_dump({"models": [entry]}))
    return path


def opened(source: Path, classes: ClassList, conversion: dict | None = None, **dataset) -> Dataset:
    evaluation = load_evaluation(config(source, conversion, **dataset))
    definition = load_definition(evaluation.dataset, own=evaluation.own)
    return take_stated(open_dataset(definition, source, classes=classes), definition)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))
    return path


def told(dataset: Dataset) -> list[tuple[str, int]]:
    return [(sample.path.name, sample.label) for sample in dataset.samples]


def test_a_list_and_its_pictures(tmp_path):
    picture(tmp_path / "shots" / "a.png")
    picture(tmp_path / "shots" / "b.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "test.txt").write_text("a.png 3\nx/y/b.png 9\n")
    conversion = {"converter": "imagenet", "annotation_file": "lists/test.txt"}
    for where in ({"data_source": "shots"}, {}):
        if not where:
            conversion["images_dir"] = "shots"
        assert told(opened(tmp_path, NUMBERED, conversion, **where)) == [("a.png", 3), ("b.png", 9)]
    with_background = ClassList.of_network(["background", *(str(n) for n in range(10))], 11)
    conversion["has_background"] = True
    dataset = opened(tmp_path, with_background, conversion)
    assert [dataset.classes.names[label] for _, label in told(dataset)] == ["2", "8"]


def test_csv_by_name(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "test.csv").write_text("image,label\na.png,7\n")
    conversion = {"converter": "cls_dataset_csv", "annotation_file": "test.csv"}
    assert told(opened(tmp_path, DIGITS, conversion)) == [("a.png", 7)]


def test_folders(tmp_path):
    for name in ("cat", "dog"):
        picture(tmp_path / "test" / name / f"{name}.png")
    conversion = {"converter": "cls_dataset_folder", "data_dir": "test"}
    assert told(opened(tmp_path, ClassList.of_network(None, 2), conversion)) == [
        ("cat.png", 0),
        ("dog.png", 1),
    ]
    named = ClassList.of_network(["dog", "cat"], 2)
    assert told(opened(tmp_path, named, conversion)) == [("dog.png", 0), ("cat.png", 1)]


def csv_file(path: Path, heading: str = "", packed: bool = False) -> Path:
    rows = [",".join(map(str, [label, *image.ravel()])) for label, image in zip(LABELS, IMAGES, strict=True)]
    data = (heading + "\n".join(rows) + "\n").encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def idx_files(folder: Path, packed: bool) -> tuple[str, str]:
    write = gzip.compress if packed else bytes
    (folder / "images").write_bytes(write(struct.pack(">4I", 0x803, 12, 28, 28) + IMAGES.tobytes()))
    (folder / "labels").write_bytes(write(struct.pack(">2I", 0x801, 12) + LABELS.astype(np.uint8).tobytes()))
    return "images", "labels"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("converter", ["mnist_csv", "mnist", "fashion_mnist"])
def test_mnists_files_are_unpacked_as_they_are(tmp_path, converter, packed):
    if converter == "mnist_csv":
        csv_file(tmp_path / "test.csv", "label,pixel0\n", packed)
        conversion = {"annotation_file": "test.csv"}
    else:
        images, labels = idx_files(tmp_path, packed)
        conversion = (
            {"images_file": images, "labels_file": labels}
            if converter == "mnist"
            else {"data_file": images, "annotation_file": labels}
        )
    conversion |= {"converter": converter, "convert_images": True}
    dataset = opened(tmp_path, DIGITS, conversion)
    assert told(dataset) == [(f"{number}.png", label) for number, label in enumerate(LABELS)]
    assert {sample.path.parent for sample in dataset.samples} == {tmp_path / "converted_images"}
    for sample, image in zip(dataset.samples, IMAGES, strict=True):
        assert (cv2.imread(str(sample.path), cv2.IMREAD_UNCHANGED) == image).all()
    # what is right stays as it is, what is not is written anew
    first, second = (sample.path for sample in dataset.samples[:2])
    before = first.stat().st_mtime_ns
    second.write_bytes(b"half a pic")
    opened(tmp_path, DIGITS, conversion)
    assert first.stat().st_mtime_ns == before
    assert (cv2.imread(str(second), cv2.IMREAD_UNCHANGED) == IMAGES[1]).all()
    # elsewhere, and found there
    there = conversion | {"converted_images_dir": "there/pngs"}
    assert opened(tmp_path, DIGITS, there).samples[0].path == tmp_path / "there/pngs/0.png"
    here = conversion | {"convert_images": False}
    assert opened(tmp_path, DIGITS, here, data_source="there/pngs").samples[3].path.parent.name == "pngs"
    with pytest.raises(InferenceError, match=r"0\.png: is not there. State 'convert_images: true'"):
        opened(tmp_path, DIGITS, here, data_source="nowhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no picture"),
        (b"3,1,2\n", "line 1: expected a class and 784 whole numbers from 0 to 255, got 3 cells"),
        (b"3" + b",256" * 784, "line 1: expected"),
        (b"3" + b",1.5" * 784, "line 1: expected"),
        (b"label\n10" + b",0" * 784, "line 2: class '10'; the network has 0 to 9"),
        (b"1" * 50000, "line 1: larger than a file of pictures is"),
        (b"\x1f\x8bnot gzip", "cannot be read, or is damaged"),
        (gzip.compress(b"3" + b",0" * 784, mtime=0)[:-12], "cannot be read, or is damaged"),
    ],
)
def test_damaged_csv(tmp_path, content, message):
    (tmp_path / "test.csv").write_bytes(content)
    conversion = {"converter": "mnist_csv", "annotation_file": "test.csv", "convert_images": True}
    with pytest.raises(InferenceError, match=message):
        opened(tmp_path, DIGITS, conversion)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (b"", b"", "images: ends too soon"),
        (
            struct.pack(">4I", 0x801, 1, 28, 28),
            b"",
            r"is no file of MNIST's format \(begins with 0x801, not 0x803\)",
        ),
        (struct.pack(">4I", 0x803, 2**31, 28, 28), b"", "says that it holds 2147483648 pictures"),
        (struct.pack(">4I", 0x803, 1, 32, 28), struct.pack(">2I", 0x801, 1), "pictures of 28 x 32"),
        (
            struct.pack(">4I", 0x803, 1, 28, 28),
            struct.pack(">2I", 0x801, 2),
            "holds 1 pictures, and .* 2 classes",
        ),
        (struct.pack(">4I", 0x803, 1, 28, 28), struct.pack(">2I", 0x801, 1), "images: ends too soon"),
        (
            struct.pack(">4I", 0x803, 1, 28, 28) + bytes(784),
            struct.pack(">2I", 0x801, 1),
            "labels: ends too soon",
        ),
    ],
)
def test_damaged_files_of_mnist(tmp_path, images, labels, message):
    (tmp_path / "images").write_bytes(images)
    (tmp_path / "labels").write_bytes(labels)
    conversion = {"converter": "mnist", "images_file": "images", "labels_file": "labels"}
    with pytest.raises(InferenceError, match=message):
        opened(tmp_path, DIGITS, conversion)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"conversion": {"converter": "cifar", "data_batch_file": "x"}}, "converter 'cifar' is not known. Known: "),
        ({"conversion": {"annotation_file": "x"}}, "converter 'None' is not known"),
        ({"conversion": {"converter": "imagenet", "annotation": "x"}}, "annotation"),
        ({"conversion": {"converter": "mnist_csv"}}, "annotation_file"),
        (
            {"conversion": {"converter": "mnist_csv", "annotation_file": "x", "converted_images_dir": "/etc"}},
            "expected a path below the folder of the data, got '/etc'",
        ),
        (
            {"conversion": {"converter": "mnist_csv", "annotation_file": "x", "converted_images_dir": "a/../../b"}},
            "expected a path below",
        ),
        ({"annotation": "mine.pickle"}, "a pickle of the accuracy checker's, which is not read"),
        ({"conversion": {"converter": "imagenet"}, "subsample_size": "0%"}, "subsample_size"),
        ({}, "no dataset 'mine'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(tmp_path, dataset, message):
    conversion = dataset.pop("conversion", None)
    with pytest.raises(DescriptorError, match=message) as error:
        opened(tmp_path, DIGITS, conversion, **dataset)
    assert "\n" not in str(error.value)


def test_what_the_entry_says_goes_before_the_definitions(tmp_path):
    picture(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "val.txt").write_text("a.png 3\n")
    content = yaml.safe_load(config(tmp_path).read_text())
    content["models"][0]["datasets"][0] |= {"name": "imagenet_1000_classes", "data_source": "elsewhere"}
    (tmp_path / "accuracy-check.yml").write_text(yaml.safe_dump(content))
    evaluation = load_evaluation(tmp_path / "accuracy-check.yml")
    definition = load_definition(evaluation.dataset, own=evaluation.own)
    assert (definition.labels, definition.annotation_file) == ("imagenet_2012", "val.txt")
    assert open_dataset(definition, tmp_path).samples[0].path == tmp_path / "elsewhere" / "a.png"


@pytest.mark.parametrize(
    ("size", "count"), [(3, 3), ("3", 3), ("50%", 6), ("1%", 1), (500, 12), ("100%", 12)]
)
def test_subsamples(tmp_path, size, count):
    csv_file(tmp_path / "test.csv")
    conversion = {"converter": "mnist_csv", "annotation_file": "test.csv", "convert_images": True}
    dataset = opened(tmp_path, DIGITS, conversion, subsample_size=size)
    assert (len(dataset.samples), dataset.total) == (count, 12)
    first = opened(tmp_path, DIGITS, conversion, subsample_size=size, shuffle=False)
    assert [sample.path.name for sample in first.samples] == [f"{number}.png" for number in range(count)]
    if count == 6:
        other = opened(tmp_path, DIGITS, conversion, subsample_size=size, subsample_seed=1)
        assert other.samples != dataset.samples


def test_names_that_the_dataset_brings_along(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "val.txt").write_text("a.png 1\n")
    (tmp_path / "meta.json").write_text(json.dumps({"label_map": {"0": "cat", "1": "dog"}}))
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    conversion = {"converter": "imagenet", "annotation_file": "val.txt"}
    for extra in ({"dataset_meta_file": "meta.json"}, {"labels_file": "/somewhere/else/names.txt"}):
        dataset = opened(tmp_path, ClassList.of_network(None, 2), conversion | extra)
        assert (dataset.classes.names, told(dataset)) == (("cat", "dog"), [("a.png", 1)])
        assert told(opened(tmp_path, ClassList.of_network(["Cat", "hound"], 2), conversion | extra))
        with pytest.raises(ClassError, match="class 0 is 'cat' there and 'dog' in the network"):
            opened(tmp_path, ClassList.of_network(["dog", "cat"], 2), conversion | extra)
        with pytest.raises(ClassError, match="names 2 classes, and the network has 10"):
            opened(tmp_path, DIGITS, conversion | extra)
    dataset = opened(tmp_path, ClassList.of_network(None, 2), conversion, dataset_meta="meta.json")
    assert dataset.classes.names == ("cat", "dog")
    (tmp_path / "meta.json").write_text(json.dumps({"labels": ["cat", "dog"]}))
    with_background = conversion | {"dataset_meta_file": "meta.json", "has_background": True}
    dataset = opened(tmp_path, ClassList.of_network(None, 3), with_background)
    assert dataset.classes.names == ("background", "cat", "dog")


def test_a_dataset_that_says_its_order_needs_no_guess(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "val.txt").write_text("a.png 0\n")
    (tmp_path / "words.txt").write_text(
        "".join(f"{one.wnid} {', '.join(one.names)}\n" for one in load_labels("imagenet_2015"))
    )
    conversion = {"converter": "imagenet", "annotation_file": "val.txt", "labels_file": "words.txt"}
    (sample,) = opened(tmp_path, ClassList.known("imagenet_2012"), conversion).samples
    assert sample.label == 278  # the kit fox


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[" * 100000, "is no JSON"),
        ("[1]", "expected a mapping"),
        ('{"label_map": {"1": "a", "2": "b"}}', "a name for each of the classes 0 to n - 1"),
        ('{"label_map": ["a"]}', "a name for each"),
    ],
)
def test_strange_names(tmp_path, content, message):
    picture(tmp_path / "a.png")
    (tmp_path / "val.txt").write_text("a.png 1\n")
    (tmp_path / "meta.json").write_text(content)
    conversion = {"converter": "imagenet", "annotation_file": "val.txt", "dataset_meta_file": "meta.json"}
    with pytest.raises(InferenceError, match=message):
        opened(tmp_path, DIGITS, conversion)


def grey_reader(xml: Path) -> Path:
    """Write a net that answers with the class nearest to the picture's mean grey, 25 for each class."""
    data = op.parameter([1, 3, 8, 8], np.float32, name="data")
    mean = op.reduce_mean(data, op.constant([1, 2, 3]), keep_dims=True)
    grey = op.reshape(mean, op.constant([1, 1]), False)
    scores = op.negative(op.abs(op.subtract(grey, op.constant(np.arange(10, dtype=np.float32)[None] * 25))))
    data.set_layout(ov.Layout("NCHW"))
    ov.save_model(ov.Model([op.result(scores)], [data], "grey"), xml, compress_to_fp16=False)
    return xml


def test_the_command_measures_on_such_a_dataset(tmp_path, capsys):
    # classes 0 to 9 twice; of the second round, 7 and 8 look like the class before
    looks = [*range(10), 0, 1, 2, 3, 4, 5, 6, 6, 7, 9]
    rows = [f"{number % 10}," + ",".join([str(25 * look)] * 784) for number, look in enumerate(looks)]
    (tmp_path / "test.csv").write_text("\n".join(rows))
    conversion = {"converter": "mnist_csv", "annotation_file": "test.csv", "convert_images": True}
    metrics = [
        {"type": "accuracy", "top_k": 1, "reference": 0.9},
        {"type": "classification_f1-score", "reference": {"mean": 0.9, "7": 0.5, "9": 1.0}},
    ]
    xml = grey_reader(tmp_path / "net.xml")
    path = config(tmp_path, conversion, metrics=metrics)
    arguments = ["-c", str(path), "-m", str(xml), "-s", str(tmp_path), "--infer_precision", "f32"]
    # F1: 6 has 2 right of 2 pictures and 3 answers: 4/5; 7: 1 right, 2, 2: 1/2; 8: 1 right, 2, 1: 2/3; others 1
    f1 = (7 + 4 / 5 + 1 / 2 + 2 / 3) / 10
    assert main([*arguments, "--json", str(tmp_path / "out.json")]) == 0
    shown = capsys.readouterr()
    for text in (
        "f1-score, mean",
        "89.667 %",
        "classification_f1-score, lowest",
        "test.csv: its pictures are in",
    ):
        assert text in shown.out
    (result,) = json.loads((tmp_path / "out.json").read_text())["results"]
    found = {one["name"]: one for one in result["metrics"]}
    assert found["accuracy@top1"]["value"] == 0.9
    assert found["classification_f1-score"]["value"] == pytest.approx(f1)
    assert found["classification_f1-score"]["difference"] == pytest.approx(f1 - 0.9)
    assert main([*arguments, "--tolerance", "0.01"]) == 0
    assert main([*arguments, "--tolerance", "0.001"]) == 1  # the mean is 0.0033 below
