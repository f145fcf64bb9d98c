"""Networks in ONNX of a few hundred bytes that become terabytes, or hours, when constants are folded.

Each is sound by ONNX's rules. What is refused is what they cost, before the command itself reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
from attacks.attack import Attack
from onnx import TensorProto, helper, numpy_helper

LARGE, HUGE, TOO_HUGE = (1 << 15, 1 << 15), (1 << 20, 1 << 20), (1 << 40, 1 << 40)
ONE = np.ones((1, 1), np.float32)


def value(name: str, shape: Sequence[int] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def bomb(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, np.ndarray | np.generic],
    shape: Sequence[int] = (1, 3, 8, 8),
    *,
    added: bool = True,
) -> onnx.ModelProto:
    """Return a network that adds the sum of ``c``, which its nodes make, to its input ``x``."""
    if added:
        nodes = [*nodes, helper.make_node("ReduceSum", ["c"], ["r"], keepdims=0)]
        nodes += [helper.make_node("Add", ["x", "r"], ["y"])]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "bomb", [value("x", shape)], [value("y", None)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def filled(name: str, shape_name: str) -> onnx.NodeProto:
    one = numpy_helper.from_array(np.ones(1, np.float32))
    return helper.make_node("ConstantOfShape", [shape_name], [name], value=one)


def of_shape(kind: str, shape: Sequence[int]) -> onnx.ModelProto:
    """Return a bomb of an operator that makes something as large as ``shape`` says."""
    sizes = np.array(shape, np.int64)
    constants: dict[str, np.ndarray | np.generic] = {"s": sizes}
    if kind == "ConstantOfShape":
        nodes = [filled("c", "s")]
    elif kind in ("Tile", "Expand"):
        nodes = [helper.make_node(kind, ["one", "s"], ["c"])]
        constants["one"] = ONE
    elif kind == "Pad":
        nodes = [helper.make_node("Pad", ["one", "pads"], ["c"])]
        constants = {"one": ONE, "pads": np.concatenate([sizes, sizes])}
    elif kind == "Einsum":
        nodes = [filled("a", "s"), helper.make_node("Einsum", ["a", "a"], ["c"], equation="ij,kl->ijkl")]
    elif kind == "Resize":
        nodes = [helper.make_node("Resize", ["picture", "", "", "sizes"], ["c"])]
        constants = {"picture": ONE[None, None], "sizes": np.array([1, 1, *shape], np.int64)}
    else:
        nodes = [filled("a", "s"), helper.make_node("EyeLike", ["a"], ["c"])]
    return bomb(nodes, constants)


def doubling(times: int) -> list[onnx.NodeProto]:
    """Return nodes that put a tensor beside itself, so many times."""
    nodes = [helper.make_node("Concat", [f"a{i}"] * 2, [f"a{i + 1}"], axis=0) for i in range(times)]
    return [*nodes, helper.make_node("Identity", [f"a{times}"], ["c"])]


def loop(trips: int, step: str) -> onnx.ModelProto:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node(step, ["v", "v"], ["w"], **({"axis": 0} if step == "Concat" else {})),
            *([] if step == "Concat" else [helper.make_node("Identity", ["v"], ["row"])]),
        ],
        "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("v", None)],
        [value("go_on", [], TensorProto.BOOL), value("w", None)],
    )
    rows = [] if step == "Concat" else ["rows"]
    body.output.extend(value("row", None) for _ in rows)
    node = helper.make_node("Loop", ["n", "yes", "k"], ["c", *rows], body=body)
    return bomb([node], {"n": np.int64(trips), "yes": np.array(True), "k": np.ones(8, np.float32)})


def branches(depth: int) -> onnx.GraphProto:
    """Return two ways within two ways, and so on: 2**depth graphs."""
    if not depth:
        node = helper.make_node("Relu", ["x"], ["o0"])
    else:
        inner = {"then_branch": branches(depth - 1), "else_branch": branches(depth - 1)}
        node = helper.make_node("If", ["yes"], [f"o{depth}"], **inner)
    return helper.make_graph([node], f"g{depth}", [], [value(f"o{depth}", None)])


def counted(end: int) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Range", ["a", "b", "one"], ["n"]),
        helper.make_node("Cast", ["n"], ["c"], to=1),
    ]
    return bomb(nodes, {"a": np.int64(0), "b": np.int64(end), "one": np.int64(1)})


def as_shape() -> onnx.ModelProto:
    """Return a network that takes its shape from a thousand million numbers."""
    nodes = [
        helper.make_node("Range", ["a", "b", "one"], ["c"]),
        helper.make_node("Reshape", ["x", "c"], ["y"]),
    ]
    constants = {"a": np.int64(0), "b": np.int64(1 << 30), "one": np.int64(1)}
    return bomb(nodes, constants, added=False)


def product() -> onnx.ModelProto:
    nodes = [filled("a", "s"), helper.make_node("MatMul", ["a", "b"], ["c"])]
    return bomb(nodes, {"s": np.array([30_000, 1]), "b": np.ones((1, 30_000), np.float32)})


def one_hot() -> onnx.ModelProto:
    node = helper.make_node("OneHot", ["i", "d", "v"], ["c"], axis=-1)
    constants = {"i": np.zeros(1 << 14, np.int64), "d": np.int64(1 << 15), "v": np.array([0, 1], np.float32)}
    return bomb([node], constants)


def of_input(shape: Sequence[int], kind: str) -> onnx.ModelProto:
    constants = {"k": np.ones((4, 3, 3, 3), np.float32)} if kind == "Conv" else {}
    return bomb([helper.make_node(kind, ["x", *constants], ["y"])], constants, shape, added=False)


BOMBS = {
    **{
        f"{kind}-{name}": of_shape(kind, shape)
        for kind in ("ConstantOfShape", "Tile", "Expand", "Pad", "Einsum", "Resize", "EyeLike")
        for name, shape in (("large", LARGE), ("huge", HUGE), ("overflow", TOO_HUGE))
    },
    "Range": counted(400_000_000),
    "Range-as-shape": as_shape(),
    "OneHot": one_hot(),
    "MatMul": product(),
    "Concat": bomb(doubling(40), {"a0": np.ones(8, np.float32)}),
    "Loop-doubling": loop(40, "Concat"),
    "Loop-endless": loop(1 << 40, "Add"),
    "If": bomb(
        [helper.make_node("If", ["yes"], ["c"], then_branch=branches(13), else_branch=branches(13))],
        {"yes": np.array(True)},
    ),
    "input": of_input((1, 3, 4_000_000, 4_000_000), "Relu"),
    "input-Conv": of_input((1, 3, 4_000_000, 4_000_000), "Conv"),
    "input-overflow": of_input((1, 1 << 40, 1 << 40, 1 << 40), "Relu"),
}
#: One of each family in a quick run.
QUICK = {"ConstantOfShape-large", "Loop-doubling", "input-Conv"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in BOMBS]
)
def test_a_small_file_does_not_grow(attack: Attack, name: str) -> None:
    (attack.folder / "net.onnx").write_bytes(BOMBS[name].SerializeToString())
    # of the processor: 10 s are its limit, for what takes time and no memory
    message = attack.refused("onnx2ir", "-m", "net.onnx", "-o", "out", seconds=20)
    assert "net.onnx" in message
