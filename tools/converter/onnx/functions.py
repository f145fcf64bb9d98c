"""Functions of an ONNX file: a reader puts the body in the place of each call; that must come to an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from omz.errors import ParseError

#: Nodes that all calls may come to.
MAX_NODES = 1_000_000
#: Of operators that OpenVINO knows; it would take its own, and not the function.
_KNOWN_DOMAINS = ("", "ai.onnx.ml", "com.microsoft", "org.openvinotoolkit")
_OPEN = -1


class FunctionId(NamedTuple):
    """What a node calls: an operator, or a function of the file."""

    domain: str
    name: str
    overload: str

    def __str__(self) -> str:
        return repr(".".join(word for word in self if word))


def check_calls(bodies: Mapping[FunctionId, Sequence[FunctionId]], calls: Sequence[FunctionId]) -> None:
    """Check that no function calls itself or replaces an operator, and that the graph does not grow beyond measure.

    Args:
        bodies: What each function calls, operators as well.
        calls: What the graph calls.

    Raises:
        ParseError: The network has no end, or too far a one.
    """
    for function in bodies:
        if function.domain in _KNOWN_DOMAINS:
            raise ParseError(
                f"has a function {function} in the place of an operator; "
                "`onnx.inliner.inline_local_functions` writes it out"
            )
    called = {name: Counter(body) for name, body in bodies.items()}
    sizes: dict[FunctionId, int] = {}
    for function in called:
        _measure(function, called, sizes)
    total = sum(times * max(sizes.get(name, 1), 1) for name, times in Counter(calls).items())
    if total > MAX_NODES and bodies:
        raise ParseError(f"comes to more than {MAX_NODES} nodes once its functions are written out")


def _measure(
    first: FunctionId, called: Mapping[FunctionId, Counter[FunctionId]], sizes: dict[FunctionId, int]
) -> None:
    """Find how many nodes a function comes to, those that it calls first; no recursion, a file may nest thousands."""
    pending = [first]
    while pending:
        function = pending[-1]
        if sizes.get(function, _OPEN) != _OPEN:
            pending.pop()
            continue
        inner = [name for name in called[function] if name in called]
        if function in sizes:  # all that it calls is known by now
            size = sum(times * max(sizes.get(name, 1), 1) for name, times in called[function].items())
            sizes[function] = min(size, MAX_NODES + 1)
            pending.pop()
            continue
        sizes[function] = _OPEN
        for name in inner:
            if name not in sizes:
                pending.append(name)
            elif sizes[name] == _OPEN:
                raise ParseError(f"function {name} calls itself; the network has no end")
