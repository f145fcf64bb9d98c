"""Eltwise and Axpy by hand."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from nets.one_layer import run_layer
from omz.errors import ShapeError

A, B, C = np.float32([[1, -2], [3, 4]]), np.float32([[10, 20], [-30, 40]]), np.float32([[0.5, 0], [2, -1]])


@pytest.mark.parametrize("free_axes", [0, 1, 2])
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("", A + B + C),
        ("operation: SUM", A + B + C),
        ("coeff: 1 coeff: -1 coeff: 0.5", A - B + 0.5 * C),
        ("coeff: 0 coeff: 0 coeff: 2", 2 * C),
        ("operation: PROD", A * B * C),
        ("operation: MAX", [[10, 20], [3, 40]]),
        ("operation: MAX coeff: -1 coeff: -1 coeff: -1", [[10, 20], [3, 40]]),  # Caffe does not use them
    ],
)
def test_eltwise_of_three(parameters, expected, free_axes):
    result = run_layer("Eltwise", f"eltwise_param {{ {parameters} }}", A, B, C, free_axes=free_axes)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("operation", "function"), [("SUM", np.add), ("PROD", np.multiply), ("MAX", np.maximum)]
)
def test_eltwise_of_many(operation, function):
    bottoms = np.random.default_rng(0).uniform(-1.5, 1.5, (40, 2, 3, 4)).astype(np.float32)
    result = run_layer("Eltwise", f"eltwise_param {{ operation: {operation} }}", *bottoms)
    expected = reduce(function, bottoms.astype(float))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "shapes", "said"),
    [
        ("", [(2, 3)], "has 1 bottoms"),
        ("", [(2, 3), (1, 3)], "must have one shape"),
        ("", [(2, 3), (2, 3, 1)], "must have one shape"),
        ("coeff: 1", [(2, 3), (2, 3)], "has 1 coeff for 2 bottoms"),
        ("operation: PROD coeff: 1 coeff: 1", [(2, 3), (2, 3)], "SUM only"),
    ],
)
def test_eltwise_refuses_what_caffe_refuses(parameters, shapes, said):
    with pytest.raises(ShapeError, match=r"layer 'y' \(Eltwise\)") as caught:
        run_layer("Eltwise", f"eltwise_param {{ {parameters} }}", *map(np.zeros, shapes))
    assert said in str(caught.value)


@pytest.mark.parametrize("free_axes", [0, 1])
@pytest.mark.parametrize("spatial", [(), (1, 1)], ids=["vector", "blob"])
def test_axpy(spatial, free_axes):
    factor = np.float32([[2, -1], [0, 3]])
    x, y = np.arange(24.0).reshape(2, 2, 2, 3), np.full((2, 2, 2, 3), 0.5)
    result = run_layer("Axpy", "", factor.reshape(2, 2, *spatial), x, y, free_axes=free_axes)
    np.testing.assert_allclose(result, factor[:, :, None, None] * x + y, rtol=1e-6)
