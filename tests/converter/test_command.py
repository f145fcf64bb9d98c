"""omz_converter on the bundled sample: selection, precisions, dry run, failures."""

import shlex
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from omz.converter import caffe2ir, command
from omz.downloader import command as downloader

SAMPLE = "se-resnext-digits"


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    assert downloader.main(["--name", SAMPLE, "-o", str(folder), "--quiet"]) == 0
    return folder


def ir(folder: Path, precision: str) -> Path:
    return folder / "samples" / SAMPLE / precision / f"{SAMPLE}.xml"


def test_both_precisions_by_default_where_asked(downloaded: Path, tmp_path: Path) -> None:
    assert command.main(["--name", "se-resnext-dig*", "-d", str(downloaded), "-o", str(tmp_path)]) == 0
    sizes = {p: ir(tmp_path, p).with_suffix(".bin").stat().st_size for p in ("FP32", "FP16")}
    assert sizes["FP16"] < 0.52 * sizes["FP32"]
    found = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert found == sorted([f"{SAMPLE}.bin", f"{SAMPLE}.xml"] * 2)
    info = ov.Core().read_model(ir(tmp_path, "FP32")).get_rt_info()
    assert info["model_info"]["labels"].value.split()[:2] == ["red_0", "red_1"]
    assert info["model_info"]["model_type"].value == "Classification"


def test_one_precision(downloaded: Path, tmp_path: Path) -> None:
    arguments = ["--name", SAMPLE, "-d", str(downloaded), "-o", str(tmp_path)]
    assert command.main([*arguments, "--precisions", "FP16"]) == 0
    assert not ir(tmp_path, "FP32").exists()
    assert (
        command.main([*arguments, "--precisions", "FP16-INT8"]) == 0
    )  # not to be had by conversion: skipped
    assert command.main([*arguments, "--precisions", "FP8"]) == 2


def test_dry_run_prints_commands_that_make_the_same_bytes(
    downloaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--name", SAMPLE, "-d", str(downloaded), "-o", str(tmp_path)]
    assert command.main([*arguments, "--dry_run"]) == 0
    assert not list(tmp_path.iterdir())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["caffe2ir", "caffe2ir"]
    assert command.main(arguments) == 0
    written = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    assert len(written) == 4
    for path in written:
        path.unlink()
    for line in lines:
        assert caffe2ir.main(shlex.split(line)[1:]) == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()} == written


def test_one_failure_does_not_stop_the_others(
    downloaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = f"se-resnext-50,{SAMPLE}"
    assert command.main(["--name", names, "-d", str(downloaded), "-o", str(tmp_path)]) == 1
    assert ir(tmp_path, "FP32").is_file()
    message = capsys.readouterr().err
    assert "omz_downloader --name se-resnext-50" in message
    assert message.rstrip().endswith("FAILED:\nse-resnext-50")
    assert "Traceback" not in message


def test_add_mo_arg_is_applied_and_checked(
    downloaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--name", SAMPLE, "-d", str(downloaded), "-o", str(tmp_path), "--precisions", "FP32"]
    assert command.main([*arguments, "--add_mo_arg=--reverse_input_channels"]) == 0
    reversed_net = ov.Core().compile_model(ir(tmp_path, "FP32"), "CPU")
    assert command.main(arguments) == 0
    net = ov.Core().compile_model(ir(tmp_path, "FP32"), "CPU")
    picture = np.full((1, 3, 32, 32), 240, np.float32)
    picture[:, :2, 8:24, 12:20] = 40  # a red stroke on white paper
    # The mean is in the network's order, so a reversed picture through the reversed net is the picture through the net.
    np.testing.assert_allclose(reversed_net(picture[:, ::-1])[0], net(picture)[0], atol=1e-5)
    assert not np.allclose(reversed_net(picture)[0], net(picture)[0], atol=1e-3)
    assert command.main([*arguments, "--add_mo_arg=--transform=LowLatency2"]) == 1
    assert "--transform" in capsys.readouterr().err


def test_an_unknown_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--name", "se-resnext-55"]) == 2
    assert "se-resnext-50" in capsys.readouterr().err
