"""Bring a network definition to today's form: the layers for inference, out of any format but V0.

The rules are those of Caffe's ``net.cpp`` (``Net::FilterNet``) and ``upgrade_proto.cpp``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from omz.converter.caffe.caffe_pb2 import (
    TEST,
    LayerParameter,
    NetParameter,
    NetState,
    NetStateRule,
    V1LayerParameter,
)
from omz.errors import ParseError

#: Types whose names today are not the capitalized words of the V1 enumeration.
_V1_TYPES = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}


def inference_layers(message: NetParameter, stages: Sequence[str] = ()) -> Iterator[LayerParameter]:
    """Yield the layers that take part in phase TEST, in today's form.

    Args:
        message: A network definition, with ``layer`` or the older ``layers``.
        stages: Of the net's state, beside those that the file states.

    Raises:
        ParseError: The file has both forms, or an ambiguous rule.
    """
    if message.layer and message.layers:
        raise ParseError("the net has both 'layer' and 'layers'; Caffe reads only one of the two")
    state = NetState()
    state.CopyFrom(message.state)
    state.stage.extend(stages)
    layers: Iterable[LayerParameter] = message.layer or map(_upgraded, message.layers)
    active = frozenset(state.stage)
    return (layer for layer in layers if _included(layer, state, active))


def _upgraded(old: V1LayerParameter) -> LayerParameter:
    """Bring a V1 layer to today's form; the parameter messages are the same in both."""
    new = LayerParameter(
        name=old.name, bottom=old.bottom, top=old.top, include=old.include, exclude=old.exclude
    )
    enumerated = V1LayerParameter.LayerType.Name(old.type)
    new.type = _V1_TYPES.get(enumerated) or "".join(word.capitalize() for word in enumerated.split("_"))
    for name in old.param:
        new.param.add(name=name)
    for number, mode in enumerate(old.blob_share_mode):
        (new.param[number] if number < len(new.param) else new.param.add()).share_mode = mode
    for field, value in old.ListFields():
        if field.name.endswith("_param"):
            _copy(getattr(new, field.name), value)
    return new


def _copy(target: Any, value: Any) -> None:  # noqa: ANN401 - any of the parameter messages
    target.CopyFrom(value)


def _included(layer: LayerParameter, state: NetState, stages: frozenset[str]) -> bool:
    if layer.include and layer.exclude:
        raise ParseError(f"layer {layer.name!r} ({layer.type}): expected include or exclude, not both")
    if layer.include:
        return any(_meets(rule, state, stages) for rule in layer.include)
    return not any(_meets(rule, state, stages) for rule in layer.exclude)


def _meets(rule: NetStateRule, state: NetState, stages: frozenset[str]) -> bool:
    return (
        (not rule.HasField("phase") or rule.phase == TEST)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and stages.issuperset(rule.stage)
        and stages.isdisjoint(rule.not_stage)
    )
