"""Which layer gets which weights: by name, or shared with others."""

from __future__ import annotations

import numpy as np
import pytest

from nets import parse_prototxt, pictures, write_caffemodel
from nets.conversion import convert_net, run_model
from omz.converter.caffe.convert import convert
from omz.errors import ParseError, ShapeError

INPUT = 'input: "data" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }\n'
RNG = np.random.default_rng(5)
FC = {"fc": [RNG.normal(size=(5, 48)).astype(np.float32), RNG.normal(size=5).astype(np.float32)]}
DENSE = 'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 5 } }\n'
PICTURES = pictures((2, 3, 4, 4), 1)


SHARED = """
    layer { name: "%s" type: "InnerProduct" bottom: "data" top: "%s"
            inner_product_param { num_output: 5 } param { name: "w" } param { name: "b" } }
"""


@pytest.mark.parametrize("v1", [False, True])
@pytest.mark.parametrize("stored", [("one",), ("two",), ("two", "one")])
def test_layers_that_share_weights_have_those_of_the_last_in_the_file(stored, v1, tmp_path):
    """Caffe copies a caffemodel's blobs in the order of the file, shared ones into the same memory."""
    text = INPUT + SHARED % ("one", "one") + SHARED % ("two", "two")
    if v1:
        text = text.replace("layer {", "layers {").replace('"InnerProduct"', "INNER_PRODUCT")
        text = text.replace('param { name: "w" } param { name: "b" }', 'param: "w" param: "b"')
    blobs = {name: [RNG.normal(size=(5, 48)), RNG.normal(size=5)] for name in stored}
    # The order of the file is not that of the net.
    file = parse_prototxt("".join(f'layer {{ name: "{name}" type: "InnerProduct" }}' for name in stored))
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text(text)
    model = convert(prototxt, write_caffemodel(tmp_path / "net.caffemodel", file, blobs))
    found = run_model(model, {"data": PICTURES})
    weights, bias = blobs[stored[-1]]
    expected = PICTURES.reshape(2, -1) @ weights.T + bias
    assert found["one"] == pytest.approx(expected, rel=1e-4, abs=1e-3)
    assert np.array_equal(found["one"], found["two"])


def test_two_layers_of_one_name_are_refused_only_if_they_have_weights():
    text = INPUT + DENSE + DENSE.replace('top: "fc"', 'top: "other"')
    with pytest.raises(ParseError, match="two layers are named 'fc'"):
        convert_net(parse_prototxt(text), FC)
    relu = 'layer { name: "relu" type: "ReLU" bottom: "%s" top: "%s" }\n'
    model = convert_net(parse_prototxt(INPUT + relu % ("data", "a") + relu % ("a", "b")), {})
    names = [node.get_friendly_name() for node in model.get_ordered_ops()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("style", ["packed", "v1"])
@pytest.mark.parametrize(
    ("modes", "shapes", "allowed"),
    [
        (("STRICT", "PERMISSIVE"), ((6, 4), (4, 6)), True),
        (("STRICT", "STRICT"), ((4, 4), (4, 4)), True),
        (("STRICT", "STRICT"), ((6, 4), (4, 6)), False),
        (("PERMISSIVE", "STRICT"), ((6, 4), (4, 6)), False),  # the first layer has nothing to compare with
        (("STRICT", "PERMISSIVE"), ((6, 4), (5, 6)), False),
    ],
)
def test_shared_weights_of_different_shapes_need_the_permission_of_the_later_layer(
    style, modes, shapes, allowed, tmp_path
):
    text = 'input: "data" input_shape { dim: 1 dim: 4 }\n'
    for name, bottom, mode, shape in zip(("one", "two"), ("data", "one"), modes, shapes, strict=True):
        text += f"""layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}"
            param {{ name: "w" share_mode: {mode} }}
            inner_product_param {{ num_output: {shape[0]} bias_term: false }} }}"""
    kernel = RNG.normal(size=24).astype(np.float32)
    weights = {n: [np.resize(kernel, shape)] for n, shape in zip(("one", "two"), shapes, strict=True)}
    net, data = parse_prototxt(text), RNG.normal(size=(1, 4)).astype(np.float32)
    if not allowed:
        with pytest.raises(ShapeError, match=r"'two' shares a blob of shape .* with layer 'one'"):
            convert_net(net, weights, style=style)
        return
    found = run_model(convert_net(net, weights, style=style), {"data": data})["two"]
    assert found == pytest.approx(data @ weights["one"][0].T @ weights["two"][0].T, rel=1e-4, abs=1e-4)
