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
    assert "no readable IR" in capsys.readouterr().err


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
