"""Interp and Upsample."""

import numpy as np
import pytest

from nets.conversion import convert_net
from nets.one_layer import one_layer, run_layer
from omz.errors import ShapeError, UnsupportedLayerError


def weights_along(size, target):
    """Return the matrix that interpolates ``size`` samples to ``target``, corners on corners."""
    matrix = np.zeros((target, size))
    for row in range(target):
        place = row * (size - 1) / (target - 1) if target > 1 else 0
        left = min(int(place), size - 1)
        right = min(left + 1, size - 1)
        matrix[row, left] += 1 - (place - left)
        matrix[row, right] += place - left
    return matrix


def bilinear(data, height, width):
    rows, columns = weights_along(data.shape[2], height), weights_along(data.shape[3], width)
    return np.einsum("hi,ncij,wj->nchw", rows, data, columns)


def picture(*shape):
    return np.float32(np.random.default_rng(7).standard_normal(shape))


INTERPS = [  # parameters, height and width from 7 x 10, what is left of the image
    ("height: 13 width: 4", (13, 4), np.s_[:]),
    ("height: 1 width: 10", (1, 10), np.s_[:]),
    ("height: 7 width: 10", (7, 10), np.s_[:]),
    ("zoom_factor: 2", (13, 19), np.s_[:]),
    ("zoom_factor: 8", (49, 73), np.s_[:]),
    ("shrink_factor: 2", (4, 5), np.s_[:]),
    ("shrink_factor: 2 zoom_factor: 3", (10, 13), np.s_[:]),
    ("height: 3 width: 5 zoom_factor: 2", (13, 19), np.s_[:]),
    ("height: 3 width: 5 zoom_factor: 2 shrink_factor: 2", (3, 5), np.s_[:]),
    ("pad_beg: -1 pad_end: -2 height: 9 width: 9", (9, 9), np.s_[:, :, 1:-2, 1:-2]),
    ("pad_beg: -1 zoom_factor: 2", (11, 17), np.s_[:, :, 1:, 1:]),
    ("pad_end: -1 zoom_factor: 1", (6, 9), np.s_[:, :, :-1, :-1]),
]


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize(("parameters", "size", "part"), INTERPS)
def test_interp(parameters, size, part, free):
    data = picture(2, 3, 7, 10)
    result = run_layer("Interp", f"interp_param {{ {parameters} }}", data, free_axes=free)
    assert result.shape == (2, 3, *size)
    assert result == pytest.approx(bilinear(data[part], *size), abs=1e-5)


@pytest.mark.oracle
def test_interp_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    data = picture(1, 2, 60, 60)
    result = run_layer("Interp", "interp_param { height: 473 width: 300 }", data)
    expected = torch.nn.functional.interpolate(
        torch.tensor(data).double(), (473, 300), mode="bilinear", align_corners=True
    )
    assert np.abs(result - expected.numpy()).max() <= 1e-5 * np.abs(data).max()


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("pad", ["", "interp_param { pad_beg: -1 }"])
def test_a_second_bottom_gives_the_size(pad, free):
    data = picture(1, 2, 4, 5)
    result = run_layer("Interp", pad, data, np.zeros((1, 9, 7, 6)), free_axes=free)
    part = data[:, :, 1:, 1:] if pad else data
    assert result == pytest.approx(bilinear(part, 7, 6), abs=1e-5)


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("scale", [1, 2, 3, 7])
def test_upsample_repeats_pixels(scale, free):
    data = picture(2, 3, 5, 4)
    result = run_layer("Upsample", f"upsample_param {{ scale: {scale} }}", data, free_axes=free)
    assert (result == data.repeat(scale, 2).repeat(scale, 3)).all()


ONE = [(1, 1, 4, 4)]
REFUSED = {
    "no size": ("Interp", "", ONE, "expected height"),
    "height alone": ("Interp", "interp_param { height: 3 }", ONE, "expected height"),
    "height 0": ("Interp", "interp_param { height: 0 width: 3 }", ONE, "height 0"),
    "negative width": ("Interp", "interp_param { height: 3 width: -3 }", ONE, "width -3"),
    "zoom 0": ("Interp", "interp_param { zoom_factor: 0 }", ONE, "zoom_factor 0"),
    "shrink negative": ("Interp", "interp_param { shrink_factor: -1 }", ONE, "shrink_factor -1"),
    "pad": ("Interp", "interp_param { pad_beg: 1 zoom_factor: 2 }", ONE, "pad_beg 1"),
    "nothing left": ("Interp", "interp_param { pad_beg: -2 pad_end: -2 zoom_factor: 2 }", ONE, "pad_beg -2"),
    "huge zoom": ("Interp", "interp_param { zoom_factor: 2147483647 }", ONE, "2\\^31"),
    "huge height": ("Interp", "interp_param { height: 2147483647 width: 2147483647 }", ONE, "2\\^31"),
    "two sizes": ("Interp", "interp_param { zoom_factor: 2 }", ONE * 2, "second bottom"),
    "a vector": ("Interp", "interp_param { zoom_factor: 2 }", [(1, 4)], "4 axes"),
    "no scale": ("Upsample", "", ONE, "scale"),
    "scale 0": ("Upsample", "upsample_param { scale: 0 }", ONE, "scale"),
    "huge scale": ("Upsample", "upsample_param { scale: 2147483647 }", ONE, "2\\^31"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    kind, parameters, shapes, message = REFUSED[name]
    with pytest.raises(ShapeError, match=message) as error:
        convert_net(one_layer(kind, parameters, shapes), {})
    assert "'y'" in str(error.value)


def test_segnets_mask_is_refused_by_name():
    net = one_layer("Upsample", "upsample_param { scale: 2 }", ONE * 2)
    with pytest.raises(UnsupportedLayerError, match=r"'y'.*mask"):
        convert_net(net, {})


def test_open_sizes_are_refused():
    with pytest.raises(ShapeError, match="fixed sizes"):
        run_layer("Upsample", "upsample_param { scale: 2 }", np.ones((1, 1, 2, 2)), free_axes=3)
