"""omz report of a network of one's own, named by its path."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from omz.converter import caffe2ir
from omz.report import command
from omz.zoo.catalogue import packaged_root

from .test_report import Page, check_self_contained

#: Each of these takes seconds.
pytestmark = pytest.mark.slow

SAMPLE = packaged_root() / "samples/se-resnext-digits"
QUICK = ["-time", "0.05", "--infer_precision", "f32"]
DATA = ["-s", str(SAMPLE / "heldout"), "-a", str(SAMPLE / "heldout.txt")]


def convert(folder: Path, *flags: str, name: str = "mine") -> Path:
    files = ["--input_proto", str(SAMPLE / f"{SAMPLE.name}.prototxt")]
    files += [
        "--input_model",
        str(SAMPLE / f"{SAMPLE.name}.caffemodel"),
        "--mean_values",
        "data[104,117,123]",
    ]
    assert caffe2ir.main([*files, "--output_dir", str(folder), "--model_name", name, "--quiet", *flags]) == 0
    return folder / f"{name}.xml"


def words(path: Path) -> str:
    text = path.read_text()
    page = Page(text)
    check_self_contained(page, text)
    return " | ".join(page.texts)


def test_a_page_of_a_network_by_its_path_and_its_data(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    labels = ["--labels", "digits_red_blue"]
    convert(Path("ir/FP32"), "--data_type", "FP32", "--resize", "44", "--crop", "32", *labels)
    convert(Path("ir/FP16"), "--resize", "44", "--crop", "32", *labels)
    assert command.main(["-m", "ir", *DATA, "--subsample", "40", *QUICK]) == 0
    assert capsys.readouterr().out == "mine.html\n"
    told = words(tmp_path / "mine.html")
    for fact in (
        "FP32 | FP16",
        "on 40 pictures of heldout",
        "Pictures were resized to 44 by the shorter side, cropped to 32 (as the IR says).",
        "Input | data: [1,3,32,32]",
        "Output | prob: [1,20], probabilities",
        "Labels | 20",
        "0.172 million, counted on the IR",
    ):
        assert fact in told, fact
    for absent in ("published", "Licence", "Paper", "Description", "omz_downloader"):
        assert absent not in told
    again = re.search(r"omz report -m ir --source \S+ --annotations \S+ --subsample 40", told)
    assert again, told[-600:]


def test_steps_that_are_asked_for_are_told_and_made_again(tmp_path):
    xml = convert(tmp_path, "--labels", "digits_red_blue")
    page = tmp_path / "r.html"
    asked = ["--resize", "44", "--crop", "32", "--interpolation", "area"]
    assert command.main(["-m", str(xml), "-o", str(page), *DATA, "--subsample", "20", *asked, *QUICK]) == 0
    told = words(page)
    assert "Pictures were resized to 44 by the shorter side (area), cropped to 32 (as asked for)." in told
    assert "--resize=44 --crop=32 --interpolation=area" in told


def test_without_data_there_is_no_accuracy(tmp_path):
    xml = convert(tmp_path)
    page = tmp_path / "deep/r.html"
    assert command.main(["-m", str(xml), "-o", str(page), "-i", str(SAMPLE / "images"), *QUICK]) == 0
    told = words(page)
    assert "Top-1" not in told
    assert "#0" in told or "#1" in told  # classes without labels have numbers
    labelled = ["--labels", "digits_red_blue", "-i", str(SAMPLE / "images")]
    assert command.main(["--model", str(xml), "-o", str(page), *labelled, *QUICK]) == 0
    assert "red 3" in words(page)


def test_an_ir_of_the_zoos_weights_is_told_with_its_descriptor(tmp_path):
    xml = convert(tmp_path, "--labels", "digits_red_blue", "--resize", "32x32", name=SAMPLE.name)
    assert command.main(["-m", str(xml), "-o", str(tmp_path / "r.html"), *QUICK]) == 0
    told = words(tmp_path / "r.html")
    assert "Creative Commons Attribution 4.0" in told
    assert "on 360 pictures of digits" in told
    assert f"omz report -m {xml}" in told


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "which network? Expected -m"),
        (["-m", "{ir}/mien.xml"], 1, "Did you mean"),
        (["-m", "{ir}", "--precisions", "FP32"], 1, "there are FP16"),
        (["-m", "{ir}", "--precisions", "FP32,FP16"], 1, "mine: no IR in FP32 (there are FP16)"),
        (["-m", "{ir}", "-s", "{ir}"], 1, "folder"),
        (["--name", "se-resnext-50", "--model", "{ir}"], 2, "exclude each other"),
    ],
)
def test_what_cannot_be(tmp_path, capsys, arguments, status, message):
    convert(tmp_path / "ir")
    page = tmp_path / "r.html"
    assert (
        command.main([*(word.format(ir=tmp_path / "ir") for word in arguments), "-o", str(page), *QUICK])
        == status
    )
    assert message in capsys.readouterr().err
    assert not page.exists()


def test_a_folder_of_several_networks_is_told(tmp_path, capsys):
    convert(tmp_path)
    shutil.copy(tmp_path / "mine.xml", tmp_path / "other.xml")
    assert command.main(["-m", str(tmp_path), *QUICK]) == 1
    assert "holds IRs of 2 networks: mine, other" in capsys.readouterr().err
