"""One layer of any type, drawn at random: parameters, the shapes of further bottoms, weights.

A drawing function takes the shape of the first bottom, so that the same ones serve single layers and whole nets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Shape = tuple[int, ...]

BOOLEAN = st.sampled_from(["true", "false"])
SMALL = st.integers(1, 4)


@dataclass(frozen=True)
class RandomLayer:
    """A layer without the names of its bottoms and tops."""

    type: str
    parameters: str
    shapes: Sequence[Shape]  # of the bottoms
    blobs: Sequence[np.ndarray] = ()
    tops: int = 1

    def prototxt(self, name: str, bottoms: Sequence[str], tops: Sequence[str]) -> str:
        words = [f'name: "{name}" type: "{self.type}"']
        words += [f'bottom: "{bottom}"' for bottom in bottoms] + [f'top: "{top}"' for top in tops]
        return f"layer {{ {' '.join(words)} {self.parameters} }}\n"


@dataclass(frozen=True)
class Kind:
    """How to draw the layers of one type: for first bottoms with ``least`` to ``most`` axes."""

    draw: Callable[[Draw, Shape], RandomLayer]
    least: int = 1
    most: int = 5


KINDS: dict[str, Kind] = {}


def kind(*types: str, least: int = 1, most: int = 5):
    """Register a function that draws layers of these types; it gets the type if there are several."""

    def register(function):
        for name in types:
            bound = (
                function if len(types) == 1 else lambda draw, shape, name=name: function(draw, shape, name)
            )
            KINDS[name] = Kind(bound, least, most)
        return function

    return register


@st.composite
def layers(draw: Draw, name: str) -> RandomLayer:
    """Draw a layer of a type for a bottom of any shape."""
    one = KINDS[name]
    axes = draw(st.integers(one.least, one.most))
    sides = [draw(st.integers(1, 9 if place > 1 and axes == 4 else 6)) for place in range(axes)]
    return one.draw(draw, (min(sides[0], 3), *sides[1:]))


def normal(draw: Draw, *shapes: Shape) -> list[np.ndarray]:
    stream = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    return [np.float32(stream.standard_normal(shape)) for shape in shapes]


def positive(draw: Draw, *shapes: Shape) -> list[np.ndarray]:
    stream = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    return [np.float32(stream.uniform(0.5, 2, shape)) for shape in shapes]


def number(draw: Draw, least: float, most: float) -> float:
    """Draw a decimal with two digits behind the point; Caffe keeps it in single precision."""
    return draw(st.integers(round(least * 100), round(most * 100))) / 100


def draw_axis(draw: Draw, shape: Shape, least: int = 0) -> int:
    axis = draw(st.integers(least, len(shape) - 1))
    return draw(st.sampled_from([axis, axis - len(shape)]))


def optional(draw: Draw, *texts: str) -> str:
    """Draw some of these parameters; the others keep Caffe's defaults."""
    return " ".join(text for text in texts if draw(st.booleans()))


def spatial(draw: Draw, name: str, values: Sequence[int], *, repeated: bool = True) -> str:
    """State a parameter for every spatial axis in one of the ways that the format has."""
    base = name.removesuffix("_size")
    ways = [" ".join(f"{name}: {value}" for value in values)] if repeated and values else []
    if len(values) == 2:
        ways.append(f"{base}_h: {values[0]} {base}_w: {values[1]}")
    if len(set(values)) == 1:
        ways.append(f"{name}: {values[0]}")
    return draw(st.sampled_from(ways))


def divisors(count: int) -> list[int]:
    return [size for size in range(1, count + 1) if count % size == 0]


# Layers with windows


def draw_filter(draw: Draw, sizes: Sequence[int]) -> tuple[list[int], ...]:
    """Draw kernel, pad, stride and dilation of a convolution that fits."""
    kernel, dilation, pad = [], [], []
    for size in sizes:
        kernel.append(draw(st.integers(1, 3)))
        dilation.append(draw(st.integers(1, 2)))
        extent = dilation[-1] * (kernel[-1] - 1) + 1
        pad.append(max(draw(st.integers(0, 2)), -(-(extent - size) // 2)))
    return kernel, pad, [draw(st.integers(1, 3)) for _ in sizes], dilation


def filter_text(draw: Draw, kernel, pad, stride, dilation) -> str:
    dilations = " ".join(f"dilation: {value}" for value in dilation)
    if len(set(dilation)) == 1:
        dilations = f"dilation: {dilation[0]}" if dilation[0] > 1 or draw(st.booleans()) else ""
    stated = (("kernel_size", kernel), ("pad", pad), ("stride", stride))
    return " ".join([*(spatial(draw, name, values) for name, values in stated), dilations])


@kind("Convolution", least=3, most=5)
def convolution(draw: Draw, shape: Shape) -> RandomLayer:
    axis = (
        1
        if draw(st.integers(0, 4))
        else draw(st.integers(len(shape) - 4 if len(shape) > 4 else 0, len(shape) - 2))
    )
    geometry = draw_filter(draw, shape[axis + 1 :])
    channels, group = shape[axis], draw(st.sampled_from(divisors(shape[axis])))
    outputs, bias = group * draw(SMALL), draw(BOOLEAN)
    blobs = normal(draw, (outputs, channels // group, *geometry[0]), (outputs,))
    place = "" if axis == 1 else f"axis: {draw(st.sampled_from([axis, axis - len(shape)]))}"
    text = f"num_output: {outputs} group: {group} bias_term: {bias} {place} {filter_text(draw, *geometry)}"
    count = 1 if draw(st.integers(0, 4)) else 2
    used = blobs if bias == "true" else blobs[:1]
    return RandomLayer("Convolution", f"convolution_param {{ {text} }}", [shape] * count, used, count)


@kind("DepthwiseConvolution", "ConvolutionDepthwise", least=4, most=4)
def depthwise_convolution(draw: Draw, shape: Shape, name: str) -> RandomLayer:
    geometry = draw_filter(draw, shape[2:])
    channels, bias = shape[1], draw(BOOLEAN)
    blobs = normal(draw, (channels, 1, *geometry[0]), (channels,))[: 1 + (bias == "true")]
    group = optional(draw, f"group: {channels}") if name == "ConvolutionDepthwise" else f"group: {channels}"
    text = f"num_output: {channels} {group} bias_term: {bias} {filter_text(draw, *geometry)}"
    return RandomLayer(name, f"convolution_param {{ {text} }}", [shape], blobs)


@kind("Deconvolution", least=3, most=5)
def deconvolution(draw: Draw, shape: Shape) -> RandomLayer:
    kernel, stride, dilation = ([draw(st.integers(1, most)) for _ in shape[2:]] for most in (3, 3, 2))
    full = [
        s * (size - 1) + d * (k - 1) + 1
        for s, size, d, k in zip(stride, shape[2:], dilation, kernel, strict=True)
    ]
    pad = [draw(st.integers(0, min(2, (size - 1) // 2))) for size in full]
    channels, group = shape[1], draw(st.sampled_from(divisors(shape[1])))
    outputs, bias = group * draw(st.integers(1, 3)), draw(BOOLEAN)
    blobs = normal(draw, (channels, outputs // group, *kernel), (outputs,))[: 1 + (bias == "true")]
    text = f"num_output: {outputs} group: {group} bias_term: {bias} {filter_text(draw, kernel, pad, stride, dilation)}"
    return RandomLayer("Deconvolution", f"convolution_param {{ {text} }}", [shape], blobs)


@kind("Pooling", least=4, most=4)
def pooling(draw: Draw, shape: Shape) -> RandomLayer:
    """Draw windows that may be larger than the image by less than a stride, and overrun it."""
    method = draw(st.sampled_from(["MAX", "AVE"]))
    tops = 2 if method == "MAX" and not draw(st.integers(0, 4)) else 1
    if not draw(st.integers(0, 4)):
        text = f"pool: {method} global_pooling: true"
        return RandomLayer("Pooling", f"pooling_param {{ {text} }}", [shape], tops=tops)
    mode = draw(st.sampled_from(["", "round_mode: CEIL", "round_mode: FLOOR", "ceil_mode: false"]))
    ceil = mode in ("", "round_mode: CEIL")
    kernel, pad, stride = [], [], []
    for size in shape[2:]:
        k, s = draw(SMALL), draw(SMALL)
        p = draw(st.integers(0, k - 1))
        if size + 2 * p + (s - 1) * ceil < k:
            k, p = size, 0
        kernel.append(k)
        pad.append(p)
        # An empty window has a maximum, the least float, but no average, and nothing to point at.
        stride.append(min(s, k) if method == "AVE" or tops == 2 else s)
    stated = (("kernel_size", kernel), ("pad", pad), ("stride", stride))
    text = " ".join(spatial(draw, name, values, repeated=False) for name, values in stated)
    return RandomLayer("Pooling", f"pooling_param {{ pool: {method} {text} {mode} }}", [shape], tops=tops)


@kind("LRN", least=4, most=4)
def lrn(draw: Draw, shape: Shape) -> RandomLayer:
    size = draw(st.sampled_from([1, 3, 5, 7]))
    parts = optional(
        draw, f"alpha: {number(draw, 0, 5)}", f"beta: {number(draw, 0.1, 2)}", f"k: {number(draw, 0.5, 3)}"
    )
    region = draw(st.sampled_from(["", "norm_region: ACROSS_CHANNELS", "norm_region: WITHIN_CHANNEL"]))
    return RandomLayer("LRN", f"lrn_param {{ local_size: {size} {parts} {region} }}", [shape])


@kind("Interp", least=4, most=4)
def interp(draw: Draw, shape: Shape) -> RandomLayer:
    crops = [draw(st.integers(0, min(2, (min(shape[2:]) - 1) // 2))) for _ in range(2)]
    pads = f"pad_beg: {-crops[0]} pad_end: {-crops[1]}" if any(crops) else ""
    height, width, shrink, zoom = (draw(st.integers(1, most)) for most in (12, 12, 3, 3))
    size = draw(
        st.sampled_from(
            [
                "",
                f"height: {height} width: {width}",
                f"zoom_factor: {zoom}",
                f"shrink_factor: {shrink}",
                f"shrink_factor: {shrink} zoom_factor: {zoom}",
            ]
        )
    )
    shapes = [shape] if size else [shape, (*shape[:2], height, width)]
    return RandomLayer("Interp", f"interp_param {{ {size} {pads} }}", shapes)


@kind("Upsample", least=4, most=4)
def upsample(draw: Draw, shape: Shape) -> RandomLayer:
    return RandomLayer("Upsample", f"upsample_param {{ scale: {draw(SMALL)} }}", [shape])


# Layers with weights for every channel


@kind("InnerProduct")
def inner_product(draw: Draw, shape: Shape) -> RandomLayer:
    axis = draw_axis(draw, shape) if len(shape) == 1 or draw(st.booleans()) else 1
    outputs, bias, transpose = draw(SMALL), draw(BOOLEAN), draw(BOOLEAN)
    matrix = (outputs, int(np.prod(shape[axis:])))
    blobs = normal(draw, matrix[::-1] if transpose == "true" else matrix, (outputs,))
    text = f"num_output: {outputs} axis: {axis} transpose: {transpose} bias_term: {bias}"
    used = blobs if bias == "true" else blobs[:1]
    return RandomLayer("InnerProduct", f"inner_product_param {{ {text} }}", [shape], used)


@kind("BatchNorm", least=2)
def batch_norm(draw: Draw, shape: Shape) -> RandomLayer:
    factor = draw(st.sampled_from([1.0, 999.98236, 0.5, 0.0]))
    # With factor 0 there are no statistics, and eps alone divides.
    eps = draw(st.sampled_from(["", "eps: 0.001", "eps: 1e-9"])) if factor else "eps: 0.5"
    (mean,), (variance,) = normal(draw, shape[1:2]), positive(draw, shape[1:2])
    blobs = [np.float32(mean * (factor or 1)), np.float32(variance * (factor or 1)), np.float32([factor])]
    stats = optional(draw, "use_global_stats: true")
    return RandomLayer("BatchNorm", f"batch_norm_param {{ {stats} {eps} }}", [shape], blobs)


@kind("BN", least=2, most=4)
def bn(draw: Draw, shape: Shape) -> RandomLayer:
    size = draw(st.sampled_from([(shape[1],), (1, shape[1], 1, 1)]))
    if draw(st.booleans()):
        return RandomLayer("BN", "bn_param { bn_mode: INFERENCE }", [shape], normal(draw, size, size))
    blobs = [*normal(draw, size, size, size), *positive(draw, size)]
    eps = draw(st.sampled_from(["", "eps: 0.01", "var_eps: 0.1", "eps: 2 var_eps: 0.001"]))
    return RandomLayer("BN", f"bn_param {{ {eps} {optional(draw, 'frozen: true')} }}", [shape], blobs)


def draw_span(draw: Draw, shape: Shape) -> tuple[int, int, str]:
    """Draw a run of axes for Scale and Bias: start, end, and its parameters."""
    start = draw(st.integers(0, len(shape) - 1))
    span = draw(st.integers(-1, len(shape) - start))
    end = len(shape) if span == -1 else start + span
    if len(shape) > 1 and draw(st.booleans()):
        return 1, 2, ""
    return start, end, f"axis: {draw(st.sampled_from([start, start - len(shape)]))} num_axes: {span}"


@kind("Scale")
def scale(draw: Draw, shape: Shape) -> RandomLayer:
    start, end, text = draw_span(draw, shape)
    bias = draw(BOOLEAN)
    factors, terms = normal(draw, shape[start:end], shape[start:end])
    used = [terms] if bias == "true" else []
    if start < end and draw(st.booleans()):
        text = text.partition("num_axes")[0]
        return RandomLayer(
            "Scale", f"scale_param {{ {text} bias_term: {bias} }}", [shape, shape[start:end]], used
        )
    return RandomLayer("Scale", f"scale_param {{ {text} bias_term: {bias} }}", [shape], [factors, *used])


@kind("Bias")
def bias(draw: Draw, shape: Shape) -> RandomLayer:
    start, end, text = draw_span(draw, shape)
    if start < end and draw(st.booleans()):
        text = text.partition("num_axes")[0]
        return RandomLayer("Bias", f"bias_param {{ {text} }}", [shape, shape[start:end]])
    return RandomLayer("Bias", f"bias_param {{ {text} }}", [shape], normal(draw, shape[start:end]))


@kind("PReLU", least=2)
def prelu(draw: Draw, shape: Shape) -> RandomLayer:
    if draw(st.booleans()):
        blobs = normal(draw, draw(st.sampled_from([(), (1,)])))
        return RandomLayer("PReLU", "prelu_param { channel_shared: true }", [shape], blobs)
    return RandomLayer("PReLU", "", [shape], normal(draw, shape[1:2]))


@kind("Normalize", least=4, most=4)
def normalize(draw: Draw, shape: Shape) -> RandomLayer:
    shared = draw(BOOLEAN)
    blobs = normal(draw, draw(st.sampled_from([(), (1,)])) if shared == "true" else shape[1:2])
    parts = optional(draw, f"across_spatial: {draw(BOOLEAN)}", f"eps: {number(draw, 0, 1)}")
    return RandomLayer("Normalize", f"norm_param {{ channel_shared: {shared} {parts} }}", [shape], blobs)


# Layers that take every number by itself


def simple(draw: Draw, shape: Shape, name: str) -> RandomLayer:
    return RandomLayer(name, "", [shape])


kind("Sigmoid", "TanH", "AbsVal", "BNLL", "Dropout")(simple)


@kind("ReLU")
def relu(draw: Draw, shape: Shape) -> RandomLayer:
    slope = draw(st.sampled_from(["", "negative_slope: 0.1", "negative_slope: -0.5", "negative_slope: 2"]))
    return RandomLayer("ReLU", f"relu_param {{ {slope} }}", [shape])


@kind("ReLU6")
def relu6(draw: Draw, shape: Shape) -> RandomLayer:
    return RandomLayer("ReLU6", f"relu6_param {{ {optional(draw, f'n: {number(draw, 0.1, 3)}')} }}", [shape])


@kind("ELU")
def elu(draw: Draw, shape: Shape) -> RandomLayer:
    return RandomLayer("ELU", f"elu_param {{ {optional(draw, f'alpha: {number(draw, 0, 3)}')} }}", [shape])


@kind("Swish")
def swish(draw: Draw, shape: Shape) -> RandomLayer:
    return RandomLayer(
        "Swish", f"swish_param {{ {optional(draw, f'beta: {number(draw, -2, 3)}')} }}", [shape]
    )


@kind("Threshold")
def threshold(draw: Draw, shape: Shape) -> RandomLayer:
    value = optional(draw, f"threshold: {number(draw, -1, 1)}")
    return RandomLayer("Threshold", f"threshold_param {{ {value} }}", [shape])


@kind("Clip")
def clip(draw: Draw, shape: Shape) -> RandomLayer:
    least = number(draw, -2, 1)
    return RandomLayer("Clip", f"clip_param {{ min: {least} max: {least + number(draw, 0, 2)} }}", [shape])


@kind("Power")
def power(draw: Draw, shape: Shape) -> RandomLayer:
    exponent = draw(
        st.sampled_from(["", "power: 0", "power: 1", "power: 2", "power: 3", "power: 0.5", "power: -1"])
    )
    # Roots and inverses of what stays above 0: standard normal numbers are below 6 in magnitude.
    away = exponent in ("power: 0.5", "power: -1")
    shift = f"shift: {number(draw, 6, 9)} scale: {number(draw, -0.9, 0.9)}"
    text = shift if away else optional(draw, f"scale: {number(draw, -2, 2)}", f"shift: {number(draw, -2, 2)}")
    return RandomLayer("Power", f"power_param {{ {exponent} {text} }}", [shape])


@kind("Exp")
def exp(draw: Draw, shape: Shape) -> RandomLayer:
    base = draw(st.sampled_from(["", "base: -1", "base: 2", "base: 0.5", "base: 10"]))
    text = optional(draw, f"scale: {number(draw, -1, 1)}", f"shift: {number(draw, -1, 1)}")
    return RandomLayer("Exp", f"exp_param {{ {base} {text} }}", [shape])


@kind("Log")
def log(draw: Draw, shape: Shape) -> RandomLayer:
    base = draw(st.sampled_from(["", "base: -1", "base: 2", "base: 0.5", "base: 10"]))
    text = f"scale: {number(draw, -0.9, 0.9)} shift: {number(draw, 6, 9)}"
    return RandomLayer("Log", f"log_param {{ {base} {text} }}", [shape])


# Layers that compute one number out of several


@kind("Eltwise")
def eltwise(draw: Draw, shape: Shape) -> RandomLayer:
    count, operation = draw(st.integers(2, 4)), draw(st.sampled_from(["", "SUM", "PROD", "MAX", "coeff"]))
    text = f"operation: {operation}" if operation else ""
    if operation == "coeff":
        text = " ".join(f"coeff: {draw(st.sampled_from([1, -1, 0.5, 2, 0]))}" for _ in range(count))
    return RandomLayer("Eltwise", f"eltwise_param {{ {text} }}", [shape] * count)


@kind("Axpy", least=4, most=4)
def axpy(draw: Draw, shape: Shape) -> RandomLayer:
    factor = draw(st.sampled_from([shape[:2], (*shape[:2], 1, 1)]))
    return RandomLayer("Axpy", "", [factor, shape, shape])


@kind("Reduction")
def reduction(draw: Draw, shape: Shape) -> RandomLayer:
    operation = draw(
        st.sampled_from(["", "operation: SUM", "operation: ASUM", "operation: SUMSQ", "operation: MEAN"])
    )
    text = optional(draw, f"axis: {draw_axis(draw, shape)}", f"coeff: {number(draw, -3, 3)}")
    return RandomLayer("Reduction", f"reduction_param {{ {operation} {text} }}", [shape])


@kind("ArgMax", least=2)
def argmax(draw: Draw, shape: Shape) -> RandomLayer:
    axis = draw_axis(draw, shape)
    stated = draw(st.booleans())
    count = shape[axis] if stated else int(np.prod(shape[1:]))
    text = f"top_k: {draw(st.integers(1, min(count, 5)))} {optional(draw, 'out_max_val: true')}"
    return RandomLayer("ArgMax", f"argmax_param {{ {text} {f'axis: {axis}' if stated else ''} }}", [shape])


@kind("Softmax", least=2)
def softmax(draw: Draw, shape: Shape) -> RandomLayer:
    return RandomLayer(
        "Softmax", f"softmax_param {{ {optional(draw, f'axis: {draw_axis(draw, shape)}')} }}", [shape]
    )


@kind("MVN", least=4, most=4)
def mvn(draw: Draw, shape: Shape) -> RandomLayer:
    text = optional(
        draw, f"normalize_variance: {draw(BOOLEAN)}", f"across_channels: {draw(BOOLEAN)}", "eps: 0.01"
    )
    return RandomLayer("MVN", f"mvn_param {{ {text} }}", [shape])


# Layers that move numbers about


@kind("Split")
def split(draw: Draw, shape: Shape) -> RandomLayer:
    return RandomLayer("Split", "", [shape], tops=draw(st.integers(1, 3)))


@kind("Silence")
def silence(draw: Draw, shape: Shape) -> RandomLayer:
    return RandomLayer("Silence", "", [shape] * draw(st.integers(1, 2)), tops=0)


@kind("Concat")
def concat(draw: Draw, shape: Shape) -> RandomLayer:
    axis = draw_axis(draw, shape)
    place = axis % len(shape)
    text = draw(st.sampled_from([f"axis: {axis}", f"concat_dim: {place}", *([""] if place == 1 else [])]))
    sizes = [shape[place], *(draw(SMALL) for _ in range(draw(st.integers(0, 2))))]
    return RandomLayer(
        "Concat",
        f"concat_param {{ {text} }}",
        [(*shape[:place], size, *shape[place + 1 :]) for size in sizes],
    )


@kind("Slice")
def slices(draw: Draw, shape: Shape) -> RandomLayer:
    axis = draw_axis(draw, shape)
    size, place = shape[axis], axis % len(shape)
    text = draw(st.sampled_from([f"axis: {axis}", f"slice_dim: {place}", *([""] if place == 1 else [])]))
    if draw(st.booleans()):
        return RandomLayer(
            "Slice", f"slice_param {{ {text} }}", [shape], tops=draw(st.sampled_from(divisors(size)))
        )
    points = sorted(draw(st.sets(st.integers(1, size - 1), max_size=3))) if size > 1 else []
    text += "".join(f" slice_point: {point}" for point in points)
    return RandomLayer("Slice", f"slice_param {{ {text} }}", [shape], tops=len(points) + 1)


@kind("Flatten")
def flatten(draw: Draw, shape: Shape) -> RandomLayer:
    start = draw(st.integers(0, len(shape) - 1))
    end = draw(st.integers(start, len(shape) - 1))
    axis, end_axis = (draw(st.sampled_from([axis, axis - len(shape)])) for axis in (start, end))
    text = "" if len(shape) > 1 and draw(st.booleans()) else f"axis: {axis} end_axis: {end_axis}"
    return RandomLayer("Flatten", f"flatten_param {{ {text} }}", [shape])


@kind("Reshape")
def reshape(draw: Draw, shape: Shape) -> RandomLayer:
    """Split, merge, copy (0) and infer (-1) any run of axes, counted from either end."""
    start = draw(st.integers(0, len(shape)))
    end = draw(st.integers(start, len(shape)))
    count = int(np.prod(shape[start:end]))
    first = draw(st.sampled_from(divisors(count)))
    same = list(shape[start:end]) or [1]
    dims = draw(st.sampled_from([[first, count // first], [count], [first, -1], [-1], same]))
    for at, dim in enumerate(dims):
        if start + at < end and dim == shape[start + at] and draw(st.booleans()):
            dims = [*dims[:at], 0, *dims[at + 1 :]]
    axis = draw(st.sampled_from([start, start - len(shape) - 1]))
    span = -1 if end == len(shape) and draw(st.booleans()) else end - start
    text = f"shape {{ {' '.join(f'dim: {dim}' for dim in dims)} }} axis: {axis} num_axes: {span}"
    return RandomLayer("Reshape", f"reshape_param {{ {text} }}", [shape])


@kind("Permute")
def permute(draw: Draw, shape: Shape) -> RandomLayer:
    order = draw(st.permutations(range(len(shape))))[: draw(st.integers(0, len(shape)))]
    return RandomLayer(
        "Permute", f"permute_param {{ {' '.join(f'order: {axis}' for axis in order)} }}", [shape]
    )


@kind("Crop")
def crop(draw: Draw, shape: Shape) -> RandomLayer:
    axis = draw(st.integers(0, len(shape) - 1))
    kept = [draw(st.integers(1, size)) for size in shape[axis:]]
    room = [size - left for size, left in zip(shape[axis:], kept, strict=True)]
    offsets = draw(
        st.sampled_from(
            [[], [draw(st.integers(0, min(room)))], [draw(st.integers(0, most)) for most in room]]
        )
    )
    text = (
        ""
        if axis == 2 and draw(st.booleans())
        else f"axis: {draw(st.sampled_from([axis, axis - len(shape)]))}"
    )
    text += "".join(f" offset: {offset}" for offset in offsets)
    others = tuple(draw(SMALL) for _ in shape[:axis])
    return RandomLayer("Crop", f"crop_param {{ {text} }}", [shape, (*others, *kept)])


@kind("Tile")
def tile(draw: Draw, shape: Shape) -> RandomLayer:
    axis = f"axis: {draw_axis(draw, shape)}" if len(shape) == 1 or draw(st.booleans()) else ""
    return RandomLayer("Tile", f"tile_param {{ {axis} tiles: {draw(SMALL)} }}", [shape])


@kind("ShuffleChannel", least=4, most=4)
def shuffle_channel(draw: Draw, shape: Shape) -> RandomLayer:
    group = draw(st.sampled_from(divisors(shape[1])))
    return RandomLayer("ShuffleChannel", f"shuffle_channel_param {{ group: {group} }}", [shape])
