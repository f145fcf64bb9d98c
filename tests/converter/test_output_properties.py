"""Whatever a graph is made of, what is said of its output holds for the numbers that come out."""

from __future__ import annotations

import numpy as np
import openvino as ov
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from openvino import opset13 as op

from omz.converter.outputs import meaning_of


def number(value):
    return op.constant(np.array(value, np.float32))


@st.composite
def graphs(draw):
    """A chain of operations behind a SoftMax, a Sigmoid or nothing, some of which join it with itself."""
    sizes = draw(st.tuples(*[st.integers(1, 3)] * 4))
    data = op.parameter(list(sizes), np.float32, name="data")
    node = data

    def axis():
        return draw(st.integers(0, len(node.shape) - 1))

    def start(value):
        kind = draw(st.sampled_from(["softmax", "sigmoid", "exp", "nothing"]))
        if kind == "softmax":
            return op.softmax(value, axis())
        return {"sigmoid": op.sigmoid, "exp": op.exp, "nothing": lambda one: one}[kind](value)

    node = start(node)
    for _ in range(draw(st.integers(0, 5))):
        shape, rank = list(node.shape), len(node.shape)
        step = draw(st.sampled_from(
            ["transpose", "reshape", "slice", "concat", "scale", "average", "mean", "clamp", "less", "bound", "squeeze",
             "relu", "normalize", "again", "divide", "product", "round", "pool", "max"]
        ))  # fmt: skip
        if step == "transpose":
            node = op.transpose(node, draw(st.permutations(range(rank))))
        elif step == "reshape":
            target = draw(
                st.sampled_from([[shape[0], -1], [-1, shape[-1]], [1, -1], [-1], [*shape, 1], [1, *shape]])
            )
            node = op.reshape(node, np.array(target, np.int64), False)
        elif step == "slice":
            place = axis()
            stop = draw(st.integers(1, shape[place]))
            node = op.slice(node, [0], [stop], [1], [place])
        elif step == "concat":
            node = op.concat([node, start(data) if node.shape == data.shape else node], axis())
        elif step == "scale":
            node = op.multiply(node, number(draw(st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0]))))
        elif step == "divide":
            node = op.divide(node, number(draw(st.sampled_from([0.5, 1.0, 2.0, 4.0]))))
        elif step == "average":
            other = start(data) if node.shape == data.shape else node
            node = op.multiply(op.add(node, other), number(0.5))
        elif step == "product":
            node = op.multiply(node, node)
        elif step in ("mean", "max"):
            reduced = op.reduce_mean if step == "mean" else op.reduce_max
            node = reduced(node, op.constant(np.array([axis()])), draw(st.booleans())) if rank > 1 else node
        elif step == "pool" and rank == 4:
            pad = draw(st.integers(0, 1))
            node = op.avg_pool(
                node, [1, 1], [pad, pad], [pad, pad], [2 if pad else 1] * 2, draw(st.booleans())
            )
        elif step == "clamp":
            node = op.clamp(
                node, *draw(st.sampled_from([(0, 1), (0, 6), (-1, 1), (1e-7, 1 - 1e-7), (0.2, 0.8)]))
            )
        elif step == "less":
            node = op.subtract(number(draw(st.sampled_from([1.0, 2.0]))), node)
        elif step == "bound":
            bounded = draw(st.sampled_from([op.maximum, op.minimum]))
            node = bounded(node, number(draw(st.sampled_from([0.0, 0.5, 1.0]))))
        elif step == "squeeze" and 1 in shape:
            node = op.squeeze(node, op.constant(np.array([shape.index(1)])))
        elif step == "relu":
            node = op.relu(node)
        elif step == "normalize":
            node = op.divide(node, op.reduce_sum(node, op.constant(np.array([axis()])), True))
        elif step == "again":
            node = op.softmax(node, axis())
        elif step == "round":
            node = op.round(node, "half_to_even")
    return ov.Model([op.result(node)], [data], "net")


@given(graphs(), st.integers(0, 2**32 - 1))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_what_is_said_of_an_output_holds_for_its_numbers(model, seed):
    kind = meaning_of(model.output(0)).kind
    assert kind != "classes"
    if kind == "logits":
        return
    noise = np.random.default_rng(seed).normal(0, 2, list(model.input(0).shape)).astype(np.float32)
    try:
        compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError:  # 2025.3 brings about shapes of its own in some
        reject()
    values = np.asarray(compiled([noise])[0], np.float64)
    if not np.isfinite(values).all():  # divided by a sum of nothing
        return
    assert values.min() >= -2e-3
    assert values.max() <= 1 + 2e-3
    if kind == "probabilities":
        rows = values.reshape(values.shape[0] if values.ndim > 1 else 1, -1)
        np.testing.assert_allclose(
            rows.sum(1), 1, atol=2e-2
        )  # each clamp may add a thousandth to each number


def test_graphs_of_every_kind_are_drawn():
    """The property above says nothing if all that it sees are logits."""
    seen = set()

    @given(graphs())
    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def look(model):
        seen.add(meaning_of(model.output(0)).kind)

    look()
    assert seen == {"probabilities", "independent", "logits"}


@pytest.mark.slow
@given(graphs(), st.integers(0, 2**32 - 1))
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_same_of_many_more(model, seed):
    test_what_is_said_of_an_output_holds_for_its_numbers.hypothesis.inner_test(model, seed)
