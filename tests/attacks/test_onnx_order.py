"""ONNX with names that nobody gives: OpenVINO makes inputs of them, and the network computes something else."""

from __future__ import annotations

import numpy as np
import pytest
from attacks.attack import Attack
from onnx import ModelProto, helper

from nets.onnx_nets import network, value, write


def net(*nodes: tuple[str, str, str], outputs: str = "y") -> ModelProto:
    made = [helper.make_node("Add", [one, other], [result]) for one, other, result in nodes]
    return network(
        made, {"x": (1, 4)}, dict.fromkeys(outputs.split(), (1, 4)), {"w": np.ones((1, 4), np.float32)}
    )


def branch() -> ModelProto:
    inner = [
        helper.make_graph(
            [helper.make_node("Relu", [name], [f"{name}_"])], name, [], [value(f"{name}_", (1, 4))]
        )
        for name in ("x", "nowhere")
    ]
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner[0], else_branch=inner[1])
    return network([node], {"x": (1, 4)}, {"y": (1, 4)}, {"c": np.array(True)})


def recursion() -> ModelProto:
    model = network([helper.make_node("F", ["x"], ["y"], domain="d")], {"x": (1, 4)}, {"y": (1, 4)})
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("d", 1)]
    body = [helper.make_node("F", ["a"], ["b"], domain="d")]
    model.functions.append(helper.make_function("d", "F", ["a"], ["b"], body, opsets))
    model.opset_import.append(opsets[1])
    return model


def replaced() -> ModelProto:
    """A function in the place of Relu, which computes something else."""
    model = network([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, 4)}, {"y": (1, 4)})
    body = [helper.make_node("Neg", ["a"], ["b"])]
    model.functions.append(
        helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 13)])
    )
    return model


FORGED = {
    "y = x + y": (net(("x", "y", "y")), "'y'"),
    "a name of nobody": (net(("x", "q", "y")), "'q'"),
    "in reverse": (net(("x", "z", "y"), ("x", "w", "z")), "'z'"),
    "a circle of two": (net(("x", "b", "a"), ("x", "a", "b"), outputs="a"), "'b'"),
    "given twice": (net(("x", "w", "y"), ("x", "x", "y")), "'y'"),
    "a weight given anew": (net(("x", "x", "w"), ("x", "w", "y")), "'w'"),
    "an end of nobody": (net(("x", "w", "y"), outputs="y z"), "'z'"),
    "in a branch": (branch(), "'nowhere'"),
    "a function of itself": (recursion(), "'d.F'"),
    "a function for an operator": (replaced(), "'Relu'"),
}


@pytest.mark.parametrize("case", FORGED)
def test_no_input_is_invented(attack: Attack, case: str) -> None:
    model, name = FORGED[case]
    write(model, attack.folder / "net.onnx")
    message = attack.refused("onnx2ir", "-m", "net.onnx", "-o", "out")
    assert message.count(name) >= 1
    assert "net.onnx: " in message
