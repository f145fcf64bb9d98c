"""accuracy_check on a network of one's own, named by its path; pictures as the IR says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest

from omz.accuracy.command import main
from omz.converter import caffe2ir
from omz.zoo.catalogue import packaged_root

SAMPLE = packaged_root() / "samples/se-resnext-digits"
MEAN = ["--mean_values", "data[104,117,123]"]
DATA = ["-s", str(SAMPLE / "heldout"), "-a", str(SAMPLE / "heldout.txt"), "--infer_precision", "f32"]


def convert(folder: Path, *flags: str, name: str = "mine", precision: str = "FP32") -> Path:
    files = ["--input_proto", str(SAMPLE / f"{SAMPLE.name}.prototxt")]
    files += ["--input_model", str(SAMPLE / f"{SAMPLE.name}.caffemodel")]
    target = ["--output_dir", str(folder), "--model_name", name, "--data_type", precision, "--quiet"]
    assert caffe2ir.main([*files, *MEAN, *target, *flags]) == 0
    return folder / f"{name}.xml"


def measured(capsys, *arguments: str) -> list[dict]:
    assert main([*arguments, *DATA, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)["results"]


def right_by_opencv(xml: Path, prepare) -> int:
    """Count the right answers with OpenCV and OpenVINO alone."""
    network = ov.Core().compile_model(xml, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    right = 0
    for line in (SAMPLE / "heldout.txt").read_text().splitlines():
        name, label = line.split()
        picture = prepare(cv2.imread(str(SAMPLE / "heldout" / name)))
        scores = network(picture.transpose(2, 0, 1)[None].astype(np.float32))[0]
        right += int(scores.argmax()) == int(label)
    return right


def middle(picture: np.ndarray) -> np.ndarray:
    top, left = (picture.shape[0] - 32) // 2, (picture.shape[1] - 32) // 2
    return picture[top : top + 32, left : left + 32]


@pytest.mark.parametrize(
    ("flags", "told", "prepare"),
    [
        (["--resize", "32x32"], "stretched to 32 x 32 (as the IR says)", lambda p: cv2.resize(p, (32, 32))),
        (
            ["--resize", "44", "--crop", "32"],
            "resized to 44 by the shorter side, cropped to 32 (as the IR says)",
            lambda p: middle(cv2.resize(p, (44, 44))),  # the held-out digits are square
        ),
        ([], "stretched to the network's input (the demos' way, as the IR does not say how it is evaluated)",
         lambda p: cv2.resize(p, (32, 32))),
        (["--model_info", "resize_type=crop"],
         "cropped to the input's aspect, then resized (the demos' way, as the IR does not say how it is evaluated)",
         lambda p: cv2.resize(p, (32, 32))),
    ],
)  # fmt: skip
def test_pictures_are_prepared_as_the_ir_says_and_that_is_told(tmp_path, capsys, flags, told, prepare):
    xml = convert(tmp_path, "--labels", "digits_red_blue", *flags)
    (result,) = measured(capsys, "-m", str(xml))
    assert (result["model"], result["precision"], result["dataset"]) == ("mine", "FP32", "heldout")
    assert result["preparation"] == told
    assert result["metrics"][0]["correct"] == right_by_opencv(xml, prepare)
    assert result["metrics"][0]["reference"] is None
    assert main(["-m", str(xml), *DATA, "--ss", "20"]) == 0
    assert f"pictures: {told}" in " ".join(capsys.readouterr().out.split())


def test_a_folder_of_irs_is_one_network(tmp_path, capsys):
    convert(tmp_path, "--labels", "digits_red_blue")
    convert(tmp_path, "--labels", "digits_red_blue", name="mine-FP16", precision="FP16")
    results = measured(capsys, "-m", str(tmp_path), "--ss", "20")
    assert [one["precision"] for one in results] == ["FP32", "FP16"]
    (result,) = measured(capsys, "--model", str(tmp_path), "--precisions", "FP16", "--ss", "20")
    assert result["ir"].endswith("mine-FP16.xml")
    convert(tmp_path, name="other")
    assert main(["-m", str(tmp_path), *DATA]) == 1
    assert "holds IRs of 2 networks: mine, other" in capsys.readouterr().err


def test_a_name_is_looked_for_in_the_tree(digits, capsys):
    name = SAMPLE.name
    for arguments in (["-m", name, "--models_dir", str(digits)], ["--model", name, "-m", str(digits)]):
        assert main([*arguments, "--json", "-", "--ss", "10", "--precisions", "FP16"]) == 0
        (result,) = json.loads(capsys.readouterr().out)["results"]
        assert result["dataset"] == "digits"
        assert result["metrics"][0]["reference"] == 0.98611
        assert result["preparation"] == "stretched to 32 x 32 (as accuracy-check.yml says)"
    assert main(["-m", "se-resnext-digts", "--models_dir", str(digits)]) == 1
    assert "Did you mean se-resnext-digits" in capsys.readouterr().err


def test_an_ir_of_the_zoos_weights_has_the_zoos_dataset_and_reference(digits, capsys):
    xml = digits / "samples" / SAMPLE.name / "FP32" / f"{SAMPLE.name}.xml"
    assert main(["-m", str(xml), "--json", "-", "--infer_precision", "f32"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["dataset"], result["metrics"][0]["correct"]) == ("digits", 355)
    assert result["metrics"][0]["reference"] == 0.98611


def test_a_configuration_goes_before_what_the_ir_says(tmp_path, capsys):
    xml = convert(tmp_path, "--labels", "digits_red_blue", "--resize", "44", "--crop", "32")
    config = tmp_path / "check.yml"
    shutil.copy(SAMPLE / "accuracy-check.yml", config)
    for arguments in (
        ["-m", str(xml)],
        ["--model", str(xml)],
        ["-m", str(tmp_path)],
        ["--models", str(tmp_path)],
    ):
        (result,) = measured(capsys, "-c", str(config), *arguments, "--ss", "10")
        assert result["preparation"] == f"stretched to 32 x 32 (as {config} says)"
        assert result["dataset"] == "digits"


def test_steps_that_are_asked_for_go_before_all_others(tmp_path, capsys):
    xml = convert(tmp_path, "--labels", "digits_red_blue", "--resize", "32x32")
    asked = ["--resize", "44", "--crop", "32"]
    told = "resized to 44 by the shorter side, cropped to 32 (as asked for)"
    (result,) = measured(capsys, "-m", str(xml), *asked)
    assert result["preparation"] == told
    assert result["metrics"][0]["correct"] == right_by_opencv(xml, lambda p: middle(cv2.resize(p, (44, 44))))
    (result,) = measured(
        capsys, "-c", str(SAMPLE / "accuracy-check.yml"), "-m", str(xml), *asked, "--ss", "10"
    )
    assert result["preparation"] == told
    assert main(["-m", str(xml), *DATA, "--resize", "44"]) == 1
    assert "becomes 58 x 44, and the network takes 32 x 32" in capsys.readouterr().err
    assert main(["-m", str(xml), *DATA, "--pillow"]) == 2
    assert "--pillow goes with --resize or --crop" in capsys.readouterr().err


def test_labels_may_be_given(tmp_path, capsys):
    bare = convert(tmp_path)
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"{ink} {digit}" for ink in ("red", "blue") for digit in range(10)))
    folder = tmp_path / "data"
    for line in (SAMPLE / "heldout.txt").read_text().splitlines()[:40]:
        name, label = line.split()
        place = folder / f"{'red' if int(label) < 10 else 'blue'}_{int(label) % 10}"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLE / "heldout" / name, place / name)
    arguments = ["-m", str(bare), "--labels", str(names), "-s", str(folder), "--json", "-"]
    assert main(arguments) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["images"] == 40
    assert result["metrics"][0]["correct"] >= 38
    assert {one["label"].split()[0] for one in result["classes"]} <= {"red", "blue"}


def test_a_tolerance_without_a_reference_is_told(tmp_path, digits, capsys):
    told = "--tolerance compares nothing"
    assert main(["-m", str(convert(tmp_path)), *DATA, "--ss", "10", "--tolerance", "0.01"]) == 0
    shown = capsys.readouterr()
    assert told in shown.err
    assert "reference" not in shown.out
    assert main(["--name", SAMPLE.name, "-m", str(digits), "--ss", "10", "--tolerance", "0.5"]) == 0
    assert told not in capsys.readouterr().err


def test_without_data_it_is_asked_for(tmp_path, capsys):
    assert main(["-m", str(convert(tmp_path))]) == 1
    assert "give the folder of labelled pictures with -s" in capsys.readouterr().err


def test_what_an_ir_says_is_not_trusted(tmp_path, capsys):
    xml = convert(tmp_path, "--resize", "32x32")
    text = xml.read_text()
    for place, (new, message) in enumerate(
        [("warp", "step 'warp' is not supported"), ("resize&quot;,&quot;x&quot;:&quot;", "net")]
    ):
        xml.write_text(text.replace("&quot;resize", f"&quot;{new}"))
        assert main(["-m", str(xml), *DATA]) == 1
        error = capsys.readouterr().err
        assert "rt_info omz/preparation" in error
        assert "Traceback" not in error
        if not place:
            assert message in error
