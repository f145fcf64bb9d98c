"""The input of a network that takes pictures: its layout, its channels, its size, and pictures one at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import InferenceError, UsageError
from omz.inference.network import one_line

if TYPE_CHECKING:
    import openvino as ov

LAYOUTS = ("NCHW", "NHWC")
#: Grey; BGR; BGR with alpha.
CHANNELS = (1, 3, 4)


@dataclass(frozen=True, slots=True)
class PictureInput:
    """What a network takes.

    Attributes:
        layout: 'NCHW' or 'NHWC'.
        batch: Pictures at a time.
        channels: 1 (grey), 3 (BGR) or 4 (BGR and alpha).
        height: In pixels.
        width: In pixels.
    """

    layout: str
    batch: int
    channels: int
    height: int
    width: int

    def shape(self, batch: int) -> list[int]:
        """Return the shape of the input for ``batch`` pictures."""
        sizes = {"N": batch, "C": self.channels, "H": self.height, "W": self.width}
        return [sizes[axis] for axis in self.layout]


def picture_input(
    network: ov.Model, path: Path, *, layout: str = "", shape: Sequence[int] = ()
) -> PictureInput:
    """Check that a network has one input, and that it takes pictures of one size.

    Args:
        network: Is given the size that ``shape`` asks for.
        path: Of the IR, for messages.
        layout: 'NCHW' or 'NHWC', also as '<input>:NCHW'; '' to go by the IR, and if that tells none, by the shape: the
            channels are where 1, 3 or 4 stands, in the second place rather than in the last.
        shape: That the input shall have, in its own order; () for that of the IR.

    Raises:
        InferenceError: It takes something else, or pictures of any size.
        UsageError: There is no such layout, or the shape cannot be.
    """
    if len(network.inputs) != 1:
        names = ", ".join(sorted(name for port in network.inputs for name in port.names))
        raise InferenceError(f"{path}: has {len(network.inputs)} inputs ({names}); a classifier has one")
    if shape:
        _give_shape(network, path, shape)
    port = network.input(0)
    found = port.partial_shape
    if found.rank.is_dynamic or len(found) != 4:
        raise InferenceError(
            f"{path}: the input is {found}; expected a picture, [1,3,H,W] or [1,H,W,3]; "
            "--input_shape chooses among the shapes that a network can take"
        )
    axes = _layout(port, layout)
    sizes = {axis: found[place] for place, axis in enumerate(axes)}
    if any(sizes[axis].is_dynamic for axis in "CHW"):
        usual = {"N": 1, "C": 3, "H": 224, "W": 224}
        example = [usual[axis] if sizes[axis].is_dynamic else sizes[axis].get_length() for axis in axes]
        raise InferenceError(
            f"{path}: the input is {found} ({axes}), which is of no fixed size. "
            f"Choose one, such as --input_shape {str(example).replace(' ', '')}"
        )
    channels, height, width = (sizes[axis].get_length() for axis in "CHW")
    if channels not in CHANNELS:
        raise InferenceError(
            f"{path}: the input is {found} ({axes}), with {channels} channels; expected 1 (grey), 3, or 4 (with "
            "alpha). Is it another --layout?"
        )
    batch = 1 if sizes["N"].is_dynamic else sizes["N"].get_length()
    if not batch * height * width:
        raise InferenceError(f"{path}: the input is {found} ({axes}), which holds no picture")
    return PictureInput(axes, batch, channels, height, width)


def _give_shape(network: ov.Model, path: Path, shape: Sequence[int]) -> None:
    text = str(list(shape)).replace(" ", "")
    try:
        with one_line(f"{path}: cannot take --input_shape {text}"):
            network.reshape({network.input(0): list(shape)})
    except InferenceError as error:
        raise UsageError(str(error)) from error


def _layout(port: ov.Output, wanted: str) -> str:
    import openvino as ov

    layout = wanted.rpartition(":")[2].strip("[]").upper()
    if layout and layout not in LAYOUTS:
        raise UsageError(f"--layout {layout}: expected NCHW or NHWC")
    if not layout and not ov.layout_helpers.get_layout(port).empty:
        layout = ov.layout_helpers.get_layout(port).to_string().strip("[]").replace(",", "").upper()
    if layout in LAYOUTS:
        return layout
    sizes = [size.get_length() if size.is_static else -1 for size in port.partial_shape]
    return "NHWC" if sizes[1] not in CHANNELS and sizes[3] in CHANNELS else "NCHW"


def one_at_a_time(network: ov.Model, picture: PictureInput, path: Path) -> ov.Model:
    """Return the network, of one output, with a batch of 1.

    Where the graph holds another batch fast, it gets that many times the same picture, and gives the first answer.

    Args:
        network: May be changed.
        picture: Its input.
        path: Of the IR, for messages.

    Raises:
        InferenceError: The output is not by picture.
    """
    port, single = network.input(0), picture.shape(1)
    if port.partial_shape.is_static and picture.batch == 1:
        return network
    before = network.output(0).partial_shape
    if port.partial_shape.is_dynamic:
        with one_line(f"{path}: cannot take one picture at a time"):
            network.reshape({port: single})
        return network
    try:
        network.reshape({port: single})
    except RuntimeError:
        pass  # some operation insists on the batch
    else:
        after = network.output(0).partial_shape
        if _numbers(after) * picture.batch == _numbers(before) and _first(after) == 1:
            return network
        network.reshape({network.input(0): picture.shape(picture.batch)})
    if _first(before) != picture.batch:
        raise InferenceError(
            f"{path}: takes {picture.batch} pictures at a time, and the output {before} has no answer for each"
        )
    return _filled(network, picture.batch, single)


def _filled(network: ov.Model, batch: int, single: list[int]) -> ov.Model:
    """Put a repetition of the picture in front of the network, and behind it a choice of the first answer."""
    import openvino as ov
    from openvino import opset13 as ops

    old = network.get_parameters()[0]
    names = old.output(0).names
    parameter = ops.parameter(single, old.get_element_type(), name=old.get_friendly_name())
    repeated = ops.concat([parameter] * batch, 0)
    for target in old.output(0).get_target_inputs():
        target.replace_source_output(repeated.output(0))
    parameter.output(0).set_names(names)
    last = network.get_results()[0].input_value(0)
    first = ops.slice(last, [0], [1], [1], [0])
    return ov.Model([ops.result(first)], [parameter], network.get_friendly_name())


def _numbers(shape: ov.PartialShape) -> int:
    return math.prod(int(size) for size in shape.to_shape()) if shape.is_static else 0


def _first(shape: ov.PartialShape) -> int:
    return int(shape[0].get_length()) if shape.rank.is_static and len(shape) and shape[0].is_static else -1
