"""The NumPy interpreter against PyTorch and OpenCV, which know the same layers, and PyTorch's on whole nets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import (
    infer,
    parse_prototxt,
    pictures,
    se_inception,
    se_resnet,
    se_resnext,
    synthetic_weights,
    write_model,
)
from omz.converter.caffe.reference import run

SMALL = {
    "se-resnext": se_resnext((1, 2), stem=16, width=16, cardinality=4, size=48, classes=9),
    "se-resnet": se_resnet((1, 1, 2), stem=8, width=8, size=52, classes=7),
    "se-inception": se_inception(("3a", "3c", "4a", "5b"), divisor=8, size=64, classes=10),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", SMALL)
def test_small_nets_agree_with_pytorch(name):
    torch = pytest.importorskip("torch")
    from reference import torch_nets

    net = SMALL[name]
    weights = synthetic_weights(net)
    inputs = {"data": pictures(infer(net)[0]["data"], 5)}
    expected = torch_nets.run(net, weights, inputs, torch.float64)["prob"]
    assert run(net, weights, inputs)["prob"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["se-resnet", "se-resnext"])
def test_small_nets_agree_with_opencv(name, tmp_path):
    """OpenCV reads Caffe files, too, except for Axpy; an equal pair of Scale and Eltwise stands in for it."""
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        pytest.skip("this OpenCV has no Caffe importer")
    net = SMALL[name]
    weights = synthetic_weights(net)
    inputs = {"data": pictures(infer(net)[0]["data"], 5)}
    text, model = write_model(tmp_path, _without_axpy(net), weights)
    other = cv2.dnn.readNetFromCaffe(str(text), str(model))
    other.setInput(inputs["data"])
    assert run(net, weights, inputs)["prob"] == pytest.approx(other.forward(), abs=1e-5)


def _without_axpy(net):
    """Return the net with Axpy written as Reshape, Scale with two bottoms, and Eltwise."""
    plain = type(net)(name=net.name)
    for layer in net.layer:
        if layer.type != "Axpy":
            plain.layer.add().CopyFrom(layer)
            continue
        a, x, y = layer.bottom
        flat, product = f"{layer.name}_flat", f"{layer.name}_product"
        plain.layer.add(name=flat, type="Flatten", bottom=[a], top=[flat])
        plain.layer.add(name=product, type="Scale", bottom=[x, flat], top=[product], scale_param={"axis": 0})
        plain.layer.add(name=layer.name, type="Eltwise", bottom=[product, y], top=layer.top)
    return plain


def test_axpy_can_be_written_with_stock_layers():
    net = SMALL["se-resnet"]
    weights = synthetic_weights(net)
    inputs = {"data": pictures(infer(net)[0]["data"], 6)}
    expected = run(net, weights, inputs)["prob"]
    assert run(_without_axpy(net), weights, inputs)["prob"] == pytest.approx(expected, abs=1e-14)


@pytest.mark.oracle
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_pooling_agrees_with_pytorch(data):
    """PyTorch's ceil_mode and count_include_pad have Caffe's rules; it is asked for windows inside the image."""
    torch = pytest.importorskip("torch")
    from reference import torch_nets

    side = st.integers(1, 12)
    height, width = data.draw(side), data.draw(side)
    kernel_h, kernel_w = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    average = data.draw(st.booleans())
    # PyTorch's average pooling takes padding up to half the kernel.
    pad_h = data.draw(st.integers(0, kernel_h // 2 if average else kernel_h - 1))
    pad_w = data.draw(st.integers(0, kernel_w // 2 if average else kernel_w - 1))
    stride_h, stride_w = data.draw(st.integers(1, kernel_h)), data.draw(st.integers(1, kernel_w))
    mode = data.draw(st.sampled_from(["CEIL", "FLOOR"]))
    net = parse_prototxt(f"""
        input: "x" input_shape {{ dim: 2 dim: 3 dim: {height} dim: {width} }}
        layer {{ name: "pool" type: "Pooling" bottom: "x" top: "y" pooling_param {{
            pool: {"AVE" if average else "MAX"} round_mode: {mode}
            kernel_h: {kernel_h} kernel_w: {kernel_w} pad_h: {pad_h} pad_w: {pad_w}
            stride_h: {stride_h} stride_w: {stride_w} }} }}""")
    inputs = {"x": pictures((2, 3, height, width), 0)}
    expected = torch_nets.run(net, {}, inputs, torch.float64)["y"]
    assert run(net, {}, inputs)["y"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.oracle
@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_convolution_agrees_with_pytorch(data):
    torch = pytest.importorskip("torch")
    from reference import torch_nets

    group = data.draw(st.integers(1, 3))
    inputs, outputs = group * data.draw(st.integers(1, 3)), group * data.draw(st.integers(1, 3))
    kernel = [data.draw(st.integers(1, 3)) for _ in range(2)]
    dilation = [data.draw(st.integers(1, 2)) for _ in range(2)]
    sides = [data.draw(st.integers(d * (k - 1) + 1, 9)) for k, d in zip(kernel, dilation, strict=True)]
    net = parse_prototxt(f"""
        input: "x" input_shape {{ dim: 2 dim: {inputs} dim: {sides[0]} dim: {sides[1]} }}
        layer {{ name: "conv" type: "Convolution" bottom: "x" top: "y" convolution_param {{
            num_output: {outputs} group: {group} bias_term: {str(data.draw(st.booleans())).lower()}
            kernel_h: {kernel[0]} kernel_w: {kernel[1]} dilation: {dilation[0]} dilation: {dilation[1]}
            pad_h: {data.draw(st.integers(0, 3))} pad_w: {data.draw(st.integers(0, 3))}
            stride: {data.draw(st.integers(1, 3))} stride: {data.draw(st.integers(1, 3))} }} }}""")
    stream = np.random.default_rng(0)
    weights = {"conv": [stream.standard_normal(shape) for shape in infer(net)[1]["conv"]]}
    x = {"x": stream.standard_normal((2, inputs, *sides))}
    expected = torch_nets.run(net, weights, x, torch.float64)["y"]
    result = run(net, weights, x)["y"]
    assert result.shape == infer(net)[0]["y"]
    assert result == pytest.approx(expected, abs=1e-12)
