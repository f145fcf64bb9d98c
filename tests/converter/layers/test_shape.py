"""Layers that only arrange data: every element must arrive, in its place."""

import math

import numpy as np
import pytest

from nets import parse_prototxt
from nets.conversion import convert_net, run_model
from nets.one_layer import one_layer, run_layer
from omz.errors import ShapeError


def numbered(*shape):
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape)


def same(result, expected):
    assert result.shape == expected.shape
    assert (result == expected).all()


def outputs_of(kind, parameters, data, tops, *, free_axes=0):
    """Run a layer with several tops and return them all."""
    net = one_layer(kind, parameters, [data.shape])
    del net.layer[0].top[:]
    net.layer[0].top.extend(f"y{place}" for place in range(tops))
    shape = [-1] * free_axes + list(data.shape[free_axes:])
    outputs = run_model(convert_net(net, {}, input_shapes=[shape]), {"x0": data})
    return [outputs[f"y{place}"] for place in range(tops)]


SLICES = [  # shape, tops, parameters, axis, where NumPy splits
    ((2, 7, 3), 3, "slice_point: 1 slice_point: 5", 1, [1, 5]),
    ((2, 6, 3), 3, "", 1, 3),
    ((2, 3, 4), 2, "axis: -1 slice_point: 3", 2, [3]),
    ((2, 3, 4), 4, "slice_dim: 2", 2, 4),
    ((6, 3), 2, "axis: 0", 0, 2),
    ((6, 3), 2, "axis: 0 slice_point: 5", 0, [5]),
    ((2, 3), 1, "", 1, 1),
]


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize(("shape", "tops", "parameters", "axis", "where"), SLICES)
def test_slices(shape, tops, parameters, axis, where, free):
    data = numbered(*shape)
    parts = outputs_of("Slice", f"slice_param {{ {parameters} }}", data, tops, free_axes=free)
    for part, expected in zip(parts, np.split(data, where, axis), strict=True):
        same(part, expected)


@pytest.mark.parametrize("free", [0, 1])
def test_split_gives_each_top_the_bottom(free):
    data = numbered(2, 3)
    for part in outputs_of("Split", "", data, 3, free_axes=free):
        same(part, data)


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("parameters", ["axis: 2", "axis: -1", "concat_dim: 2"])
def test_concat(parameters, free):
    parts = [numbered(2, 3, size) for size in (1, 4, 2)]
    result = run_layer("Concat", f"concat_param {{ {parameters} }}", *parts, free_axes=free)
    same(result, np.concatenate(parts, 2))


RESHAPES = [  # shape, parameters, shape after
    ((3, 24), "shape { dim: 0 dim: 2 dim: -1 }", (3, 2, 12)),
    ((3, 24), "shape { dim: 0 dim: 2 dim: 12 }", (3, 2, 12)),
    ((3, 24), "shape { dim: -1 dim: 8 }", (9, 8)),
    ((3, 24), "shape { dim: -1 dim: 24 }", (3, 24)),
    ((3, 24), "shape { dim: -1 dim: 4 dim: 6 dim: 1 }", (3, 4, 6, 1)),
    ((3, 2, 4, 6), "shape { dim: 0 dim: -1 dim: 0 dim: 0 }", (3, 2, 4, 6)),
    ((3, 2, 4, 6), "shape { dim: 0 dim: 0 dim: -1 }", (3, 2, 24)),
    ((3, 2, 4), "axis: 1 shape { dim: 4 dim: 2 }", (3, 4, 2)),
    ((3, 2, 4), "axis: -2 shape { dim: 2 dim: -1 }", (3, 2, 2, 2)),
    ((3, 2, 4), "axis: 1 num_axes: 1 shape { dim: 1 dim: 2 }", (3, 1, 2, 4)),
    ((3, 4), "axis: 0 num_axes: 0 shape { dim: 1 }", (1, 3, 4)),
    ((3, 4), "axis: -1 num_axes: 0 shape { dim: 1 dim: 1 }", (3, 4, 1, 1)),
    ((3, 4, 2), "shape { dim: -1 }", (24,)),
    ((3, 2, 4), "num_axes: 2 shape { dim: -1 }", (6, 4)),
]


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize(("shape", "parameters", "after"), RESHAPES)
def test_reshapes(shape, parameters, after, free):
    data = numbered(*shape)
    result = run_layer("Reshape", f"reshape_param {{ {parameters} }}", data, free_axes=free)
    same(result, data.reshape(after))


def test_fixed_sizes_stay_fixed_under_an_open_batch():
    """Translators further on ask for fixed channels, so -1 must not spread."""
    net = one_layer("Reshape", "reshape_param { shape { dim: 0 dim: 2 dim: -1 } }", [(1, 24)])
    model = convert_net(net, {}, input_shapes=[[-1, 24]])
    assert str(model.output("y").get_partial_shape()) == "[?,2,12]"


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize(
    ("parameters", "after"),
    [("", (2, 60)), ("axis: 0", (120,)), ("axis: 1 end_axis: -2", (2, 12, 5)), ("axis: -1", (2, 3, 4, 5))],
)
def test_flattens(parameters, after, free):
    data = numbered(2, 3, 4, 5)
    result = run_layer("Flatten", f"flatten_param {{ {parameters} }}", data, free_axes=free)
    same(result, data.reshape(after))


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize(
    ("order", "full"), [((0, 2, 3, 1), (0, 2, 3, 1)), ((2,), (2, 0, 1, 3)), ((), (0, 1, 2, 3))]
)
def test_permute_appends_the_axes_it_does_not_name(order, full, free):
    text = " ".join(f"order: {axis}" for axis in order)
    data = numbered(2, 3, 4, 5)
    result = run_layer("Permute", f"permute_param {{ {text} }}", data, free_axes=free)
    same(result, data.transpose(full))


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("rest", [(), (2,), (2, 3)])
def test_shuffle_channel(rest, free):
    data = numbered(2, 6, *rest)
    result = run_layer("ShuffleChannel", "shuffle_channel_param { group: 2 }", data, free_axes=free)
    same(result, data[:, [0, 3, 1, 4, 2, 5]])


CROPS = [  # shape, reference, parameters, part
    ((2, 3, 6, 7), (2, 9, 4, 5), "", np.s_[:, :, :4, :5]),
    ((2, 3, 6, 7), (2, 9, 4, 5), "offset: 2", np.s_[:, :, 2:6, 2:7]),
    ((2, 3, 6, 7), (2, 9, 4, 5), "axis: 2 offset: 1 offset: 2", np.s_[:, :, 1:5, 2:7]),
    ((2, 3, 6, 7), (2, 2, 6, 7), "axis: 1 offset: 1 offset: 0 offset: 0", np.s_[:, 1:]),
    ((2, 3, 6, 7), (2, 3, 6, 2), "axis: -1 offset: 5", np.s_[..., 5:]),
    ((2, 3, 6, 7), (2, 3, 6, 7), "axis: 0", np.s_[:]),
]


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize(("shape", "reference", "parameters", "part"), CROPS)
def test_crops(shape, reference, parameters, part, free):
    data = numbered(*shape)
    result = run_layer("Crop", f"crop_param {{ {parameters} }}", data, numbered(*reference), free_axes=free)
    same(result, data[part])


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize(("text", "axis"), [("", 1), ("axis: -1", 2), ("axis: 0", 0)])
def test_tile_repeats_the_whole_axis(text, axis, free):
    data = numbered(2, 3, 2)
    result = run_layer("Tile", f"tile_param {{ {text} tiles: 3 }}", data, free_axes=free)
    same(result, np.concatenate([data] * 3, axis))


def test_silence_keeps_a_blob_from_being_an_output():
    net = parse_prototxt("""
        input: "x" input_shape { dim: 1 dim: 4 }
        layer { name: "cut" type: "Slice" bottom: "x" top: "left" top: "right" }
        layer { name: "quiet" type: "Silence" bottom: "right" }""")
    model = convert_net(net, {})
    assert [output.get_any_name() for output in model.outputs] == ["left"]
    assert run_model(model, {"x": numbered(1, 4)})["left"].tolist() == [[0, 1]]


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("transpose", ["true", "false"])
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_inner_product_along_any_axis(axis, transpose, free):
    stream = np.random.default_rng(3)
    data = np.float32(stream.standard_normal((2, 3, 4)))
    matrix = np.float32(stream.standard_normal((5, 12 if axis == 1 else 4)))
    text = f"inner_product_param {{ num_output: 5 axis: {axis} transpose: {transpose} bias_term: false }}"
    stored = matrix.T if transpose == "true" else matrix
    result = run_layer("InnerProduct", text, data, blobs=[stored], free_axes=free)
    expected = (data.reshape(2, 12) if axis == 1 else data) @ matrix.T
    assert result == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("free", [0, 1, 3])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_softmax_along_any_axis(axis, free):
    data = np.float32(np.random.default_rng(4).standard_normal((2, 3, 4)))
    result = run_layer("Softmax", f"softmax_param {{ axis: {axis} }}", data, free_axes=free)
    exponents = np.exp(data)
    assert result == pytest.approx(exponents / exponents.sum(axis, keepdims=True), rel=1e-5)


REFUSED = {
    "points for tops": ("Slice", "slice_param { slice_point: 1 slice_point: 2 }", [(1, 4)], "2 slice_point"),
    "unequal parts": ("Slice", 'top: "z" slice_param { }', [(1, 5)], "5"),
    "falling points": (
        "Slice",
        'top: "z" top: "w" slice_param { slice_point: 3 slice_point: 2 }',
        [(1, 5)],
        "rise",
    ),
    "point at the end": ("Slice", 'top: "z" slice_param { slice_point: 5 }', [(1, 5)], "rise"),
    "point 0": ("Slice", 'top: "z" slice_param { slice_point: 0 }', [(1, 5)], "rise"),
    "huge point": ("Slice", 'top: "z" slice_param { slice_point: 4294967295 }', [(1, 5)], "rise"),
    "two axes": ("Slice", "slice_param { axis: 1 slice_dim: 1 }", [(1, 5)], "not both"),
    "slice axis": ("Slice", "slice_param { slice_dim: 4294967295 }", [(1, 5)], "axis"),
    "unequal bottoms": ("Concat", "concat_param { axis: 0 }", [(1, 5), (1, 4)], "agree"),
    "order twice": ("Permute", "permute_param { order: 1 order: 1 }", [(1, 5)], "different"),
    "order beyond": ("Permute", "permute_param { order: 4294967295 }", [(1, 5)], "different"),
    "group 0": ("ShuffleChannel", "shuffle_channel_param { group: 0 }", [(1, 4)], "group 0"),
    "group": ("ShuffleChannel", "shuffle_channel_param { group: 3 }", [(1, 4)], "group 3"),
    "no channels": ("ShuffleChannel", "shuffle_channel_param { group: 1 }", [(4,)], "axis 1"),
    "crop beyond": ("Crop", "crop_param { axis: 0 offset: 1 }", [(2, 3), (2, 2)], "offset 1"),
    "huge offset": ("Crop", "crop_param { axis: 1 offset: 4294967295 }", [(2, 3), (2, 2)], "4294967295"),
    "offsets": (
        "Crop",
        "crop_param { axis: 0 offset: 0 offset: 0 offset: 0 }",
        [(2, 3), (2, 2)],
        "3 offsets",
    ),
    "crop to a vector": ("Crop", "crop_param { axis: 0 }", [(2, 3), (2,)], "cut to"),
    "no reference": ("Crop", "", [(2, 3)], "1 bottoms"),
    "tiles missing": ("Tile", "", [(1, 2)], "tiles"),
    "tiles 0": ("Tile", "tile_param { tiles: 0 }", [(1, 2)], "tiles"),
    "tiles negative": ("Tile", "tile_param { tiles: -3 }", [(1, 2)], "tiles"),
    "tiles huge": ("Tile", "tile_param { tiles: 2147483647 }", [(9, 9)], "2\\^31"),
    "reshape to too many": ("Reshape", "reshape_param { shape { dim: 3 dim: -1 } }", [(2, 4)], "8 elements"),
    "reshape to terabytes": (
        "Reshape",
        "reshape_param { shape { dim: 4611686018427387904 dim: 4611686018427387904 } }",
        [(2, 4)],
        "8 elements",
    ),
    "reshape to many axes": (
        "Reshape",
        f"reshape_param {{ shape {{ {'dim: 1 ' * 33} }} }}",
        [(1,)],
        "32 axes",
    ),
    "tops": ("Tile", 'top: "z" tile_param { tiles: 2 }', [(1, 2)], "2 tops"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    kind, parameters, sizes, message = REFUSED[name]
    with pytest.raises(ShapeError, match=message) as error:
        convert_net(one_layer(kind, parameters, sizes), {})
    assert "'y'" in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "free", "message"),
    [
        ("shape { dim: 1 dim: 2 dim: 12 }", 1, "State -1 or 0"),  # the batch as a number: right for one only
        ("shape { dim: 0 dim: 5 dim: -1 }", 1, "24 elements"),
        ("axis: 0 num_axes: 0 shape { dim: 1 }", 2, "fixed sizes"),  # two open sizes move
    ],
)
def test_reshapes_that_open_sizes_do_not_allow(parameters, free, message):
    with pytest.raises(ShapeError, match=message):
        run_layer("Reshape", f"reshape_param {{ {parameters} }}", numbered(1, 2, 12), free_axes=free)
