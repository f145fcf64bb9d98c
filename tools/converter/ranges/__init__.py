"""What is known of the numbers of a tensor, by following the graph back from it.

For every operation on the way it is known what becomes of the range of numbers, of their sum along an axis, and of
places that were found along an axis. An operation without a rule here ends the way: nothing is known then.
"""

from __future__ import annotations

import openvino as ov

from omz.converter.ranges import arithmetic, arrangement
from omz.converter.ranges.facts import TOLERANCE, Fact, Indices, Largest, Shares, Walk, sizes_of

#: The modules with the rules; importing one registers what is in it.
RULES = (arithmetic, arrangement)

__all__ = ["RULES", "TOLERANCE", "Fact", "Indices", "Largest", "Shares", "fact_of", "sizes_of"]


def fact_of(output: ov.Output) -> Fact:
    """Return what is known of the numbers of a tensor."""
    return Walk().follow(output)
