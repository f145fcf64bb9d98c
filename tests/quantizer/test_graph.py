"""Squeeze-and-excitation is found by what it computes."""

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from omz.quantizer.graph import has_squeeze_excitation, name_by_place


def gated(gate_source: str, pool: str = "mean") -> ov.Model:
    """Return a net in which a gate multiplies feature maps; the gate is made of ``gate_source``."""
    data = op.parameter([1, 8, 6, 6], np.float32)
    features, other = op.relu(data), op.abs(data)
    squeezed = {"features": features, "other": other}[gate_source]
    if pool == "mean":
        averages = op.reduce_mean(squeezed, [2, 3], keep_dims=True)
    else:
        averages = op.avg_pool(squeezed, [1, 1], [0, 0], [0, 0], [6, 6], True)
    down = op.relu(
        op.convolution(averages, np.ones((2, 8, 1, 1), np.float32), [1, 1], [0, 0], [0, 0], [1, 1])
    )
    up = op.convolution(down, np.ones((8, 2, 1, 1), np.float32), [1, 1], [0, 0], [0, 0], [1, 1])
    return ov.Model([op.multiply(op.sigmoid(up), features)], [data])


@pytest.mark.parametrize("pool", ["mean", "average"])
def test_a_gate_of_its_own_averages(pool):
    assert has_squeeze_excitation(gated("features", pool))


def test_a_gate_of_something_else():
    assert not has_squeeze_excitation(gated("other"))


def test_a_scale_is_no_gate():
    data = op.parameter([1, 8, 6, 6], np.float32)
    scaled = op.multiply(data, np.ones((1, 8, 1, 1), np.float32))
    assert not has_squeeze_excitation(ov.Model([op.reduce_mean(scaled, [2, 3])], [data]))


def test_numbered_names_become_the_same_whatever_came_before():
    def names() -> list[str]:
        model = gated("features")
        model.get_results()[0].set_friendly_name("out")
        name_by_place(model)
        return [node.get_friendly_name() for node in model.get_ordered_ops()]

    first = names()
    op.relu(op.parameter([1], np.float32))  # moves OpenVINO's counters
    assert names() == first
    assert len(set(first)) == len(first)
