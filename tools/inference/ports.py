"""What a user says of a network's input and output, where the IR leaves it open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ports:
    """The layout and shape of the input, and the choice among several outputs.

    Attributes:
        layout: 'NCHW' or 'NHWC', also as '<input>:NCHW'; '' to go by the IR and the shape.
        shape: That the input shall have, in its own order; () for that of the IR.
        output: Name of the output; '' where there is one alone.
    """

    layout: str = ""
    shape: Sequence[int] = ()
    output: str = ""


DEFAULT = Ports()
