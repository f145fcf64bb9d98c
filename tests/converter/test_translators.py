"""Every translator against the NumPy reference, over random shapes and parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import infer, parse_prototxt
from nets.conversion import convert_net, run_model
from omz.converter.caffe.reference import LAYERS, run

# Single precision keeps 24 bits; sums of some hundred products lose a few of them.
TOLERANCE = 1e-5

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Case:
    """One layer: the shapes of its bottoms, and its weights if random ones will not do."""

    kind: str
    parameters: str
    shapes: Sequence[tuple[int, ...]]
    blobs: Sequence[np.ndarray] | None = None


def compare(*cases: Case, fuse: bool = True) -> None:
    """Convert a net with all these layers side by side (one compilation for many) and compare their outputs."""
    stream = np.random.default_rng(0)
    inputs, layers, text = {}, "", ""
    for number, case in enumerate(cases):
        bottoms = ""
        for place, shape in enumerate(case.shapes):
            name = f"x{number}.{place}"
            inputs[name] = stream.standard_normal(shape).astype(np.float32)
            text += f'input: "{name}" input_shape {{ {" ".join(f"dim: {size}" for size in shape)} }}\n'
            bottoms += f'bottom: "{name}" '
        name = f"y{number}"
        layers += (
            f'layer {{ name: "{name}" type: "{case.kind}" {bottoms} top: "{name}" {case.parameters} }}\n'
        )
    net = parse_prototxt(text + layers)
    shapes, weights = infer(net)
    blobs = {name: [np.float32(stream.standard_normal(shape)) for shape in weights[name]] for name in weights}
    blobs |= {f"y{number}": list(case.blobs) for number, case in enumerate(cases) if case.blobs}
    expected = run(net, blobs, inputs)
    outputs = run_model(convert_net(net, blobs, fuse=fuse), inputs)
    for number, case in enumerate(cases):
        name = f"y{number}"
        assert outputs[name].shape == expected[name].shape == shapes[name], case
        scale = max(1.0, float(np.abs(expected[name]).max(initial=0)))
        assert np.abs(outputs[name] - expected[name]).max(initial=0) <= TOLERANCE * scale, case


SMALL = st.integers(1, 4)
BOOLEAN = st.sampled_from(["true", "false"])


def draw_shape(draw: Draw, least: int = 1, most: int = 4) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(1, 5), min_size=least, max_size=most)))


def draw_axis(draw: Draw, shape: Sequence[int]) -> int:
    return draw(st.integers(-len(shape), len(shape) - 1))


def spatial(draw: Draw, name: str, pair: tuple[int, int], *, repeated: bool = False) -> str:
    """State a parameter for height and width in one of the ways that the format has."""
    height, width = pair
    base = name.removesuffix("_size")
    ways = [f"{base}_h: {height} {base}_w: {width}"]
    if repeated:
        ways.append(f"{name}: {height} {name}: {width}")
    if height == width:
        ways.append(f"{name}: {height}")
    return draw(st.sampled_from(ways))


@st.composite
def convolutions(draw: Draw) -> Case:
    group = draw(st.sampled_from([1, 1, 2, 3]))
    channels, outputs = group * draw(SMALL), group * draw(SMALL)
    kernel, pad = (draw(SMALL), draw(SMALL)), (draw(st.integers(0, 3)), draw(st.integers(0, 3)))
    stride, dilation = (draw(st.integers(1, 3)), draw(st.integers(1, 3))), draw(st.integers(1, 2))
    least = [max(1, dilation * (k - 1) + 1 - 2 * p) for k, p in zip(kernel, pad, strict=True)]
    height, width = (size + draw(st.integers(0, 6)) for size in least)
    parameters = " ".join(
        [
            f"num_output: {outputs} group: {group} bias_term: {draw(BOOLEAN)} dilation: {dilation}",
            spatial(draw, "kernel_size", kernel, repeated=True),
            spatial(draw, "pad", pad, repeated=True),
            spatial(draw, "stride", stride, repeated=True),
        ]
    )
    shape = (draw(st.integers(1, 2)), channels, height, width)
    return Case("Convolution", f"convolution_param {{ {parameters} }}", [shape])


@st.composite
def poolings(draw: Draw) -> Case:
    """Random windows, also ones larger than the image by less than a stride."""
    kernel, stride = (draw(SMALL), draw(SMALL)), (draw(SMALL), draw(SMALL))
    pad = tuple(draw(st.integers(0, k - 1)) for k in kernel)
    mode = draw(st.sampled_from(["", "round_mode: CEIL", "round_mode: FLOOR", "ceil_mode: false"]))
    method = draw(st.sampled_from(["MAX", "AVE"]))
    if method == "AVE":  # a last window without a single pixel has no average; the maximum of none is defined
        stride = tuple(min(s, k) for s, k in zip(stride, kernel, strict=True))
    spare = [s - 1 if mode in ("", "round_mode: CEIL") else 0 for s in stride]
    least = [max(1, k - 2 * p - s) for k, p, s in zip(kernel, pad, spare, strict=True)]
    height, width = (size + draw(st.integers(0, 6)) for size in least)
    parts = [spatial(draw, "kernel_size", kernel), spatial(draw, "pad", pad), spatial(draw, "stride", stride)]
    shape = (draw(st.integers(1, 2)), draw(SMALL), height, width)
    return Case("Pooling", f"pooling_param {{ pool: {method} {' '.join(parts)} {mode} }}", [shape])


@st.composite
def batch_norms(draw: Draw) -> Case:
    shape = draw_shape(draw, least=2)
    factor = draw(st.sampled_from([1.0, 999.98236, 0.5, 0.0]))
    # With factor 0 there are no statistics, and eps alone divides.
    eps = draw(st.sampled_from(["", "eps: 0.001", "eps: 1e-9"])) if factor else "eps: 0.5"
    stream = np.random.default_rng(draw(st.integers(0, 9)))
    mean, variance = stream.standard_normal(shape[1]), stream.uniform(0.5, 2, shape[1])
    blobs = [np.float32(mean * (factor or 1)), np.float32(variance * (factor or 1)), np.float32([factor])]
    stats = draw(st.sampled_from(["", "use_global_stats: true"]))
    return Case("BatchNorm", f"batch_norm_param {{ {stats} {eps} }}", [shape], blobs)


@st.composite
def scales(draw: Draw) -> Case:
    shape = draw_shape(draw)
    axis = draw_axis(draw, shape)
    span = draw(st.integers(-1, len(shape) - axis % len(shape)))
    text = f"scale_param {{ axis: {axis} num_axes: {span} bias_term: {draw(BOOLEAN)} }}"
    return Case("Scale", text, [shape])


@st.composite
def scales_by_a_bottom(draw: Draw) -> Case:
    shape = draw_shape(draw, least=2)
    start = draw(st.integers(0, len(shape) - 1))
    end = draw(st.integers(start + 1, len(shape)))
    axis = draw(st.sampled_from([start, start - len(shape)]))
    return Case(
        "Scale", f"scale_param {{ axis: {axis} bias_term: {draw(BOOLEAN)} }}", [shape, shape[start:end]]
    )


@st.composite
def activations(draw: Draw) -> Case:
    kind = draw(st.sampled_from(["ReLU", "ReLU", "Sigmoid", "Dropout", "Split"]))
    slope = draw(st.sampled_from(["", "negative_slope: 0.1", "negative_slope: -0.5", "negative_slope: 2"]))
    return Case(kind, f"relu_param {{ {slope} }}" if kind == "ReLU" else "", [draw_shape(draw)])


@st.composite
def softmaxes(draw: Draw) -> Case:
    shape = draw_shape(draw, least=2)
    axis = draw(st.sampled_from(["", f"axis: {draw_axis(draw, shape)}"]))
    return Case("Softmax", f"softmax_param {{ {axis} }}", [shape])


@st.composite
def axpys(draw: Draw) -> Case:
    shape = draw_shape(draw, least=4)
    factor = draw(st.sampled_from([shape[:2], (*shape[:2], 1, 1)]))
    return Case("Axpy", "", [factor, shape, shape])


@st.composite
def eltwises(draw: Draw) -> Case:
    shape, count = draw_shape(draw), draw(st.integers(2, 4))
    operation = draw(st.sampled_from(["", "SUM", "PROD", "MAX", "coeff"]))
    text = f"operation: {operation}" if operation else ""
    if operation == "coeff":
        values = draw(st.lists(st.sampled_from([1, -1, 0.5, 2, 0]), min_size=count, max_size=count))
        text = " ".join(f"coeff: {value}" for value in values)
    return Case("Eltwise", f"eltwise_param {{ {text} }}", [shape] * count)


@st.composite
def concats(draw: Draw) -> Case:
    shape = draw_shape(draw, least=2)
    axis = draw_axis(draw, shape)
    place = axis % len(shape)
    sizes = draw(st.lists(SMALL, min_size=1, max_size=3))
    text = draw(st.sampled_from([f"axis: {axis}", f"concat_dim: {place}"]))
    shapes = [(*shape[:place], size, *shape[place + 1 :]) for size in sizes]
    return Case("Concat", f"concat_param {{ {text} }}", shapes)


@st.composite
def flattens(draw: Draw) -> Case:
    shape = draw_shape(draw)
    start = draw(st.integers(0, len(shape) - 1))
    end = draw(st.integers(start, len(shape) - 1))
    axis, end_axis = (draw(st.sampled_from([axis, axis - len(shape)])) for axis in (start, end))
    return Case("Flatten", f"flatten_param {{ axis: {axis} end_axis: {end_axis} }}", [shape])


@st.composite
def reshapes(draw: Draw) -> Case:
    """Split, merge, copy (0) and infer (-1) any run of axes, counted from either end."""
    shape = draw_shape(draw)
    start = draw(st.integers(0, len(shape)))
    end = draw(st.integers(start, len(shape)))
    count = int(np.prod(shape[start:end]))
    first = draw(st.sampled_from([f for f in range(1, count + 1) if count % f == 0]))
    same = list(shape[start:end]) or [1]
    dims = draw(st.sampled_from([[first, count // first], [count], [first, -1], [-1], same]))
    for at, dim in enumerate(dims):
        if start + at < end and dim == shape[start + at] and draw(st.booleans()):
            dims = [*dims[:at], 0, *dims[at + 1 :]]
    axis = draw(st.sampled_from([start, start - len(shape) - 1]))
    span = -1 if end == len(shape) and draw(st.booleans()) else end - start
    text = f"shape {{ {' '.join(f'dim: {dim}' for dim in dims)} }} axis: {axis} num_axes: {span}"
    return Case("Reshape", f"reshape_param {{ {text} }}", [shape])


@st.composite
def inner_products(draw: Draw) -> Case:
    shape = draw_shape(draw, least=2)
    axis = draw(st.sampled_from([*range(len(shape)), -1]))
    text = f"num_output: {draw(SMALL)} axis: {axis} transpose: {draw(BOOLEAN)} bias_term: {draw(BOOLEAN)}"
    return Case("InnerProduct", f"inner_product_param {{ {text} }}", [shape])


RANDOM = {
    "Convolution": convolutions(),
    "Pooling": poolings(),
    "BatchNorm": batch_norms(),
    "Scale": scales(),
    "Scale (two bottoms)": scales_by_a_bottom(),
    "ReLU, Sigmoid, Dropout, Split": activations(),
    "Softmax": softmaxes(),
    "Axpy": axpys(),
    "Eltwise": eltwises(),
    "Concat": concats(),
    "Flatten": flattens(),
    "Reshape": reshapes(),
    "InnerProduct": inner_products(),
}


@pytest.mark.parametrize("kind", RANDOM)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(data=st.data())
def test_random_layers_equal_the_reference(kind, data):
    cases = data.draw(st.lists(RANDOM[kind], min_size=6, max_size=20))
    compare(*cases, fuse=data.draw(st.booleans()))


def test_every_layer_of_the_reference_is_tested():
    assert {name for key in RANDOM for name in key.partition(" (")[0].split(", ")} == set(LAYERS)


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_pooling_cases(method):
    cases = [
        ((6, 6), "kernel_size: 7 stride: 2"),  # larger than the image: Caffe rounds up to one window
        ((112, 112), "kernel_size: 3 stride: 2"),  # SE-ResNet's stem
        ((14, 14), "kernel_size: 3 stride: 1 pad: 1"),  # SE-Inception's modules
        ((7, 7), "kernel_size: 3 stride: 2 pad: 1"),
        ((8, 8), "kernel_size: 3 stride: 2 pad: 1"),  # an overrun behind the declared padding
        ((5, 9), "kernel_h: 2 kernel_w: 4 stride_h: 2 stride_w: 3 pad_h: 1 pad_w: 0"),
        ((4, 4), "kernel_size: 4 stride: 4 pad: 3"),
        ((5, 4), "global_pooling: true"),
    ]
    text = f"pooling_param {{ pool: {method} %s }}"
    compare(*(Case("Pooling", text % parameters, [(2, 3, *size)]) for size, parameters in cases))


def test_maximum_of_an_empty_window_is_the_least_float():
    # Windows start at 0, 3 and 6 of 5 pixels; only padded nets drop the last one.
    compare(Case("Pooling", "pooling_param { kernel_size: 1 stride: 3 }", [(1, 1, 5, 5)]))


def test_convolution_with_two_dilations():
    parameters = "num_output: 2 kernel_size: 3 dilation: 1 dilation: 3"
    compare(Case("Convolution", f"convolution_param {{ {parameters} }}", [(1, 3, 8, 9)]))


@pytest.mark.parametrize("fuse", [False, True])
def test_batch_norm_of_a_vector_has_one_channel(fuse):
    blobs = [np.float32([3]), np.float32([4]), np.float32([2])]
    compare(Case("BatchNorm", "", [(5,)], blobs), fuse=fuse)
