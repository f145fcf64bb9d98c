"""Bake preprocessing into a model, so that it takes raw pictures.

The order is Model Optimizer's: first the channels are reversed, then the mean is subtracted and the scale divided by,
both in the order of the channels that the network was trained with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import openvino as ov
from openvino.preprocess import PrePostProcessor

from omz.converter.arguments import ALL_INPUTS
from omz.errors import ConversionError


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to raw input before the network sees it.

    Attributes:
        mean_values: By input name; one value per channel of the network, or one for all; subtracted.
        scale_values: By input name; as above; divided by.
        reverse_input_channels: The network wants RGB (or BGR) and is fed the other.
        layouts: By input name, such as NCHW; pictures without one are NCHW.
    """

    mean_values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    scale_values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    reverse_input_channels: bool = False
    layouts: Mapping[str, str] = field(default_factory=dict)


def bake(model: ov.Model, preprocessing: Preprocessing) -> ov.Model:
    """Put the preprocessing in front of a model's inputs; names, shapes and types of the inputs stay.

    Raises:
        ConversionError: A value is for an input that is not there, does not fit its channels, or is impossible.
    """
    names = [parameter.get_any_name() for parameter in model.inputs]
    for stated in (preprocessing.mean_values, preprocessing.scale_values, preprocessing.layouts):
        for name in stated:
            if name not in (ALL_INPUTS, *names):
                raise ConversionError(f"the model has no input {name!r}; its inputs are {', '.join(names)}")
    processor = PrePostProcessor(model)
    changed = []
    for name, parameter in zip(names, model.inputs, strict=True):
        layout = (
            preprocessing.layouts.get(name)
            or preprocessing.layouts.get(ALL_INPUTS)
            or _usual_layout(parameter)
        )
        if not layout:
            continue
        channels = _channels(name, parameter, layout)
        mean = _values("mean", preprocessing.mean_values, name, channels)
        scale = _values("scale", preprocessing.scale_values, name, channels)
        if any(value == 0 for value in scale):
            raise ConversionError(f"scale value of input {name!r} is 0; the input would be divided by it")
        info = processor.input(name)
        info.tensor().set_layout(ov.Layout(layout))
        info.model().set_layout(ov.Layout(layout))
        steps = info.preprocess()
        if preprocessing.reverse_input_channels and channels == 3:
            steps.reverse_channels()
        if any(mean):
            steps.mean(mean)
        if any(value != 1 for value in scale):
            steps.scale(scale)
        changed.append(name)
    known = {node.get_friendly_name() for node in model.get_ops()}
    outputs = [set(output.get_names()) for output in model.outputs]
    model = processor.build()
    for output, tensor_names in zip(model.outputs, outputs, strict=True):
        output.get_tensor().set_names(tensor_names)
    _name_new_nodes(model, known, changed[0] if len(changed) == 1 else "inputs")
    return model


def _usual_layout(parameter: ov.Output) -> str:
    return "NCHW" if len(parameter.get_partial_shape()) == 4 else ""


def _channels(name: str, parameter: ov.Output, layout: str) -> int | None:
    shape = parameter.get_partial_shape()
    if len(layout) != len(shape):
        raise ConversionError(f"layout {layout} does not fit input {name!r} of shape {shape}")
    if "C" not in layout:
        return None
    size = shape[layout.index("C")]
    return size.get_length() if size.is_static else None


def _values(kind: str, stated: Mapping[str, Sequence[float]], name: str, channels: int | None) -> list[float]:
    values = list(stated.get(name) or stated.get(ALL_INPUTS) or ())
    if len(values) > 1 and len(values) != channels:
        raise ConversionError(
            f"{len(values)} {kind} values for input {name!r}, which has {channels} channels"
        )
    return values


def _name_new_nodes(model: ov.Model, known: set[str], prefix: str) -> None:
    """Name what the preprocessor has inserted; OpenVINO's own names count up over the life of the process.

    The preprocessor also merges what it can into the first convolution, a new node that keeps the old one's name.
    """
    counts: dict[str, int] = {}
    for parameter in model.inputs:
        parameter.get_node().set_friendly_name(parameter.get_any_name())
    for node in model.get_ordered_ops():
        if node.get_friendly_name() not in known:
            kind = node.get_type_name()
            counts[kind] = counts.get(kind, 0) + 1
            number = f"_{counts[kind]}" if counts[kind] > 1 else ""
            node.set_friendly_name(f"{prefix}/{kind}{number}")
