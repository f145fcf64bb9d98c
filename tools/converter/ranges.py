"""What is known of the numbers of a tensor, by following the graph back from it.

For every operation on the way it is known what becomes of the range of numbers, of their sum along an axis, and of
places that were found along an axis. An operation without a rule here ends the way: nothing is known then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray

#: Operations that are looked at; files from strangers may have any number.
_MAX_OPERATIONS = 200
_MAX_DEPTH = 60
#: Of a factor such as 1/3 in single precision, and of clamps that only keep 0 and 1 away.
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Shares:
    """Numbers from 0 to ``upper``; along ``axis`` they sum to ``total``, wherever one stands on the other axes."""

    upper: float
    axis: int | None = None
    total: float = math.nan

    def without_sum(self) -> Shares:
        """Return that the numbers are in the range, and no more."""
        return Shares(self.upper)

    def scaled(self, factor: float) -> Shares:
        """Return what is known of the numbers times ``factor``."""
        return Shares(self.upper * factor, self.axis, self.total * factor)


@dataclass(frozen=True, slots=True)
class Indices:
    """Places along an axis: numbers of classes.

    Attributes:
        choice: How many there are along the axis; None if that is not known.
        ordered: Those of the largest values come first.
        paired: The values follow behind.
        scores: What is known of these values.
    """

    choice: int | None
    ordered: bool = True
    paired: bool = False
    scores: Shares | None = None


@dataclass(frozen=True, slots=True)
class Largest:
    """The values that TopK found in ``of``."""

    of: Shares | None


Fact: TypeAlias = "Shares | Indices | Largest | None"


def fact_of(output: ov.Output) -> Fact:
    """Return what is known of the numbers of a tensor."""
    return _Walk().follow(output)


class _Walk:
    """One way back from an output."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Fact] = {}
        self._depth = 0

    def follow(self, output: ov.Output) -> Fact:
        """Return what is known of the numbers of a tensor."""
        node, place = output.get_node(), output.get_index()
        key = (node.get_name(), place)
        if key not in self._known:
            if self._depth >= _MAX_DEPTH or len(self._known) >= _MAX_OPERATIONS:
                return None
            self._depth += 1
            rule = _RULES.get(node.get_type_name())
            fact = rule(self, node, place) if rule else None
            if fact is None and output.get_element_type() == ov.Type.boolean:
                fact = Shares(1)
            self._depth -= 1
            self._known[key] = fact
        return self._known[key]


_Rule: TypeAlias = Callable[[_Walk, ov.Node, int], Fact]
_RULES: dict[str, _Rule] = {}


def _of(*types: str) -> Callable[[_Rule], _Rule]:
    """Register a rule for operations by the names of their types."""

    def register(rule: _Rule) -> _Rule:
        _RULES.update(dict.fromkeys(types, rule))
        return rule

    return register


@_of("Softmax")
def _softmax(_walk: _Walk, node: ov.Node, _place: int) -> Fact:
    axis = node.get_attributes()["axis"]
    rank = node.output(0).get_partial_shape().rank
    if axis < 0 and rank.is_dynamic:
        return Shares(1)
    return Shares(1, axis if axis >= 0 else axis + rank.get_length(), 1)


@_of("Sigmoid", "HardSigmoid", "HSigmoid")
def _sigmoid(_walk: _Walk, _node: ov.Node, _place: int) -> Fact:
    return Shares(1)


@_of("TopK")
def _top_k(walk: _Walk, node: ov.Node, place: int) -> Fact:
    if place == 0:
        of = walk.follow(node.input_value(0))
        return Largest(of if isinstance(of, Shares) else None)
    sizes = sizes_of(node.input_value(0))
    size = sizes[node.get_attributes()["axis"]] if sizes is not None else -1
    return Indices(size if size > 0 else None, ordered=node.get_attributes()["sort"] == "value")


@_of("FakeQuantize", "Identity", "Relu", "Abs")
def _same(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    """Let pass what none of these changes: 8 bits round, and the others leave alone what is not negative."""
    return walk.follow(node.input_value(0))


@_of("Convert")
def _convert(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    fact = walk.follow(node.input_value(0))
    whole = not node.output(0).get_element_type().is_real()
    return None if whole and not isinstance(fact, Indices) else fact


@_of("Clamp")
def _clamp(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    fact = walk.follow(node.input_value(0))
    low, high = node.get_attributes()["min"], node.get_attributes()["max"]
    if isinstance(fact, Shares) and low <= TOLERANCE and high >= fact.upper - TOLERANCE:
        return fact
    return Shares(high) if low >= 0 and not isinstance(fact, Indices) else None


@_of("Reshape", "Squeeze", "Unsqueeze")
def _reshape(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    return _moved(walk.follow(node.input_value(0)), node.input_value(0), node.output(0))


@_of("Transpose")
def _transpose(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    fact, order = walk.follow(node.input_value(0)), _constant(node.input_value(1))
    if not isinstance(fact, Shares) or fact.axis is None:
        return fact
    return replace(fact, axis=order.tolist().index(fact.axis)) if order is not None else fact.without_sum()


@_of("Slice", "StridedSlice", "Split", "VariadicSplit", "Gather")
def _part(walk: _Walk, node: ov.Node, place: int) -> Fact:
    source = node.input_value(0)
    if node.get_type_name() == "Gather" and _constant(source) is not None:
        # a table of the classes' numbers
        table, fact = _constant(source), walk.follow(node.input_value(1))
        numbers = table is not None and table.ndim == 1 and np.issubdtype(table.dtype, np.integer)
        return replace(fact, choice=None) if isinstance(fact, Indices) and numbers else None
    fact, target = walk.follow(source), node.output(place)
    before, after = sizes_of(source), sizes_of(target)
    if isinstance(fact, Indices):
        by_picture = before and after and before[1:] == after[1:]
        return fact if by_picture or not fact.paired else None
    if isinstance(fact, Shares) and fact.axis is not None:
        if before and after and len(before) == len(after):
            whole = before[fact.axis] == after[fact.axis] != -1
            return fact if whole and node.get_type_name() != "Gather" else fact.without_sum()
        return _moved(fact, source, target)
    return fact


@_of("Concat")
def _concat(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    facts = [walk.follow(value) for value in node.input_values()]
    if all(isinstance(fact, Indices) and not fact.paired for fact in facts):
        return Indices(None, ordered=False) if len(facts) > 1 else facts[0]
    match facts:
        case [Indices(paired=False) as indices, Largest() as largest]:
            return replace(indices, paired=True, scores=largest.of)
    shares = [fact for fact in facts if isinstance(fact, Shares)]
    if len(shares) < len(facts):
        return None
    first, axis = shares[0], node.get_attributes()["axis"]
    rank = node.output(0).get_partial_shape().rank
    axis += rank.get_length() if axis < 0 and rank.is_static else 0
    if (
        axis >= 0
        and all((one.axis, one.total) == (first.axis, first.total) for one in shares)
        and axis != first.axis
    ):
        return replace(first, upper=max(one.upper for one in shares))
    return Shares(max(one.upper for one in shares))


@_of("Multiply", "Divide")
def _multiply(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    left, right = node.input_value(0), node.input_value(1)
    divides = node.get_type_name() == "Divide"
    if divides and (softmax := _normalized(walk, left, right)):
        return softmax
    for value, other in ((left, right), (right, left)):
        factors = _constant(other)
        if factors is None or (divides and other is left):
            continue
        fact = walk.follow(value)
        low, high = (float(factors.min()), float(factors.max())) if factors.size else (-1.0, -1.0)
        if not isinstance(fact, Shares) or not low >= 0 or not math.isfinite(high) or (divides and low == 0):
            return None
        if not _keeps_shape(value, node.output(0)):
            return None
        largest = 1 / low if divides else high
        return fact.scaled(largest) if low == high else Shares(fact.upper * largest)
    one, two = walk.follow(left), walk.follow(right)
    if divides or not isinstance(one, Shares) or not isinstance(two, Shares):
        return None
    return Shares(one.upper * two.upper)


def _normalized(walk: _Walk, value: ov.Output, divisor: ov.Output) -> Shares | None:
    """Tell whether numbers of 0 and more are divided by their sum: a SoftMax in single operations."""
    node = divisor.get_node()
    if (
        node.get_type_name() != "ReduceSum"
        or node.input_value(0) != value
        or not node.get_attributes()["keep_dims"]
    ):
        return None
    if value.get_node().get_type_name() != "Exp" and not isinstance(walk.follow(value), Shares):
        return None
    axes, sizes = _constant(node.input_value(1)), sizes_of(value)
    if axes is None or axes.size != 1 or sizes is None:
        return Shares(1)
    return Shares(1, int(axes.reshape(-1)[0]) % len(sizes), 1)


@_of("Add")
def _add(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    left, right = node.input_value(0), node.input_value(1)
    for value, other in ((left, right), (right, left)):
        if _constant(other) is not None:
            fact = walk.follow(value)
            return replace(fact, choice=None) if isinstance(fact, Indices) and not fact.paired else None
    one, two = walk.follow(left), walk.follow(right)
    if not isinstance(one, Shares) or not isinstance(two, Shares):
        return None
    upper = one.upper + two.upper
    same_place = one.axis == two.axis and all(_keeps_shape(value, node.output(0)) for value in (left, right))
    return Shares(upper, one.axis, one.total + two.total) if same_place else Shares(upper)


@_of("Subtract")
def _subtract(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    minuend, subtrahend = _constant(node.input_value(0)), _constant(node.input_value(1))
    if minuend is not None and minuend.size == 1:
        start, fact = float(minuend.reshape(-1)[0]), walk.follow(node.input_value(1))
        if isinstance(fact, Indices) and not fact.paired:  # found from the end
            return (
                fact if fact.choice is not None and start == fact.choice - 1 else replace(fact, choice=None)
            )
        return Shares(start) if isinstance(fact, Shares) and start >= fact.upper else None
    fact = walk.follow(node.input_value(0)) if subtrahend is not None else None
    return replace(fact, choice=None) if isinstance(fact, Indices) and not fact.paired else None


@_of("ReduceMean", "ReduceMax", "AvgPool", "MaxPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
def _reduce(walk: _Walk, node: ov.Node, _place: int) -> Fact:
    fact, kind = walk.follow(node.input_value(0)), node.get_type_name()
    if not isinstance(fact, Shares) or fact.axis is None or "Max" in kind:
        return fact.without_sum() if isinstance(fact, Shares) else None
    if kind == "ReduceMean":
        axes, sizes = _constant(node.input_value(1)), sizes_of(node.input_value(0))
        if axes is None or sizes is None:
            return fact.without_sum()
        gone = {int(axis) % len(sizes) for axis in axes.reshape(-1)}
        if fact.axis in gone:
            return fact.without_sum()
        kept = node.get_attributes()["keep_dims"]
        return fact if kept else replace(fact, axis=fact.axis - sum(axis < fact.axis for axis in gone))
    pads = [] if kind == "AdaptiveAvgPool" else [
        pad for name in ("pads_begin", "pads_end") for pad in node.get_attributes()[name]
    ]  # fmt: skip
    explicit = kind == "AdaptiveAvgPool" or node.get_attributes()["auto_pad"] in ("explicit", "valid")
    floor = kind == "AdaptiveAvgPool" or node.get_attributes()["rounding_type"] == "floor"
    return fact if fact.axis <= 1 and not any(pads) and explicit and floor else fact.without_sum()


def _moved(fact: Fact, source: ov.Output, target: ov.Output) -> Fact:
    """Return what is known once the axes have become others, the numbers in the same order."""
    if not isinstance(fact, Shares) or fact.axis is None:
        return fact
    before, after = sizes_of(source), sizes_of(target)
    if before is None or after is None:
        return fact.without_sum()
    size, behind = before[fact.axis], math.prod(before[fact.axis + 1 :])
    if size == -1 or -1 in before[fact.axis + 1 :]:
        return fact.without_sum()
    for axis in range(len(after) - 1, -1, -1):
        if -1 in after[axis:]:
            break
        if after[axis] == size and math.prod(after[axis + 1 :]) == behind:
            return replace(fact, axis=axis)
    return fact.without_sum()


def sizes_of(output: ov.Output) -> Sequence[int] | None:
    """Return the sizes of a tensor, -1 for any; None if not even their number is known."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return [size.get_length() if size.is_static else -1 for size in shape]


def _keeps_shape(value: ov.Output, result: ov.Output) -> bool:
    """Tell whether nothing is repeated on the way from a tensor to what is computed of it."""
    before, after = sizes_of(value), sizes_of(result)
    return before is not None and before == after


def _constant(output: ov.Output) -> NDArray[Any] | None:
    """Return the numbers of a constant, also of one in half precision that is converted where it is used."""
    node = output.get_node()
    while node.get_type_name() in ("Convert", "Reshape", "Unsqueeze", "Squeeze") and node.get_input_size():
        node = node.input_value(0).get_node()
    return np.asarray(node.data) if node.get_type_name() == "Constant" else None
