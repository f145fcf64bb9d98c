"""The sample's accuracy with engines that share nothing with the converter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from omz.converter.caffe import reference
from omz.zoo.schema import Model

#: Each of these takes a second or more.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def probabilities(prototxt, weights, held_out) -> np.ndarray:
    mean = np.array([104.0, 117.0, 123.0]).reshape(1, 3, 1, 1)
    return reference.run(prototxt, weights, {"data": held_out.batch() - mean})["prob"]


def test_numpy_interpreter_reaches_the_stated_accuracy(descriptor: Model, probabilities, held_out):
    facts = descriptor.specification
    assert facts is not None
    assert facts.top1 == round(held_out.accuracy(probabilities), 3) >= 97
    assert facts.top5 == round(held_out.accuracy(probabilities, top=5), 3)


def test_red_becomes_blue_when_channels_are_swapped(prototxt, weights, held_out):
    mean = np.array([104.0, 117.0, 123.0]).reshape(1, 3, 1, 1)
    swapped = reference.run(prototxt, weights, {"data": held_out.batch(swapped=True) - mean})["prob"]
    assert held_out.accuracy(swapped) < 10
    assert (swapped.argmax(axis=1) == (held_out.classes + 10) % 20).mean() > 0.97


@pytest.mark.oracle
def test_pytorch_with_the_exported_weights_agrees(sources: Path, probabilities, held_out):
    torch = pytest.importorskip("torch")
    import network

    net = network.read(sources / "se-resnext-digits.prototxt", sources / "se-resnext-digits.caffemodel")
    with torch.no_grad():
        result = net(torch.from_numpy(held_out.batch())).numpy()
    # PyTorch computes in float32, the interpreter in float64.
    np.testing.assert_allclose(result, probabilities, atol=1e-5)


@pytest.mark.oracle
def test_prototxt_is_what_the_script_describes_and_export_repeats_byte_for_byte(
    sources: Path, tmp_path: Path
):
    pytest.importorskip("torch")
    import network

    shipped = sources / "se-resnext-digits.prototxt"
    net = network.read(shipped, sources / "se-resnext-digits.caffemodel")
    for name in ("once", "again"):
        network.write(net, tmp_path / f"{name}.prototxt", tmp_path / f"{name}.caffemodel")
    assert (tmp_path / "once.prototxt").read_bytes() == shipped.read_bytes()
    assert (tmp_path / "again.caffemodel").read_bytes() == (tmp_path / "once.caffemodel").read_bytes()
    assert network.describe(20) == net.net
    copy = network.read(tmp_path / "once.prototxt", tmp_path / "once.caffemodel")
    for (name, blobs), (_, copies) in zip(net.blobs(), copy.blobs(), strict=True):
        for blob, other in zip(blobs, copies, strict=True):
            np.testing.assert_allclose(other, blob, rtol=1e-6, err_msg=name)
