"""What becomes of numbers that are moved, cut, joined and averaged, and along which axis they sum to what."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import openvino as ov

from omz.converter.ranges.facts import Fact, Indices, Largest, Shares, Walk, constant_of, rule_for, sizes_of


@rule_for("Reshape", "Squeeze", "Unsqueeze")
def _reshape(walk: Walk, node: ov.Node, _place: int) -> Fact:
    return _moved(walk.follow(node.input_value(0)), node.input_value(0), node.output(0))


@rule_for("Transpose")
def _transpose(walk: Walk, node: ov.Node, _place: int) -> Fact:
    fact, order = walk.follow(node.input_value(0)), constant_of(node.input_value(1))
    if not isinstance(fact, Shares) or fact.axis is None:
        return fact
    return replace(fact, axis=order.tolist().index(fact.axis)) if order is not None else fact.without_sum()


@rule_for("Slice", "StridedSlice", "Split", "VariadicSplit", "Gather")
def _part(walk: Walk, node: ov.Node, place: int) -> Fact:
    source = node.input_value(0)
    if node.get_type_name() == "Gather" and constant_of(source) is not None:
        # a table of the classes' numbers
        table, fact = constant_of(source), walk.follow(node.input_value(1))
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


@rule_for("Concat")
def _concat(walk: Walk, node: ov.Node, _place: int) -> Fact:
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


@rule_for("ReduceMean", "ReduceMax", "AvgPool", "MaxPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
def _reduce(walk: Walk, node: ov.Node, _place: int) -> Fact:
    fact, kind = walk.follow(node.input_value(0)), node.get_type_name()
    if not isinstance(fact, Shares) or fact.axis is None or "Max" in kind:
        return fact.without_sum() if isinstance(fact, Shares) else None
    if kind == "ReduceMean":
        axes, sizes = constant_of(node.input_value(1)), sizes_of(node.input_value(0))
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
