"""Small networks in ONNX, and what they compute by ONNX's own reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Shape = Sequence[int | str]


def value(name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def network(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    weights: Mapping[str, np.ndarray] | None = None,
    opset: int = 13,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [value(name, shape) for name, shape in inputs.items()],
        [value(name, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def classifier(shape: Shape = ("N", 3, 8, 8), name: str = "data") -> onnx.ModelProto:
    """A convolution, pooling and a dense layer, from ``data`` to ``prob`` and ``logits``; 5 classes."""
    random = np.random.default_rng(0)
    weights = {
        "kernel": random.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "bias": random.standard_normal(4).astype(np.float32),
        "dense": random.standard_normal((5, 4)).astype(np.float32) / 100,
        "dense_bias": random.standard_normal(5).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", [name, "kernel", "bias"], ["conv"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["features"]),
        helper.make_node("Gemm", ["features", "dense", "dense_bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["prob"], axis=1),
    ]
    batch = shape[0]
    return network(nodes, {name: shape}, {"prob": (batch, 5), "logits": (batch, 5)}, weights)


def control_flow() -> onnx.ModelProto:
    """A Loop and an If, whose graphs have constants without names."""
    two = {"two": np.array([2.0], np.float32)}
    loop = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Constant", [], ["half"], value_floats=[0.5]),
            helper.make_node("Mul", ["sum", "half"], ["less"]),
            helper.make_node("Add", ["less", "data"], ["more"]),
        ],
        "loop",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("sum", [1, 4])],
        [value("go_on", [], TensorProto.BOOL), value("more", [1, 4])],
    )
    branches = [
        helper.make_graph([helper.make_node(kind, ["sums", "two"], [kind])], kind, [], [value(kind, [1, 4])])
        for kind in ("Add", "Mul")
    ]
    nodes = [
        helper.make_node("Loop", ["times", "yes", "data"], ["sums"], body=loop),
        helper.make_node("ReduceMax", ["sums"], ["largest"], keepdims=0),
        helper.make_node("Greater", ["largest", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["out"], then_branch=branches[0], else_branch=branches[1]),
    ]
    weights = {**two, "times": np.array(3), "yes": np.array(True), "zero": np.array(0, np.float32)}
    return network(nodes, {"data": (1, 4)}, {"out": (1, 4)}, weights)


def in_other_file(model: onnx.ModelProto, tensor: str, location: str, folder: Path) -> onnx.ModelProto:
    """Move one weight of a network to the file ``location``, relative to ``folder``."""
    (weight,) = [one for one in model.graph.initializer if one.name == tensor]
    content = weight.raw_data
    onnx.external_data_helper.set_external_data(weight, location, 0, len(content))
    weight.ClearField("raw_data")
    file = folder / location
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return model


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def computed(model: onnx.ModelProto, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the reference implementation of ONNX computes, by output name."""
    outputs = [output.name for output in model.graph.output]
    return dict(zip(outputs, ReferenceEvaluator(model).run(None, inputs), strict=True))
