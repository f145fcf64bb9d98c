"""Activations against their definitions, in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from nets.one_layer import run_layer
from omz.errors import ShapeError

# Far beyond where exp overflows in single precision (88.7), and between.
X = np.float32([-1000, -100, -30, -7.5, -6, -2, -1, -0.25, -1e-6, 0, 1e-6, 0.25, 1, 2, 6, 7.5, 30, 100, 1000])
SHAPES = [(19,), (1, 19), (19, 1, 1, 1), (1, 1, 19, 1, 1)]


def slope(x, below):
    return np.maximum(x, 0) + below * np.minimum(x, 0)


def elu(x, alpha):
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


def swish(x, beta):
    return x * np.exp(-np.logaddexp(0, -beta * x))


FUNCTIONS = [
    ("ReLU", "", lambda x: np.maximum(x, 0)),
    ("ReLU", "relu_param { negative_slope: 0.1 }", lambda x: slope(x, 0.1)),
    ("ReLU", "relu_param { negative_slope: -2 }", lambda x: slope(x, -2)),
    ("ReLU6", "", lambda x: np.clip(x, 0, 6)),
    ("ReLU6", "relu6_param { n: 2.5 }", lambda x: np.clip(x, 0, 2.5)),
    ("ReLU6", "relu6_param { n: -1 }", lambda x: np.full_like(x, -1)),
    ("ReLU6", "relu6_param { negative_slope: 0.1 }", lambda x: np.minimum(slope(x, 0.1), 6)),
    ("ELU", "", lambda x: elu(x, 1)),
    ("ELU", "elu_param { alpha: 0.3 }", lambda x: elu(x, 0.3)),
    ("ELU", "elu_param { alpha: -2 }", lambda x: elu(x, -2)),
    ("ELU", "elu_param { alpha: 0 }", lambda x: np.maximum(x, 0)),
    ("Sigmoid", "", lambda x: np.exp(-np.logaddexp(0, -x))),
    ("TanH", "", np.tanh),
    ("AbsVal", "", np.abs),
    ("BNLL", "", lambda x: np.logaddexp(0, x)),
    ("Clip", "clip_param { min: -1.5 max: 2.25 }", lambda x: np.clip(x, -1.5, 2.25)),
    ("Clip", "clip_param { min: 1 max: 1 }", np.ones_like),
    ("Clip", "clip_param { min: 3 max: -3 }", lambda x: np.full_like(x, 3)),  # max(min, min(x, max))
    ("Swish", "", lambda x: swish(x, 1)),
    ("Swish", "swish_param { beta: 1.7 }", lambda x: swish(x, 1.7)),
    ("Swish", "swish_param { beta: -0.5 }", lambda x: swish(x, -0.5)),
    ("Swish", "swish_param { beta: 0 }", lambda x: x / 2),
    ("Threshold", "", lambda x: (x > 0).astype(float)),
    ("Threshold", "threshold_param { threshold: 1 }", lambda x: (x > 1).astype(float)),
    ("Threshold", "threshold_param { threshold: -7.5 }", lambda x: (x > -7.5).astype(float)),
    ("Dropout", "dropout_param { dropout_ratio: 0.9 }", lambda x: x),
]


@pytest.mark.parametrize("free", [False, True], ids=["fixed", "free"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("kind", "parameters", "function"),
    FUNCTIONS,
    ids=[f"{kind}-{parameters}" for kind, parameters, _ in FUNCTIONS],
)
def test_functions_of_an_element(kind, parameters, function, shape, free):
    x = X.reshape(shape)
    result = run_layer(kind, parameters, x, free_axes=x.ndim if free else 0)
    # The functions do not mix elements, so each has its own scale; SoftPlus is good to some 2e-6 near 0.
    np.testing.assert_allclose(result, function(x.astype(float)), rtol=1e-5, atol=3e-6)


def test_a_threshold_is_itself_below():
    assert run_layer(
        "Threshold", "threshold_param { threshold: 0.1 }", np.float32([0.1, 0.10000001])
    ).tolist() == [
        0,
        1,
    ]


@pytest.mark.parametrize("free_axes", [0, 1])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 3, 3), (1, 3, 2, 5), (2, 3, 2, 2, 2)], ids=str)
def test_prelu_has_a_slope_for_each_channel(shape, free_axes):
    x = np.random.default_rng(0).standard_normal(shape)
    slopes = np.float32([0.25, -1.5, 3])
    result = run_layer("PReLU", "", x, blobs=[slopes], free_axes=free_axes)
    along = slopes.reshape(1, 3, *[1] * (x.ndim - 2))
    np.testing.assert_allclose(result, np.where(x > 0, x, along * x), rtol=1e-6)


@pytest.mark.parametrize(
    "blob", [np.array(0.5), np.array([0.5]), np.full((1, 1, 1, 1), 0.5)], ids=lambda b: str(b.shape)
)
def test_prelu_with_one_slope_for_all(blob):
    x = np.float32([[-2, 4, -6], [1, -1, 0]])
    result = run_layer("PReLU", "prelu_param { channel_shared: true }", x, blobs=[blob], free_axes=2)
    assert result.tolist() == [[-1, 4, -3], [1, -0.5, 0]]


def test_prelu_reads_blobs_of_the_old_format():
    x = -np.ones((1, 3, 2, 2))
    result = run_layer("PReLU", "", x, blobs=[[1, 2, 3]], style="legacy_shape")
    assert result[0, :, 0, 0].tolist() == [-1, -2, -3]


@pytest.mark.parametrize(
    ("kind", "parameters", "shapes", "blobs", "said"),
    [
        ("PReLU", "", [(3,)], [[1, 2, 3]], "at least 2 axes"),
        ("PReLU", "", [(2, 3)], [[1, 2]], "asks for (3,)"),
        ("PReLU", "", [(2, 3)], [], "has 0 blobs"),
        ("PReLU", "prelu_param { channel_shared: true }", [(2, 3)], [[1, 2, 3]], "asks for ()"),
        ("Clip", "clip_param { min: 1 }", [(2, 3)], [], "max is missing"),
        ("Clip", "", [(2, 3)], [], "min is missing"),
        ("TanH", "", [(2, 3), (2, 3)], [], "has 2 bottoms, expected 1"),
    ],
)
def test_what_does_not_fit_is_refused(kind, parameters, shapes, blobs, said):
    with pytest.raises(ShapeError, match=rf"layer 'y' \({kind}\)") as caught:
        run_layer(kind, parameters, *map(np.zeros, shapes), blobs=blobs)
    assert said in str(caught.value)


def test_channels_that_are_not_fixed_have_no_slopes():
    with pytest.raises(ShapeError, match="needs fixed sizes"):
        run_layer("PReLU", "", np.zeros((2, 3)), blobs=[[1, 2, 3]], free_axes=2)


@pytest.mark.oracle
def test_activations_equal_those_of_pytorch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x = np.random.default_rng(1).uniform(-9, 9, (2, 3, 5, 4)).astype(np.float32)
    slopes = np.float32([0.1, -0.5, 2])
    cases = [
        ("ReLU", "relu_param { negative_slope: 0.2 }", [], lambda t: functional.leaky_relu(t, 0.2)),
        ("ReLU6", "", [], functional.relu6),
        ("PReLU", "", [slopes], lambda t: functional.prelu(t, torch.from_numpy(slopes).double())),
        ("ELU", "elu_param { alpha: 0.7 }", [], lambda t: functional.elu(t, 0.7)),
        ("TanH", "", [], torch.tanh),
        ("BNLL", "", [], functional.softplus),
        ("Clip", "clip_param { min: -2 max: 3 }", [], lambda t: t.clamp(-2, 3)),
        ("Swish", "", [], functional.silu),
        (
            "Threshold",
            "threshold_param { threshold: 2 }",
            [],
            lambda t: torch.heaviside(t - 2, t.new_zeros(())),
        ),
    ]
    for kind, parameters, blobs, oracle in cases:
        expected = oracle(torch.from_numpy(x).double()).numpy()
        np.testing.assert_allclose(
            run_layer(kind, parameters, x, blobs=blobs), expected, rtol=1e-5, atol=3e-6, err_msg=kind
        )
