"""Count parameters and floating-point operations of a model, from its graph alone.

Parameters are the elements of all float constants that are weights: of convolutions, matrix products, and what is
added or multiplied per channel. Preprocessing that is baked in does not count: it is no part of the network. Nor
does what quantization adds: ranges, scales and zero points; weights in 8 bits count as those they were made of.

Operations, per element of an output, are those that the published figures of Open Model Zoo count::

    Convolution, GroupConvolution   2 * (input channels / group) * kernel area, + 1 for a bias
    MatMul                          2 * length of the product, + 1 for a bias
    pooling, ReduceMean             the window
    LRN of size n                   4 * n * n + 1
    everything element by element   1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import openvino as ov

_ELEMENTWISE = {
    "Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum", "Relu", "PRelu", "Sigmoid", "Tanh", "Elu",
    "Exp", "Log", "Abs", "Power", "Sqrt", "Clamp", "Swish", "SoftMax", "Softmax",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model holds and what one run of it takes."""

    parameters: int
    operations: int

    @property
    def mparams(self) -> float:
        """Millions of parameters."""
        return self.parameters / 1e6

    @property
    def gflops(self) -> float:
        """Thousand millions of floating-point operations."""
        return self.operations / 1e9


def count_cost(model: ov.Model) -> Cost:
    """Count a model with fixed shapes; where a size is not fixed, it counts as 1."""
    parameters = operations = 0
    nodes = model.get_ordered_ops()
    weights, added = _quantized_weights(nodes)
    for node in nodes:
        if node.get_name() in added or _is_preprocessing(node) or _feeds_preprocessing(node):
            continue
        kind = node.get_type_name()
        if node.get_name() in weights or (kind == "Constant" and node.get_element_type().is_real()):
            parameters += prod(node.get_output_shape(0))
        elif node.get_output_size():
            operations += _operations(kind, node)
    return Cost(parameters, operations)


def _operations(kind: str, node: ov.Node) -> int:
    outputs = prod(_sizes(node.output(0)))
    if kind in ("Convolution", "GroupConvolution"):
        filters = _sizes(node.input_value(1))
        return outputs * 2 * prod(filters[2 if kind == "GroupConvolution" else 1 :])
    if kind == "MatMul":
        attributes = node.get_attributes()
        data = _sizes(node.input_value(0))
        return outputs * 2 * data[-2 if attributes.get("transpose_a") else -1]
    if kind in ("MaxPool", "AvgPool"):
        return outputs * prod(map(int, node.get_attributes()["kernel"]))
    if kind == "LRN":
        return outputs * (4 * int(node.get_attributes()["size"]) ** 2 + 1)
    if kind.startswith("Reduce"):
        return prod(_sizes(node.input_value(0)))
    return outputs if kind in _ELEMENTWISE else 0


def _sizes(value: ov.Output) -> list[int]:
    return [size.get_length() if size.is_static else 1 for size in value.get_partial_shape()]


def _quantized_weights(nodes: Sequence[ov.Node]) -> tuple[set[str], set[str]]:
    """Return the names of the constants that hold weights in integers, and of all nodes that quantization added."""
    weights: set[str] = set()
    added: set[str] = set()
    for node in nodes:
        if node.get_type_name() == "FakeQuantize":
            for place in range(1, 5):
                added |= _names_of_constant(node.input_value(place).get_node())
        if node.get_type_name() != "Convert" or node.input_value(0).get_node().get_type_name() != "Constant":
            continue
        if node.input_value(0).get_element_type().is_real():
            continue
        last, restored = node, {node.get_name()}
        while (step := _only_reader(last)) and step.get_type_name() in ("Subtract", "Multiply"):
            if step.input_value(0).get_node().get_name() != last.get_name():
                break  # it is the zero point or the scale itself
            restored |= {step.get_name()} | _names_of_constant(step.input_value(1).get_node())
            last = step
            if step.get_type_name() == "Multiply":
                weights.add(node.input_value(0).get_node().get_name())
                added |= restored
                break
    return weights, added


def _names_of_constant(node: ov.Node) -> set[str]:
    """Return the names of a constant and of the conversion behind which it is, if it is one."""
    if node.get_type_name() == "Convert":
        return {node.get_name()} | _names_of_constant(node.input_value(0).get_node())
    return {node.get_name()} if node.get_type_name() == "Constant" else set()


def _only_reader(node: ov.Node) -> ov.Node | None:
    readers = list(node.output(0).get_target_inputs())
    return readers[0].get_node() if len(readers) == 1 else None


def _is_preprocessing(node: ov.Node) -> bool:
    """Tell whether a node was baked in; the first convolution, which may have absorbed a scale, is the network's."""
    kept = ("Constant", "Convert", "Convolution", "GroupConvolution")
    marked = any(
        key.startswith("preprocessing") for key in node.get_rt_info()
    )  # OpenVINO adds a version to the key
    return marked and node.get_type_name() not in kept


def _feeds_preprocessing(node: ov.Node) -> bool:
    """Tell whether a constant is read by preprocessing only."""
    if node.get_type_name() not in ("Constant", "Convert"):
        return False
    readers = [target.get_node() for target in node.output(0).get_target_inputs()]
    return bool(readers) and all(
        _is_preprocessing(reader) or (reader.get_type_name() == "Convert" and _feeds_preprocessing(reader))
        for reader in readers
    )
