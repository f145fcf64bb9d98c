"""BatchNorm, BN, Scale and Bias against what they are defined to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import parse_prototxt
from nets.conversion import convert_net, run_model
from nets.one_layer import run_layer
from omz.errors import ShapeError, UnsupportedLayerError

STREAM = np.random.default_rng(0)
MEAN, VARIANCE = np.float32([1, -2, 0.5]), np.float32([4, 0.25, 1e-4])
SLOPE, BIAS = np.float32([2, -1, 0.5]), np.float32([10, 0, -3])
CHANNELS = [(2, 3), (2, 3, 4), (2, 3, 4, 5), (1, 3, 2, 2, 2)]


def along(values, rank):
    """Return the values of channels as they broadcast, in double precision."""
    return np.asarray(values, float).reshape(1, -1, *[1] * (rank - 2))


def normalized(x, eps):
    return (x - along(MEAN, x.ndim)) / np.sqrt(along(VARIANCE, x.ndim) + eps)


@pytest.mark.parametrize("fuse", [False, True])
@pytest.mark.parametrize("shape", CHANNELS, ids=str)
@pytest.mark.parametrize(("factor", "eps"), [(1, 1e-5), (999.98236, 1e-3), (0.5, 1e-5)])
def test_batch_norm(shape, factor, eps, fuse):
    x = STREAM.standard_normal(shape)
    blobs = [MEAN * factor, VARIANCE * factor, [factor]]
    result = run_layer(
        "BatchNorm", f"batch_norm_param {{ eps: {eps} }}", x, blobs=blobs, free_axes=1, fuse=fuse
    )
    np.testing.assert_allclose(result, normalized(x, eps), rtol=1e-5, atol=1e-4)  # values of up to 300


def test_batch_norm_without_any_statistics_only_divides_by_eps():
    result = run_layer(
        "BatchNorm", "batch_norm_param { eps: 0.25 }", [[1, -2, 3]], blobs=[MEAN, VARIANCE, [0]]
    )
    assert result.tolist() == [[2, -4, 6]]


@pytest.mark.parametrize("shape", CHANNELS, ids=str)
@pytest.mark.parametrize("blob_shape", [(3,), (1, 3), (1, 3, 1, 1)], ids=str)
@pytest.mark.parametrize(
    ("parameters", "eps"),
    [("", 1e-5), ("eps: 0.001 frozen: true", 1e-3), ("var_eps: 0.01", 1e-2), ("var_eps: 0.01 eps: 1", 1e-2)],
)
def test_bn_with_slope_bias_mean_and_variance(shape, blob_shape, parameters, eps):
    x = STREAM.standard_normal(shape)
    blobs = [blob.reshape(blob_shape) for blob in (SLOPE, BIAS, MEAN, VARIANCE)]
    result = run_layer("BN", f"bn_param {{ {parameters} }}", x, blobs=blobs, free_axes=1)
    expected = along(SLOPE, x.ndim) * normalized(x, eps) + along(BIAS, x.ndim)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5)], ids=str)
def test_bn_with_merged_statistics(shape):
    x = STREAM.standard_normal(shape)
    blobs = [blob.reshape(1, 3, 1, 1) for blob in (SLOPE, BIAS)]
    result = run_layer("BN", "bn_param { bn_mode: INFERENCE }", x, blobs=blobs, free_axes=1)
    np.testing.assert_allclose(result, along(SLOPE, x.ndim) * x + along(BIAS, x.ndim), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("parameters", ["", "bn_param { bn_mode: LEARN }"])
def test_bn_that_asks_for_the_statistics_of_the_batch_is_refused(parameters):
    with pytest.raises(UnsupportedLayerError, match=r"layer 'y' \(BN\): bn_mode: LEARN"):
        run_layer("BN", parameters, np.zeros((1, 3, 2, 2)), blobs=[SLOPE, BIAS])


@pytest.mark.parametrize(
    ("parameters", "shape", "blobs", "said"),
    [
        ("", (1, 3), [], "has 0 blobs"),
        ("", (1, 3), [SLOPE, BIAS, MEAN], "has 3 blobs"),
        ("", (1, 4), [SLOPE, BIAS, MEAN, VARIANCE], "asks for (4,)"),
        ("bn_param { bn_mode: INFERENCE }", (1, 3), [SLOPE, BIAS, MEAN, VARIANCE], "asks for 2"),
        ("", (3,), [SLOPE, BIAS, MEAN, VARIANCE], "at least 2 axes"),
    ],
)
def test_bn_refuses_blobs_that_do_not_fit(parameters, shape, blobs, said):
    with pytest.raises(ShapeError, match=r"layer 'y' \(BN\)") as caught:
        run_layer("BN", parameters, np.zeros(shape), blobs=blobs, fuse=False)
    assert said in str(caught.value)


@st.composite
def spans(draw):
    """A shape, and the run of its axes that a scale or bias covers: (shape, start, end, axis, num_axes)."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=5)))
    start = draw(st.integers(0, len(shape) - 1))
    end = draw(st.integers(start, len(shape)))
    axis = draw(st.sampled_from([start, start - len(shape)]))
    number = -1 if end == len(shape) and draw(st.booleans()) else end - start
    return shape, start, end, axis, number


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    span=spans(),
    kind=st.sampled_from(["Scale", "Bias"]),
    with_bias=st.booleans(),
    two=st.booleans(),
    free=st.booleans(),
)
def test_scale_and_bias_span_any_axes(span, kind, with_bias, two, free):
    shape, start, end, axis, number = span
    stream = np.random.default_rng(1)
    x, operand, shift = (stream.standard_normal(s) for s in (shape, shape[start:end], shape[start:end]))
    with_bias = with_bias and kind == "Scale"
    two = two and operand.ndim > 0  # the inputs of a net have at least one axis
    along = [1] * start + list(shape[start:end]) + [1] * (len(shape) - end)
    expected = (
        x * operand.reshape(along) + with_bias * shift.reshape(along)
        if kind == "Scale"
        else x + operand.reshape(along)
    )
    bias_term = "bias_term: true" if with_bias else ""
    parameters = f"{kind.lower()}_param {{ axis: {axis} num_axes: {number} {bias_term} }}"
    bottoms, blobs = ([x, operand], []) if two else ([x], [operand])
    # Sizes that trained weights span are fixed; and run_layer frees the first axis of both bottoms, or of none.
    free = free and (start == 0 and not with_bias if two else start > 0)
    result = run_layer(kind, parameters, *bottoms, blobs=blobs + [shift] * with_bias, free_axes=int(free))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "expected"), [("Scale", [[6.0, 12.0]]), ("Bias", [[5.0, 7.0]])])
def test_a_number_from_another_layer_scales_and_shifts_all(kind, expected):
    """Reduction over all axes leaves a blob without axes, for which Caffe does not look at ``axis``."""
    net = parse_prototxt(f"""
        input: "x" input_shape {{ dim: 1 dim: 2 }}
        input: "z" input_shape {{ dim: 3 }}
        layer {{ name: "sum" type: "Reduction" bottom: "z" top: "sum" }}
        layer {{ name: "y" type: "{kind}" bottom: "x" bottom: "sum" top: "y" {kind.lower()}_param {{ axis: 7 }} }}
    """)
    model = convert_net(net, {})
    result = run_model(model, {"x": np.float32([[2, 4]]), "z": np.float32([0.5, 0.5, 2])})["y"]
    assert result.tolist() == expected


@pytest.mark.parametrize("kind", ["Scale", "Bias"])
@pytest.mark.parametrize(
    ("parameters", "shapes", "blobs", "said"),
    [
        ("axis: 4", [(2, 3)], [[1]], "axis 4"),
        ("axis: 1 num_axes: 2", [(2, 3)], [[1]], "num_axes 2 from axis 1"),
        ("num_axes: -2", [(2, 3)], [[1]], "num_axes -2"),
        ("", [(2, 3)], [[1, 2]], "asks for (3,)"),
        ("", [(2, 3)], [], "has 0 blobs"),
        ("", [(2, 3), (2,)], [], "of shape [2] does not fit [2, 3] at axis 1"),
        ("axis: 0", [(2, 3), (2, 3, 1)], [], "does not fit"),
        ("axis: 0", [(2,), (2,), (2,)], [], "has 3 bottoms"),
    ],
)
def test_scale_and_bias_refuse_what_caffe_refuses(kind, parameters, shapes, blobs, said):
    with pytest.raises(ShapeError, match=rf"layer 'y' \({kind}\)") as caught:
        run_layer(kind, f"{kind.lower()}_param {{ {parameters} }}", *map(np.zeros, shapes), blobs=blobs)
    assert said in str(caught.value)


@pytest.mark.oracle
def test_bn_equals_pytorch():
    torch = pytest.importorskip("torch")
    x = STREAM.standard_normal((2, 3, 4, 5)).astype(np.float32)
    blobs = [SLOPE, BIAS, MEAN, VARIANCE]
    slope, bias, mean, variance = (torch.from_numpy(blob).double() for blob in blobs)
    expected = torch.nn.functional.batch_norm(
        torch.from_numpy(x).double(), mean, variance, slope, bias, eps=1e-3
    )
    result = run_layer("BN", "bn_param { eps: 0.001 }", x, blobs=blobs)
    np.testing.assert_allclose(result, expected.numpy(), rtol=1e-5, atol=1e-5)
