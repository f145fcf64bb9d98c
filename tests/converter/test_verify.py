"""``--verify``: it agrees with what is right, and finds what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nets import (
    NetBuilder,
    se_inception,
    se_resnet,
    se_resnext,
    synthetic_weights,
    write_model,
)
from omz.converter import caffe2ir, command, torch2ir, verify
from omz.converter.caffe import folding
from omz.converter.model_optimizer import parse
from omz.downloader import command as downloader
from omz.errors import ConversionError

FAMILIES = {
    "se-resnext": se_resnext((1, 1), stem=8, width=8, cardinality=4, size=32, classes=10),
    "se-resnet": se_resnet((1, 1, 2), stem=8, width=8, size=52, classes=7),
    "se-inception": se_inception(("3a", "3c", "4a", "5b"), divisor=8, size=64, classes=10),
}
PREPARED = (
    "--mean_values=data[104,117,123]",
    "--scale_values=data[58.8,57.1,57.4]",
    "--reverse_input_channels",
)


@pytest.fixture
def files(tmp_path):
    def write(name: str = "se-resnext") -> tuple[Path, Path]:
        net = FAMILIES[name]
        return write_model(tmp_path / "files", net, synthetic_weights(net))

    return write


def convert(files: tuple[Path, Path], folder: Path, *options: str) -> int:
    text, model = files
    return caffe2ir.main([f"--input_proto={text}", f"--input_model={model}", f"-o={folder}", *options])


@pytest.mark.parametrize("precision", ["FP32", "FP16"])
@pytest.mark.parametrize("name", FAMILIES)
def test_families_verify(files, tmp_path, capsys, name, precision):
    folder = tmp_path / "ir"
    assert convert(files(name), folder, "--verify", f"--data_type={precision}", *PREPARED) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "verified" in line]
    assert len(lines) == 1
    assert "largest difference" in lines[0]
    assert {path.name for path in folder.iterdir()} == {"net.xml", "net.bin"}


@pytest.mark.parametrize(
    "options", [("--disable_fusing",), ("--batch=-1",), ("--batch=4",), ("--output=conv2_1",)]
)
def test_verify_knows_what_the_arguments_change(files, tmp_path, options):
    assert convert(files(), tmp_path / "ir", "--verify", "--data_type=FP32", *options) == 0


def test_verify_finds_one_weight_that_is_off(files, tmp_path):
    text, model = files()
    arguments = parse([f"--input_proto={text}", f"--input_model={model}", "--data_type=FP32", *PREPARED])
    folder = tmp_path / "ir"
    assert convert((text, model), folder, "--data_type=FP32", *PREPARED) == 0
    xml = folder / "net.xml"
    assert verify.verify_ir(xml, arguments, precision="FP32").difference < 1e-5
    weights = xml.with_suffix(".bin")
    numbers = np.memmap(weights, np.float32, "r+", shape=(weights.stat().st_size - 32) // 4)
    largest = int(np.argmax(np.where(np.abs(numbers) < 10, np.abs(numbers), 0)))
    numbers[largest] *= -1
    numbers.flush()
    with pytest.raises(ConversionError, match=r"layer '.+' .* is the first that differs"):
        verify.verify_ir(xml, arguments, precision="FP32")


@pytest.mark.parametrize(
    ("mean", "scale"),
    [
        ("[123,117,104]", "[58.8,57.1,57.4]"),  # in the wrong order
        ("[104,117,124]", "[58.8,57.1,57.4]"),
        ("[104,117,123]", "[58.8,57.1,58.4]"),
        ("[104,117,123]", "[1,1,1]"),
    ],
)
def test_verify_finds_wrong_preprocessing(files, tmp_path, mean, scale):
    text, model = pair = files()
    right = parse([f"--input_proto={text}", f"--input_model={model}", *PREPARED])
    folder = tmp_path / "ir"
    wrong = (f"--mean_values=data{mean}", f"--scale_values=data{scale}", "--reverse_input_channels")
    assert convert(pair, folder, "--data_type=FP32", *wrong) == 0
    with pytest.raises(ConversionError, match="layer 'conv1/relu_7x7_s2'"):
        verify.verify_ir(folder / "net.xml", right, precision="FP32")


def test_verify_finds_channels_in_the_wrong_order(files, tmp_path):
    text, model = pair = files()
    right = parse([f"--input_proto={text}", f"--input_model={model}", *PREPARED])
    assert convert(pair, tmp_path / "ir", "--data_type=FP32", *PREPARED[:2]) == 0
    with pytest.raises(ConversionError, match="layer 'conv1/relu_7x7_s2'"):
        verify.verify_ir(tmp_path / "ir" / "net.xml", right, precision="FP32")


def test_verify_finds_a_wrong_folding(files, tmp_path, capsys, monkeypatch):
    right = folding.batchnorm_coefficients
    monkeypatch.setattr(
        folding, "batchnorm_coefficients", lambda layer: (right(layer)[0], right(layer)[1] * 1.01)
    )
    folder = tmp_path / "ir"
    assert convert(files(), folder, "--verify", "--data_type=FP32") == 1
    assert "the first that differs" in capsys.readouterr().err
    assert not folder.exists()


def test_the_tolerance_can_be_stated(files, tmp_path, capsys):
    pair = files()
    assert convert(pair, tmp_path, "--verify", "--verify_tolerance=1e-9") == 1
    assert "tolerance 1e-09" in capsys.readouterr().err
    assert convert(pair, tmp_path, "--verify", "--verify_tolerance=-1") == 2


def test_the_zoos_converter_verifies_each_precision(tmp_path, capsys):
    sample = ["--name", "se-resnext-digits"]
    assert downloader.main([*sample, "-o", str(tmp_path), "--quiet"]) == 0
    assert command.main([*sample, "-d", str(tmp_path), "--verify"]) == 0
    assert capsys.readouterr().err.count("verified: largest difference") == 2
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("FP*/*"))}
    assert len(before) == 4
    assert command.main([*sample, "-d", str(tmp_path), "--verify", "--verify_tolerance=1e-9"]) == 1
    message = capsys.readouterr().err
    assert "tolerance 1e-09" in message
    assert message.endswith("FAILED:\nse-resnext-digits\n")
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("FP*/*"))} == before


def test_verify_of_other_frameworks_is_refused(tmp_path, capsys):
    assert torch2ir.main(["-m", str(tmp_path / "net.pth"), "--verify"]) == 2
    assert "only Caffe networks" in capsys.readouterr().err


def test_verify_reads_the_old_format(tmp_path):
    builder = NetBuilder("old", 16)
    builder.convolution("conv", "data", 4, 3)
    builder.layer("relu", "ReLU", ["conv"], inplace=True)
    builder.layer("prob", "Softmax", [builder.pool("pool", "conv", pool=1, global_pooling=True)])
    net = builder.net
    pair = write_model(tmp_path, net, synthetic_weights(net), style="v1")
    assert "layers {" in pair[0].read_text()
    assert convert(pair, tmp_path / "ir", "--verify") == 0


def test_pictures_are_raw_and_repeat():
    picture = verify.random_pictures((2, 3, 20, 30), 1)
    assert picture.dtype == np.float32
    assert (picture.min() >= 0, picture.max() <= 255) == (True, True)
    assert np.array_equal(picture, np.rint(picture))
    assert np.array_equal(picture, verify.random_pictures((2, 3, 20, 30), 1))
    assert not np.array_equal(picture, verify.random_pictures((2, 3, 20, 30), 2))


def test_differences_are_relative_to_the_largest_magnitude():
    assert verify.relative_difference(np.array([4.0, -1]), np.array([4.0, -3])) == 0.5
    assert verify.relative_difference(np.zeros(2), np.zeros(2)) == 0
    assert verify.relative_difference(np.array([np.nan]), np.array([1.0])) == np.inf


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["FP32", "FP16"])
def test_se_resnext_50_verifies(tmp_path, precision):
    net = se_resnext()
    pair = write_model(tmp_path, net, synthetic_weights(net))
    assert convert(pair, tmp_path / "ir", "--verify", f"--data_type={precision}", PREPARED[0]) == 0
