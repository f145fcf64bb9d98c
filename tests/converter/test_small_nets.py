"""Whole small nets against the NumPy reference, with BatchNorm and Scale folded and not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import (
    NetBuilder,
    infer,
    legacy_input,
    pictures,
    se_inception,
    se_resnet,
    se_resnext,
    synthetic_weights,
)
from nets.conversion import convert_net, run_model
from omz.converter.caffe.reference import run

FAMILIES = {
    "se-resnext": se_resnext((1, 2, 1), stem=16, width=16, cardinality=8, size=48, classes=9),
    "se-resnext, odd sizes": se_resnext((2, 1), stem=8, width=8, cardinality=2, size=37, classes=5, batch=2),
    "se-resnet": se_resnet((1, 1, 1, 1), stem=8, width=8, size=64, classes=7),
    "se-resnet, small squeeze": se_resnet((2,), stem=8, width=4, reduction=100, size=33, classes=3),
    "se-inception": se_inception(("3a", "3b", "3c", "4e", "5b"), divisor=8, size=64, classes=10),
}


def operations(model: Any) -> list[str]:
    return [node.get_type_name() for node in model.get_ops()]


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_generated_nets_equal_the_reference(family, fuse):
    net = FAMILIES[family]
    weights = synthetic_weights(net)
    inputs = {"data": pictures(infer(net)[0]["data"], 7)}
    model = convert_net(net, weights, fuse=fuse)
    # Probabilities; deep nets in single precision are a little noisier than one layer.
    assert run_model(model, inputs)["prob"] == pytest.approx(run(net, weights, inputs)["prob"], abs=1e-5)
    assert model.inputs[0].get_any_name() == "data"
    assert list(model.inputs[0].shape) == list(infer(net)[0]["data"])


def test_folding_leaves_one_addition_per_convolution():
    net = FAMILIES["se-resnext"]
    folded, plain = (
        operations(convert_net(net, synthetic_weights(net), fuse=fuse)) for fuse in (True, False)
    )
    blocks = sum(layer.type == "Axpy" for layer in net.layer)
    convolutions = sum(layer.type == "Convolution" for layer in net.layer)
    assert folded.count("Add") == convolutions + blocks + 1  # biases, shortcuts, and the classifier
    assert folded.count("Multiply") == blocks  # the gates
    assert plain.count("Multiply") > folded.count("Multiply")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "followers", [("BatchNorm",), ("Scale",), ("BatchNorm", "Scale"), ("Scale", "Scale")]
)
@pytest.mark.parametrize(
    "kind", ["Convolution", "grouped Convolution", "InnerProduct", "transposed InnerProduct"]
)
def test_folding_into_weights_and_biases(kind, followers, bias):
    net = NetBuilder("fold", 8)
    if kind.endswith("Convolution"):
        net.convolution("y", "data", 6, 3, group=3 if kind.startswith("grouped") else 1, bias_term=bias)
    else:
        parameters = {"num_output": 6, "bias_term": bias, "transpose": kind.startswith("transposed")}
        net.layer("y", "InnerProduct", ["data"], inner_product_param=parameters)
    for number, follower in enumerate(followers):
        parameters = {"scale_param": {"bias_term": True}} if follower == "Scale" else {}
        net.layer(f"{follower}{number}", follower, ["y"], inplace=True, **parameters)
    weights = synthetic_weights(net.net)
    if bias:
        weights["y"][1] = np.linspace(-1, 2, 6, dtype=np.float32)
    check(net.net, weights)
    types = operations(convert_net(net.net, weights))
    assert types.count("Multiply") == 0
    assert types.count("Add") == 1


def test_folding_spares_what_another_layer_reads():
    """The convolution's own output is read as well, so BatchNorm must not change its weights."""
    net = NetBuilder("shared", 8)
    net.convolution("conv", "data", 4, 3)
    net.layer("bn", "BatchNorm", ["conv"])
    net.layer("scale", "Scale", ["bn"], scale_param={"bias_term": True})
    net.layer("sum", "Eltwise", ["conv", "scale"])
    check(net.net)


def test_folding_spares_what_is_asked_for():
    net = NetBuilder("cut", 8)
    net.convolution("conv", "data", 4, 3)
    net.layer("scale", "Scale", ["conv"], scale_param={"bias_term": True})
    weights = synthetic_weights(net.net)
    inputs = {"data": pictures((1, 3, 8, 8), 0)}
    expected = run(net.net, weights, inputs)
    outputs = run_model(convert_net(net.net, weights, outputs=["conv", "scale"]), inputs)
    for name in ("conv", "scale"):
        assert outputs[name] == pytest.approx(expected[name], rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("shapes", [True, False])
def test_legacy_inputs(shapes):
    net = FAMILIES["se-resnet, small squeeze"]
    check(legacy_input(net, shapes=shapes), synthetic_weights(net))


def check(net: Any, weights: Any = None, tolerance: float = 1e-5) -> None:
    """Compare all ends of a net with the reference, folded and not."""
    weights = synthetic_weights(net) if weights is None else weights
    inputs = {name: pictures(shape, 3) for name, shape in infer(net)[0].items() if name == "data"}
    expected = run(net, weights, inputs)
    results = {}
    for fuse in (True, False):
        outputs = run_model(convert_net(net, weights, fuse=fuse), inputs)
        assert outputs
        for name, output in outputs.items():
            scale = max(1.0, float(np.abs(expected[name]).max()))
            assert output.shape == expected[name].shape
            assert np.abs(output - expected[name]).max() <= tolerance * scale
        results[fuse] = outputs
    assert results[True].keys() == results[False].keys()


@st.composite
def random_nets(draw: Any) -> Any:
    """Grow a net by random layers on random earlier blobs of equal spatial size, in place or not."""
    net = NetBuilder(
        "random", (draw(st.integers(4, 9)), draw(st.integers(4, 9))), batch=draw(st.integers(1, 2))
    )
    channels = {"data": 3}
    for number in range(draw(st.integers(3, 12))):
        kinds = ["conv", "bn", "scale", "relu", "sigmoid", "pool", "sum", "concat", "gate", "affine"]
        kind = draw(st.sampled_from(kinds))
        bottom = draw(st.sampled_from(list(channels)))
        count, name = channels[bottom], f"{kind}{number}"
        inplace = bottom != "data" and draw(st.booleans())
        if kind == "conv":
            outputs = draw(st.integers(1, 4))
            group = draw(st.sampled_from([g for g in (1, 2, 3) if count % g == 0]))
            channels[name] = outputs * group
            bias = draw(st.booleans())
            net.convolution(name, bottom, outputs * group, 3, pad=1, group=group, bias_term=bias)
        elif kind == "pool":
            net.pool(name, bottom, pool=draw(st.integers(0, 1)), kernel_size=3, stride=1, pad=1)
            channels[name] = count
        elif kind == "concat":
            other = draw(st.sampled_from(list(channels)))
            net.layer(name, "Concat", [bottom, other])
            channels[name] = count + channels[other]
        elif kind == "sum":
            equal = [blob for blob in channels if channels[blob] == count]
            net.layer(name, "Eltwise", [bottom, draw(st.sampled_from(equal))])
            channels[name] = count
        elif kind == "gate":
            gate = net.squeeze(name, bottom, count, 2)
            net.layer(name, "Axpy", [gate, bottom, bottom])
            channels[name] = count
        elif kind == "affine":
            net.layer(f"{name}/bn", "BatchNorm", [bottom])
            net.layer(name, "Scale", [f"{name}/bn"], scale_param={"bias_term": draw(st.booleans())})
            channels[name] = count
        else:
            types = {"bn": "BatchNorm", "scale": "Scale", "relu": "ReLU", "sigmoid": "Sigmoid"}
            net.layer(name, types[kind], [bottom], inplace=inplace)
            if not inplace:
                channels[name] = count
    if name in channels and draw(st.booleans()):
        net.layer("classifier", "InnerProduct", [name], inner_product_param={"num_output": 3})
    return net.net


@settings(max_examples=15, deadline=None, derandomize=True)
@given(random_nets())
def test_random_nets_equal_the_reference(net):
    check(net, tolerance=2e-5)  # random nets amplify the rounding of a layer by those after it
