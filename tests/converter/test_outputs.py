"""What an output's numbers are, against what the operations do to numbers."""

from __future__ import annotations

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from omz.converter.outputs import meaning_of, output_kind, output_kinds


def parameter(*sizes):
    return op.parameter(ov.PartialShape(list(sizes)), np.float32, name="data")


def softmax(*sizes, axis=1):
    return op.softmax(parameter(*sizes), axis)


def sigmoid(*sizes):
    return op.sigmoid(parameter(*sizes))


def number(value, kind=np.float32):
    return op.constant(np.array(value, kind))


def decomposed(data, keep_dims=True):
    powers = op.exp(op.subtract(data, op.reduce_max(data, op.constant([1]), keep_dims=True)))
    return op.divide(powers, op.reduce_sum(powers, op.constant([1]), keep_dims))


def hard_swish_gate(data):
    return op.multiply(op.clamp(op.add(data, number(3)), 0, 6), number(1 / 6))


#: name -> (graph, kind)
CASES = {
    "softmax": (lambda: softmax(1, 6), "probabilities"),
    "softmax of the last axis": (lambda: softmax(-1, 6, axis=-1), "probabilities"),
    "softmax in four axes": (lambda: softmax(1, 6, 1, 1), "probabilities"),
    "softmax without a batch": (lambda: softmax(6, axis=0), "probabilities"),
    "softmax, flattened": (lambda: op.reshape(softmax(-1, 6, 1, 1), [0, -1], True), "probabilities"),
    "softmax, squeezed": (lambda: op.squeeze(softmax(1, 6, 1, 1), op.constant([2, 3])), "probabilities"),
    "softmax, unsqueezed": (lambda: op.unsqueeze(softmax(1, 6), op.constant([2])), "probabilities"),
    "softmax, transposed": (lambda: op.transpose(softmax(1, 6, 1, 1), [0, 2, 3, 1]), "probabilities"),
    "softmax, converted": (lambda: op.convert(softmax(1, 6), "f16"), "probabilities"),
    "softmax, 8 bits": (
        lambda: op.fake_quantize(softmax(1, 6), number(0), number(1), number(0), number(1), 256),
        "probabilities",
    ),
    "softmax of the first picture": (
        lambda: op.slice(softmax(4, 6), [0], [1], [1], [0]),
        "probabilities",
    ),
    "softmax of a part of a batch": (
        lambda: op.variadic_split(softmax(4, 6), 0, [1, 3]),
        "probabilities",
    ),
    "softmax of two batches": (lambda: op.concat([softmax(2, 6), softmax(2, 6)], 0), "probabilities"),
    "mean of two softmaxes": (
        lambda: op.multiply(op.add(softmax(1, 6), softmax(1, 6)), number(0.5)),
        "probabilities",
    ),
    "weighted mean": (
        lambda: op.add(op.multiply(softmax(1, 6), number(0.3)), op.multiply(softmax(1, 6), number(0.7))),
        "probabilities",
    ),
    "mean over places": (lambda: op.reduce_mean(softmax(1, 6, 7, 7), op.constant([2, 3])), "probabilities"),
    "pooled over places": (
        lambda: op.avg_pool(softmax(1, 6, 7, 7), [1, 1], [0, 0], [0, 0], [7, 7], False),
        "probabilities",
    ),
    "softmax in single operations": (lambda: decomposed(parameter(1, 6)), "probabilities"),
    "softmax over pictures": (lambda: softmax(1, 6, axis=0), "independent"),
    "softmax over groups": (lambda: op.reshape(softmax(1, 3, 2, axis=2), [1, 6], False), "independent"),
    "a part of a softmax": (lambda: op.slice(softmax(1, 6), [0], [2], [1], [1]), "independent"),
    "two softmaxes side by side": (lambda: op.concat([softmax(1, 3), softmax(1, 3)], 1), "independent"),
    "softmax of one number": (lambda: softmax(1, 1), "independent"),
    "sum of two softmaxes": (lambda: op.add(softmax(1, 6), softmax(1, 6)), "logits"),
    "logarithm of softmax": (lambda: op.log_softmax(parameter(1, 6), 1), "logits"),
    "log of softmax": (lambda: op.log(softmax(1, 6)), "logits"),
    "scaled softmax": (lambda: op.multiply(softmax(1, 6), number(5)), "logits"),
    "pooled with padding": (
        lambda: op.reduce_mean(
            op.avg_pool(softmax(1, 6, 7, 7), [7, 7], [1, 1], [1, 1], [3, 3], False), op.constant([2, 3])
        ),
        "independent",
    ),
    "divided by another sum": (
        lambda: op.divide(op.exp(parameter(1, 6)), op.reduce_sum(parameter(1, 6), op.constant([1]), True)),
        "logits",
    ),
    "sigmoid": (lambda: sigmoid(1, 6), "independent"),
    "sigmoid of one": (lambda: sigmoid(1, 1), "independent"),
    "hard sigmoid": (lambda: op.hard_sigmoid(parameter(1, 6), number(0.2), number(0.5)), "independent"),
    "HSigmoid": (lambda: op.hsigmoid(parameter(1, 6)), "independent"),
    "hard sigmoid in single operations": (lambda: hard_swish_gate(parameter(1, 6)), "independent"),
    "sigmoids side by side": (lambda: op.concat([sigmoid(1, 2), sigmoid(1, 4)], 1), "independent"),
    "one less sigmoid": (lambda: op.subtract(number(1), sigmoid(1, 6)), "independent"),
    "product of sigmoids": (lambda: op.multiply(sigmoid(1, 6), sigmoid(1, 1)), "independent"),
    "decisions": (lambda: op.greater(sigmoid(1, 6), number(0.5)), "independent"),
    "decisions as numbers": (lambda: op.convert(op.greater(parameter(1, 6), number(0)), "f32"), "independent"),
    "clipped": (lambda: op.minimum(op.maximum(parameter(1, 6), number(0)), number(1)), "independent"),
    "clipped, the other way round": (
        lambda: op.maximum(op.minimum(parameter(1, 6), number(1)), number(0)),
        "independent",
    ),
    "clipped to 6": (lambda: op.minimum(op.maximum(parameter(1, 6), number(0)), number(6)), "logits"),
    "hard sigmoid of Maximum and Minimum": (
        lambda: op.divide(op.minimum(op.maximum(op.add(parameter(1, 6), number(3)), number(0)), number(6)), number(6)),
        "independent",
    ),
    "softmax, clipped": (lambda: op.maximum(op.minimum(softmax(1, 6), number(1)), number(0)), "probabilities"),
    "sigmoid in single operations": (
        lambda: op.divide(number(1), op.add(op.exp(op.negative(parameter(1, 6))), number(1))),
        "independent",
    ),
    "five sigmoids in single operations": (
        lambda: op.divide(number(5), op.add(number(1), op.exp(parameter(1, 6)))),
        "logits",
    ),
    "rounded sigmoid": (lambda: op.round(sigmoid(1, 6), "half_to_even"), "independent"),
    "divided by its sum": (
        lambda: (lambda data: op.divide(data, op.reduce_sum(data, op.constant([1]), True)))(op.relu(parameter(1, 6))),
        "probabilities",
    ),
    "nothing of everything": (lambda: op.multiply(op.exp(parameter(1, 6)), number(0)), "independent"),
    "exponential": (lambda: op.exp(parameter(1, 6)), "logits"),
    "stars": (lambda: op.multiply(sigmoid(1, 1), number(5)), "logits"),
    "swish": (lambda: op.multiply(parameter(1, 6), op.sigmoid(parameter(1, 6))), "logits"),
    "ReLU6": (lambda: op.clamp(parameter(1, 6), 0, 6), "logits"),
    "clipped softmax": (lambda: op.clamp(softmax(1, 6), 1e-7, 1 - 1e-7), "probabilities"),
    "plain": (lambda: op.relu(parameter(1, 6)), "logits"),
    "tanh": (lambda: op.tanh(parameter(1, 6)), "logits"),
    "arg max": (lambda: op.topk(softmax(1, 6), number(1, np.int64), 1, "max", "value").output(1), "classes"),
    "arg max, squeezed": (
        lambda: op.squeeze(op.topk(parameter(1, 6), number(1, np.int64), 1, "max", "none").output(1), op.constant([1])),
        "classes",
    ),
    "arg max as float": (
        lambda: op.convert(op.topk(parameter(1, 6), number(3, np.int64), 1, "max", "value").output(1), "f32"),
        "classes",
    ),
    "some integer": (lambda: op.convert(op.relu(parameter(1, 1)), "i64"), "classes"),
    "integers": (lambda: op.convert(op.relu(parameter(1, 6)), "i64"), "logits"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_kinds(name):
    graph, kind = CASES[name]
    end = graph()
    port = end if isinstance(end, ov.Output) else end.output(0)
    assert output_kind(port) == kind
    assert output_kind(op.result(port).output(0)) == kind


@pytest.mark.parametrize(
    "name", [name for name, (_, kind) in CASES.items() if kind in ("probabilities", "independent")]
)
def test_numbers_are_what_their_kind_says(name):
    """Run each graph on noise: probabilities of one picture sum to 1, and nothing is outside of 0 and 1."""
    graph, kind = CASES[name]
    end = graph()
    port = end if isinstance(end, ov.Output) else end.output(0)
    model = ov.Model([op.result(port)], _parameters(port), "net")
    rng = np.random.default_rng(5)
    shapes = [
        [size.get_length() if size.is_static else 2 for size in one.partial_shape] for one in model.inputs
    ]
    found = ov.compile_model(model, "CPU")([rng.normal(0, 3, shape).astype(np.float32) for shape in shapes])[
        0
    ]
    values = np.asarray(found, np.float64)
    assert values.min() >= -1e-3
    assert values.max() <= 1 + 1e-3
    rows = values.reshape(values.shape[0] if values.ndim > 1 else 1, -1)
    if kind == "probabilities":
        np.testing.assert_allclose(rows.sum(1), 1, atol=1e-2)  # half precision and 8 bits round


def _parameters(port):
    found, pending = {}, [port.get_node()]
    while pending:
        node = pending.pop()
        if node.get_type_name() == "Parameter":
            found[node.get_name()] = node
        pending += [value.get_node() for value in node.input_values()]
    return list(found.values())


def test_how_many_classes_there_are_is_told():
    top = op.topk(parameter(1, 6), number(2, np.int64), 1, "max", "value")
    meaning = meaning_of(top.output(1))
    assert (meaning.kind, meaning.choice, meaning.ordered) == ("classes", 6, True)
    assert (
        meaning_of(op.topk(parameter(1, 6), number(2, np.int64), 1, "max", "none").output(1)).ordered is False
    )
    assert (
        meaning_of(op.topk(parameter(1, -1), number(1, np.int64), 1, "max", "value").output(1)).choice is None
    )


def test_arithmetic_with_class_numbers_leaves_open_of_how_many():
    index = op.topk(parameter(1, 6), number(1, np.int64), 1, "max", "value").output(1)
    counted_from_one = meaning_of(op.add(index, number([1], np.int32)).output(0))
    assert (counted_from_one.kind, counted_from_one.choice) == ("classes", None)
    from_the_end = meaning_of(op.subtract(number([5], np.int32), index).output(0))
    assert (from_the_end.kind, from_the_end.choice) == ("classes", 6)
    table = op.gather(number([3, 5, 7, 11, 13, 17], np.int64), index, number(0, np.int64))
    assert (meaning_of(table.output(0)).kind, meaning_of(table.output(0)).choice) == ("classes", None)


@pytest.mark.parametrize(
    ("end", "kind"), [(softmax, "independent"), (sigmoid, "independent"), (parameter, "logits")]
)
def test_largest_values_alone_are_told(end, kind):
    top = op.topk(end(1, 6), number(2, np.int64), 1, "max", "value")
    meaning = meaning_of(top.output(0))
    assert meaning.headless
    assert meaning.kind == kind
    pair = meaning_of(op.concat([op.convert(top.output(1), "f32"), top.output(0)], 1).output(0))
    assert (pair.kind, pair.paired, pair.scores, pair.headless) == ("classes", True, kind, False)


def test_kinds_of_all_outputs_come_in_their_order():
    data = parameter(1, 6)
    ends = [op.sigmoid(data), data, op.softmax(data, 1)]
    assert output_kinds(ov.Model([op.result(end) for end in ends], [data], "net")) == [
        "independent",
        "logits",
        "probabilities",
    ]


def test_graphs_of_any_size_are_looked_at_in_bounded_time():
    end = sigmoid(1, 6)
    for _ in range(5000):
        end = op.reshape(end, [1, 6], False)
    assert output_kind(end.output(0)) == "logits"  # it is not known
    two = sigmoid(1, 6)
    for _ in range(60):
        two = op.multiply(two, two)
    assert output_kind(two.output(0)) in ("independent", "logits")
