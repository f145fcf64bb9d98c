"""Reduction and ArgMax."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.conversion import convert_net
from nets.one_layer import one_layer, run_layer
from omz.errors import ShapeError

OPERATIONS = {
    "SUM": lambda rows: rows.sum(-1),
    "ASUM": lambda rows: np.abs(rows).sum(-1),
    "SUMSQ": lambda rows: (rows**2).sum(-1),
    "MEAN": lambda rows: rows.mean(-1),
}


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("coeff", [1, -0.5])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_reductions(operation, axis, coeff, free):
    data = np.float32(np.random.default_rng(5).standard_normal((2, 3, 4)))
    text = f"reduction_param {{ operation: {operation} axis: {axis} coeff: {coeff} }}"
    result = run_layer("Reduction", text, data, free_axes=free)
    kept = data.shape[: axis % 3]
    expected = coeff * OPERATIONS[operation](data.reshape(*kept, -1).astype(np.float64))
    assert result.shape == kept
    assert result == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_the_default_is_the_sum_of_everything():
    result = run_layer("Reduction", "", [[1, 2], [3, 4]])
    assert result.shape == ()
    assert result == 10


def largest(row, k):
    """Caffe's order: pairs of value and index, the largest first."""
    pairs = sorted(((value, index) for index, value in enumerate(row)), reverse=True)[:k]
    return [value for value, _ in pairs], [index for _, index in pairs]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.data(), st.integers(0, 1), st.booleans())
def test_arg_max_along_an_axis(data, free, values):
    shape = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    axis = data.draw(st.integers(free, len(shape) - 1))
    k = data.draw(st.integers(1, shape[axis]))
    stated = data.draw(st.sampled_from([axis, axis - len(shape)]))
    stream = np.random.default_rng(data.draw(st.integers(0, 99)))
    array = stream.integers(0, 3, shape).astype(np.float32)  # few values, so many are equal
    text = f"argmax_param {{ axis: {stated} top_k: {k} out_max_val: {str(values).lower()} }}"
    result = run_layer("ArgMax", text, array, free_axes=free)
    expected = np.apply_along_axis(lambda row: largest(row, k)[0 if values else 1], axis, array)
    assert result.shape == expected.shape
    assert (result == expected).all()


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("shape", [(2,), (2, 6), (2, 3, 2), (2, 3, 2, 1), (2, 1, 3, 2, 1)])
def test_arg_max_of_each_input(shape, free):
    array = np.random.default_rng(6).integers(0, 4, shape).astype(np.float32)
    k = 1 if len(shape) == 1 else 3
    rows = [largest(row, k) for row in array.reshape(2, -1)]
    ones = (1,) * (len(shape) - 3)
    indices = run_layer("ArgMax", f"argmax_param {{ top_k: {k} }}", array, free_axes=free)
    assert indices.shape == (2, 1, k, *ones)
    assert indices.reshape(2, k).tolist() == [index for _, index in rows]
    both = run_layer("ArgMax", f"argmax_param {{ top_k: {k} out_max_val: true }}", array, free_axes=free)
    assert both.shape == (2, 2, k, *ones)
    assert both.reshape(2, 2, k).tolist() == [[index, value] for value, index in rows]


def test_of_equal_values_caffe_names_the_last():
    assert run_layer("ArgMax", "", [[0, 7, 7, 0]]).tolist() == [[[2]]]


REFUSED = {
    "reduction axis": ("Reduction", "reduction_param { axis: 2 }", [(2, 3)], "axis 2"),
    "argmax axis": ("ArgMax", "argmax_param { axis: -3 }", [(2, 3)], "axis -3"),
    "top_k 0": ("ArgMax", "argmax_param { top_k: 0 }", [(2, 3)], "top_k 0"),
    "top_k": ("ArgMax", "argmax_param { top_k: 4 }", [(2, 3)], "top_k 4"),
    "top_k huge": ("ArgMax", "argmax_param { top_k: 4294967295 axis: 1 }", [(2, 3)], "top_k 4294967295"),
    "no bottom": ("ArgMax", "", [], "0 bottoms"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    kind, parameters, shapes, message = REFUSED[name]
    with pytest.raises(ShapeError, match=message) as error:
        convert_net(one_layer(kind, parameters, shapes), {})
    assert "'y'" in str(error.value)


def test_arg_max_over_an_open_axis_is_refused():
    with pytest.raises(ShapeError, match="fixed sizes"):
        run_layer("ArgMax", "argmax_param { axis: 0 }", [[1, 2]], free_axes=1)
