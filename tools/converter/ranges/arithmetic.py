"""What becomes of numbers that are calculated with."""

from __future__ import annotations

import math
from dataclasses import replace

import openvino as ov

from omz.converter.ranges.facts import (
    TOLERANCE,
    Fact,
    Indices,
    Largest,
    Shares,
    Walk,
    constant_of,
    keeps_shape,
    rule_for,
    sizes_of,
)


@rule_for("Softmax")
def _softmax(_walk: Walk, node: ov.Node, _place: int) -> Fact:
    axis = node.get_attributes()["axis"]
    rank = node.output(0).get_partial_shape().rank
    if axis < 0 and rank.is_dynamic:
        return Shares(1)
    return Shares(1, axis if axis >= 0 else axis + rank.get_length(), 1)


@rule_for("Sigmoid", "HardSigmoid", "HSigmoid")
def _sigmoid(_walk: Walk, _node: ov.Node, _place: int) -> Fact:
    return Shares(1)


@rule_for("TopK")
def _top_k(walk: Walk, node: ov.Node, place: int) -> Fact:
    if place == 0:
        of = walk.follow(node.input_value(0))
        return Largest(of if isinstance(of, Shares) else None)
    sizes = sizes_of(node.input_value(0))
    size = sizes[node.get_attributes()["axis"]] if sizes is not None else -1
    return Indices(size if size > 0 else None, ordered=node.get_attributes()["sort"] == "value")


@rule_for("FakeQuantize", "Identity")
def _same(walk: Walk, node: ov.Node, _place: int) -> Fact:
    return walk.follow(node.input_value(0))


@rule_for("Relu", "Abs", "Exp")
def _not_negative(walk: Walk, node: ov.Node, _place: int) -> Fact:
    fact = walk.follow(node.input_value(0))
    return Shares(math.inf) if fact is None or node.get_type_name() == "Exp" else fact


@rule_for("Round", "Floor", "Ceiling")
def _rounded(walk: Walk, node: ov.Node, _place: int) -> Fact:
    fact = walk.follow(node.input_value(0))
    return Shares(math.ceil(fact.upper)) if isinstance(fact, Shares) and math.isfinite(fact.upper) else None


@rule_for("Convert")
def _convert(walk: Walk, node: ov.Node, _place: int) -> Fact:
    fact = walk.follow(node.input_value(0))
    whole = not node.output(0).get_element_type().is_real()
    return None if whole and not isinstance(fact, Indices) else fact


@rule_for("Clamp")
def _clamp(walk: Walk, node: ov.Node, _place: int) -> Fact:
    fact = walk.follow(node.input_value(0))
    low, high = node.get_attributes()["min"], node.get_attributes()["max"]
    if isinstance(fact, Shares) and low <= TOLERANCE and high >= fact.upper - TOLERANCE:
        return fact
    return Shares(high) if low >= 0 and not isinstance(fact, Indices) else None


@rule_for("Maximum", "Minimum")
def _bounded(walk: Walk, node: ov.Node, _place: int) -> Fact:
    """Take a Clamp in two operations, in either order."""
    kind = node.get_type_name()
    for value, other in (node.input_values(), node.input_values()[::-1]):
        bounds = constant_of(other)
        if bounds is None or not bounds.size or not float(bounds.min()) >= 0:
            continue
        low, high = float(bounds.min()), float(bounds.max())
        fact = walk.follow(value)
        if kind == "Maximum":
            inner = value.get_node()
            if fact is None and inner.get_type_name() == "Minimum":
                tops = [
                    float(one.max())
                    for one in map(constant_of, inner.input_values())
                    if one is not None and one.size
                ]
                return Shares(max(*tops, high)) if tops else Shares(math.inf)
            if not isinstance(fact, Shares):
                return None if fact else Shares(math.inf)
            return fact if high <= TOLERANCE else Shares(max(fact.upper, high))
        if not isinstance(fact, Shares):
            return None
        return fact if low >= fact.upper - TOLERANCE else Shares(min(fact.upper, high))
    return None


@rule_for("Multiply", "Divide")
def _multiply(walk: Walk, node: ov.Node, _place: int) -> Fact:
    left, right = node.input_value(0), node.input_value(1)
    divides = node.get_type_name() == "Divide"
    if divides and (known := _normalized(walk, left, right) or _logistic(walk, left, right)):
        return known
    for value, other in ((left, right), (right, left)):
        factors = constant_of(other)
        if factors is None or (divides and other is left):
            continue
        fact = walk.follow(value)
        low, high = (float(factors.min()), float(factors.max())) if factors.size else (-1.0, -1.0)
        if not isinstance(fact, Shares) or not low >= 0 or not math.isfinite(high) or (divides and low == 0):
            return None
        if not keeps_shape(value, node.output(0)):
            return None
        largest = 1 / low if divides else high
        return fact.scaled(largest) if low == high else Shares(fact.upper * largest)
    one, two = walk.follow(left), walk.follow(right)
    if divides or not isinstance(one, Shares) or not isinstance(two, Shares):
        return None
    return Shares(one.upper * two.upper) if one.upper and two.upper else Shares(0)


def _normalized(walk: Walk, value: ov.Output, divisor: ov.Output) -> Shares | None:
    """Tell whether numbers that are not negative are divided by their sum: a SoftMax in single operations."""
    node = divisor.get_node()
    if (
        node.get_type_name() != "ReduceSum"
        or node.input_value(0) != value
        or not node.get_attributes()["keep_dims"]
    ):
        return None
    if not isinstance(walk.follow(value), Shares):
        return None
    axes, sizes = constant_of(node.input_value(1)), sizes_of(value)
    if axes is None or axes.size != 1 or sizes is None:
        return Shares(1)
    return Shares(1, int(axes.reshape(-1)[0]) % len(sizes), 1)


def _logistic(walk: Walk, value: ov.Output, divisor: ov.Output) -> Shares | None:
    """Tell whether a constant is divided by another one plus what is not negative: a Sigmoid in single operations."""
    tops, node = constant_of(value), divisor.get_node()
    if tops is None or not tops.size or not float(tops.min()) >= 0 or node.get_type_name() != "Add":
        return None
    for term, other in (node.input_values(), node.input_values()[::-1]):
        least = constant_of(other)
        if (
            least is not None
            and least.size
            and float(least.min()) > 0
            and isinstance(walk.follow(term), Shares)
        ):
            return Shares(float(tops.max()) / float(least.min()))
    return None


@rule_for("Add")
def _add(walk: Walk, node: ov.Node, _place: int) -> Fact:
    left, right = node.input_value(0), node.input_value(1)
    for value, other in ((left, right), (right, left)):
        if constant_of(other) is not None:
            fact = walk.follow(value)
            return replace(fact, choice=None) if isinstance(fact, Indices) and not fact.paired else None
    one, two = walk.follow(left), walk.follow(right)
    if not isinstance(one, Shares) or not isinstance(two, Shares):
        return None
    upper = one.upper + two.upper
    same_place = one.axis == two.axis and all(keeps_shape(value, node.output(0)) for value in (left, right))
    return Shares(upper, one.axis, one.total + two.total) if same_place else Shares(upper)


@rule_for("Subtract")
def _subtract(walk: Walk, node: ov.Node, _place: int) -> Fact:
    minuend, subtrahend = constant_of(node.input_value(0)), constant_of(node.input_value(1))
    if minuend is not None and minuend.size == 1:
        start, fact = float(minuend.reshape(-1)[0]), walk.follow(node.input_value(1))
        if isinstance(fact, Indices) and not fact.paired:  # found from the end
            return (
                fact if fact.choice is not None and start == fact.choice - 1 else replace(fact, choice=None)
            )
        return Shares(start) if isinstance(fact, Shares) and start >= fact.upper else None
    fact = walk.follow(node.input_value(0)) if subtrahend is not None else None
    return replace(fact, choice=None) if isinstance(fact, Indices) and not fact.paired else None
