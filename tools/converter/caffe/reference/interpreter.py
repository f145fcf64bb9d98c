"""Runs a Caffe net layer by layer, in the order of the file, in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .layers import LAYERS, Array


def run(
    net: Any, weights: Mapping[str, Sequence[np.ndarray]], inputs: Mapping[str, np.ndarray]
) -> dict[str, Array]:
    """Return every blob of the net by name, as it is after the last layer.

    Args:
        net: A NetParameter with ``layer`` entries (not the ``layers`` of old files).
        weights: The weight blobs of each layer that has some, in Caffe's order.
        inputs: One array for each input of the net.
    """
    blobs: dict[str, Array] = {name: np.asarray(inputs[name], np.float64) for name in net.input}
    for message in active_layers(net):
        if message.type == "Input":
            blobs.update((top, np.asarray(inputs[top], np.float64)) for top in message.top)
            continue
        bottoms = [blobs[name] for name in message.bottom]
        parameters = [np.asarray(blob, np.float64) for blob in weights.get(message.name, ())]
        result = LAYERS[message.type](message, bottoms, parameters)
        blobs.update(dict.fromkeys(message.top, result))  # several tops: Split, which copies
    return blobs


def active_layers(net: Any) -> Iterator[Any]:
    """Yield the layers that take part at test time (``include`` and ``exclude`` rules)."""
    for message in net.layer:
        if message.include:
            if any(applies(rule, net.state) for rule in message.include):
                yield message
        elif not any(applies(rule, net.state) for rule in message.exclude):
            yield message


def applies(rule: Any, state: Any) -> bool:
    """Return whether a NetStateRule holds in the state; the phase defaults to TEST."""
    return (
        (not rule.HasField("phase") or rule.phase == state.phase)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and set(rule.stage) <= set(state.stage)
        and not set(rule.not_stage) & set(state.stage)
    )
