"""ONNX that keeps its reader busy: millions of fields, depth without end, lists that are all overhead."""

from __future__ import annotations

import pytest
from attacks.attack import Attack

from nets.onnx_wire import dense, field, model_bytes, varint
from omz.converter.onnx.graph import MAX_NODES
from omz.converter.onnx.wire import MAX_FIELDS


def nested(depth: int) -> bytes:
    """Return a graph in an attribute of a node of a graph, and so on."""
    graph = b""
    for _ in range(depth):
        graph = field(
            1, field(4, b"If") + field(5, field(1, b"g") + field(6, graph) + varint(20 << 3) + b"\x05")
        )
    return graph


def doubling(height: int) -> bytes:
    """Return functions each of which calls the next one twice."""
    functions = b""
    for step in range(height):
        calls = [
            field(1, one) + field(2, other) + field(4, b"F%d" % (step + 1)) + field(7, b"d")
            for one, other in ((b"a", b"c"), (b"c", b"b"))
        ]
        ends = field(4, b"a") + field(5, b"b") + field(10, b"d")
        functions += field(25, field(1, b"F%d" % step) + ends + b"".join(field(7, call) for call in calls))
    return functions


def chain(count: int, kind: bytes = b"N") -> bytes:
    """Return a graph of nodes each of which reads what the one before gives."""
    nodes = (
        field(1, b"%d" % step) + field(2, b"%d" % (step + 1)) + field(4, kind) + field(7, b"d")
        for step in range(count)
    )
    return field(11, field(1, b"0")) + b"".join(field(1, node) for node in nodes)


FORGED = {
    "fields": lambda: model_bytes(field(1, b"") * (MAX_FIELDS + 1)),
    "empty nodes": lambda: model_bytes(field(1, field(4, b"N")) * (MAX_FIELDS // 2)),
    "nodes": lambda: model_bytes(chain(MAX_NODES) + field(12, field(1, b"nobody"))),
    "inputs of one node": lambda: model_bytes(field(1, field(1, b"x") * MAX_FIELDS)),
    "sizes": lambda: model_bytes(dense(field(1, 1) * MAX_FIELDS)),
    "packed sizes": lambda: model_bytes(dense(field(1, b"\x01" * MAX_FIELDS))),
    "depth": lambda: model_bytes(nested(5000)),
    "functions": lambda: model_bytes(chain(1, b"F0"), after=doubling(60)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", FORGED)
def test_little_time_and_memory(attack: Attack, case: str) -> None:
    (attack.folder / "net.onnx").write_bytes(FORGED[case]())
    assert "net.onnx: " in attack.refused("onnx2ir", "-m", "net.onnx", "-o", "out", seconds=20)
