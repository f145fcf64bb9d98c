"""Each of the zoo's 26 Caffe models, from the files as they are published to an IR that is what its page says.

The nets are generated (``nets.zoo``) and equal the published prototxts layer by layer; the weights are made up.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from nets import patterned_weights, pictures, synthetic_weights
from nets.conversion import run_model
from nets.zoo import NETS, lay_out
from omz.converter.caffe.reference import run
from omz.converter.zoo_model import convert_model
from omz.inference.classifier import load_classifier
from omz.inference.locate import Network
from omz.inference.pipeline import Pipeline
from omz.inference.sources import Arrays
from omz.info_dumper.info import Info, inspect
from omz.zoo import catalogue
from omz.zoo.label_text import label_text
from omz.zoo.labels import load_labels
from omz.zoo.schema import Model

pytestmark = pytest.mark.slow

MODELS = {
    model.name: model
    for model in catalogue.load_all(catalogue.packaged_root())
    if isinstance(model, Model) and model.framework == "caffe" and model.subdirectory.parts[0] == "public"
}
#: Those that the reference interpreter, in NumPy, runs in seconds.
COMPARED = [
    "alexnet", "caffenet", "googlenet-v1", "googlenet-v2", "mobilenet-v1-1.0-224", "mobilenet-v2",
    "shufflenet-v2-x0.5", "squeezenet1.0", "squeezenet1.1",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a model is downloaded and converted to; up to 1 GB that pytest would keep."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def test_every_caffe_model_has_its_net():
    assert set(NETS) == set(MODELS)
    assert len(NETS) == 26


@pytest.mark.parametrize("name", NETS)
def test_ir_is_what_the_page_says(name, folder):
    model = MODELS[name]
    net = NETS[name]()
    lay_out(model, patterned_weights(net), folder)
    (xml,) = convert_model(model, folder, folder, ["FP16"])
    network = ov.Core().read_model(xml)
    (given,), (result,) = model.input_info, model.output_info
    assert [(port.get_any_name(), list(port.shape)) for port in network.inputs] == [(given.name, given.shape)]
    assert [(port.get_any_name(), list(port.shape)) for port in network.outputs] == [
        (result.name, result.shape)
    ]
    assert network.input().element_type == network.output().element_type == ov.Type.f32
    assert network.get_parameters()[0].get_layout() == ov.Layout("NCHW")
    labels = label_text([label.name for label in load_labels(str(model.model_info.labels))])
    assert network.get_rt_info(["model_info", "labels"]).astype(str) == labels
    ends_in_softmax = network.output().get_node().input_value(0).get_node().get_type_name() == "Softmax"
    assert ends_in_softmax == (result.values == "probabilities")
    check_figures(model, inspect(Network(name, {"FP16": xml}, model), "FP16", xml))


def check_figures(model: Model, info: Info) -> None:
    """Compare with the published figures; where they differ, the page must say so, and give ours."""
    assert model.specification
    print(f"{model.name}: MParams {info.mparams:.3f} / {info.published_mparams}", end=", ")
    print(f"GFLOPs {info.gflops:.3f} / {info.published_gflops}")
    assert info.mparams == pytest.approx(info.published_mparams, rel=0.005)
    notes = " ".join(model.specification.notes)
    explained = re.findall(r"`omz info` counts ([\d.]+) GFLOPs", notes)
    assert bool(explained) == (info.gflops != pytest.approx(info.published_gflops, rel=0.02))
    assert explained in ([], [f"{info.gflops:.3f}"])
    if explained:
        assert info.gflops - gflops_without_a_reader() == pytest.approx(info.published_gflops, rel=0.001)


def gflops_without_a_reader() -> float:
    """Return what a ResNet computes for nothing, as its page explains.

    Three stages are followed by one that begins with 1x1 convolutions of stride 2. Of the last block before, these
    read a quarter of the positions, so its 3x3 and its second 1x1 convolution need no more than that. Each stage takes
    as much as the first, which has 64 channels of 56 x 56 inside its blocks and 256 outside.
    """
    return 3 * 0.75 * 2 * (56 * 56 * 64 * (9 * 64 + 256)) / 1e9


def preprocessing(model: Model) -> dict[str, np.ndarray]:
    """Return the mean and the scale that the descriptor states, for the channels of an array (N, C, H, W)."""
    stated = re.findall(r"--(mean|scale)_values=data\[(.*?)\]", " ".join(model.model_optimizer_args or []))
    values = {name: np.array([float(number) for number in text.split(",")]) for name, text in stated}
    return {name: array.reshape(1, -1, 1, 1) for name, array in values.items()}


@pytest.mark.parametrize("name", COMPARED)
def test_answers_are_those_of_the_original_network(name, folder):
    """A BGR picture of 0..255 into the IR, the same preprocessed by hand into the reference."""
    model = MODELS[name]
    net = NETS[name]()
    values = preprocessing(model)
    mean, scale = values.get("mean", np.zeros(1)), values.get("scale", np.ones(1))
    weights = synthetic_weights(net, divisor=float(scale.max()))
    lay_out(model, weights, folder)
    (xml,) = convert_model(model, folder, folder, ["FP32"])
    (output,) = model.output_info
    picture = np.rint(pictures((1, 3, *(model.input_info[0].shape or [])[2:]), seed=5) + 128)
    channels = slice(None, None, -1 if model.specification.channel_order == "RGB" else 1)
    expected = run(net, weights, {"data": (picture[:, channels] - mean) / scale})[output.name]
    answer = run_model(xml, {"data": picture})[output.name]
    assert answer.shape == expected.shape == tuple(output.shape)
    difference = np.abs(answer - expected).max() / np.ptp(expected)
    print(f"{name}: {difference:.1e} of {np.ptp(expected):.3g}")
    assert difference < 2e-4  # measured: 5e-5 at most, in single precision
    assert answer.argmax() == expected.argmax()
    assert np.ptp(expected) > 0.5 * np.abs(expected).max()  # else the comparison would say little
    if output.values == "probabilities":
        assert answer.sum() == pytest.approx(1, abs=1e-5)
        assert answer.min() >= 0
    else:
        assert answer.min() < 0


@pytest.mark.parametrize("name", ["squeezenet1.1", "shufflenet-v2-x0.5"])
def test_demos_read_an_output_of_four_dimensions(name, folder):
    net = NETS[name]()
    lay_out(MODELS[name], synthetic_weights(net), folder)
    (xml,) = convert_model(MODELS[name], folder, folder, ["FP16"])
    _, _, height, width = MODELS[name].input_info[0].shape or []
    picture = np.clip(pictures((1, 3, height, width), seed=5) + 128, 0, 255).astype(np.uint8)
    expected = int(next(iter(run_model(xml, {"data": picture}).values())).argmax())
    picture = np.ascontiguousarray(picture[0].transpose(1, 2, 0))
    (outcome,) = Pipeline(load_classifier(xml), top_k=1).run(Arrays([picture]))
    (top,) = outcome.predictions
    assert (top.index, top.label) == (expected, load_labels("imagenet_2012")[expected].name)
