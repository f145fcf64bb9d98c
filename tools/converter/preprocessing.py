"""Bake preprocessing into a model, so that it takes raw pictures.

The order is Model Optimizer's: first the channels are reversed, then the mean is subtracted and the scale divided by,
both in the order of the channels that the network was trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray
from openvino.preprocess import PrePostProcessor

from omz.converter.arguments import ALL_INPUTS
from omz.converter.graph import constant, input_name, integers, shape_of
from omz.errors import ConversionError

#: What OpenVINO rightly moves a reversal of channels through, to where it becomes one of weights.
_REVERSIBLE = frozenset({"Add", "Subtract", "Multiply", "Divide", "Relu", "Clamp"})


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to raw input before the network sees it.

    Attributes:
        mean_values: By input name; one value per channel of the network, or one for all; subtracted.
        scale_values: By input name; as above; divided by.
        reverse_input_channels: The network wants RGB (or BGR) and is fed the other.
        layouts: By input name, such as NCHW; pictures without one are NCHW, and videos NCDHW.
        mean_picture: (C, H, W); subtracted from the one input that takes pictures, channels as in the network.
        mean_offsets: Row and column of the mean picture at which the input lies in it; None for its middle.
    """

    mean_values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    scale_values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    reverse_input_channels: bool = False
    layouts: Mapping[str, str] = field(default_factory=dict)
    mean_picture: NDArray[np.float32] | None = None
    mean_offsets: tuple[int, int] | None = None


def bake(model: ov.Model, preprocessing: Preprocessing) -> ov.Model:
    """Put the preprocessing in front of a model's inputs; names, shapes and types of the inputs stay.

    Raises:
        ConversionError: A value is for an input that is not there, does not fit its channels, or is impossible.
    """
    names = [input_name(parameter) for parameter in model.inputs]
    for stated in (preprocessing.mean_values, preprocessing.scale_values, preprocessing.layouts):
        for name in stated:
            if name not in (ALL_INPUTS, *names):
                raise ConversionError(f"the model has no input {name!r}; its inputs are {', '.join(names)}")
    pictured = _pictured(model, preprocessing)
    processor = PrePostProcessor(model)
    changed, reversed_one = [], False
    for name, parameter in zip(names, model.inputs, strict=True):
        layout = (
            preprocessing.layouts.get(name)
            or preprocessing.layouts.get(ALL_INPUTS)
            or _usual_layout(parameter)
        )
        channels = _channels(name, parameter, layout) if layout else None
        mean = _values("mean", preprocessing.mean_values, name, parameter, layout, channels)
        scale = _values("scale", preprocessing.scale_values, name, parameter, layout, channels)
        if any(value == 0 for value in scale):
            raise ConversionError(f"scale value of input {name!r} is 0; the input would be divided by it")
        if not layout and not mean and not scale:
            continue
        info = processor.input(name)
        if layout:
            info.tensor().set_layout(ov.Layout(layout))
            info.model().set_layout(ov.Layout(layout))
        steps = info.preprocess()
        if preprocessing.reverse_input_channels and channels == 3:
            if _ends_in_weights(parameter):
                steps.reverse_channels()
            else:
                steps.custom(_reversal(layout.index("C")))
            reversed_one = True
        if name == pictured and (mean_picture := preprocessing.mean_picture) is not None:
            under = _cropped(mean_picture, preprocessing.mean_offsets, name, shape_of(parameter))
            steps.custom(_minus(under))
        if any(mean):
            steps.mean(mean)
        if any(value != 1 for value in scale):
            steps.scale(scale)
        changed.append(name)
    if preprocessing.reverse_input_channels and not reversed_one:
        raise ConversionError(
            "no input has 3 channels to reverse; state the layout (--layout) if it is not NCHW"
        )
    if not changed and (preprocessing.mean_values or preprocessing.scale_values):
        raise ConversionError(_unknown_layout(names[0], model.inputs[0]))
    known = {node.get_friendly_name() for node in model.get_ops()}
    # An output that is an input by another name is no longer that input.
    outputs = [
        set(output.get_names()).difference(names) or {output.get_any_name()} for output in model.outputs
    ]
    model = processor.build()
    for output, tensor_names in zip(model.outputs, outputs, strict=True):
        output.get_tensor().set_names(tensor_names)
    _name_new_nodes(model, known, changed[0] if len(changed) == 1 else "inputs")
    return model


def _ends_in_weights(parameter: ov.Output) -> bool:
    """Tell whether a reversal of an input's channels can become one of the weights of the first convolutions.

    OpenVINO tries so with any net. In 2026.4 it is wrong behind a PRelu with a slope for each channel, and where
    branches meet again, its work doubles each time.
    """
    pending, seen = [parameter], set()
    while pending:
        for target in pending.pop().get_target_inputs():
            node = target.get_node()
            if node.get_type_name() == "Convolution":
                continue
            constants = sum(value.get_node().get_type_name() == "Constant" for value in node.input_values())
            if node.get_type_name() not in _REVERSIBLE or constants + 1 < node.get_input_size():
                return False
            if node.get_name() not in seen:
                seen.add(node.get_name())
                pending += node.outputs()
    return True


def _reversal(axis: int) -> Callable[[ov.Output], ov.Output]:
    """Return what reverses an axis, in a form that OpenVINO leaves where it is."""
    places = {"begin": -1, "end": np.iinfo(np.int64).min, "step": -1, "axis": axis}

    def reversed_channels(data: ov.Output) -> ov.Output:
        return ops.slice(data, *(integers([value], role) for role, value in places.items())).output(0)

    return reversed_channels


def _pictured(model: ov.Model, preprocessing: Preprocessing) -> str | None:
    """Return the name of the input that the mean picture is for."""
    if preprocessing.mean_picture is None:
        return None
    pictures = [parameter for parameter in model.inputs if len(parameter.get_partial_shape()) == 4]
    if len(pictures) != 1:
        raise ConversionError(
            f"a mean file needs a net with one input (N, C, H, W); this one has {len(pictures)}"
        )
    name: str = input_name(pictures[0])
    return name


def _cropped(
    mean: NDArray[np.float32], offsets: tuple[int, int] | None, name: str, shape: list[int]
) -> NDArray[np.float32]:
    """Return the part (1, C, H, W) of a mean picture that lies under the input ``name`` of ``shape``."""
    margin = [of_mean - size for of_mean, size in zip(mean.shape[1:], shape[2:], strict=True)]
    if -1 in shape[1:] or mean.shape[0] != shape[1] or min(margin) < 0:
        raise ConversionError(
            f"the mean picture {mean.shape} does not cover input {name!r} of shape {shape}; it must have as many "
            "channels, and at least its height and width"
        )
    top, left = offsets or (margin[0] // 2, margin[1] // 2)
    if top > margin[0] or left > margin[1]:
        raise ConversionError(
            f"mean file offsets ({top},{left}): the input {shape} then reaches beyond the mean picture {mean.shape}"
        )
    return mean[np.newaxis, :, top : top + shape[2], left : left + shape[3]]


def _minus(picture: NDArray[np.float32]) -> Callable[[ov.Output], ov.Output]:
    return lambda data: ops.subtract(data, constant(picture, "mean")).output(0)


def _usual_layout(parameter: ov.Output) -> str:
    shape = parameter.get_partial_shape()
    return "" if shape.rank.is_dynamic else {4: "NCHW", 5: "NCDHW"}.get(len(shape), "")


def _unknown_layout(name: str, parameter: ov.Output) -> str:
    return (
        f"the layout of input {name!r}, {parameter.get_partial_shape()}, is not known; state it with --layout"
    )


def _channels(name: str, parameter: ov.Output, layout: str) -> int | None:
    shape = parameter.get_partial_shape()
    if len(layout) != len(shape):
        raise ConversionError(f"layout {layout} does not fit input {name!r} of shape {shape}")
    if "C" not in layout:
        return None
    size = shape[layout.index("C")]
    return size.get_length() if size.is_static else None


def _values(
    kind: str,
    stated: Mapping[str, Sequence[float]],
    name: str,
    parameter: ov.Output,
    layout: str,
    channels: int | None,
) -> list[float]:
    """Return the values for an input: one, or one per channel, or none.

    An input of unknown layout, which is no picture, takes one value for all, and passes over those for each channel of
    any picture.
    """
    values = list(stated.get(name) or stated.get(ALL_INPUTS) or ())
    if len(values) > 1 and not layout:
        if name in stated:
            raise ConversionError(f"{_unknown_layout(name, parameter)}, and it has {kind} values")
        return []
    if len(values) > 1 and len(values) != channels:
        raise ConversionError(
            f"{len(values)} {kind} values for input {name!r}, which has {channels} channels"
        )
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        single = np.asarray(values).astype(np.float32)
        usable = np.isfinite(single) & (np.isfinite(1 / single) if kind == "scale" else True)
    if not usable.all() and 0 not in values:
        raise ConversionError(
            f"{kind} values {values} of input {name!r}: beyond what single precision can calculate with"
        )
    return values


def _name_new_nodes(model: ov.Model, known: set[str], prefix: str) -> None:
    """Name what the preprocessor has inserted; OpenVINO's own names count up over the life of the process.

    The preprocessor also merges what it can into the first convolution, a new node that keeps the old one's name.
    """
    counts: dict[str, int] = {}
    for parameter in model.inputs:
        parameter.get_node().set_friendly_name(input_name(parameter))
    for node in model.get_ordered_ops():
        if node.get_friendly_name() not in known:
            kind = node.get_type_name()
            counts[kind] = counts.get(kind, 0) + 1
            number = f"_{counts[kind]}" if counts[kind] > 1 else ""
            node.set_friendly_name(f"{prefix}/{kind}{number}")
