"""LRN, MVN and Normalize against plain loops and sums, in double precision."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nets.one_layer import run_layer
from omz.errors import ShapeError, UnsupportedLayerError


def blob(*shape, scale=3.0):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32) * np.float32(scale)


def close(result, expected):
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected).max()))


def lrn(x, size, alpha, beta, k, within):
    """Each element by the sum over its own window."""
    x = x.astype(float)
    y = np.empty_like(x)
    reach = size // 2
    for n, c, h, w in itertools.product(*map(range, x.shape)):
        if within:
            window = x[n, c, max(h - reach, 0) : h + reach + 1, max(w - reach, 0) : w + reach + 1]
            base = 1 + alpha * np.sum(window**2) / size**2
        else:
            base = k + alpha * np.sum(x[n, max(c - reach, 0) : c + reach + 1, h, w] ** 2) / size
        y[n, c, h, w] = x[n, c, h, w] * base**-beta
    return y


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 20), st.integers(1, 6), st.integers(1, 6)),
    size=st.sampled_from([1, 3, 5, 7, 15]),
    alpha=st.sampled_from([1e-4, 0.5, 1, 2]),
    beta=st.sampled_from([0.75, 0.5, 1, 2.5, 0, -0.5]),
    k=st.sampled_from([1, 2, 1.5, 0.5, 0.01, 2.9]),
    region=st.sampled_from(["ACROSS_CHANNELS", "WITHIN_CHANNEL"]),
    free_axes=st.sampled_from([(), (0,), (0, 2, 3)]),
)
@example((1, 5, 3, 3), 5, 1e-4, 0.75, 1, "ACROSS_CHANNELS", ())  # as AlexNet and GoogLeNet have it
@example((1, 96, 5, 5), 5, 1e-4, 0.75, 2, "ACROSS_CHANNELS", (0,))  # and AlexNet's paper
def test_lrn(shape, size, alpha, beta, k, region, free_axes):
    x = blob(*shape)
    text = f"local_size: {size} alpha: {alpha} beta: {beta} k: {k} norm_region: {region}"
    result = run_layer("LRN", f"lrn_param {{ {text} }}", x, free_axes=free_axes)
    close(result, lrn(x, size, alpha, beta, k, region == "WITHIN_CHANNEL"))


def test_lrn_by_hand():
    x = np.float32([1, 2, 3, 4]).reshape(1, 4, 1, 1)
    result = run_layer("LRN", "lrn_param { local_size: 3 alpha: 3 beta: 1 }", x)
    np.testing.assert_allclose(result.ravel(), [1 / 6, 2 / 15, 3 / 30, 4 / 26], rtol=1e-6)
    x = x.reshape(1, 1, 2, 2)  # a 3 x 3 window holds all four of a 2 x 2 image, and divides by 9
    text = "lrn_param { local_size: 3 alpha: 9 beta: 1 k: 100 norm_region: WITHIN_CHANNEL }"
    np.testing.assert_allclose(run_layer("LRN", text, x).ravel(), [1 / 31, 2 / 31, 3 / 31, 4 / 31], rtol=1e-6)


def test_lrn_defaults():
    x = blob(1, 9, 2, 2)
    close(run_layer("LRN", "", x), lrn(x, 5, 1, 0.75, 1, False))


def test_lrn_in_the_oldest_format():
    x = blob(2, 9, 3, 3)
    text = "lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 k: 1.5 }"
    close(run_layer("LRN", text, x, style="v1"), lrn(x, 3, 0.5, 0.6, 1.5, False))


@pytest.mark.parametrize(
    ("parameters", "shape", "error", "said"),
    [
        ("local_size: 4", (1, 3, 2, 2), ShapeError, "local_size 4 must be odd"),
        ("local_size: 0", (1, 3, 2, 2), ShapeError, "local_size 0 must be odd"),
        ("local_size: 4294967295", (1, 3, 2, 2), ShapeError, "less than 2^31"),
        ("", (1, 3, 2), ShapeError, "4 axes"),
        ("k: -0.5", (1, 3, 2, 2), UnsupportedLayerError, "k -0.5"),
        ("k: 1.5 beta: -1000", (1, 3, 2, 2), UnsupportedLayerError, "k 1.5 with beta -1000"),
    ],
)
def test_lrn_refuses(parameters, shape, error, said):
    with pytest.raises(error, match=r"layer 'y' \(LRN\)") as caught:
        run_layer("LRN", f"lrn_param {{ {parameters} }}", np.zeros(shape))
    assert said in str(caught.value)


def test_lrn_needs_to_know_how_many_channels_there_are():
    with pytest.raises(ShapeError, match=r"layer 'y' \(LRN\): needs fixed sizes"):
        run_layer("LRN", "", np.zeros((1, 4, 3, 3)), free_axes=4)


@pytest.mark.parametrize("free_axes", [0, 1, 4])
@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 5), (1, 32, 9, 7), (2, 3, 4), (2, 5), (4,), (1, 2, 1, 1)], ids=str
)
@pytest.mark.parametrize("across", ["true", "false"])
@pytest.mark.parametrize("eps", [1e-9, 0.1])
def test_mvn(shape, across, eps, free_axes):
    x = blob(*shape) + np.float32(5)
    padded = x.reshape(*shape, *[1] * (4 - len(shape))).astype(float)
    axes = (1, 2, 3) if across == "true" else (2, 3)
    centred = padded - padded.mean(axes, keepdims=True)
    expected = centred / (np.sqrt((centred**2).mean(axes, keepdims=True)) + eps)
    text = f"across_channels: {across} eps: {eps}"
    close(run_layer("MVN", f"mvn_param {{ {text} }}", x, free_axes=free_axes), expected)
    close(
        run_layer("MVN", f"mvn_param {{ {text} normalize_variance: false }}", x, free_axes=free_axes), centred
    )


def test_mvn_by_hand():
    """Mean 3 and deviation 2; eps adds to the deviation, not to the variance."""
    result = run_layer("MVN", "mvn_param { eps: 2 }", np.float32([1, 5, 1, 5]).reshape(1, 1, 2, 2))
    assert result.ravel().tolist() == [-0.5, 0.5, -0.5, 0.5]


def test_mvn_of_a_constant_is_0():
    assert not run_layer("MVN", "", np.full((1, 2, 4, 4), 7)).any()


def test_mvn_refuses_more_axes_than_caffe():
    with pytest.raises(ShapeError, match=r"layer 'y' \(MVN\): expected a bottom with 1 to 4 axes"):
        run_layer("MVN", "", np.zeros((1, 2, 2, 2, 2)))


@pytest.mark.parametrize("free_axes", [0, 1])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5), (1, 3, 19, 19), (1, 3, 2, 2, 2)], ids=str)
@pytest.mark.parametrize("across", ["true", "false"])
@pytest.mark.parametrize("shared", ["true", "false"])
@pytest.mark.parametrize("eps", [1e-10, 2])
def test_normalize(shape, across, shared, eps, free_axes):
    x = blob(*shape)
    scale = np.float32([20]) if shared == "true" else np.float32([20, -1, 0.5])
    axes = tuple(range(1, x.ndim)) if across == "true" else 1
    norm = np.sqrt(np.sum(x.astype(float) ** 2, axes, keepdims=True) + eps)
    expected = x / norm * scale.reshape(1, -1, *[1] * (x.ndim - 2))
    text = f"norm_param {{ across_spatial: {across} channel_shared: {shared} eps: {eps} }}"
    close(run_layer("Normalize", text, x, blobs=[scale], free_axes=free_axes), expected)


def test_normalize_by_hand():
    x = np.float32([3, 4]).reshape(1, 2, 1, 1)
    for text in ("across_spatial: false", "", "eps: 1e-10"):
        result = run_layer("Normalize", f"norm_param {{ {text} }}", x, blobs=[[10]])
        np.testing.assert_allclose(result.ravel(), [6, 8], rtol=1e-6)
    result = run_layer("Normalize", "norm_param { eps: 144 }", x, blobs=[10])
    np.testing.assert_allclose(result.ravel(), [30 / 13, 40 / 13], rtol=1e-6)


def test_normalize_of_zeros_is_0():
    assert not run_layer("Normalize", "", np.zeros((1, 2, 3, 3)), blobs=[[20]]).any()


@pytest.mark.parametrize(
    ("parameters", "shape", "blobs", "said"),
    [
        ("", (3,), [[1]], "at least 2 axes"),
        ("", (1, 3), [], "has 0 blobs"),
        ("", (1, 3), [[1, 2, 3]], "asks for ()"),
        ("channel_shared: false", (1, 3), [[1, 2]], "asks for (3,)"),
    ],
)
def test_normalize_refuses(parameters, shape, blobs, said):
    with pytest.raises(ShapeError, match=r"layer 'y' \(Normalize\)") as caught:
        run_layer("Normalize", f"norm_param {{ {parameters} }}", np.zeros(shape), blobs=blobs)
    assert said in str(caught.value)


@pytest.mark.oracle
def test_responses_equal_pytorch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x = blob(2, 12, 6, 5)
    tensor = torch.from_numpy(x).double()
    expected = functional.local_response_norm(tensor, 5, alpha=0.7, beta=0.6, k=1.5)
    close(run_layer("LRN", "lrn_param { alpha: 0.7 beta: 0.6 k: 1.5 }", x), expected.numpy())
    close(run_layer("MVN", "", x), functional.instance_norm(tensor, eps=0).numpy())
    close(
        run_layer("MVN", "mvn_param { across_channels: true }", x),
        functional.group_norm(tensor, 1, eps=0).numpy(),
    )
    text = "norm_param { across_spatial: false }"
    close(run_layer("Normalize", text, x, blobs=[[1]]), functional.normalize(tensor).numpy())
