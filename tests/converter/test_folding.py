"""Folding changes no number: the folded net equals the unfolded one and the reference, and has fewer layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import parse_prototxt
from nets.conversion import convert_net, run_model
from omz.converter.caffe.reference import run

SCALES = ["BatchNorm", "Scale", "ScaleShift", "Bias", "Power", "BN"]


def numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-1, 1, shape).astype(np.float32)


def factors(rng: np.random.Generator, size: int) -> np.ndarray:
    return (rng.uniform(0.5, 2, size) * rng.choice([-1, 1], size)).astype(np.float32)


def scale_layer(draw: Any, rng: np.random.Generator, channels: int) -> tuple[str, list[np.ndarray]]:
    """Return the body of a layer that scales or shifts, and its blobs."""
    kind = draw(st.sampled_from(SCALES))
    if kind == "BatchNorm":
        total = draw(st.sampled_from([1.0, 2.5, 0.0]))
        statistics = [numbers(rng, channels), rng.uniform(0.2, 2, channels).astype(np.float32)]
        eps = 0.5 if total == 0 else 1e-5
        return f'type: "BatchNorm" batch_norm_param {{ eps: {eps} }}', [*statistics, np.float32([total])]
    if kind == "BN":
        statistics = [numbers(rng, channels), rng.uniform(0.2, 2, channels).astype(np.float32)]
        return 'type: "BN" bn_param { eps: 1e-3 }', [
            factors(rng, channels),
            numbers(rng, channels),
            *statistics,
        ]
    if kind == "Scale":
        return 'type: "Scale"', [factors(rng, channels)]
    if kind == "ScaleShift":
        blobs = [factors(rng, channels), numbers(rng, channels)]
        return 'type: "Scale" scale_param { bias_term: true }', blobs
    if kind == "Bias":
        return 'type: "Bias"', [numbers(rng, channels)]
    power = draw(st.sampled_from([1, 1, 1, 2]))
    return (
        f'type: "Power" power_param {{ power: {power} scale: {draw(st.sampled_from([-0.5, 1, 3]))} shift: 0.75 }}',
        [],
    )


def linear_layer(
    draw: Any, rng: np.random.Generator, channels: int, size: int
) -> tuple[str, list[np.ndarray], int, int]:
    """Return the body of a Convolution or InnerProduct, its blobs, and the channels and size of what it makes."""
    bias = draw(st.booleans())
    outputs = 2 * draw(st.integers(1, 3))
    stated = f"num_output: {outputs} bias_term: {str(bias).lower()}"
    biases = [numbers(rng, outputs)] if bias else []
    if draw(st.integers(0, 3)) == 0:
        length, transpose = channels * size * size, draw(st.booleans())
        shape = (length, outputs) if transpose else (outputs, length)
        if draw(st.booleans()):
            shape = (1, 1, *shape)
        body = f'type: "InnerProduct" inner_product_param {{ {stated} transpose: {str(transpose).lower()} }}'
        return body, [numbers(rng, *shape), *biases], outputs, 1
    group = draw(st.sampled_from([g for g in (1, 2, channels) if channels % g == 0 and outputs % g == 0]))
    kernel = draw(st.integers(1, min(size, 3)))
    pad = draw(st.integers(0, 1)) if kernel > 1 else 0
    body = f'type: "Convolution" convolution_param {{ {stated} group: {group} kernel_size: {kernel} pad: {pad} }}'
    blobs = [numbers(rng, outputs, channels // group, kernel, kernel), *biases]
    return body, blobs, outputs, size + 2 * pad - kernel + 1


@st.composite
def chains(draw: Any) -> tuple[str, dict[str, list[np.ndarray]], dict[str, np.ndarray]]:
    """Draw a net of scales and linear layers in any order, in place or not, with side readers now and then."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, size, blob = 2 * draw(st.integers(1, 2)), draw(st.integers(1, 5)), "data"
    shape = (2, channels, size, size)
    text = f'input: "data" input_shape {{ dim: 2 dim: {channels} dim: {size} dim: {size} }}\n'
    weights: dict[str, list[np.ndarray]] = {}
    flat = False
    for number in range(draw(st.integers(2, 6))):
        name = f"l{number}"
        if draw(st.integers(0, 2)) == 0 and not flat:
            body, blobs, channels, size = linear_layer(draw, rng, channels, size)
            flat, top = "InnerProduct" in body, name
        else:
            body, blobs = scale_layer(draw, rng, channels)
            top = blob if blob != "data" and draw(st.booleans()) else name
        weights[name] = blobs
        text += f'layer {{ name: "{name}" {body} bottom: "{blob}" top: "{top}" }}\n'
        blob = top
        if draw(st.integers(0, 5)) == 0:
            text += f'layer {{ name: "side{number}" type: "AbsVal" bottom: "{blob}" top: "side{number}" }}\n'
    return text, weights, {"data": numbers(rng, *shape)}


def close(found: np.ndarray, expected: np.ndarray, text: str) -> None:
    assert found.shape == expected.shape, text
    scale = max(float(np.abs(expected).max()), 1.0)
    assert np.abs(found - expected).max() <= 2e-5 * scale, text


def check(chain: tuple[str, dict[str, list[np.ndarray]], dict[str, np.ndarray]]) -> None:
    text, weights, inputs = chain
    net = parse_prototxt(text)
    expected = run(net, weights, inputs)
    for fuse in (True, False):
        model = convert_net(net, weights, fuse=fuse)
        found = run_model(model, inputs)
        for output in model.outputs:  # a compiled model's may have names of layers that OpenVINO has fused
            close(found[output.get_any_name()], expected[output.get_any_name()], text)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(chains())
def test_folding_changes_no_number(chain):
    check(chain)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, derandomize=True)
@given(chains())
def test_folding_changes_no_number_in_500_nets(chain):
    check(chain)


def operations(text: str, weights: dict[str, list[np.ndarray]], *, fuse: bool) -> list[str]:
    model = convert_net(parse_prototxt(text), weights, fuse=fuse)
    return sorted({node.get_type_name() for node in model.get_ops()} & {"Add", "Multiply"})


ONES = {
    "BatchNorm": [np.ones(2), np.ones(2), np.ones(1)],
    "Scale": [np.ones(2) * 3],
    "Bias": [np.ones(2)],
    "Power": [],
    "BN": [np.ones(2) * 2, np.ones(2), np.ones(2), np.ones(2)],
}
CONVOLUTION = """layer { name: "conv" type: "Convolution" bottom: "%s" top: "conv"
    convolution_param { num_output: 2 kernel_size: 3 bias_term: false %s } }"""
DENSE = """layer { name: "conv" type: "InnerProduct" bottom: "%s" top: "conv"
    inner_product_param { num_output: 2 bias_term: false %s } }"""
INPUT = 'input: "data" input_shape { dim: 1 dim: 2 dim: 3 dim: 3 }\n'
PLANE = 'input: "data" input_shape { dim: 1 dim: 2 }\n'
SCALE = 'layer { name: "scale" type: "%s" bottom: "%s" top: "scale" power_param { scale: 2 shift: 1 } }\n'


@pytest.mark.parametrize("kind", ONES)
def test_what_follows_a_linear_layer_becomes_its_weights_and_bias(kind):
    weights = {"conv": [np.ones((2, 2, 3, 3))], "scale": ONES[kind]}
    text = INPUT + CONVOLUTION % ("data", "") + SCALE % (kind, "conv")
    assert operations(text, weights, fuse=True) == ["Add"]
    assert "Multiply" in operations(text, weights, fuse=False) or kind == "Bias"
    weights["conv"] = [np.ones((2, 18))]
    text = INPUT + DENSE % ("data", "") + SCALE % (kind, "conv")
    assert operations(text, weights, fuse=True) == ["Add"]


@pytest.mark.parametrize("kind", ONES)
def test_what_precedes_a_linear_layer_becomes_its_weights_and_bias(kind):
    weights = {"conv": [np.ones((2, 2, 3, 3))], "scale": ONES[kind]}
    text = INPUT + SCALE % (kind, "data") + CONVOLUTION % ("scale", "")
    model = convert_net(parse_prototxt(text), weights)
    assert [
        node.get_type_name() for node in model.get_ordered_ops() if "Const" not in node.get_type_name()
    ] in (
        ["Parameter", "Convolution", "Add", "Result"],
        ["Parameter", "Convolution", "Result"],
    )
    weights["conv"] = [np.ones((2, 2))]
    text = PLANE + SCALE % (kind, "data") + DENSE % ("scale", "")
    assert "Multiply" not in operations(text, weights, fuse=True)


def test_a_shift_before_a_padded_convolution_stays():
    """Zeros are padded to what comes out of the scale, so the shift is not a bias at the border."""
    weights = {"conv": [np.ones((2, 2, 3, 3))], "scale": ONES["Power"]}
    text = INPUT + SCALE % ("Power", "data") + CONVOLUTION % ("scale", "pad: 1")
    assert operations(text, weights, fuse=True) == ["Add", "Multiply"]


def test_a_blob_that_others_read_is_kept():
    weights = {"conv": [np.ones((2, 2, 3, 3))], "scale": ONES["Scale"]}
    other = 'layer { name: "abs" type: "AbsVal" bottom: "%s" top: "abs" }'
    text = INPUT + CONVOLUTION % ("data", "") + SCALE % ("Scale", "conv") + other % "conv"
    assert operations(text, weights, fuse=True) == ["Multiply"]
    text = INPUT + SCALE % ("Scale", "data") + CONVOLUTION % ("scale", "") + other % "scale"
    assert operations(text, weights, fuse=True) == ["Multiply"]


def test_a_scale_for_another_number_of_channels_is_not_folded_but_refused():
    from omz.errors import ShapeError

    for size in (1, 3):
        weights = {"conv": [np.ones((2, 2, 3, 3))], "scale": [np.ones(size)]}
        for text in (
            INPUT + CONVOLUTION % ("data", "") + SCALE % ("Scale", "conv"),
            INPUT + SCALE % ("Scale", "data") + CONVOLUTION % ("scale", ""),
        ):
            with pytest.raises(ShapeError, match="scale"):
                convert_net(parse_prototxt(text), weights)
