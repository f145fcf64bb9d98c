"""Runs a Caffe net layer by layer, in the order of the file, in float64.

It walks the message itself. In it a blob is a name whose value changes over time, as in Caffe: a layer in place
writes over what it has read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from omz.converter.caffe.caffe_pb2 import (
    TEST,
    LayerParameter,
    NetParameter,
    NetState,
    NetStateRule,
    ParamSpec,
    V1LayerParameter,
)
from omz.converter.caffe.reference.registry import LAYERS, Array, Blob, forward

#: Losses, and what each computes of its first bottom on the way.
_ANSWERS = {"SoftmaxWithLoss": "Softmax", "SigmoidCrossEntropyLoss": "Sigmoid"}


def run(
    net: NetParameter,
    weights: Mapping[str, Sequence[Blob]],
    inputs: Mapping[str, np.ndarray[Any, Any]],
    outputs: Sequence[str] = (),
) -> dict[str, Array]:
    """Run a net.

    Args:
        net: A network, of today's format or V1.
        weights: The weight blobs of each layer that has some, in Caffe's order.
        inputs: One array for each input of the net, also of those that a layer without bottoms makes.
        outputs: What to compute, by the name of a blob or, if there is none of that name, of a layer.

    Returns:
        Every blob by name, as it is after the last layer; or the outputs, if given.

    Raises:
        ValueError: There is no such output, an input is missing, or see :func:`forward`.
    """
    blobs = {name: np.asarray(array, np.float64) for name, array in inputs.items()}
    found: dict[str, Array] = {}
    for message, tops in trace(net, weights, blobs, outputs):
        if message.name in outputs and tops:
            found[message.name] = tops[0]
    return {name: blobs[name] if name in blobs else found[name] for name in outputs or blobs}


def trace(
    net: NetParameter,
    weights: Mapping[str, Sequence[Blob]],
    blobs: MutableMapping[str, Array],
    outputs: Sequence[str] = (),
) -> Iterator[tuple[LayerParameter, list[Array]]]:
    """Run a net, and yield each layer with its tops once they are in ``blobs``, which must hold the inputs.

    Whoever puts something else into ``blobs`` in between sees the layers that follow read it. See :func:`run`.
    """
    weights = with_shared(net, weights)
    for message in needed_layers(net, outputs):
        missing = [name for name in message.bottom if name not in blobs]
        if missing:
            raise ValueError(
                f"layer {message.name!r} reads {missing[0]!r}, which is neither input nor made before"
            )
        bottoms = [blobs[name] for name in message.bottom]
        tops = forward(message, bottoms, weights.get(message.name, ()))
        blobs.update(zip(message.top, tops, strict=True))
        yield message, tops


def with_shared(net: NetParameter, weights: Mapping[str, Sequence[Blob]]) -> dict[str, list[Blob]]:
    """Return the weights of each layer with those that it shares with others (``param { name }``).

    Caffe copies the blobs of a caffemodel, in the order of the file, into memory that such layers have in common.
    """
    places: dict[str, list[tuple[str, int]]] = {}
    for message in active_layers(net):
        for number, param in enumerate(message.param):
            if param.name:
                places.setdefault(param.name, []).append((message.name, number))
    result = {name: list(blobs) for name, blobs in weights.items()}
    for sharing in places.values():
        there = {name: blobs[number] for name, blobs in weights.items()
                 for layer, number in sharing if layer == name and number < len(blobs)}  # fmt: skip
        for name, number in sharing if there else ():
            blobs = result.setdefault(name, [])
            blobs[number : number + 1] = [list(there.values())[-1]]
    return result


def needed_layers(net: NetParameter, outputs: Sequence[str] = ()) -> list[LayerParameter]:
    """Return, in their order, the layers that compute something, or what the outputs depend on.

    Raises:
        ValueError: There is no blob or layer of an output's name.
    """
    layers = [message for message in active_layers(net) if message.bottom]  # the others make inputs
    if not outputs:
        return layers
    blobs = {*net.input, *(top for message in active_layers(net) for top in message.top)}
    unknown = set(outputs) - blobs - {message.name for message in layers}
    if unknown:
        raise ValueError(f"the net has no blob or layer {min(unknown)!r}")
    wanted = {name for name in outputs if name in blobs}
    needed = []
    for message in reversed(layers):
        if wanted.intersection(message.top) or (message.name in outputs and message.name not in blobs):
            wanted.difference_update(message.top)
            wanted.update(message.bottom)
            needed.append(message)
    return needed[::-1]


def active_layers(net: NetParameter) -> Iterator[LayerParameter]:
    """Yield the layers that take part at test time (``include`` and ``exclude`` rules), in today's format."""
    for stated in net.layer or map(upgraded, net.layers):
        message = answer_of(stated) if stated.type in _ANSWERS else stated
        if message.include:
            if any(applies(rule, net.state) for rule in message.include):
                yield message
        elif not any(applies(rule, net.state) for rule in message.exclude):
            yield message


def applies(rule: NetStateRule, state: NetState) -> bool:
    """Return whether a NetStateRule holds in the state, whose phase is TEST."""
    return (
        (not rule.HasField("phase") or rule.phase == TEST)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and set(rule.stage) <= set(state.stage)
        and not set(rule.not_stage) & set(state.stage)
    )


def answer_of(loss: LayerParameter) -> LayerParameter:
    """Return what a loss computes without labels: a Softmax's second top, else known by the layer's name."""
    answer = LayerParameter(
        name=loss.name, type=_ANSWERS[loss.type], bottom=loss.bottom[:1], top=loss.top[1:2] or [loss.name]
    )
    answer.softmax_param.CopyFrom(loss.softmax_param)
    answer.include.extend(loss.include)
    answer.exclude.extend(loss.exclude)
    return answer


def upgraded(old: V1LayerParameter) -> LayerParameter:
    """Return a V1 layer in today's format; the enumeration's names are today's in capitals and underscores."""
    names = {name.upper(): name for name in LAYERS} | {"SOFTMAXLOSS": "SoftmaxWithLoss"}
    number = V1LayerParameter.LayerType.Name(old.type).replace("_", "")
    new = LayerParameter(name=old.name, type=names.get(number, number), bottom=old.bottom, top=old.top)
    new.include.extend(old.include)
    new.exclude.extend(old.exclude)
    new.param.extend(ParamSpec(name=name) for name in old.param)
    for field, value in old.ListFields():
        if field.name.endswith("_param"):
            getattr(new, field.name).CopyFrom(value)
    return new
