"""The functions that draw the sample's digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def drawing(sources: Path):
    import drawing

    return drawing


def test_blue_is_red_with_exchanged_channels(drawing):
    cells = np.zeros((8, 8), np.float32)
    cells[2:6, 3:5] = 1
    look = drawing.Look(paper=(230, 236, 230))
    red, blue = (drawing.draw(cells, ink, look, 40, np.random.default_rng(1)) for ink in (False, True))
    np.testing.assert_array_equal(blue, red[..., ::-1])
    assert red[20, 20, 2] > red[20, 20, 0] + 100


@pytest.mark.parametrize("size", [32, 40, 256])
def test_a_plain_digit_stays_in_the_middle(drawing, size: int):
    cells = np.ones((8, 8), np.float32)
    look = drawing.Look(grain=0)
    picture = drawing.draw(cells, False, look, size, np.random.default_rng(1))
    assert picture.shape == (size, size, 3)
    inked = np.argwhere(picture[..., 0] < 140)
    np.testing.assert_allclose(inked.mean(axis=0), (size - 1) / 2, atol=0.1)
    # A threshold of 0.4 puts the edge a little outside of the eight cells; each is 3/32 of the picture.
    np.testing.assert_allclose(np.ptp(inked, axis=0) + 1, 8 * size * 3 / 32, atol=size * 3 / 64 + 1)


def test_looks_repeat_with_the_seed_and_ink_is_unmistakable(drawing):
    looks = [drawing.Look.random(np.random.default_rng(seed)) for seed in range(200)]
    assert looks == [drawing.Look.random(np.random.default_rng(seed)) for seed in range(200)]
    for look in looks:
        blue, green, red = look.ink
        assert red > blue + 35
        assert red > green + 50
        assert min(look.paper) > 200


def test_strength_zero_changes_only_colours(drawing):
    look, plain = drawing.Look.random(np.random.default_rng(0), strength=0), drawing.Look()
    geometry = ("angle", "shear", "scale", "shift", "threshold", "softness", "shade", "blur", "jpeg_quality")
    assert [getattr(look, name) for name in geometry] == [getattr(plain, name) for name in geometry]


def test_each_value_takes_red_and_blue_by_turns(drawing):
    assert drawing.held_out_inks([3, 3, 5, 3, 5]) == [False, True, False, False, True]


def test_digits_come_in_the_sets_own_order(drawing):
    pytest.importorskip("sklearn")
    cells, values = drawing.load()
    assert cells.shape == (1797, 8, 8)
    assert cells.max() == 1
    assert values[:11].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert len(cells) - drawing.TRAINING == 360
