"""What quantization needs to know of a graph, and what it leaves to tidy up."""

from __future__ import annotations

import re

import openvino as ov

_QUANTIZER = re.compile(r".+/fq_(?:weights|output|input)_\d+")
#: OpenVINO's own names of nodes, numbered through the life of a process.
_NUMBERED = re.compile(r"([A-Z][A-Za-z0-9]*)_\d+")
#: Layers between the squeeze and the excitation: two layers with biases, activations and reshapes between them.
_MAX_GATE_DEPTH = 16


def has_squeeze_excitation(model: ov.Model) -> bool:
    """Tell whether feature maps are multiplied by gates that are made from their own averages."""
    return any(
        op.get_type_name() == "Multiply"
        and any(_gates(op.input_value(gate), op.input_value(1 - gate)) for gate in (0, 1))
        for op in model.get_ops()
    )


def _gates(gate: ov.Output, features: ov.Output) -> bool:
    """Tell whether ``gate`` is computed from the averages of ``features`` over height and width."""
    for _ in range(_MAX_GATE_DEPTH):
        op = gate.get_node()
        if op.get_input_size() == 0:
            return False
        gate = op.input_value(0)
        if op.get_type_name() in ("ReduceMean", "AvgPool"):
            return bool(gate == features)
    return False


def quantizers(model: ov.Model) -> dict[str, list[str]]:
    """Return the layers that take what each quantizer gives, by the quantizer's name."""
    return {
        op.get_friendly_name(): sorted(
            port.get_node().get_friendly_name() for port in op.output(0).get_target_inputs()
        )
        for op in model.get_ops()
        if _QUANTIZER.fullmatch(op.get_friendly_name())
    }


def given_back(before: ov.Model, after: ov.Model) -> list[str]:
    """Return the layers of ``before`` that lost a quantizer on the way to ``after``, in the order of the graph."""
    kept = quantizers(after).keys()
    lost = {layer for name, layers in quantizers(before).items() if name not in kept for layer in layers}
    return [
        op.get_friendly_name()
        for op in before.get_ordered_ops()
        if op.get_friendly_name() in lost and not _QUANTIZER.fullmatch(op.get_friendly_name())
    ]


def name_by_place(model: ov.Model) -> None:
    """Name the nodes that have numbers for names after what takes them: the same model, the same bytes."""
    for op in reversed(model.get_ordered_ops()):
        match = _NUMBERED.fullmatch(op.get_friendly_name())
        if not match or match[1] != op.get_type_name():
            continue
        takers = [
            (port.get_node().get_friendly_name(), port.get_index())
            for output in op.outputs()
            for port in output.get_target_inputs()
        ]
        if takers:
            name, place = min(takers)
            op.set_friendly_name(f"{name}/{match[1]}_{place}")
