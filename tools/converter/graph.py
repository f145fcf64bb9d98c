"""What all frontends need to write an OpenVINO graph: constants, names of nodes, errors that say where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray

from omz.errors import ShapeError, ZooError

#: No blob of a classifier comes near; one that does is a mistake, or meant to exhaust the machine.
MAX_ELEMENTS = 1 << 31


def shape_of(output: ov.Output) -> list[int]:
    """Return the shape of a blob; -1 stands for a dimension that is not fixed."""
    return [dim.get_length() if dim.is_static else -1 for dim in output.get_partial_shape()]


def input_name(parameter: ov.Output) -> str:
    """Return the name of an input, where layers that change nothing have given its tensor their names as well."""
    own: str = parameter.get_node().get_friendly_name()
    names = parameter.get_names()
    return own if own in names or not names else parameter.get_any_name()


def constant(values: NDArray[Any], role: str) -> ov.Output:
    """Return a constant that uses the memory of ``values``; ``role`` becomes part of its name."""
    contiguous = (
        values if values.flags.c_contiguous else np.ascontiguousarray(values)
    )  # the latter makes 0-d 1-d
    node = ov.op.Constant(contiguous, shared_memory=True)
    node.set_friendly_name(role)
    return node.output(0)


def integers(values: Sequence[int], role: str) -> ov.Output:
    """Return a constant of int64 numbers, such as a shape."""
    return constant(np.array(values, dtype=np.int64), role)


def per_channel(values: NDArray[np.float32], axis: int, rank: int, role: str) -> ov.Output:
    """Return a constant whose axes stand at ``axis`` and after, so that it broadcasts over a blob of ``rank`` axes."""
    shape = [1] * axis + list(values.shape) + [1] * (rank - axis - values.ndim)
    return constant(values.reshape(shape), role)


def added_bias(blob: ov.Output, bias: NDArray[np.float32], axis: int) -> ov.Output:
    """Return ``blob`` plus a bias along ``axis``."""
    rank = len(blob.get_partial_shape())
    return ops.add(blob, per_channel(bias, axis, rank, "bias")).output(0)


def check_size(where: str, output: ov.Output) -> None:
    """Refuse a blob that no machine could hold.

    Raises:
        ShapeError: It has more than :data:`MAX_ELEMENTS` elements.
    """
    elements = 1
    for size in shape_of(output):
        elements *= max(size, 1)
    if elements > MAX_ELEMENTS:
        raise ShapeError(
            f"{where}: asks for a blob of shape {shape_of(output)}; more than 2^31 elements are refused"
        )


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what OpenVINO raises about shapes into an error that names the layer."""
    try:
        yield
    except ZooError:
        raise
    except (RuntimeError, ValueError, OverflowError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ShapeError(f"{where}: {lines[-1] if lines else type(error).__name__}") from error


class NodeNames:
    """Gives every node a name that says where it comes from and is unique in the model.

    OpenVINO's own names count up over the life of the process; these do not, so that the same network gives the same
    bytes whatever else the process has built before.
    """

    def __init__(self) -> None:
        self._named: set[str] = set()  # by OpenVINO's own name of the node, which is unique in the process
        self._taken: set[str] = set()
        self._repeated: Counter[str] = Counter()  # how often a name was wanted that was taken

    def take(self, node: ov.Node, wanted: str) -> None:
        """Name one node ``wanted``, or that with a number if it is taken."""
        name = wanted
        while name in self._taken:
            self._repeated[wanted] += 1
            name = f"{wanted}_{self._repeated[wanted]}"
        self._taken.add(name)
        self._named.add(node.get_name())
        node.set_friendly_name(name)

    def name_layer(self, layer: str, outputs: Sequence[ov.Output]) -> None:
        """Name the new nodes that make ``outputs``: the last after the layer, the others under it."""
        pending = []
        for output in outputs:
            node = output.get_node()
            if node.get_name() not in self._named:
                self.take(node, layer)
                pending.append(node)
        while pending:
            for value in pending.pop().input_values():
                node = value.get_node()
                if node.get_name() in self._named:
                    continue
                role = node.get_friendly_name()  # set by the translator, or OpenVINO's own
                self.take(node, f"{layer}/{node.get_type_name() if role == node.get_name() else role}")
                pending.append(node)
