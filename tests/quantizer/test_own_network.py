"""omz_quantizer on a network of one's own, named by its path, and nothing but pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import openvino as ov
import pytest

from omz.accuracy.command import main as accuracy_check
from omz.converter import caffe2ir
from omz.inference.sources import pictures_below
from omz.quantizer.calibration import Unlabelled
from omz.quantizer.command import main

from .conftest import FOLDER, NAME

#: Each of these takes seconds.
pytestmark = pytest.mark.slow

FAST = ["--subset_size", "12", "--bias_correction", "fast"]


def convert(folder: Path, *flags: str, name: str = "mine", precision: str = "FP32") -> Path:
    pytest.importorskip("nncf")
    files = [
        "--input_proto",
        str(FOLDER / f"{NAME}.prototxt"),
        "--input_model",
        str(FOLDER / f"{NAME}.caffemodel"),
    ]
    target = ["--output_dir", str(folder), "--model_name", name, "--data_type", precision, "--quiet"]
    assert caffe2ir.main([*files, "--mean_values", "data[104,117,123]", *target, *flags]) == 0
    return folder / f"{name}.xml"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Twenty pictures without classes, in a folder in a folder."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    for number, path in enumerate(sorted((FOLDER / "heldout").glob("*.png"))[:20]):
        shutil.copy(path, folder / ("more" if number % 2 else ".") / path.name)
    return folder


def said(xml: Path, key: str) -> str:
    return ov.Core().read_model(xml).get_rt_info(["omz", key]).astype(str)


def test_pictures_and_a_path_are_enough(tmp_path, pictures, capsys):
    xml = convert(tmp_path, "--resize", "44", "--crop", "32")
    assert main(["-m", str(xml), "-s", str(pictures), *FAST]) == 0
    err = capsys.readouterr().err
    made = tmp_path / "mine-FP32-INT8.xml"
    assert str(made) in err
    assert (
        "mine FP32-INT8: pictures: resized to 44 by the shorter side, cropped to 32 (as the IR says)" in err
    )
    assert "mine FP32-INT8: 12 pictures, fast bias correction" in err
    types = {
        op.get_element_type()
        for op in ov.Core().read_model(made).get_ops()
        if op.get_type_name() == "Constant"
    }
    assert ov.Type.i8 in types
    assert said(made, "preparation") == said(xml, "preparation")


def test_calibration_prepares_pictures_as_the_ir_says(tmp_path, pictures):
    """The same bytes as with OpenCV's own calls in place of the steps."""
    from omz.accuracy.datasets import choose
    from omz.quantizer.options import Options
    from omz.quantizer.quantize import quantize_model

    def prepare(path: Path):
        picture = cv2.resize(cv2.imread(str(path)), (44, 44))  # they are square
        return picture[6:38, 6:38]

    xml = convert(tmp_path, "--resize", "44", "--crop", "32")
    assert main(["-m", str(xml), "-s", str(pictures), "-o", str(tmp_path / "one.xml"), *FAST]) == 0
    paths = pictures_below(pictures)
    samples = [Unlabelled(paths[place]) for place in choose(len(paths), 12)]
    quantize_model(
        xml, samples, prepare, Options(bias_correction="fast"), output=tmp_path / "two.xml", seed=0
    )
    assert (tmp_path / "one.bin").read_bytes() == (tmp_path / "two.bin").read_bytes()
    other = convert(tmp_path / "other", "--resize", "32x32")
    asked = ["--resize", "44", "--crop", "32"]
    assert main(["-m", str(other), "-s", str(pictures), *asked, "-o", str(tmp_path / "four.xml"), *FAST]) == 0
    assert (tmp_path / "one.bin").read_bytes() == (tmp_path / "four.bin").read_bytes()
    assert main(["-m", str(other), "-s", str(pictures), "-o", str(tmp_path / "three.xml"), *FAST]) == 0
    assert (tmp_path / "one.xml").read_bytes() != (tmp_path / "three.xml").read_bytes()


def test_folders_of_precisions_get_one_beside_them(tmp_path, pictures, capsys):
    convert(tmp_path / "ir/FP16", precision="FP16")
    convert(tmp_path / "ir/FP32")
    assert main(["-m", str(tmp_path / "ir"), "-s", str(pictures), "--dry_run"]) == 0
    shown = capsys.readouterr().out
    for precision in ("FP16", "FP32"):
        assert f"{tmp_path}/ir/{precision}/mine.xml -> {tmp_path}/ir/{precision}-INT8/mine.xml" in shown
    assert (
        main(["--model", str(tmp_path / "ir"), "-s", str(pictures), "--precisions", "FP16-INT8", *FAST]) == 0
    )
    assert (tmp_path / "ir/FP16-INT8/mine.xml").is_file()
    assert not (tmp_path / "ir/FP32-INT8").exists()
    assert (
        "stretched to the network's input (the demos' way, as the IR does not say" in capsys.readouterr().err
    )


def test_the_quantized_ir_is_measured_as_the_ir_says(tmp_path, pictures, capsys):
    convert(tmp_path, "--resize", "32x32", "--labels", "digits_red_blue", precision="FP16")
    assert main(["-m", str(tmp_path), "-s", str(pictures), *FAST]) == 0
    data = ["-s", str(FOLDER / "heldout"), "-a", str(FOLDER / "heldout.txt"), "--json", "-"]
    assert accuracy_check(["-m", str(tmp_path), *data]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [one["precision"] for one in results] == ["FP16", "FP16-INT8"]
    assert {one["preparation"] for one in results} == {"stretched to 32 x 32 (as the IR says)"}
    assert all(one["metrics"][0]["correct"] >= 350 for one in results)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "which network? Expected -m"),
        (["-m", "{ir}"], 1, "give a folder of pictures with --source"),
        (["-m", "{ir}", "-s", "{ir}/none"], 1, "no such file or folder"),
        (["-m", "{ir}/mine-FP32-INT8.xml", "-s", "."], 1, "is quantized already (FP32-INT8)"),
        (["-m", "{ir}/mien.xml", "-s", "."], 1, "Did you mean"),
        (["-m", "{ir}", "-s", ".", "--precisions", "FP16-INT8,FP32-INT8", "-o", "x.xml"], 2, "2 are to be made"),
        (["--name", NAME, "--model", "{ir}"], 2, "exclude each other"),
    ],
)  # fmt: skip
def test_what_cannot_be(tmp_path, capsys, arguments, status, message):
    xml = convert(tmp_path / "ir")
    quantized = xml.with_name("mine-FP32-INT8.xml")
    if any("INT8.xml" in word for word in arguments):
        for suffix in (".xml", ".bin"):
            shutil.copy(xml.with_suffix(suffix), quantized.with_suffix(suffix))
    assert main([word.format(ir=tmp_path / "ir") for word in arguments]) == status
    assert message in capsys.readouterr().err


def test_classes_count_where_accuracy_does(tmp_path, pictures, capsys):
    xml = convert(tmp_path)
    assert main(["-m", str(xml), "-s", str(pictures), "--max_drop", "0.01", *FAST]) == 1
    assert "folder" in capsys.readouterr().err
    data = ["-s", str(FOLDER / "heldout"), "-a", str(FOLDER / "heldout.txt")]
    assert main(["-m", str(xml), *data, "--max_drop", "0.02", *FAST]) == 0
    assert "top-1 9" in capsys.readouterr().err


def test_a_network_without_weights_is_told(tmp_path, pictures, capsys):
    from openvino import opset13 as op

    data = op.parameter([1, 3, 8, 8], name="data")
    means = op.reduce_mean(data, op.constant([2, 3]), False)
    ov.save_model(ov.Model([op.result(means)], [data], "net"), tmp_path / "net.xml")
    assert main(["-m", str(tmp_path / "net.xml"), "-s", str(pictures)]) == 1
    assert "no weights of FP16 or FP32" in capsys.readouterr().err
