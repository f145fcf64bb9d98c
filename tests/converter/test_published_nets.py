"""The two published prototxts at full size, with synthetic weights: the pages' figures, and PyTorch's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from nets import (
    parse_prototxt,
    pictures,
    prototxt,
    se_resnet,
    se_resnext,
    synthetic_weights,
    write_caffemodel,
)
from nets.conversion import run_model
from omz.converter.command import main as omz_converter
from omz.inference.locate import find_network
from omz.info_dumper.info import inspect
from omz.zoo.labels import load_labels

SHARED = Path(__file__).parents[2] / ".." / "shared" / "caffe"
NETS = {
    "se-resnext-50": ("SE-ResNeXt-50", se_resnext),
    "se-resnet-101": ("SE-ResNet-101", lambda: se_resnet((3, 4, 23, 3))),
}
FIGURES = {
    "se-resnext-50": (27.526, 8.533),
    "se-resnet-101": (49.274, 15.239),
}  # MParams and GFLOPs of the pages
MEAN = np.array([104, 117, 123], np.float32).reshape(1, 3, 1, 1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=NETS)
def converted(request, tmp_path_factory) -> tuple[str, Path, Any, Any]:
    """Name, folder of the IRs, net and weights of a model that omz_converter has converted.

    The prototxt is the published one where it is at hand, else the generated one, which equals it (see
    test_nets.py).
    """
    name = request.param
    published, generate = NETS[name]
    root = tmp_path_factory.mktemp(name)
    folder = root / "public" / name
    folder.mkdir(parents=True)
    source = SHARED / f"{published}.prototxt"
    (folder / f"{name}.prototxt").write_text(source.read_text() if source.exists() else prototxt(generate()))
    net = parse_prototxt(folder / f"{name}.prototxt")
    weights = synthetic_weights(net)
    write_caffemodel(folder / f"{name}.caffemodel", net, weights)
    assert omz_converter(["--name", name, "-d", str(root), "-o", str(root), "--precisions", "FP16,FP32"]) == 0
    return name, root, net, weights


def ir(root: Path, name: str, precision: str) -> Path:
    return root / "public" / name / precision / f"{name}.xml"


@pytest.mark.parametrize("precision", ["FP32", "FP16"])
def test_inputs_and_outputs_are_those_of_the_page(converted, precision):
    name, root, *_ = converted
    model = ov.Core().read_model(ir(root, name, precision))
    assert [port.get_any_name() for port in model.inputs] == ["data"]
    assert [port.get_any_name() for port in model.outputs] == ["prob"]
    assert list(model.input("data").shape) == [1, 3, 224, 224]
    assert model.input("data").element_type == ov.Type.f32
    assert list(model.output("prob").shape) == [1, 1000]
    assert model.get_parameters()[0].get_layout() == ov.Layout("NCHW")


@pytest.mark.parametrize("precision", ["FP32", "FP16"])
def test_figures_are_those_of_the_page(converted, precision):
    name, root, *_ = converted
    mparams, gflops = FIGURES[name]
    network = find_network(name, root, known_to_zoo=True)
    info = inspect(network, precision, network.irs[precision])
    assert info.mparams == pytest.approx(mparams, abs=0.0005)
    assert info.gflops == pytest.approx(gflops, rel=0.005)
    assert info.published_mparams == mparams
    assert info.published_gflops == gflops
    bytes_each = 4 if precision == "FP32" else 2
    assert info.weights_bytes == pytest.approx(bytes_each * mparams * 1e6, rel=0.01)


@pytest.mark.oracle
@pytest.mark.parametrize(("precision", "tolerance"), [("FP32", 1e-5), ("FP16", 5e-3)])
def test_probabilities_equal_those_of_pytorch(converted, precision, tolerance):
    """Raw BGR pictures into the IR, which subtracts the mean itself; the same less the mean into PyTorch."""
    pytest.importorskip("torch")
    from reference import torch_nets

    name, root, net, weights = converted
    answers = set()
    for seed in range(3):
        picture = np.rint(pictures((1, 3, 224, 224), seed) + 128)
        expected = torch_nets.run(net, weights, {"data": picture - MEAN})["prob"][0]
        answer = run_model(ir(root, name, precision), {"data": picture})["prob"][0]
        difference = np.abs(answer - expected).max()
        print(f"{name} {precision} picture {seed}: {difference:.1e} of {expected.max():.3f}")
        assert difference <= tolerance
        assert set(np.argsort(answer)[-5:]) == set(np.argsort(expected)[-5:])
        assert 0.01 < expected.max() < 0.99  # else the comparison would say little
        answers.add(int(answer.argmax()))
    assert len(answers) > 1


def test_model_api_gives_the_same_answer_with_its_label(converted):
    models = pytest.importorskip("model_api.models")
    name, root, *_ = converted
    model = models.ClassificationModel.create_model(ir(root, name, "FP32"))
    labels = [label.name for label in load_labels("imagenet_2015")]
    for seed in range(2):
        picture = np.clip(np.rint(pictures((1, 3, 224, 224), seed) + 128), 0, 255)
        expected = run_model(ir(root, name, "FP32"), {"data": picture})["prob"][0]
        top = model(picture[0].transpose(1, 2, 0).astype(np.uint8)).top_labels[0]
        assert top.id == expected.argmax()
        assert top.name == "_".join(labels[top.id].split())
        assert top.confidence == pytest.approx(
            expected.max(), abs=2e-2
        )  # a CPU with bfloat16 computes in that
