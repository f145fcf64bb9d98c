"""Nets whose input channels are reversed, against the same nets that are fed the reversed picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nets import parse_prototxt
from nets.conversion import convert_net, run_model
from nets.random_layers import KINDS, RandomLayer
from omz.converter.preprocessing import Preprocessing, bake

LAYERS = [name for name, kind in KINDS.items() if kind.least <= 4 <= kind.most and name != "Silence"]
CONVOLUTION = """layer {{ name: "conv" type: "Convolution" bottom: "y0" top: "conv" convolution_param {{
    num_output: 2 kernel_size: 1 bias_term: false }} }}"""


def reversed_pictures(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name: np.ascontiguousarray(array[:, ::-1]) if array.ndim in (4, 5) and array.shape[1] == 3 else array
        for name, array in inputs.items()
    }


def check(text: str, weights: dict[str, Any], inputs: dict[str, np.ndarray]) -> None:
    def converted():
        return convert_net(parse_prototxt(text), weights)

    plain, baked = converted(), bake(converted(), Preprocessing(reverse_input_channels=True))
    read = {name for parameter in plain.inputs for name in parameter.get_names()}
    inputs = {name: array for name, array in inputs.items() if name in read}
    expected, found = run_model(plain, inputs), run_model(baked, reversed_pictures(inputs))
    # A blob that is the input has its name as well, until something comes between them.
    expected = {name: blob for name, blob in expected.items() if name not in inputs}
    assert expected.keys() == found.keys()
    for name, blob in expected.items():
        scale = np.abs(blob[np.isfinite(blob)]).max(initial=1)
        np.testing.assert_allclose(found[name], blob, atol=1e-5 * scale, rtol=1e-5, err_msg=text)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_any_layer_between_the_input_and_a_convolution(name):
    @settings(
        max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(st.data())
    def run_all(data):
        layer: RandomLayer = KINDS[name].draw(
            data.draw, (1, 3, data.draw(st.integers(2, 6)), data.draw(st.integers(2, 6)))
        )
        bottoms = [f"x{place}" for place in range(len(layer.shapes))]
        text = "".join(
            f'input: "{bottom}" input_shape {{ {" ".join(f"dim: {size}" for size in shape)} }}\n'
            for bottom, shape in zip(bottoms, layer.shapes, strict=True)
        )
        text += layer.prototxt("y", bottoms, [f"y{place}" for place in range(layer.tops)])
        random = np.random.default_rng(data.draw(st.integers(0, 1 << 16)))
        inputs = {
            bottom: np.float32(random.uniform(0.5, 2, shape))
            for bottom, shape in zip(bottoms, layer.shapes, strict=True)
        }
        weights = {"y": list(layer.blobs)}
        check(text, weights, inputs)
        first = next(output for output in convert_net(parse_prototxt(text), weights).outputs)
        if layer.tops == 1 and len(first.get_partial_shape()) == 4 and first.get_partial_shape()[1].is_static:
            channels = first.get_partial_shape()[1].get_length()
            weights["conv"] = [np.float32(random.standard_normal((2, channels, 1, 1)))]
            check(text + CONVOLUTION.format(), weights, inputs)

    run_all()


@pytest.mark.parametrize("first", ["Convolution", "ReLU", "Scale"])
def test_the_reversal_becomes_one_of_weights_where_it_can(first):
    convolution = "convolution_param { num_output: 3 kernel_size: 1 bias_term: false }"
    parameters = convolution if first == "Convolution" else ""
    text = f"""input: "x0" input_shape {{ dim: 1 dim: 3 dim: 4 dim: 4 }}
        layer {{ name: "y" type: "{first}" bottom: "x0" top: "y0" {parameters} }}{CONVOLUTION.format()}"""
    random = np.random.default_rng(0).standard_normal
    weights = {
        "conv": [np.float32(random((2, 3, 1, 1)))],
        **({"y": [np.float32(random((3, 3, 1, 1)))]} if first == "Convolution" else {}),
        **({"y": [np.float32(random(3))]} if first == "Scale" else {}),
    }
    model = bake(
        convert_net(parse_prototxt(text), weights, fuse=False), Preprocessing(reverse_input_channels=True)
    )
    kinds = {node.get_type_name() for node in model.get_ops()}
    assert not kinds & {"Slice", "Gather", "Split", "Concat", "VariadicSplit"}
    check(text, weights, {"x0": np.float32(random((1, 3, 4, 4)))})


@pytest.mark.parametrize("mean", [{}, {"": (1.0, 2.0, 3.0)}])
@pytest.mark.parametrize("split", ["slice_point: 1 slice_point: 2", ""])
def test_a_reversal_of_the_nets_own_stays(mean, split):
    """OpenVINO looks for those as well, and is as wrong about them."""
    text = f"""input: "x0" input_shape {{ dim: 1 dim: 3 dim: 4 dim: 4 }}
        layer {{ name: "s" type: "Slice" bottom: "x0" top: "b" top: "g" top: "r" slice_param {{ {split} }} }}
        layer {{ name: "c" type: "Concat" bottom: "r" bottom: "g" bottom: "b" top: "c" }}
        layer {{ name: "y" type: "PReLU" bottom: "c" top: "y0" }}{CONVOLUTION.format()}"""
    random = np.random.default_rng(0).standard_normal
    slopes, kernels = np.float32(random(3)), np.float32(random((2, 3, 1, 1)))
    picture = np.float32(random((1, 3, 4, 4)))
    model = convert_net(parse_prototxt(text), {"y": [slopes], "conv": [kernels]})
    found = run_model(bake(model, Preprocessing(mean)), {"x0": picture})["conv"]
    read = (picture - np.reshape(mean.get("", [0]), (1, -1, 1, 1)))[:, ::-1]
    read = np.where(read > 0, read, read * slopes.reshape(1, 3, 1, 1))
    np.testing.assert_allclose(found, np.einsum("oc,nchw->nohw", kernels[:, :, 0, 0], read), atol=1e-5)


def test_branches_that_meet_again_take_no_longer_each_time():
    """In 40 sums OpenVINO's own way would take hours."""
    before = ["x0", *(f"s{place}" for place in range(39))]
    sums = "".join(
        f'layer {{ name: "s{place}" type: "Eltwise" bottom: "{blob}" bottom: "{blob}" top: "s{place}" '
        "eltwise_param { coeff: 0.5 coeff: 0.25 } }"
        for place, blob in enumerate(before)
    )
    text = f'input: "x0" input_shape {{ dim: 1 dim: 3 dim: 4 dim: 4 }} {sums}'
    check(text, {}, {"x0": np.float32(np.random.default_rng(0).standard_normal((1, 3, 4, 4)))})
