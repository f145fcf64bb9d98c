"""``omz_quantizer`` as people run it."""

from __future__ import annotations

import builtins
import shutil
import subprocess
import sys

import openvino as ov
import pytest

from omz.cli import main as omz
from omz.quantizer.command import main
from omz.quantizer.options import command_options

from .conftest import FOLDER, NAME

#: Each of these takes seconds.
pytestmark = pytest.mark.slow


def run(capsys, *arguments):
    status = main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_writes_both_precisions_beside_their_sources(irs, tmp_path, capsys):
    status, out, err = run(
        capsys,
        "--name",
        NAME,
        "--model_dir",
        irs,
        "-o",
        tmp_path,
        "--subset_size",
        12,
        "--bias_correction",
        "fast",
    )
    assert status == 0, err
    assert out == ""
    for precision, kind in (("FP16-INT8", ov.Type.f16), ("FP32-INT8", ov.Type.f32)):
        model = ov.Core().read_model(tmp_path / "samples" / NAME / precision / f"{NAME}.xml")
        scales = {op.get_element_type() for op in model.get_ops() if op.get_type_name() == "Constant"}
        assert kind in scales
        assert ov.Type.i8 in scales
        assert f"{NAME} {precision}: 12 pictures, fast bias correction" in err


def test_dry_run_writes_nothing_and_skips_what_is_not_quantizable(irs, tmp_path, capsys):
    status, out, err = run(
        capsys, "--name", f"{NAME},googlenet-v4", "--model_dir", irs, "-o", tmp_path, "--dry_run",
        "--precisions", "FP32-INT8",
    )  # fmt: skip
    assert status == 0
    assert len(out.splitlines()) == 1
    assert str(tmp_path / "samples" / NAME / "FP32-INT8" / f"{NAME}.xml") in out
    assert "googlenet-v4: skipped" in err
    assert not list(tmp_path.iterdir())


def test_drop_and_layers_are_told(irs, tmp_path, capsys):
    status, _, err = run(
        capsys, "--name", NAME, "--model_dir", irs, "-o", tmp_path, "--precisions", "FP32-INT8",
        "--max_drop", "0.01", "--bias_correction", "fast", "--subset_size", 20,
    )  # fmt: skip
    assert status == 0
    assert "top-1 9" in err
    assert "layers given back to floating point: none" in err


def test_a_model_that_is_not_converted_is_a_failure_that_says_how(tmp_path, capsys, irs):
    status, _, err = run(
        capsys, "--name", "se-resnext-50", "--model_dir", tmp_path, "--precisions", "FP16-INT8"
    )
    assert status == 1
    assert "Make it with: omz_converter --name se-resnext-50 --precisions FP16" in err
    assert err.endswith("FAILED:\nse-resnext-50 FP16-INT8\n")


def test_how_to_convert_a_model_of_ones_own_names_its_folder(tmp_path, capsys):
    root = tmp_path / "zoo"
    shutil.copytree(FOLDER, root / "public/mine", ignore=shutil.ignore_patterns("heldout*", "images"))
    status, _, err = run(
        capsys, "--name", "mine", "--models_root", root, "--model_dir", tmp_path, "--precisions", "FP16-INT8"
    )
    assert status == 1
    assert f"omz_converter --name mine --models_root {root} --precisions FP16" in err


def test_data_that_is_not_there_is_asked_for(irs, tmp_path, capsys, xml):
    target = tmp_path / "public" / "se-resnext-50" / "FP32" / "se-resnext-50.xml"
    target.parent.mkdir(parents=True)
    for suffix in (".xml", ".bin"):
        target.with_suffix(suffix).write_bytes(xml.with_suffix(suffix).read_bytes())
    arguments = ("--name", "se-resnext-50", "--model_dir", tmp_path, "--precisions", "FP32-INT8")
    status, _, err = run(capsys, *arguments)
    assert status == 1
    assert "does not come with the toolkit. Give its folder with --source" in err
    status, _, err = run(capsys, *arguments, "--dataset_dir", tmp_path / "nothing")
    assert status == 1
    assert "no such file or folder of data" in err


def test_list_order_and_seed(irs, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(FOLDER / "heldout", data / "heldout")
    lines = (FOLDER / "heldout.txt").read_text().splitlines(keepends=True)[:20]
    for name in ("val15.txt", "val.csv", "mine.txt"):
        (data / name).write_text("".join([*lines, "gone.png 1\n"]))
    arguments = ("--name", NAME, "--model_dir", irs, "-o", tmp_path, "--precisions", "FP32-INT8")
    status, _, err = run(capsys, *arguments, "--dataset_dir", data)
    assert status == 1
    assert "Choose one with -a." in err
    choice = (
        "-a",
        data / "mine.txt",
        "--label_order",
        "digits_red_blue",
        "--seed",
        3,
        "--bias_correction",
        "fast",
    )
    status, _, err = run(capsys, *arguments, "--dataset_dir", data, *choice)
    assert status == 0, err
    model = ov.Core().read_model(tmp_path / "samples" / NAME / "FP32-INT8" / f"{NAME}.xml")
    facts = {
        key: value.astype(str) for key, value in model.get_rt_info(["omz_quantization"]).astype(dict).items()
    }
    assert (facts["seed"], facts["subset_size"], facts["unreadable"]) == ("3", "20", "1")
    assert command_options(facts) == ["--bias_correction", "fast", "--subset_size", "21", "--seed", "3"]


def test_a_plain_folder_of_pictures_is_enough(irs, tmp_path, capsys):
    data = tmp_path / "data"
    for place, path in enumerate(sorted((FOLDER / "heldout").iterdir())[:24]):
        (target := data / ("", "some", "more/of them")[place % 3]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / f"p{place}.png")
    (data / "notes.md").write_text("no picture")
    arguments = ("--name", NAME, "--model_dir", irs, "-o", tmp_path, "--precisions", "FP32-INT8")
    arguments += ("--bias_correction", "fast", "--subset_size", 20, "--dataset_dir", data)
    status, _, err = run(capsys, *arguments)
    assert status == 0, err
    assert f"{data}: 24 pictures, without regard to classes" in err
    assert f"{NAME} FP32-INT8: 20 pictures, fast bias correction" in err
    status, _, err = run(capsys, *arguments, "--max_drop", "0.01")
    assert status == 1
    assert f"--max_drop needs to know the classes: {data}: " in err
    assert "expected a folder for each class, or a list" in err


def test_messages_name_the_quantizers_own_options(irs, tmp_path, capsys):
    (tmp_path / "val.txt").write_text("gone.png 1\n")
    arguments = ("--name", NAME, "--model_dir", irs, "-o", tmp_path, "--precisions", "FP32-INT8")
    _, _, err = run(capsys, *arguments, "--dataset_dir", tmp_path)
    assert "Give the folder that they are in with --source, and the list with -a." in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--precisions", "FP32"], "--precisions FP32: expected FP16-INT8 or FP32-INT8"),
        (["--target_device", "npu", "--preset", "mixed"], "an NPU computes symmetrically"),
        (["--subset_size", "0"], "must be a whole number of at least 1"),
        (["--max_drop", "7"], "expected a share from 0 to 1"),
    ],
)
def test_wrong_usage(capsys, arguments, message):
    status, out, err = run(capsys, "--name", NAME, *arguments)
    assert (status, out) == (2, "")
    assert message in err


def test_without_nncf_one_line_says_what_to_install(irs, capsys, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "nncf":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    status, _, err = run(capsys, "--name", NAME, "--model_dir", irs)
    assert status == 2
    assert err.splitlines()[-1].endswith("quantization needs NNCF: pip install 'omz-toolkit[int8]'")
    assert "Traceback" not in err


def test_help_needs_no_nncf():
    program = (
        "import sys; from omz.cli import main; main(['quantize', '--help']); sys.exit('nncf' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False).returncode == 0
    )


def test_old_arguments_are_taken_and_have_no_effect(irs, capsys):
    assert omz(["quantize", "--name", NAME, "--dry_run", "--pot", "pot", "-p", "python"]) == 0
    assert "have no effect" in capsys.readouterr().err
