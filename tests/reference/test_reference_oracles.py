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


X = (2, 6, 7, 8)
#: Types, parameters, weights and further bottoms on which OpenCV's importer computes what Caffe does. Left out, in
#: favour of Caffe's definition, as OpenCV 4.14 shows:
#: - Log: its parameters are ignored;
#: - LRN across channels: k is taken for 1 whatever it is;
#: - InnerProduct: transpose is ignored;
#: - MVN: eps is added inside of the root, so only a small one agrees;
#: - Axpy, Tile, Pooling with round_mode, Normalize with a scale without axes: the importer stops;
#: - ArgMax, Bias, BN, Clip, DepthwiseConvolution, Reduction, Threshold, Upsample: there is no such layer.
OPENCV = [
    ("AbsVal", "", [], []),
    ("BatchNorm", "", [(6,), (6,), (1,)], []),
    ("BNLL", "", [], []),
    ("Concat", "", [], [(2, 3, 7, 8)]),
    (
        "Convolution",
        "convolution_param { num_output: 4 kernel_h: 3 kernel_w: 2 pad: 1 stride: 2 group: 2 dilation: 2 }",
        [(4, 3, 3, 2), (4,)],
        [],
    ),
    ("ConvolutionDepthwise", "convolution_param { num_output: 6 kernel_size: 3 }", [(6, 1, 3, 3), (6,)], []),
    ("Crop", "crop_param { offset: 1 }", [], [(2, 6, 3, 4)]),
    ("Deconvolution", "convolution_param { num_output: 4 kernel_size: 3 pad: 1 stride: 2 }", [(6, 4, 3, 3), (4,)], []),
    ("Deconvolution", "convolution_param { num_output: 6 kernel_size: 3 group: 6 }", [(6, 1, 3, 3), (6,)], []),
    ("Dropout", "", [], []),
    ("Eltwise", "eltwise_param { coeff: 2 coeff: -1 coeff: 0.5 }", [], [X, X]),
    ("Eltwise", "eltwise_param { operation: MAX }", [], [X]),
    ("Eltwise", "eltwise_param { operation: PROD }", [], [X]),
    ("ELU", "", [], []),
    ("Exp", "exp_param { base: 2 shift: 1 scale: 0.5 }", [], []),
    ("Flatten", "", [], []),
    ("InnerProduct", "inner_product_param { num_output: 5 axis: 2 }", [(5, 56), (5,)], []),
    ("Interp", "interp_param { height: 11 width: 5 }", [], []),
    ("Interp", "interp_param { zoom_factor: 2 }", [], []),
    ("LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 }", [], []),
    ("LRN", "lrn_param { local_size: 3 alpha: 1 beta: 0.7 norm_region: WITHIN_CHANNEL }", [], []),
    ("MVN", "", [], []),
    ("MVN", "mvn_param { across_channels: true }", [], []),
    ("Normalize", "norm_param { across_spatial: false channel_shared: false }", [(6,)], []),
    ("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", [], []),
    ("Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }", [], []),
    ("Pooling", "pooling_param { pool: AVE global_pooling: true }", [], []),
    ("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }", [], []),
    ("Power", "power_param { power: 2 scale: 0.5 shift: 1 }", [], []),
    ("PReLU", "", [(6,)], []),
    ("PReLU", "prelu_param { channel_shared: true }", [(1,)], []),
    ("ReLU", "relu_param { negative_slope: 0.2 }", [], []),
    ("ReLU6", "", [], []),
    ("Reshape", "reshape_param { shape { dim: 0 dim: 3 dim: -1 } }", [], []),
    ("Scale", "scale_param { axis: 0 }", [], [X[:2]]),
    ("Scale", "scale_param { bias_term: true }", [(6,), (6,)], []),
    ("ShuffleChannel", "shuffle_channel_param { group: 3 }", [], []),
    ("Sigmoid", "", [], []),
    ("Softmax", "softmax_param { axis: 2 }", [], []),
    ("Swish", "", [], []),
    ("TanH", "", [], []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "parameters", "blob_shapes", "others"), OPENCV)
def test_layers_agree_with_opencv(kind, parameters, blob_shapes, others, tmp_path):
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        pytest.skip("this OpenCV has no Caffe importer")
    stream = np.random.default_rng(0)
    blobs = [np.float32(stream.uniform(0.5, 2, shape)) for shape in blob_shapes]
    inputs = {f"x{i}": np.float32(stream.standard_normal(shape)) for i, shape in enumerate([X, *others])}
    text = "".join(
        f'input: "{name}" input_shape {{ {" ".join(f"dim: {size}" for size in x.shape)} }}\n'
        for name, x in inputs.items()
    )
    bottoms = " ".join(f'bottom: "{name}"' for name in inputs)
    net = parse_prototxt(f'{text} layer {{ name: "y" type: "{kind}" {bottoms} top: "y" {parameters} }}')
    other = cv2.dnn.readNetFromCaffe(*map(str, write_model(tmp_path, net, {"y": blobs})))
    for name, x in inputs.items():
        other.setInput(x, name)
    expected = run(net, {"y": blobs}, inputs)["y"]
    result = other.forward()
    assert result.shape == expected.shape
    assert result == pytest.approx(expected, abs=1e-5 * np.abs(expected).max())


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


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("layer", "shapes", "compute"),
    [
        ("type: 'ELU' elu_param { alpha: 0.7 }", [], lambda f, x: f.elu(x, 0.7)),
        ("type: 'PReLU'", [(6,)], lambda f, x, slopes: f.prelu(x, slopes)),
        ("type: 'ReLU6'", [], lambda f, x: f.relu6(x)),
        ("type: 'BNLL'", [], lambda f, x: f.softplus(x)),
        ("type: 'Swish'", [], lambda f, x: f.silu(x)),
        ("type: 'TanH'", [], lambda f, x: x.tanh()),
        ("type: 'ShuffleChannel' shuffle_channel_param { group: 3 }", [], lambda f, x: f.channel_shuffle(x, 3)),
        ("type: 'Upsample' upsample_param { scale: 2 }", [], lambda f, x: f.interpolate(x, scale_factor=2)),
        (
            "type: 'Interp' interp_param { height: 11 width: 5 }",
            [],
            lambda f, x: f.interpolate(x, (11, 5), mode="bilinear", align_corners=True),
        ),
        (
            # PyTorch's k is Caffe's, and its alpha is divided by the size as well.
            "type: 'LRN' lrn_param { local_size: 5 alpha: 2 beta: 0.5 k: 3 }",
            [],
            lambda f, x: f.local_response_norm(x, 5, 2, 0.5, 3),
        ),
        (
            "type: 'Normalize' norm_param { across_spatial: false eps: 0 }",
            [()],
            lambda f, x, scale: scale * f.normalize(x, dim=1, eps=0),
        ),
        (
            "type: 'BN' bn_param { eps: 0.125 }",
            [(6,), (6,), (6,), (6,)],
            lambda f, x, slope, bias, mean, variance: f.batch_norm(x, mean, variance, slope, bias, eps=0.125),
        ),
        (
            "type: 'Deconvolution' convolution_param { "
            "num_output: 4 kernel_size: 3 stride: 2 pad: 1 group: 2 dilation: 2 }",
            [(6, 2, 3, 3), (4,)],
            lambda f, x, w, b: f.conv_transpose2d(x, w, b, stride=2, padding=1, groups=2, dilation=2),
        ),
    ],
)  # fmt: skip
def test_layers_agree_with_pytorch(layer, shapes, compute):
    torch = pytest.importorskip("torch")
    stream = np.random.default_rng(0)
    blobs = [stream.uniform(0.5, 2, shape) for shape in shapes]
    x = stream.standard_normal(X)
    net = parse_prototxt(f'layer {{ name: "y" bottom: "x" top: "y" {layer} }}')
    expected = compute(torch.nn.functional, torch.from_numpy(x), *map(torch.tensor, blobs)).numpy()
    assert run(net, {"y": blobs}, {"x": x})["y"] == pytest.approx(expected, abs=1e-7)
