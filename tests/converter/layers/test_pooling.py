"""Pooling: the rules of sizes, windows without pixels, and the mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.conversion import convert_net, run_model
from nets.one_layer import one_layer, run_layer
from omz.errors import ShapeError, UnsupportedLayerError


def pool(data, parameters, **options):
    return run_layer("Pooling", f"pooling_param {{ {parameters} }}", data, **options)


def image(height, width):
    return np.arange(1, height * width + 1, dtype=np.float32).reshape(1, 1, height, width)


@pytest.mark.parametrize("free", [0, 1])
def test_an_average_counts_declared_padding_but_no_overrun(free):
    """Windows of 3 start at -1, 1, 3 and end, at the latest, one behind the 4 pixels: at 2, 4, 5."""
    result = pool([[[[1, 2, 3, 4]]]], "pool: AVE kernel_size: 3 stride: 2 pad: 1", free_axes=free)
    # The row above and the row below count as well: three rows, of which one holds pixels.
    assert result[0, 0].tolist() == [pytest.approx([3 / 9, 9 / 9, 4 / 6])]


def test_padding_along_one_axis_drops_empty_windows_along_both():
    """Of 5 pixels, windows of 1 at 0, 3 and 6: with any padding in the layer, the one at 6 goes."""
    wide = image(2, 5)
    assert pool(wide, "kernel_size: 1 stride: 3").shape == (1, 1, 2, 3)
    assert pool(wide, "kernel_h: 2 kernel_w: 1 stride: 3 pad_h: 1 pad_w: 0").tolist() == [[[[1, 4]]]]


def test_windows_without_a_pixel():
    """One that starts at the image's end has no size to divide by; one behind it has a negative one, so 0."""
    assert pool([[[[5, 6, 7]]]], "pool: AVE kernel_h: 1 kernel_w: 1 stride_h: 1 stride_w: 4").tolist() == [
        [[[5, 0]]]
    ]
    assert pool([[[[5, 6, 7]]]], "kernel_h: 1 kernel_w: 1 stride_h: 1 stride_w: 4").tolist() == [
        [[[5, float(np.finfo(np.float32).min)]]]
    ]
    with pytest.raises(ShapeError, match="no pixel"):
        pool([[[[5, 6, 7]]]], "pool: AVE kernel_h: 1 kernel_w: 1 stride_h: 1 stride_w: 3")


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_a_kernel_larger_than_the_image(method):
    """Rounding up leaves one window if it is larger by less than a stride: ceil((2 - 3) / 2) + 1 = 1."""
    expected = {"MAX": 4, "AVE": 2.5}[method]
    assert pool(image(2, 2), f"pool: {method} kernel_size: 3 stride: 2").tolist() == [[[[expected]]]]
    for parameters in (
        "kernel_size: 3 stride: 1",
        "kernel_size: 3 stride: 2 round_mode: FLOOR",
        "kernel_size: 3 stride: 2 ceil_mode: false",
        "kernel_size: 4 stride: 2",
    ):
        with pytest.raises(ShapeError, match=r"'y'.*larger"):
            pool(image(2, 2), f"pool: {method} {parameters}")


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("free", [0, 1, 4])
def test_global_pooling(method, free):
    data = np.float32(np.random.default_rng(2).standard_normal((2, 3, 4, 5)))
    result = pool(data, f"pool: {method} global_pooling: true", free_axes=free)
    expected = {"MAX": np.max, "AVE": np.mean}[method](data, (2, 3), keepdims=True)
    assert result == pytest.approx(expected, rel=1e-5)


def pooled_with_mask(data, parameters, **options):
    net = one_layer("Pooling", f'top: "mask" pooling_param {{ {parameters} }}', [data.shape])
    outputs = run_model(convert_net(net, {}, **options), {"x0": data})
    return outputs["y"], outputs["mask"]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.data())
def test_the_mask_tells_where_the_first_maximum_is(data):
    size, kernel, stride, pad = (
        [data.draw(st.integers(low, high)) for _ in "hw"] for low, high in ((1, 6), (1, 3), (1, 2), (0, 1))
    )
    pad = [min(p, k - 1) for p, k in zip(pad, kernel, strict=True)]
    kernel = [min(k, n + 2 * p) for k, n, p in zip(kernel, size, pad, strict=True)]
    stride = [min(s, k) for s, k in zip(stride, kernel, strict=True)]
    pad = [min(p, k - 1) for p, k in zip(pad, kernel, strict=True)]
    stream = np.random.default_rng(data.draw(st.integers(0, 99)))
    pixels = stream.integers(0, 3, (2, 2, *size)).astype(np.float32)  # few values, so many are equal
    text = " ".join(
        f"{name}_{axis}: {value}"
        for name, values in (("kernel", kernel), ("stride", stride), ("pad", pad))
        for axis, value in zip("hw", values, strict=True)
    )
    maxima, mask = pooled_with_mask(pixels, text)
    assert maxima.shape == mask.shape
    for place in np.ndindex(maxima.shape):
        begin = [i * s - p for i, s, p in zip(place[2:], stride, pad, strict=True)]
        window = [
            (pixels[(*place[:2], h, w)], -(h * size[1] + w))
            for h in range(max(begin[0], 0), min(begin[0] + kernel[0], size[0]))
            for w in range(max(begin[1], 0), min(begin[1] + kernel[1], size[1]))
        ]
        value, index = max(window)
        assert (maxima[place], mask[place]) == (value, -index)


def test_the_mask_of_global_pooling():
    maxima, mask = pooled_with_mask(np.float32([[[[1, 9], [3, 2]]]]), "global_pooling: true")
    assert (maxima.item(), mask.item()) == (9, 1)


def test_a_mask_that_nobody_wants_costs_nothing():
    data = image(2, 2)
    model = convert_net(
        one_layer("Pooling", 'top: "mask" pooling_param { kernel_size: 2 }', [data.shape]), {}, outputs=["y"]
    )
    assert {node.get_type_name() for node in model.get_ops()} == {"Parameter", "MaxPool", "Result"}


REFUSED = {
    "a mask of averages": ('top: "mask"', "pool: AVE kernel_size: 1", ShapeError, "2 tops"),
    "three tops": ('top: "mask" top: "z"', "kernel_size: 1", ShapeError, "3 tops"),
    "a mask of nothing": ('top: "mask"', "kernel_size: 1 stride: 9", UnsupportedLayerError, "mask"),
    "stochastic": ("", "pool: STOCHASTIC kernel_size: 1", UnsupportedLayerError, "STOCHASTIC"),
    "huge pad": ("", "kernel_size: 4000000000 pad: 3900000000 stride: 4000000000", ShapeError, "2\\^31"),
    "huge stride": ("", "kernel_size: 1 stride: 4000000000", ShapeError, "2\\^31"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name):
    tops, parameters, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as error:
        convert_net(one_layer("Pooling", f"{tops} pooling_param {{ {parameters} }}", [(1, 1, 3, 3)]), {})
    assert "'y'" in str(error.value)


def test_pooling_takes_four_axes():
    with pytest.raises(ShapeError, match=r"'y' \(Pooling\).*4 axes"):
        pool(np.ones((1, 1, 2, 2, 2)), "kernel_size: 2")
