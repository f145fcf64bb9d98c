from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from omz import cli
from omz.accuracy.command import main
from omz.zoo.catalogue import packaged_root

#: Each of these takes a second or more.
pytestmark = pytest.mark.slow

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


def test_the_table_fits_a_terminal(digits, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["--name", NAME, "-m", str(digits), *EXACT]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if "  top-" in line]
    assert len(rows) == 4
    assert all(len(line) <= 80 and line.strip().endswith("/360") for line in rows)
    assert any("images/s in f32" in line for line in lines)


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
    assert "becomes 9 x 9, and the network takes 8 x 8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which network? Expected -m with its name"),
        (["-c", "x.yml", "--all"], "-c and --name, --list or --all exclude each other"),
        (["--name", NAME, "--model", "net.xml"], "--model and --name, --list or --all exclude each other"),
        (["--name", NAME, "-m", "a", "--models_dir", "b"], "-m and --models_dir are both the tree"),
        (["--name", NAME, "--precisions", "FP8"], "unknown 'FP8'"),
        (["--name", NAME, "--ss", "ten"], "'ten': expected a number of pictures, or 1% to 100%"),
        (["--name", NAME, "--ss", "101%"], "expected a number of pictures"),
        (["--name", NAME, "--tolerance", "2"], "expected a number from 0 to 1"),
        (["--name", NAME, "--json", "-", "--csv", "-"], "--json - and --csv - exclude each other"),
        (
            ["--name", NAME, "--predictions", "-", "--json", "-"],
            "--json - and --predictions - exclude each other",
        ),
        (["--name", NAME, "-m", "net.xml", "--precisions", "FP16"], "-m net.xml is one IR"),
        (["--name", NAME, "-nireq", "1025"], "'1025': expected no more than 1024"),
        (["--name", NAME, "-nireq", "100000000"], "expected no more than 1024"),
        (["--name", NAME, "--fast_decode"], "--fast_decode"),  # accuracy is measured on pictures as they are
        (["--name", NAME, "--json", "/"], "--json /: is a folder"),
    ],
)
def test_usage(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--json", "out", "--csv", "./out"], "--csv ./out: is the file of --json"),
        (["-a", "truth.txt", "--predictions", "truth.txt"], "--predictions truth.txt: is the file of -a"),
        (["--json", "net.xml"], "--json net.xml: is the file of -m"),
    ],
)
def test_results_write_over_nothing_that_was_named(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("truth.txt", "net.xml"):
        Path(name).write_text("as it was")
    assert main(["-m", "net.xml", "-s", ".", *arguments]) == 2
    assert named in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("truth.txt", "net.xml"), "as it was"
    )


def test_resume_leaves_nothing_behind(digits, tmp_path, capsys):
    assert main(["--name", NAME, "-m", str(digits), *EXACT, "--resume", str(tmp_path / "kept")]) == 0
    assert list((tmp_path / "kept").iterdir()) == []
    assert "355/360" in capsys.readouterr().out


def test_model_of_descriptors_of_ones_own_is_found_where_omz_converter_puts_it(digits, tmp_path, capsys):
    root, tree = tmp_path / "models", tmp_path / "tree"
    shutil.copytree(
        packaged_root() / "samples" / NAME, root / "mine/deep" / NAME, ignore=shutil.ignore_patterns("held*")
    )
    shutil.copytree(digits / "samples" / NAME / "FP16", tree / "mine/deep" / NAME / "FP16")
    assert main(["--models_root", str(root), "--name", NAME, "-m", str(tree), *EXACT, "--ss", "10"]) == 0
    assert "FP16" in capsys.readouterr().out


def test_several_models_in_one_file_are_told_and_chosen_by_name(
    pictures, write_list, readers, config, capsys
):
    write_list("val.txt", "imagenet_2012")
    path = config("imagenet_2012")
    content = yaml.safe_load(path.read_text())
    content["models"].append(content["models"][0] | {"name": "other"})
    path.write_text(json.dumps(content))  # is YAML, too, and has no aliases
    arguments = ["-c", str(path), "-m", str(readers["imagenet_2012"]), "-s", str(pictures[0].parent), *EXACT]
    assert main([*arguments, "--ss", "20"]) == 0
    shown = capsys.readouterr()
    assert "takes the first model for openvino, 'imagenet_2012'; also there: 'other' (--entry" in shown.err
    assert "imagenet_2012 on" in shown.out
    assert main([*arguments, "--ss", "20", "--entry", "other"]) == 0
    shown = capsys.readouterr()
    assert "also there" not in shown.err
    assert "other on" in shown.out
    assert main([*arguments, "--entry", "third"]) == 1
    assert "expected a model 'third'" in capsys.readouterr().err


ODD = os.fsdecode(b"odd\xff\x1b[2J.png")


@pytest.fixture
def odd(tmp_path) -> Path:
    """Grey pictures of class 0, one with a name that is no UTF-8."""
    folder = tmp_path / "odd"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.zeros((9, 9), np.uint8))
    shutil.copy(folder / "a.png", folder / ODD)
    (folder / "#1.png").write_bytes((folder / "a.png").read_bytes())
    return folder


def test_names_that_are_no_utf_8_are_written_escaped(odd, readers, config, tmp_path, capsys):
    (odd / "n01440764").mkdir()
    for name in ("a.png", ODD):
        (odd / name).rename(odd / "n01440764" / name)
    (odd / "n01440764" / "a.png").unlink()
    files = {kind: tmp_path / f"r.{kind}" for kind in ("json", "csv", "predictions")}
    options = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    base = ["-c", str(config("imagenet_2012")), "-m", str(readers["imagenet_2012"]), "-s", str(odd), *EXACT]
    assert main([*base, *options]) == 0
    shown = capsys.readouterr()
    assert r"1 grey, such as odd\udcff\x1b[2J.png" in shown.out
    (result,) = json.loads(files["json"].read_text())["results"]
    assert [Path(path).name for path in result["peculiar"]["grey"]] == [ODD]
    assert r"odd\udcff" in files["predictions"].read_text()
    assert main([*base, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["results"] == [
        result | {"images_per_second": pytest.approx(0, abs=1e9)}
    ]


def test_names_that_no_file_has_are_missing_pictures(odd, readers, config, capsys):
    (odd / "val.txt").write_text(f"a.png 0\nnul\0.png 0\n{300 * 'x'}.png 0\nesc\x1b[2J.png 0\n")
    base = ["-c", str(config("imagenet_2012")), "-m", str(readers["imagenet_2012"]), "-s", str(odd), *EXACT]
    assert main(base) == 1
    shown = capsys.readouterr()
    assert "1/1" in shown.out
    assert "\0" not in shown.err
    assert "\x1b" not in shown.err
    for name in (r"nul\x00.png", f"xxx.png: {os.strerror(errno.ENAMETOOLONG)}", r"esc\x1b[2J.png"):
        assert name in shown.err
    assert "3 missing of 4 pictures" in shown.err


def test_pipes_and_devices_are_unreadable_pictures(odd, readers, config, capsys):
    os.mkfifo(odd / "fifo.png")
    (odd / "zero.png").symlink_to("/dev/zero")
    (odd / "val.txt").write_text("a.png 0\nfifo.png 0\nzero.png 0\n")
    base = ["-c", str(config("imagenet_2012")), "-m", str(readers["imagenet_2012"]), "-s", str(odd), *EXACT]
    assert main([*base, "--allow_outside"]) == 1
    assert "2 unreadable of 3 pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "status", "message"),
    [
        ("folder", 2, "is a folder"),
        ("fifo", 2, "is no regular file"),
        ("file/x.csv", 1, f"cannot be written: {os.strerror(errno.ENOTDIR)}"),
        ("/proc/x/y.csv", 1, "cannot be written"),
        (256 * "x", 1, f"cannot be written: {os.strerror(errno.ENAMETOOLONG)}"),
    ],
)
@pytest.mark.parametrize("option", ["--json", "--csv", "--predictions"])
def test_outputs_are_tried_before_anything_is_measured(option, place, status, message, tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    target = tmp_path / place
    assert main(["--name", NAME, "-m", str(tmp_path), option, str(target)]) == status
    assert f"{option} {target}: {message}" in capsys.readouterr().err


def test_an_output_that_fails_does_not_stop_the_others(digits, tmp_path, capsys, monkeypatch):
    """The folder of one output becomes a file while the model is measured."""
    from omz.accuracy import command

    measure = command._measure

    def spoil(*arguments):
        (tmp_path / "gone").write_text("")
        return measure(*arguments)

    monkeypatch.setattr(command, "_measure", spoil)
    outputs = ["--json", str(tmp_path / "gone/r.json"), "--csv", str(tmp_path / "r.csv")]
    assert (
        main(["--name", NAME, "-m", str(digits), *EXACT, "--precisions", "FP16", "--ss", "10", *outputs]) == 1
    )
    assert "accuracy@top1" in (tmp_path / "r.csv").read_text()
    failed = capsys.readouterr().err.partition("FAILED:")[2]
    assert f"--json: {tmp_path}/gone/r.json: cannot be written" in failed


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_told_with_the_name_of_the_file(digits, tmp_path, capsys):
    (tmp_path / f"{NAME}-FP16.jsonl").symlink_to("/dev/full")
    arguments = ["--name", NAME, "-m", str(digits), *EXACT, "--precisions", "FP16", "--resume", str(tmp_path)]
    assert main(arguments) == 1
    assert (
        f"{tmp_path}/{NAME}-FP16.jsonl: cannot be written: {os.strerror(errno.ENOSPC)}"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.xml", b"not XML at all", "is no OpenVINO IR, or damaged"),
        ("x.xml", b"", "is no OpenVINO IR, or damaged"),
        ("x.bin", b"weights", "expected the .xml file of an IR"),
    ],
)
def test_damaged_irs_are_one_line(name, content, message, tmp_path, capfd):
    path = tmp_path / name
    path.write_bytes(content)
    path.with_suffix(".bin").write_bytes(content)
    assert main(["--name", NAME, "-m", str(path)]) == 1
    shown = capfd.readouterr()
    assert message in shown.err
    assert shown.err.strip().count("\n") == 1  # FAILED: and the line
    assert "frontends" not in shown.err


def test_top_k_of_no_more_classes_is_told(digits, tmp_path, capsys):
    content = yaml.safe_load((packaged_root() / "samples" / NAME / "accuracy-check.yml").read_text())
    for model in content["models"]:
        model["datasets"][0]["metrics"] = [
            {"type": "accuracy", "top_k": 20},
            {"type": "accuracy", "top_k": 30},
        ]
    path = tmp_path / "accuracy-check.yml"
    path.write_text(yaml.safe_dump(content))
    assert main(["-c", str(path), "-m", str(digits), *EXACT, "--precisions", "FP16", "--ss", "10"]) == 0
    shown = capsys.readouterr()
    for k in (20, 30):
        assert f"top-{k} says nothing of a network with 20 classes" in shown.err
        assert f"top-{k}" in shown.out
