"""Convolution, depthwise convolution and Deconvolution."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nets import parse_prototxt
from nets.conversion import convert_net, run_model
from nets.one_layer import one_layer, run_layer
from omz.converter.caffe.reference import run
from omz.errors import ShapeError, UnsupportedLayerError

TESTS = Path(__file__).parents[2]
RANDOM = np.random.default_rng(1)


def normal(*shape):
    return np.float32(RANDOM.standard_normal(shape))


def close(result, expected):
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


def test_one_axis_by_hand():
    result = run_layer(
        "Convolution",
        "convolution_param { num_output: 1 kernel_size: 2 pad: 1 stride: 2 }",
        [[[1, 2, 3]]],
        blobs=[[[[10, 1]]], [0.5]],
    )
    assert result.tolist() == [[[1.5, 23.5]]]


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("group", [1, 3])
def test_convolutions_agree_with_pytorch(axes, group, free):
    torch = pytest.importorskip("torch")
    operation = [torch.nn.functional.conv1d, torch.nn.functional.conv2d, torch.nn.functional.conv3d][axes - 1]
    data, filters, bias = normal(2, 6, *(9, 8, 7)[:axes]), normal(9, 6 // group, *(3, 2, 1)[:axes]), normal(9)
    kernel, stride, pad, dilation = (3, 2, 1)[:axes], (2, 1, 3)[:axes], (1, 2, 0)[:axes], (2, 3, 1)[:axes]
    parameters = " ".join(
        f"{name}: {value}"
        for name, values in [
            ("kernel_size", kernel),
            ("stride", stride),
            ("pad", pad),
            ("dilation", dilation),
        ]
        for value in values
    )
    result = run_layer(
        "Convolution",
        f"convolution_param {{ num_output: 9 group: {group} {parameters} }}",
        data,
        blobs=[filters, bias],
        free_axes=free,
    )
    expected = operation(*map(torch.tensor, (data, filters, bias)), stride, pad, dilation, group)
    close(result, expected.numpy())


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("group", [1, 2, 4])
def test_deconvolutions_agree_with_pytorch(axes, group, free):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    operation = [functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d][
        axes - 1
    ]
    data, filters, bias = normal(2, 4, *(3, 5, 2)[:axes]), normal(4, 8 // group, *(3, 2, 4)[:axes]), normal(8)
    kernel, stride, pad, dilation = (3, 2, 4)[:axes], (2, 3, 1)[:axes], (1, 0, 1)[:axes], (2, 1, 1)[:axes]
    parameters = " ".join(
        f"{name}: {value}"
        for name, values in [
            ("kernel_size", kernel),
            ("stride", stride),
            ("pad", pad),
            ("dilation", dilation),
        ]
        for value in values
    )
    result = run_layer(
        "Deconvolution",
        f"convolution_param {{ num_output: 8 group: {group} {parameters} }}",
        data,
        blobs=[filters, bias],
        free_axes=free,
    )
    expected = operation(*map(torch.tensor, (data, filters, bias)), stride, pad, 0, group, dilation)
    close(result, expected.numpy())


def test_deconvolution_by_hand():
    """A pixel spreads the kernel; spreads overlap by kernel less stride, and padding is cut off."""
    text = "convolution_param { num_output: 1 kernel_size: 3 stride: 2 %s bias_term: false }"
    data, filters = [[[1, 10]]], [[[[1, 2, 3]]]]
    assert run_layer("Deconvolution", text % "", data, blobs=filters).tolist() == [[[1, 2, 13, 20, 30]]]
    assert run_layer("Deconvolution", text % "pad: 2", data, blobs=filters).tolist() == [[[13]]]


def test_deconvolution_with_more_padding_than_kernel():
    text = "convolution_param { num_output: 1 kernel_size: 1 stride: 1 pad: 2 bias_term: false }"
    result = run_layer("Deconvolution", text, [[[0, 1, 2, 3, 4, 5]]], blobs=[[[[3]]]])
    assert result.tolist() == [[[6, 9]]]


@pytest.mark.parametrize("isa", ["DEFAULT", "AVX2", "SSE41"])  # oneDNN's names; each has kernels of its own
@pytest.mark.parametrize(
    ("kernel", "window"),
    [((3, 2), "stride: 2 pad: 1 pad: 0 dilation: 1 dilation: 2"), ((3, 2), "stride: 2"), ((1, 1), "pad: 1")],
    ids=["dilated", "plain", "pad as large as the kernel"],
)
@pytest.mark.parametrize(
    "behind", ['type: "Tile" tile_param { tiles: 2 }', 'type: "Concat" bottom: "up"'], ids=["tile", "concat"]
)
def test_a_deconvolution_to_one_channel_is_read_well_by_the_layer_behind_it(isa, kernel, window, behind):
    """In a process of its own: OpenVINO got the first model of a process wrong, and no other."""
    script = """if True:
        import numpy as np
        from nets import parse_prototxt
        from nets.conversion import convert_net, run_model
        from omz.converter.caffe.reference import run
        net = parse_prototxt('''
            input: "data" input_shape { dim: 1 dim: 6 dim: 9 dim: 8 }
            layer { name: "up" type: "Deconvolution" bottom: "data" top: "up" convolution_param {
                num_output: 1 kernel_size: KH kernel_size: KW WINDOW } }
            layer { name: "twice" bottom: "up" top: "twice" BEHIND }''')
        normal = np.random.default_rng(0).standard_normal
        weights, inputs = {"up": [normal((6, 1, KH, KW)), normal(1)]}, {"data": normal((1, 6, 9, 8))}
        result, expected = run_model(convert_net(net, weights), inputs)["twice"], run(net, weights, inputs)["twice"]
        assert np.abs(result - expected).max() < 1e-5, (result, expected)
    """
    for word, value in (("KH", kernel[0]), ("KW", kernel[1]), ("WINDOW", window), ("BEHIND", behind)):
        script = script.replace(word, str(value))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=TESTS, env=os.environ | {"ONEDNN_MAX_CPU_ISA": isa}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_bilinear_upsampling_as_segmentation_nets_state_it():
    """Each channel by itself; inside, a kernel of 4 with stride 2 keeps the value of a flat image."""
    ramp = np.float32([0.25, 0.75, 0.75, 0.25])
    filters = np.tile(np.outer(ramp, ramp), (3, 1, 1, 1))
    text = "num_output: 3 group: 3 kernel_size: 4 stride: 2 pad: 1 bias_term: false"
    data = np.ones((1, 3, 4, 5)) * np.reshape([1, 2, 3], (1, 3, 1, 1))
    result = run_layer("Deconvolution", f"convolution_param {{ {text} }}", data, blobs=[filters])
    assert result.shape == (1, 3, 8, 10)
    assert (result[:, :, 1:-1, 1:-1] == np.reshape([1, 2, 3], (1, 3, 1, 1))).all()


@pytest.mark.parametrize("size", [3, 4])
def test_a_kernel_too_large_by_less_than_a_stride_finds_zeros(size):
    """Caffe divides towards zero: (3 - 5) / 3 + 1 = 1."""
    text = "convolution_param { num_output: 1 kernel_size: 5 stride: 3 bias_term: false }"
    data = np.arange(1, size + 1).reshape(1, 1, size)
    result = run_layer("Convolution", text, data, blobs=[np.arange(1, 6).reshape(1, 1, 5)])
    assert result.tolist() == [[[sum(n * n for n in range(1, size + 1))]]]
    with pytest.raises(ShapeError, match="larger"):
        run_layer("Convolution", text, np.ones((1, 1, 2)), blobs=[np.ones((1, 1, 5))])


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize(("stride", "pad"), [(2, 1), (3, 1), (2, 3)])
def test_pointwise_convolutions_keep_their_padding_behind_another_layer(axes, group, stride, pad):
    net = parse_prototxt(
        f"""input: "data" input_shape {{ dim: 1 dim: 2 {"dim: 5 " * axes} }}
        layer {{ name: "relu" type: "ReLU" bottom: "data" top: "relu" }}
        layer {{ name: "conv" type: "Convolution" bottom: "relu" top: "conv" convolution_param {{
            num_output: 4 kernel_size: 1 stride: {stride} pad: {pad} group: {group} dilation: 2 }} }}"""
    )
    data, filters, bias = normal(1, 2, *[5] * axes), normal(4, 2 // group, *[1] * axes), normal(4)
    result = run_model(convert_net(net, {"conv": [filters, bias]}), {"data": data})["conv"]
    padded = np.pad(np.maximum(data, 0), [(0, 0), (0, 0), *[(pad, pad)] * axes])
    read = padded[(..., *[slice(None, None, stride)] * axes)]
    matrix = np.zeros((4, 2), np.float32)
    for output in range(4):
        first = output * group // 4 * (2 // group)
        matrix[output, first : first + 2 // group] = filters[output].ravel()
    expected = np.einsum("oc,nc...->no...", matrix, read) + bias.reshape(1, 4, *[1] * axes)
    close(result, expected)


@pytest.mark.parametrize(
    ("sizes", "window"),
    [
        ([6, 3], "kernel_size: 3 stride_h: 1 stride_w: 2"),
        ([5, 2], "kernel_size: 2 stride_h: 1 stride_w: 3 pad_h: 0 pad_w: 1"),
        ([4, 2], "kernel_size: 2 kernel_size: 4 stride: 1 stride: 3 pad: 1 pad: 2"),
        ([3, 4, 3], "kernel_size: 2 stride: 1 stride: 1 stride: 2"),
        ([5], "kernel_size: 4 stride: 4"),
    ],
)
@pytest.mark.parametrize("free", [0, 1])
def test_a_strided_convolution_of_one_channel_to_one_column(sizes, window, free):
    """OpenVINO's kernel for one channel gave wrong numbers for three of these five."""
    window += " num_output: 2 bias_term: false"
    axes, data = len(sizes), normal(2, 1, *sizes)
    parameters = f"convolution_param {{ {window} }}"
    layer = one_layer("Convolution", parameters, [data.shape])
    kernel = list(layer.layer[0].convolution_param.kernel_size)
    weights = {"y": [normal(2, 1, *(kernel * axes)[:axes])]}
    expected = run(layer, weights, {"x0": data}, ["y"])["y"]
    assert expected.shape[-1] == 1
    close(run_layer("Convolution", parameters, data, blobs=weights["y"], free_axes=free), expected)


@pytest.mark.parametrize("kind", ["Convolution", "DepthwiseConvolution"])
@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize(
    ("channels", "sizes", "kernel", "window", "shape"),
    [
        (3, [4, 1], [2, 1], "stride: 3 pad: 2 dilation: 2", [2, 2]),
        (1, [4, 1], [1, 1], "stride: 3 pad_h: 0 pad_w: 2", [2, 2]),
        (1, [5, 2], [2, 1], "stride: 1 stride: 3 pad: 0 pad: 4 dilation: 1 dilation: 3", [4, 4]),
        (2, [1, 4], [1, 1], "stride: 5 pad_h: 2 pad_w: 0", [1, 1]),
        (2, [1], [2], "stride: 5 pad: 3 dilation: 1", [2]),
        (2, [3, 3, 1], [1, 1, 1], "stride: 1 stride: 1 stride: 5 pad: 0 pad: 0 pad: 4", [3, 3, 2]),
    ],
)
def test_windows_that_meet_padding_only_give_the_bias(kind, free, channels, sizes, kernel, window, shape):
    """OpenVINO crashed on some such layers."""
    stated = " ".join(f"kernel_size: {size}" for size in kernel)
    text = f"convolution_param {{ num_output: {channels} {stated} {window} }}"
    inner = channels if kind == "Convolution" else 1
    bias = normal(channels)
    data = np.full((2, channels, *sizes), np.inf)  # which zero times would be NaN
    result = run_layer(kind, text, data, blobs=[normal(channels, inner, *kernel), bias], free_axes=free)
    close(result, np.broadcast_to(bias.reshape(-1, *[1] * len(sizes)), (2, channels, *shape)))


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, 2, -3])
def test_axes_before_the_channels_are_independent_inputs(kind, axis, free):
    text = "convolution_param { num_output: 3 kernel_size: 2 axis: %s }"
    blobs = [normal(3, 4, 2, 2) if kind == "Convolution" else normal(4, 3, 2, 2), normal(3)]
    before = {0: (), 1: (2,), 2: (2, 3), -3: (2, 3)}[axis]
    data = normal(*before, 4, 5, 6)
    result = run_layer(kind, text % axis, data, blobs=blobs, free_axes=free if before else 0)
    flat = run_layer(kind, text % 1, data.reshape(-1, 4, 5, 6), blobs=blobs)
    close(result, flat.reshape(*before, *flat.shape[1:]))


@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
def test_several_bottoms_share_the_weights(kind):
    net = parse_prototxt(f"""
        input: "a" input_shape {{ dim: 1 dim: 2 dim: 3 dim: 3 }}
        input: "b" input_shape {{ dim: 1 dim: 2 dim: 3 dim: 3 }}
        layer {{ name: "y" type: "{kind}" bottom: "a" bottom: "b" top: "ya" top: "yb"
            convolution_param {{ num_output: 2 kernel_size: 2 }} }}""")
    blobs = [normal(2, 2, 2, 2), normal(2)]
    inputs = {"a": normal(1, 2, 3, 3), "b": normal(1, 2, 3, 3)}
    model = convert_net(net, {"y": blobs})
    outputs = run_model(model, inputs)
    text = "convolution_param { num_output: 2 kernel_size: 2 }"
    for name, array in inputs.items():
        close(outputs[f"y{name}"], run_layer(kind, text, array, blobs=blobs))
    weights = [node for node in model.get_ops() if node.get_friendly_name().startswith("y/weights")]
    assert len(weights) == 1


@pytest.mark.parametrize("kind", ["DepthwiseConvolution", "ConvolutionDepthwise"])
@pytest.mark.parametrize("stated", ["", "num_output: 3", "num_output: 3 group: 3", "num_output: 6 group: 3"])
def test_depthwise_convolution_is_one_convolution_for_each_channel(kind, stated):
    outputs = 6 if "6" in stated else 3
    data, filters, bias = normal(2, 3, 5, 5), normal(outputs, 1, 3, 3), normal(outputs)
    text = f"convolution_param {{ {stated} kernel_size: 3 pad: 1 stride: 2 }}"
    result = run_layer(kind, text, data, blobs=[filters, bias], free_axes=1)
    each = outputs // 3
    single = f"convolution_param {{ num_output: {each} kernel_size: 3 pad: 1 stride: 2 }}"
    parts = [
        run_layer(
            "Convolution",
            single,
            data[:, c : c + 1],
            blobs=[filters[each * c : each * (c + 1)], bias[each * c : each * (c + 1)]],
        )
        for c in range(3)
    ]
    close(result, np.concatenate(parts, 1))


def test_a_lone_pad_h_leaves_the_width_unpadded():
    text = "convolution_param { num_output: 1 kernel_size: 1 pad_h: 1 bias_term: false }"
    result = run_layer("Convolution", text, [[[[2]]]], blobs=[[[[[3]]]]])
    assert result.tolist() == [[[[0], [6], [0]]]]


REFUSED = {
    "kernel_h alone": ("Convolution", "kernel_h: 1", "kernel_h"),
    "kernel twice": ("Convolution", "kernel_size: 1 kernel_h: 1 kernel_w: 1", "kernel_h"),
    "stride_w alone": ("Convolution", "kernel_size: 1 stride_w: 1", "stride_w"),
    "pads twice": ("Convolution", "kernel_size: 1 pad: 0 pad_h: 0", "pad_h"),
    "too many kernels": ("Convolution", "kernel_size: 1 kernel_size: 1 kernel_size: 1", "3 times"),
    "group of a depthwise": ("DepthwiseConvolution", "kernel_size: 1 group: 2", "group 2"),
    "outputs of a depthwise": ("ConvolutionDepthwise", "kernel_size: 1 num_output: 5", "num_output 5"),
    "pad and stride": ("Convolution", "kernel_size: 1 pad: 4000000000 stride: 4000000000", "2\\^31"),
    "dilation and stride": (
        "Convolution",
        "kernel_size: 2 dilation: 4000000000 stride: 4294967295",
        "2\\^31",
    ),
    "huge output": ("Deconvolution", "kernel_size: 1 stride: 4000000000", "2\\^31"),
    "huge kernel": ("Deconvolution", "kernel_size: 4000000000", "2\\^31"),
    "nothing left": ("Deconvolution", "kernel_size: 1 pad: 2", "nothing"),
    "group 0": ("Deconvolution", "kernel_size: 1 group: 0", "group 0"),
    "axis": ("Deconvolution", "kernel_size: 1 axis: 4", "axis 4"),
    "two blobs for one": ("Deconvolution", "kernel_size: 1 bias_term: false", "2 blobs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    kind, parameters, message = REFUSED[name]
    if "num_output" not in parameters:
        parameters += " num_output: 4"
    with pytest.raises(ShapeError, match=message) as error:
        run_layer(
            kind,
            f"convolution_param {{ {parameters} }}",
            np.ones((1, 4, 3, 3)),
            blobs=[np.ones((4, 4, 1, 1)), np.ones(4)],
        )
    assert "'y'" in str(error.value)


@pytest.mark.parametrize("axis", [-1, -5])
def test_other_numbers_of_spatial_axes_are_refused_by_name(axis):
    text = f"convolution_param {{ num_output: 1 kernel_size: 1 axis: {axis} }}"
    with pytest.raises(UnsupportedLayerError, match=r"'y'.*spatial axes"):
        run_layer("Convolution", text, np.ones((1, 1, 1, 1, 1, 1)), blobs=[np.ones((1, 1, 1)), np.ones(1)])


def test_bottoms_of_different_shapes_are_refused():
    net = parse_prototxt("""
        input: "a" input_shape { dim: 1 dim: 1 dim: 3 dim: 3 }
        input: "b" input_shape { dim: 1 dim: 1 dim: 3 dim: 4 }
        layer { name: "y" type: "Convolution" bottom: "a" bottom: "b" top: "ya" top: "yb"
            convolution_param { num_output: 1 kernel_size: 1 } }""")
    with pytest.raises(ShapeError, match="one shape"):
        convert_net(net, {"y": [np.ones((1, 1, 1, 1)), np.ones(1)]})
