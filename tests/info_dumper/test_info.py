"""Counting on graphs whose figures can be worked out by hand."""

import json
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pytest

from omz.converter.preprocessing import Preprocessing, bake
from omz.info_dumper import info
from omz.info_dumper.counting import count_cost


def small_net() -> ov.Model:
    data = ops.parameter([1, 3, 8, 8], np.float32, name="data")
    data.output(0).get_tensor().set_names({"data"})
    convolved = ops.convolution(data, np.ones((4, 3, 3, 3), np.float32), [1, 1], [1, 1], [1, 1], [1, 1])
    biased = ops.add(convolved, np.ones((1, 4, 1, 1), np.float32))
    grouped = ops.group_convolution(
        biased, np.ones((2, 2, 2, 1, 1), np.float32), [1, 1], [0, 0], [0, 0], [1, 1]
    )
    pooled = ops.reduce_mean(ops.relu(grouped), np.array([2, 3]), keep_dims=False)
    product = ops.matmul(pooled, np.ones((10, 4), np.float32), False, True)
    return ov.Model([ops.result(ops.softmax(product, 1))], [data], "small")


# convolution 64*4*2*27, bias 256, groups 64*4*2*2, relu 256, mean 256, matmul 10*2*4, softmax 10
OPERATIONS = 64 * 4 * 54 + 256 + 64 * 4 * 4 + 256 + 256 + 80 + 10
PARAMETERS = 4 * 3 * 9 + 4 + 4 * 2 + 40


def test_counts_by_hand() -> None:
    cost = count_cost(small_net())
    assert (cost.parameters, cost.operations) == (PARAMETERS, OPERATIONS)
    assert cost.mparams == pytest.approx(PARAMETERS / 1e6)
    assert cost.gflops == pytest.approx(OPERATIONS / 1e9)


@pytest.mark.parametrize("half", [False, True])
def test_preprocessing_and_compression_do_not_count(half: bool, tmp_path: Path) -> None:
    model = bake(
        small_net(), Preprocessing({"": (104, 117, 123)}, {"": (2, 2, 2)}, reverse_input_channels=True)
    )
    ov.save_model(model, tmp_path / "x.xml", compress_to_fp16=half)
    cost = count_cost(ov.Core().read_model(tmp_path / "x.xml"))
    assert (cost.parameters, cost.operations) == (PARAMETERS, OPERATIONS)


def test_command_says_what_to_do_without_an_ir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert info.main(["--name", "se-resnext-50", "-d", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "omz_converter --name se-resnext-50" in message
    assert "FAILED:" in message


def test_command_on_a_damaged_ir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "public/se-resnext-50/FP32"
    folder.mkdir(parents=True)
    (folder / "se-resnext-50.xml").write_text("<net")
    assert info.main(["--name", "se-resnext-50", "-d", str(tmp_path)]) == 1
    assert "se-resnext-50.bin: missing" in capsys.readouterr().err
    (folder / "se-resnext-50.bin").touch()
    assert info.main(["-m", str(folder / "se-resnext-50.xml")]) == 1
    assert "cannot be read (truncated or damaged?" in capsys.readouterr().err


def test_json_and_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "public/se-resnext-50/FP32"
    folder.mkdir(parents=True)
    ov.save_model(small_net(), folder / "se-resnext-50.xml", compress_to_fp16=False)
    assert info.main(["--name", "se-resnext-50", "-d", str(tmp_path), "--json"]) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert figures["mparams"] == PARAMETERS / 1e6
    assert figures["published_gflops"] == 8.533
    assert figures["inputs"] == {"data": "[1,3,8,8]"}
    assert info.main(["--name", "se-resnext-50", "-d", str(tmp_path)]) == 0
    assert "27.526" in capsys.readouterr().out


def write_net(xml: Path, *, half: bool = False) -> Path:
    model = small_net()
    for place, value in {
        ("model_info", "labels"): " ".join(f"class_{number}" for number in range(10)),
        ("omz", "output"): "probabilities",
        ("omz", "preparation"): '{"preprocessing":[{"size":8,"type":"resize"}],"reader":"opencv_imread"}',
    }.items():
        model.set_rt_info(value, list(place))
    xml.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, xml, compress_to_fp16=half)
    return xml


def test_a_network_of_ones_own_by_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    xml = write_net(tmp_path / "mine.xml")
    assert info.main(["-m", str(xml), "--json", "-"]) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert (figures["name"], figures["precision"], figures["ir"]) == ("mine", "FP32", str(xml))
    assert (figures["mparams"], figures["gflops"]) == (PARAMETERS / 1e6, OPERATIONS / 1e9)
    assert figures["published_mparams"] is None
    assert (figures["output_kinds"], figures["labels"]) == ("probabilities", 10)
    assert figures["preparation"] == "stretched to 8 x 8"
    assert info.main(["--model", str(xml)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split() == [
        "model",
        "IR",
        "weights",
        "MParams",
        "GFLOPs",
    ]  # no published ones
    assert "input     data [1,3,8,8]" in shown
    assert "labels    10" in shown
    assert "pictures  stretched to 8 x 8" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_irs_of_a_folder_are_chosen_by_precision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_net(tmp_path / "ir/FP32/mine.xml")
    write_net(tmp_path / "ir/FP16/mine.xml", half=True)
    chosen = {}
    for option, wanted in {"--precision": "FP16", "--precisions": "FP16,FP32", "": ""}.items():
        assert info.main(["-m", str(tmp_path / "ir"), *filter(None, [option, wanted]), "--json"]) == 0
        chosen[wanted] = [one["precision"] for one in json.loads(capsys.readouterr().out)]
    assert chosen == {"FP16": ["FP16"], "FP16,FP32": ["FP16", "FP32"], "": ["FP32"]}
    assert info.main(["-m", str(tmp_path / "ir"), "--precisions", "FP16-INT8"]) == 1
    assert "there are FP32, FP16" in capsys.readouterr().err


def test_json_goes_to_a_file_beside_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    xml = write_net(tmp_path / "mine.xml")
    assert info.main(["-m", str(xml), "--json", str(tmp_path / "deep/info.json")]) == 0
    assert "MParams" in capsys.readouterr().out
    assert json.loads((tmp_path / "deep/info.json").read_text())[0]["name"] == "mine"


def test_a_mistyped_name_or_path_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_net(tmp_path / "public/mine/FP32/mine.xml")
    for arguments, meant in (
        (["-m", "mien", "--models_dir", str(tmp_path)], "mine"),
        (["-m", str(tmp_path / "public/mine/FP32/mien.xml")], "mine.xml?"),
    ):
        assert info.main(arguments) == 1
        message = capsys.readouterr().err
        assert "Did you mean" in message
        assert meant in message
        assert len(message.splitlines()) == 1
    for arguments, said in (
        (["-m", ""], "which network?"),
        (["-m", "se-*"], "patterns of names go with --name"),
    ):
        assert info.main(arguments) == 2
        assert said in capsys.readouterr().err


def test_what_quantization_adds_does_not_count() -> None:
    """A convolution whose weights are 8-bit, with scale and zero point, and a quantized input."""
    data = ops.parameter([1, 3, 8, 8], np.float32, name="data")
    low, high = (np.full((1, 1, 1, 1), bound, np.float32) for bound in (0, 255))
    seen = ops.fake_quantize(data, low, high, low, high, 256)
    stored = ops.constant(np.ones((4, 3, 3, 3), np.uint8))
    shifted = ops.subtract(
        ops.convert(stored, np.float32), ops.convert(ops.constant(np.uint8([[[[7]]]])), np.float32)
    )
    weights = ops.multiply(shifted, np.full((4, 1, 1, 1), 0.5, np.float32))
    convolved = ops.convolution(seen, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    biased = ops.add(convolved, np.ones((1, 4, 1, 1), np.float32))
    cost = count_cost(ov.Model([ops.result(biased)], [data], "quantized"))
    assert cost.parameters == 4 * 27 + 4
    assert cost.operations == 64 * 4 * 54 + 256
