"""Power, Exp and Log against C's functions, which NumPy's are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nets.one_layer import run_layer
from omz.errors import ShapeError

X = np.float32([-100, -7.25, -3, -2, -1.5, -1, -0.5, 0, 1e-3, 0.5, 1, 1.5, 2, 3, 7.25, 100])


def close(result, expected):
    np.testing.assert_allclose(result, expected, rtol=1e-5)  # infinities and NaN must be the same


@pytest.mark.parametrize("free_axes", [0, 1])
@pytest.mark.parametrize("power", [2, 3, 4, 5, 10, 33, -1, -2, -3, -33, 0.5, -0.5, 1.5, -0.75, 2.5])
def test_powers_of_negative_and_of_no_base_are_those_of_c(power, free_axes):
    with np.errstate(all="ignore"):
        close(
            run_layer("Power", f"power_param {{ power: {power} }}", X, free_axes=free_axes),
            np.power(X, np.float32(power)),
        )


def test_power_squares_after_scaling_and_shifting():
    result = run_layer("Power", "power_param { power: 2 scale: 3 shift: -1 }", [[-1, 0], [1, 2]])
    assert result.tolist() == [[16, 1], [4, 25]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("", [-2, 0, 3]),
        ("scale: 2", [-4, 0, 6]),
        ("shift: 1", [-1, 1, 4]),
        ("scale: -1 shift: 0.5", [2.5, 0.5, -2.5]),
        ("power: 3", [-8, 0, 27]),
    ],
)
def test_power_does_what_is_stated(parameters, expected):
    assert run_layer("Power", f"power_param {{ {parameters} }}", [-2, 0, 3]).tolist() == expected


@pytest.mark.parametrize("free_axes", [0, 2])
@pytest.mark.parametrize(
    ("parameters", "value"),
    [
        ("power: 0", 1),
        ("power: 0 scale: 0 shift: 0", 1),
        ("power: 0 shift: -3", 1),
        ("scale: 0 shift: -3 power: 3", -27),
        ("scale: 0", 0),
        ("scale: 0 shift: 0 power: -1", np.inf),
        ("scale: 0 shift: -2 power: 0.5", np.nan),
    ],
)
def test_power_of_anything_is_one_number_if_the_power_or_the_scale_is_0(parameters, value, free_axes):
    x = np.float32([[np.nan, np.inf, 1], [0, -np.inf, -1]])
    result = run_layer("Power", f"power_param {{ {parameters} }}", x, free_axes=free_axes)
    np.testing.assert_array_equal(result, np.full((2, 3), value, np.float32))


# Single precision holds 24 bits of the exponent's argument, of which one as large as 30 leaves 19.
NUMBERS = st.floats(-3, 3, width=32).map(lambda value: round(value, 3))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(base=st.sampled_from([None, -1, 0.25, 1, 2, 2.718281828, 10]), scale=NUMBERS, shift=NUMBERS)
@example(base=10, scale=0, shift=2)
def test_exp(base, scale, shift):
    x = np.linspace(-4, 4, 20, dtype=np.float32).reshape(2, 1, 10)
    text = f"exp_param {{ {'' if base is None else f'base: {base}'} scale: {scale} shift: {shift} }}"
    expected = np.power(np.e if base in (None, -1) else base, shift + scale * x.astype(float))
    np.testing.assert_allclose(run_layer("Exp", text, x, free_axes=3), expected, rtol=2e-5)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    base=st.sampled_from([None, -1, 0.25, 2, 2.718281828, 10]),
    scale=st.sampled_from([1, 0.5, 3]),
    shift=st.sampled_from([0, 1, 0.01]),
)
def test_log(base, scale, shift):
    x = np.geomspace(1e-6, 1e6, 24, dtype=np.float32).reshape(2, 3, 4)
    text = f"log_param {{ {'' if base is None else f'base: {base}'} scale: {scale} shift: {shift} }}"
    expected = np.log(shift + scale * x.astype(float)) / (1 if base in (None, -1) else np.log(base))
    # Near log(1) = 0 the rounding of the argument, 6e-8, is what counts.
    np.testing.assert_allclose(run_layer("Log", text, x, free_axes=1), expected, rtol=1e-5, atol=1e-6)


def test_exp_and_log_of_special_values():
    assert run_layer("Exp", "", [-200, 0, 200]).tolist() == [0, 1, np.inf]
    result = run_layer("Log", "log_param { base: 10 }", [0, 1, 1000, np.inf])
    np.testing.assert_allclose(result, [-np.inf, 0, 3, np.inf], rtol=1e-6)
    assert np.isnan(run_layer("Log", "", [-1])).all()


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        ("Exp", "exp_param { base: 0 }", "base 0.0 must be greater than 0"),
        ("Exp", "exp_param { base: -2 }", "base -2.0 must be greater than 0"),
        ("Exp", "exp_param { base: inf }", "base inf must be greater than 0 and finite"),
        ("Exp", "exp_param { base: nan }", "base nan"),
        ("Log", "log_param { base: 0 }", "base 0.0 must be greater than 0"),
        ("Log", "log_param { base: 1 }", "no logarithms to base 1"),
    ],
)
def test_bases_without_a_logarithm_are_refused(kind, parameters, said):
    with pytest.raises(ShapeError, match=rf"layer 'y' \({kind}\)") as caught:
        run_layer(kind, parameters, [1, 2])
    assert said in str(caught.value)
