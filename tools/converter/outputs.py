"""What the numbers of an output are, told by the graph that computes them.

Four kinds of output are told apart:

* ``probabilities``: of one class among several; they sum to 1, for a SoftMax over the classes makes them.
* ``independent``: scores from 0 to 1, each of its own, as a Sigmoid makes them; also a single number from 0 to 1, and
  what a SoftMax over anything but all the classes makes.
* ``classes``: numbers of classes, as ArgMax and the indices of TopK are.
* ``logits``: all else.

What is not certain by the graph is ``logits``; :mod:`omz.converter.ranges` has what is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import openvino as ov

from omz.converter.ranges import TOLERANCE, Fact, Indices, Largest, Shares, fact_of, sizes_of

Kind = Literal["probabilities", "independent", "logits", "classes"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Key of the IR's ``rt_info``, beside its provenance, where the kinds of all outputs stand with blanks between.
OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the numbers of one picture are.

    Attributes:
        kind: See the module's docstring.
        choice: Of ``classes``: from how many they are chosen; None if the graph does not tell.
        ordered: Of ``classes``: the best comes first.
        paired: Of ``classes``: behind the numbers come as many scores of these classes (Caffe's ``out_max_val``).
        scores: Of what kind these scores are; ``probabilities`` are then a part of those of all classes.
        headless: The numbers are the largest scores, and of which classes is not among them (the values of TopK).
    """

    kind: Kind
    choice: int | None = None
    ordered: bool = True
    paired: bool = False
    scores: Kind | None = None
    headless: bool = False


def output_kind(output: ov.Output) -> Kind:
    """Return the kind of the numbers that an output of a model, or any tensor in it, holds."""
    return meaning_of(output).kind


def output_kinds(model: ov.Model) -> list[Kind]:
    """Return the kinds of all outputs in their order."""
    return [output_kind(output) for output in model.outputs]


def meaning_of(output: ov.Output) -> Meaning:
    """Return what the numbers are that an output of a model, or any tensor in it, holds."""
    node = output.get_node()
    found = fact_of(node.input_value(0) if node.get_type_name() == "Result" else output)
    match found:
        case Indices():
            scores = _kind(found.scores, output, part=True) if found.paired else None
            return Meaning("classes", found.choice, found.ordered, found.paired, scores)
        case Largest():
            return Meaning(_kind(found.of, output, part=True), headless=True)
        case None if _is_one_integer(output):
            return Meaning("classes")
        case _:
            return Meaning(_kind(found, output))


def _kind(fact: Fact, output: ov.Output, *, part: bool = False) -> Kind:
    """Return the kind of numbers from 0 on; ``part`` where they are only some of those that are meant."""
    if not isinstance(fact, Shares) or fact.upper > 1 + TOLERANCE:
        return "logits"
    sizes = sizes_of(output)
    if part or fact.axis is None or sizes is None or not abs(fact.total - 1) <= TOLERANCE:
        return "independent"
    others = [size for place, size in enumerate(sizes) if place and place != fact.axis]
    over_classes = (fact.axis > 0 or len(sizes) == 1) and all(size == 1 for size in others)
    return "probabilities" if over_classes and sizes[fact.axis] != 1 else "independent"


def _is_one_integer(output: ov.Output) -> bool:
    sizes = sizes_of(output)
    return (
        output.get_element_type() in (ov.Type.i32, ov.Type.i64, ov.Type.u32, ov.Type.u64)
        and sizes is not None
        and all(size == 1 for size in sizes[1:])
    )
