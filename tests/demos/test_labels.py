"""One label file means the same to the converters and to the demos, and neither takes a list of another length."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from nets import se_resnext, synthetic_weights, write_model
from omz.converter import caffe2ir
from omz.demos.classification_demo import command as demo

NET = se_resnext((1, 1), stem=8, width=8, cardinality=4, size=32, classes=4)
FORMS = {
    "names.txt": ("tench\nred_fox\nBonn, Rhein\nKäfer\n", ["tench", "red_fox", "Bonn, Rhein", "Käfer"]),
    "synset_words.txt": ("n01440764 tench, T\nn01443537 a b\nn01484850 c\nn02119789 d\n", ["tench", "a b", "c", "d"]),
    "synsets.txt": ("n01440764\nn01443537\nn01530575\nn02119789\n", ["tench", "goldfish", "brambling", "kit fox"]),
    "own.txt": ("# mine\n0 n01440764 tench, T\n1 - red 0\n2 - red 1\n3 - x_y\n", ["tench", "red 0", "red 1", "x_y"]),
    "numbers.txt": ("3: d\n1: b\n2: c\n0: a\n", ["a", "b", "c", "d"]),
    "places.txt": ("/a/alley 0\n/a/attic 1\n/b/bank_vault 2\n/b/bar 3\n", ["alley", "attic", "bank_vault", "bar"]),
    "yuan.txt": ("10 yuan\n20 yuan\n50 yuan\n100 yuan\n", ["10 yuan", "20 yuan", "50 yuan", "100 yuan"]),
    "windows.txt": ("\ufeffa b\r\nc\r\nd\r\ne", ["a b", "c", "d", "e"]),
    "table.csv": ('id,name\n2,c\n0,"a, b"\n3,d\n1,7\n', ["a, b", "7", "c", "d"]),
    "list.json": ('["a", "b_c", "0", "a"]', ["a", "b_c", "0", "a"]),
    "keras.json": (json.dumps({i: ["n01440764", f"a_{i}"] for i in (1, 0, 3, 2)}), ["a_0", "a_1", "a_2", "a_3"]),
    "labelmap.prototxt": (
        "".join(f'item {{ name: "{n}" label: {n} display_name: "x {n}" }}\n' for n in (0, 2, 1, 3)),
        ["x 0", "x 1", "x 2", "x 3"],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_model(folder, NET, synthetic_weights(NET))
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    cv2.imwrite(str(folder / "picture.png"), picture)
    return folder


def converted(files: Path, target: Path, *options: str, status: int = 0) -> Path:
    proto, weights = files / "net.prototxt", files / "net.caffemodel"
    arguments = ["--input_proto", str(proto), "--input_model", str(weights), "--output_dir", str(target)]
    assert caffe2ir.main([*arguments, "--quiet", *options]) == status
    return target / "net.xml"


def shown(xml: Path, files: Path, report: Path, *options: str) -> dict[int, str]:
    """Return the names that the demo gives the classes."""
    arguments = [
        "-m",
        str(xml),
        "-i",
        str(files / "picture.png"),
        "-nt",
        "4",
        "--no_show",
        "--json",
        str(report),
    ]
    assert demo.main([*arguments, "--quiet", *options]) == 0
    (image,) = json.loads(report.read_text())["images"]
    return {entry["index"]: entry["label"] for entry in image["top"]}


@pytest.mark.parametrize("form", FORMS)
def test_one_file_gives_the_same_names_to_converter_and_demo(files, tmp_path, form):
    text, expected = FORMS[form]
    path = tmp_path / form
    path.write_bytes(text.encode())
    plain = converted(files, tmp_path / "plain")
    named = converted(files, tmp_path / "named", "--labels", str(path))
    names = dict(enumerate(expected))
    assert shown(plain, files, tmp_path / "a.json", "--labels", str(path)) == names
    assert shown(named, files, tmp_path / "b.json") == names
    assert shown(plain, files, tmp_path / "c.json") == {index: f"#{index}" for index in range(4)}


@pytest.mark.parametrize("count", [3, 5])
def test_a_list_of_another_length_is_refused_by_both(files, tmp_path, capsys, count):
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(f"class {letter}" for letter in "abcde"[:count]))
    converted(files, tmp_path / "named", "--labels", str(path), status=1)
    assert f"{count} labels for 4 classes" in capsys.readouterr().err
    plain = converted(files, tmp_path / "plain")
    picture = str(files / "picture.png")
    assert demo.main(["-m", str(plain), "-i", picture, "--no_show", "--labels", str(path)]) == 1
    assert f"{count} labels, but {plain} has 4 classes" in capsys.readouterr().err


def test_a_faulty_list_is_told_by_both_in_the_same_words(files, tmp_path, capsys):
    path = tmp_path / "labels.txt"
    path.write_text("1 a\n2 b\n3 c\n4 d\n")
    plain = converted(files, tmp_path / "plain")
    picture = str(files / "picture.png")
    for run in (
        lambda: converted(files, tmp_path / "named", "--labels", str(path), status=1),
        lambda: demo.main(["-m", str(plain), "-i", picture, "--no_show", "--labels", str(path)]),
    ):
        run()
        assert f"{path}: line 1: numbers start at 1; " in capsys.readouterr().err
