"""Facts about the numbers of a tensor, and the walk back through the graph that finds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray

#: Operations that are looked at; files from strangers may have any number.
_MAX_OPERATIONS = 200
_MAX_DEPTH = 60
#: Types that NumPy has as well.
_READABLE = (
    *(ov.Type.f16, ov.Type.f32, ov.Type.f64, ov.Type.boolean),
    *(ov.Type.i8, ov.Type.i16, ov.Type.i32, ov.Type.i64, ov.Type.u8, ov.Type.u16, ov.Type.u32, ov.Type.u64),
)
#: Of a factor such as 1/3 in single precision, and of clamps that only keep 0 and 1 away.
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Shares:
    """Numbers from 0 to ``upper``, which may be infinite.

    Along ``axis`` they sum to ``total``, wherever one stands on the other axes.
    """

    upper: float
    axis: int | None = None
    total: float = math.nan

    def without_sum(self) -> Shares:
        """Return that the numbers are in the range, and no more."""
        return Shares(self.upper)

    def scaled(self, factor: float) -> Shares:
        """Return what is known of the numbers times ``factor``."""
        return Shares(self.upper * factor, self.axis, self.total * factor) if factor else Shares(0)


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


class Walk:
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
            rule = RULES.get(node.get_type_name())
            fact = rule(self, node, place) if rule else None
            if fact is None and output.get_element_type() == ov.Type.boolean:
                fact = Shares(1)
            self._depth -= 1
            self._known[key] = fact
        return self._known[key]


Rule: TypeAlias = Callable[[Walk, ov.Node, int], Fact]
RULES: dict[str, Rule] = {}


def rule_for(*types: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations by the names of their types."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(types, rule))
        return rule

    return register


def sizes_of(output: ov.Output) -> Sequence[int] | None:
    """Return the sizes of a tensor, -1 for any; None if not even their number is known."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return [size.get_length() if size.is_static else -1 for size in shape]


def keeps_shape(value: ov.Output, result: ov.Output) -> bool:
    """Tell whether nothing is repeated on the way from a tensor to what is computed of it."""
    before, after = sizes_of(value), sizes_of(result)
    return before is not None and before == after


def constant_of(output: ov.Output) -> NDArray[Any] | None:
    """Return the numbers of a constant, also of one in half precision that is converted where it is used."""
    node = output.get_node()
    while node.get_type_name() in ("Convert", "Reshape", "Unsqueeze", "Squeeze") and node.get_input_size():
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant" or node.get_element_type() not in _READABLE:
        return None
    return np.asarray(node.data)
