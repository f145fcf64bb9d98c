from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from omz import cli
from omz.accuracy.command import find_irs, main
from omz.errors import InferenceError

EXACT = ["--infer_precision", "f32"]
NAME = "se-resnext-digits"


@pytest.fixture
def config(tmp_path, readers):
    """An accuracy-check.yml for the nets that read colours, with a reference that they reach exactly."""

    def write(name: str, reference: float = 0.75, size: int = 8) -> Path:
        metrics = [{"type": "accuracy", "top_k": 1, "reference": reference}]
        use = {
            "name": "imagenet_1000_classes" + ("_2015" if name.endswith("2015") else ""),
            "preprocessing": [{"type": "resize", "size": size}],
            "metrics": metrics,
        }
        entry = {"name": name, "launchers": [{"framework": "openvino"}], "datasets": [use]}
        path = tmp_path / "accuracy-check.yml"
        path.write_text(yaml.safe_dump({"models": [entry]}))
        return path

    return write


def test_digits_as_a_table(digits, capsys):
    assert main(["--name", NAME, "-m", str(digits), *EXACT, "--tolerance", "0"]) == 0
    shown = capsys.readouterr().out
    assert "se-resnext-digits on digits, 360 images, CPU" in shown
    for figure in ("FP32", "FP16", "98.611 %", "96.79 - 99.41", "355/360", "+0.000", "100.000 %", "f32"):
        assert figure in shown
    assert "87.50 %  14/16  blue 8" in shown
    assert "2 x  blue 8  taken for  blue 6" in shown


def test_one_roof(digits, capsys):
    assert (
        cli.main(["accuracy", "--name", NAME, "-m", str(digits), *EXACT, "--ss", "10%", "--json", "-"]) == 0
    )
    (fp32, _) = json.loads(capsys.readouterr().out)["results"]
    assert (fp32["images"], fp32["images_in_dataset"]) == (36, 360)


def test_json_csv_and_predictions(digits, tmp_path, capsys):
    files = {kind: str(tmp_path / f"r.{kind}") for kind in ("json", "csv", "predictions")}
    options = [word for kind, path in files.items() for word in (f"--{kind}", path)]
    assert main(["--name", NAME, "-m", str(digits), *EXACT, "--precisions", "FP16", *options]) == 0
    capsys.readouterr()
    (result,) = json.loads(Path(files["json"]).read_text())["results"]
    top1 = result["metrics"][0]
    assert (result["precision"], result["execution_precision"], result["images"]) == ("FP16", "f32", 360)
    assert (top1["correct"], top1["reference"], top1["accuracy"]) == (355, 0.98611, 355 / 360)
    assert result["images_per_second"] > 0
    rows = list(csv.DictReader(Path(files["csv"]).read_text().splitlines()))
    assert [(row["metric"], row["correct"]) for row in rows] == [
        ("accuracy@top1", "355"),
        ("accuracy@top5", "360"),
    ]
    answers = list(csv.DictReader(Path(files["predictions"]).read_text().splitlines()))
    assert len(answers) == 360
    assert sum(row["class"] == row["answer"] for row in answers) == 355
    assert all(row["ranking"].split()[0] == row["answer"] for row in answers)


@pytest.mark.parametrize("order", ["imagenet_2012", "imagenet_2015"])
def test_configuration_list_and_tree_of_ones_own(pictures, write_list, readers, config, order, capsys):
    write_list("val.txt", "imagenet_2012")
    arguments = ["-c", str(config(order)), "-m", str(readers[order]), "-s", str(pictures[0].parent), *EXACT]
    assert main([*arguments, "--tolerance", "0"]) == 0
    shown = capsys.readouterr().out
    assert "75.000 %" in shown
    assert "val.txt is in the order imagenet_2012, told by pictures whose class is known" in shown


@pytest.mark.parametrize(("reference", "status"), [(0.75, 0), (0.7599, 0), (0.7601, 1), (0.9, 1), (0.5, 0)])
def test_tolerance(pictures, write_list, readers, config, reference, status, capsys):
    write_list("val.txt", "imagenet_2012")
    arguments = ["-c", str(config("imagenet_2012", reference)), "-m", str(readers["imagenet_2012"])]
    assert main([*arguments, "-s", str(pictures[0].parent), *EXACT, "--tolerance", "0.01"]) == status
    assert ("below the reference by more than 0.01" in capsys.readouterr().err) == bool(status)


def test_wrong_order_says_which_was_assumed_and_what_to_try(pictures, write_list, readers, config, capsys):
    write_list("val.txt", "imagenet_2012")
    arguments = [
        "-c",
        str(config("imagenet_2012")),
        "-m",
        str(readers["imagenet_2012"]),
        "-s",
        str(pictures[0].parent),
    ]
    assert main([*arguments, *EXACT, "--label_order", "imagenet_2015"]) == 0
    assert "it would be 75.00 %: try --label_order imagenet_2012" in capsys.readouterr().err


def test_missing_picture_fails_and_is_named(pictures, write_list, readers, config, capsys):
    write_list("val.txt", "imagenet_2012", [*pictures[1], ("gone.png", pictures[1][0][1])])
    arguments = [
        "-c",
        str(config("imagenet_2012")),
        "-m",
        str(readers["imagenet_2012"]),
        "-s",
        str(pictures[0].parent),
    ]
    assert main([*arguments, *EXACT]) == 1
    shown = capsys.readouterr()
    assert "750/1000" in shown.out
    assert "missing: " in shown.err
    assert "gone.png" in shown.err
    assert "1 missing of 1001 pictures; the figures are of the other 1000" in shown.err
    assert "1 pictures could not be read" in shown.err.partition("FAILED:")[2]


def test_what_fails_is_listed_and_the_rest_is_measured(digits, capsys):
    status = main(["--name", NAME, "-m", str(digits), *EXACT, "--precisions", "FP16-INT8,FP16"])
    shown = capsys.readouterr()
    assert status == 1
    assert "355/360" in shown.out
    assert "se-resnext-digits FP16-INT8: no such IR" in shown.err.partition("FAILED:")[2]


def test_steps_that_do_not_fit_are_one_line(pictures, write_list, readers, config, capsys):
    write_list("val.txt", "imagenet_2012")
    arguments = ["-c", str(config("imagenet_2012", size=9)), "-m", str(readers["imagenet_2012"])]
    assert main([*arguments, "-s", str(pictures[0].parent)]) == 1
    assert "the steps give 9 x 9 pixels, and the network takes 8 x 8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected either -c FILE or a choice of models"),
        (["-c", "x.yml", "--all"], "expected either -c FILE or a choice of models"),
        (["--name", NAME, "--precisions", "FP8"], "unknown 'FP8'"),
        (["--name", NAME, "--ss", "ten"], "'ten': expected a number of pictures, or 1% to 100%"),
        (["--name", NAME, "--ss", "101%"], "expected a number of pictures"),
        (["--name", NAME, "--tolerance", "2"], "expected a number from 0 to 1"),
        (["--name", NAME, "--json", "-", "--csv", "-"], "exclude each other"),
    ],
)
def test_usage(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_irs_are_found_in_trees_folders_and_by_path(digits):
    folder = digits / "samples" / NAME
    both = {precision: folder / precision / f"{NAME}.xml" for precision in ("FP32", "FP16")}
    assert find_irs(digits, NAME) == find_irs(folder, NAME) == find_irs(folder.parent, NAME) == both
    assert find_irs(digits, NAME, "FP16") == {"FP16": both["FP16"]}
    assert find_irs(both["FP32"], NAME) == {"FP32": both["FP32"]}
    assert find_irs(folder / "FP32", NAME) == {f"{NAME}.xml": both["FP32"]}
    with pytest.raises(InferenceError, match="omz_downloader --name other"):
        find_irs(digits, "other")


def test_resume_leaves_nothing_behind(digits, tmp_path, capsys):
    assert main(["--name", NAME, "-m", str(digits), *EXACT, "--resume", str(tmp_path / "kept")]) == 0
    assert list((tmp_path / "kept").iterdir()) == []
    assert "355/360" in capsys.readouterr().out
