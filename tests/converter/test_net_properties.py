"""Whole nets of random layers against the NumPy reference: graph, order, names, and what folding does to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from nets import parse_prototxt
from nets.conversion import convert_net, run_model
from nets.random_nets import RandomNet, nets
from omz.converter.caffe.reference import run, trace

# Of single precision's 24 bits, a chain of some layers loses a few.
TOLERANCE = 1e-5
QUICK, SLOW = 25, 620  # Hypothesis draws some nets twice
DIFFERENT = 500


def compare(drawn: RandomNet, *, fuse: bool) -> None:
    net = parse_prototxt(drawn.prototxt)
    model = convert_net(net, drawn.weights, fuse=fuse)
    read = {name for parameter in model.inputs for name in parameter.get_names()}
    outputs = run_model(model, {name: array for name, array in drawn.inputs.items() if name in read})
    expected = run(net, drawn.weights, drawn.inputs, list(outputs))
    nearby = nudged_run(net, drawn, list(outputs))
    for name, result in outputs.items():
        shown = f"output {name!r} (fuse={fuse}) of\n{drawn.prototxt}"
        assert result.shape == expected[name].shape, shown
        scale = float(np.abs(expected[name]).max(initial=0)) or 1.0
        # Where terms cancel, numbers that single precision cannot tell apart have answers that differ by more.
        unavoidable = 8 * np.abs(nearby[name] - expected[name]).max(initial=0)
        assert np.abs(result - expected[name]).max(initial=0) <= max(TOLERANCE * scale, unavoidable), shown


def nudged_run(net: Any, drawn: RandomNet, outputs: list[str]) -> dict[str, np.ndarray]:
    """Run the reference with every number, given or computed, put off by what single precision cannot tell apart."""
    random = np.random.default_rng(0)

    def nudged(array: Any) -> np.ndarray:
        directions = random.choice([-np.inf, np.inf], np.shape(array))
        with np.errstate(over="ignore"):
            moved = np.nextafter(np.float32(array), np.float32(directions))
        # A zero stays: BatchNorm's factor of zero is a word of its own, and its next number would divide.
        return np.where(np.isfinite(moved) & (np.asarray(array) != 0), moved, array).astype(np.float64)

    weights = {layer: [nudged(blob) for blob in blobs] for layer, blobs in drawn.weights.items()}
    blobs = {name: nudged(array) for name, array in drawn.inputs.items()}
    found = {}
    for message, tops in trace(net, weights, blobs, outputs):
        blobs.update({name: nudged(top) for name, top in zip(message.top, tops, strict=True)})
        found.update({message.name: blobs[message.top[0]]} if tops else {})
    return {name: blobs[name] if name in blobs else found[name] for name in outputs}


def check(count: int) -> int:
    """Compare ``count`` random nets, folded and as they are; return how many different ones that were."""
    compared = set()

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(nets())
    def run_all(drawn: RandomNet) -> None:
        for fuse in (True, False):
            compare(drawn, fuse=fuse)
        compared.add(drawn.prototxt)

    run_all()
    return len(compared)


def test_random_nets_equal_the_reference():
    assert check(QUICK) > QUICK // 2


@pytest.mark.slow
def test_many_random_nets_equal_the_reference(record_property):
    different = check(SLOW)
    record_property("nets", different)
    assert different >= DIFFERENT
