"""``--mean_file``: a mean picture, subtracted within the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nets import parse_prototxt, pictures, write_model
from nets.conversion import run_model
from omz.converter import caffe2ir

INPUT = 'input: "data" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }\n'
RNG = np.random.default_rng(5)
FC = {"fc": [RNG.normal(size=(5, 48)).astype(np.float32), RNG.normal(size=5).astype(np.float32)]}
DENSE = 'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 5 } }\n'
PICTURES = pictures((2, 3, 4, 4), 1)


def mean_file(path: Any, mean: np.ndarray, *, legacy: bool) -> Any:
    from omz.converter.caffe.caffe_pb2 import BlobProto

    data = [mean.astype("<f4").tobytes()]
    if legacy:
        channels, height, width = mean.shape
        blob = BlobProto(num=1, channels=channels, height=height, width=width, data=data)
    else:
        blob = BlobProto(shape={"dim": mean.shape}, data=data)
    path.write_bytes(blob.SerializeToString())
    return path


def ir(tmp_path: Any, *options: str, status: int = 0) -> Any:
    text, weights = write_model(tmp_path, parse_prototxt(INPUT + DENSE), FC)
    arguments = ["--input_proto", text, "--input_model", weights, "--output_dir", tmp_path / "ir"]
    assert caffe2ir.main([*map(str, arguments), "--data_type", "FP32", "--quiet", *options]) == status
    return tmp_path / "ir" / "net.xml"


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("size", "offsets", "top", "left"),
    [((4, 4), None, 0, 0), ((9, 7), None, 2, 1), ((9, 7), "(5,3)", 5, 3), ((9, 7), "0,0", 0, 0)],
)
def test_a_mean_picture_is_subtracted_before_the_scale(size, offsets, top, left, legacy, tmp_path):
    mean = RNG.uniform(0, 255, (3, *size)).astype(np.float32)
    path = mean_file(tmp_path / "mean.binaryproto", mean, legacy=legacy)
    stated = [f"--mean_file_offsets={offsets}"] if offsets else []
    xml = ir(tmp_path, "--mean_file", str(path), "--scale=58.8", "--reverse_input_channels", *stated)
    under = mean[:, top : top + 4, left : left + 4]
    fed = (PICTURES[:, ::-1] - under) / 58.8
    expected = fed.reshape(2, -1) @ FC["fc"][0].T + FC["fc"][1]
    assert run_model(xml, {"data": PICTURES})["fc"] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert "mean_file_sha256" in xml.read_text()
    assert str(tmp_path) not in xml.read_text()


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        ((3, 3, 9), [], "does not cover input 'data'"),
        ((1, 9, 9), [], "does not cover input 'data'"),
        ((3, 9, 9), ["--mean_file_offsets=(6,0)"], "reaches beyond"),
    ],
)
def test_mean_pictures_that_do_not_fit_are_refused(size, options, message, tmp_path, capsys):
    path = mean_file(tmp_path / "mean.binaryproto", np.zeros(size), legacy=False)
    xml = ir(tmp_path, "--mean_file", str(path), *options, status=1)
    assert message in capsys.readouterr().err
    assert not xml.exists()


@pytest.mark.parametrize("content", [b"", b"\x0a\x03abc", b"<html>", bytes(100)])
def test_other_files_are_no_mean_pictures(content, tmp_path, capsys):
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(content)
    ir(tmp_path, "--mean_file", str(path), status=1)
    message = capsys.readouterr().err
    assert str(path) in message
    assert len(message.splitlines()) <= 2


def test_a_mean_picture_and_mean_values_contradict_each_other(tmp_path, capsys):
    path = mean_file(tmp_path / "mean.binaryproto", np.zeros((3, 4, 4)), legacy=False)
    ir(tmp_path, "--mean_file", str(path), "--mean_values=[1,2,3]", status=2)
    ir(tmp_path, "--mean_file_offsets=(1,1)", status=2)
    assert "--mean_file_offsets goes with --mean_file" in capsys.readouterr().err
