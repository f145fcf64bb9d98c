"""Every translator against the NumPy reference, over random shapes, parameters and weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import omz.converter.caffe.layers  # noqa: F401 - registers the translators
from nets import parse_prototxt
from nets.conversion import convert_net, run_model
from nets.random_layers import KINDS, RandomLayer, layers
from omz.converter.caffe.reference import run
from omz.converter.caffe.registry import supported_types

# Single precision keeps 24 bits; sums of some hundred products lose a few of them.
TOLERANCE = 1e-5
SIDE_BY_SIDE = 10  # layers in a net, as one compilation for many saves most of the time
QUICK, SLOW = 2, 8  # nets of each type; the first that Hypothesis draws has nothing but least values
DIFFERENT = 45  # layers of each type in the slow suite, at least
MORE = 5  # times that many nets, if need be


def compare(*drawn: RandomLayer, fuse: bool = True) -> None:
    """Convert a net with all these layers side by side, and compare what they put out."""
    stream = np.random.default_rng(0)
    inputs, weights, header, body = {"anchor": np.ones((1, 1), np.float32)}, {}, "", []
    for number, layer in enumerate(drawn):
        bottoms = [f"x{number}.{place}" for place in range(len(layer.shapes))]
        inputs |= {
            name: np.float32(stream.standard_normal(shape))
            for name, shape in zip(bottoms, layer.shapes, strict=True)
        }
        name = f"y{number}"
        weights[name] = list(layer.blobs)
        body.append(layer.prototxt(name, bottoms, [f"{name}.{place}" for place in range(layer.tops)]))
    for name, array in inputs.items():
        header += f'input: "{name}" input_shape {{ {" ".join(f"dim: {size}" for size in array.shape)} }}\n'
    # A net must have an output, which Silence is not.
    net = parse_prototxt(
        header + "".join(body) + 'layer { name: "z" type: "Split" bottom: "anchor" top: "z" }'
    )
    model = convert_net(net, weights, fuse=fuse)
    read = {name for parameter in model.inputs for name in parameter.get_names()}
    outputs = run_model(model, {name: array for name, array in inputs.items() if name in read})
    expected = run(net, weights, inputs)
    for number, layer in enumerate(drawn):
        for place in range(layer.tops):
            name = f"y{number}.{place}"
            shown = f"{body[number]}top {place}, bottoms {[list(shape) for shape in layer.shapes]}"
            assert outputs[name].shape == expected[name].shape, shown
            assert difference(outputs[name], expected[name]) <= TOLERANCE, shown


def difference(result: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest magnitude."""
    assert np.isfinite(expected).all()
    scale = float(np.abs(expected).max(initial=0)) or 1.0
    return float(np.abs(result - expected).max(initial=0)) / scale


def check(kind: str, nets: int, different: int = 0) -> int:
    """Compare ``nets`` nets of random layers of one type; return how many different layers that were.

    How many of what Hypothesis draws is the same again differs between its versions: it is asked again for the rest.
    """
    compared = set()

    @settings(max_examples=nets, deadline=None, derandomize=True, database=None)
    @given(st.lists(layers(kind), min_size=SIDE_BY_SIDE, max_size=SIDE_BY_SIDE), st.booleans())
    def run_all(drawn: list[RandomLayer], fuse: bool) -> None:
        compare(*drawn, fuse=fuse)
        compared.update(map(str, drawn))

    run_all()
    for number in range(MORE):
        if len(compared) >= different:
            break
        seed(number)(run_all)()
    return len(compared)


@pytest.mark.parametrize("kind", KINDS)
def test_random_layers_equal_the_reference(kind):
    assert check(kind, QUICK) > 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_random_layers_equal_the_reference(kind, record_property):
    different = check(kind, SLOW, DIFFERENT)
    record_property("layers", different)
    assert different >= DIFFERENT


def test_every_supported_type_is_drawn():
    assert sorted(KINDS) == supported_types()
    assert len(KINDS) * DIFFERENT >= 2000


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
    compare(*(RandomLayer("Pooling", text % parameters, [(2, 3, *size)]) for size, parameters in cases))


def test_maximum_of_an_empty_window_is_the_least_float():
    # Windows start at 0, 3 and 6 of 5 pixels; only padded nets drop the last one.
    compare(RandomLayer("Pooling", "pooling_param { kernel_size: 1 stride: 3 }", [(1, 1, 5, 5)]))


@pytest.mark.parametrize("fuse", [False, True])
def test_batch_norm_of_a_vector_has_one_channel(fuse):
    blobs = [np.float32([3]), np.float32([4]), np.float32([2])]
    compare(RandomLayer("BatchNorm", "", [(5,)], blobs), fuse=fuse)
