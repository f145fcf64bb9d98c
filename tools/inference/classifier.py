"""A classification network: read, checked, given 8-bit input and compiled."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from omz.errors import InferenceError, UsageError, located
from omz.inference.devices import DeviceOptions, parse_device, properties
from omz.inference.locate import find_model
from omz.inference.network import class_names, one_line, read_network, told
from omz.inference.output import Output, choose_output, describe_output
from omz.inference.picture_input import one_at_a_time, picture_input
from omz.inference.ranking import Prediction, rank
from omz.inference.reduction import Enough
from omz.inference.resizing import RESIZE_TYPES
from omz.inference.tried import require_runnable
from omz.zoo.class_list import ClassList
from omz.zoo.label_files.entries import check_characters
from omz.zoo.labels import read_labels

if TYPE_CHECKING:
    import openvino as ov
    from numpy.typing import NDArray

    from omz.inference.picture_input import PictureInput

#: As Model API and Model Optimizer write it; '' where they say nothing.
YES_OR_NO = {
    "": False,
    "yes": True,
    "true": True,
    "1": True,
    "no": False,
    "false": False,
    "0": False,
    "none": False,
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InputOptions:
    """How pictures become input; what is not given is taken from the IR's ``model_info``.

    Attributes:
        layout: 'NCHW' or 'NHWC', also as '<input>:NCHW'; '' to go by the IR.
        resize_type: See :data:`~omz.inference.resizing.RESIZE_TYPES`; '' to go by the IR.
        reverse_channels: Swap BGR to RGB, before mean and scale; alpha stays the last.
        mean: A value to subtract for each channel, in the order of the model's channels, or one for all; () to go by
            the IR.
        scale: The same of values to divide by.
        prepared: Input comes as float32 in the network's own channel order and values; nothing is added.
        shape: That the network's input shall have, in its own order; () for that of the IR.
    """

    layout: str = ""
    resize_type: str = ""
    reverse_channels: bool = False
    mean: Sequence[float] = ()
    scale: Sequence[float] = ()
    prepared: bool = False
    shape: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Classifier:
    """A compiled network that takes (1, height, width, channels) uint8 and says which classes a picture has.

    The channels are those of a grey picture (1), of BGR (3), or of BGR and alpha (4). With
    :attr:`InputOptions.prepared` it takes float32.
    """

    path: Path
    compiled: ov.CompiledModel = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)  # none, where it is not known how many classes there are
    height: int
    width: int
    channels: int
    output: Output
    resize_type: str
    options: DeviceOptions
    compile_seconds: float
    prepared: bool = False

    def new_buffer(self) -> NDArray[Any]:
        """Return an input buffer, (1, height, width, channels), of the type that the network takes."""
        shape = (1, self.height, self.width, self.channels)
        return np.empty(shape, np.float32 if self.prepared else np.uint8)

    def rank(self, numbers: NDArray[Any], k: int, threshold: float | None = None) -> tuple[Prediction, ...]:
        """Return what the output for one picture says; see :func:`omz.inference.ranking.rank`."""
        return rank(numbers, self.output, self.labels, k, threshold)

    @property
    def enough(self) -> Enough:
        """How large pictures have to be for it."""
        return Enough(self.height, self.width, self.resize_type)

    @property
    def numbered(self) -> bool:
        """Whether the classes have numbers for names, as the IR holds no labels and none were given."""
        return not self.labels or self.labels[0] == "#0"

    @property
    def classes(self) -> ClassList:
        """What the network tells apart.

        Raises:
            InferenceError: It names its best class alone, and it is not known how many there are.
        """
        if self.output.classes is None:
            raise InferenceError(
                f"{self.path}: names classes, and does not tell of how many. Give their --labels"
            )
        return ClassList.of_network(None if self.numbered else self.labels, self.output.classes)

    @property
    def from_cache(self) -> bool:
        """Whether the compiled network came from the cache folder."""
        return bool(self.runtime_property("LOADED_FROM_CACHE"))

    def runtime_property(self, name: str) -> Any:  # noqa: ANN401 - OpenVINO's properties are of many types
        """Return a property of the compiled model, or None where the device has none of that name."""
        try:
            return self.compiled.get_property(name)
        except RuntimeError:
            return None

    @property
    def execution_devices(self) -> list[str]:
        """The devices that really execute."""
        return list(self.runtime_property("EXECUTION_DEVICES") or [self.options.device])

    @property
    def optimal_requests(self) -> int:
        """The number of infer requests in flight that the device asks for."""
        return int(self.runtime_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") or 1)

    @property
    def precision(self) -> str:
        """The precision of execution, such as 'f32'; '' if the device does not tell."""
        value = self.runtime_property("INFERENCE_PRECISION_HINT")
        return value.get_type_name() if hasattr(value, "get_type_name") else ""

    @property
    def streams(self) -> int | None:
        """The number of streams, None if the device does not tell."""
        value = self.runtime_property("NUM_STREAMS")
        return None if value is None else int(value)


def load_classifier(
    model: str | Path,
    device: DeviceOptions | None = None,
    inputs: InputOptions | None = None,
    labels: str | Path | Sequence[str] | None = None,
    output: str = "",
) -> Classifier:
    """Read an IR, check that it is a classifier, prepare it for 8-bit pictures and compile it.

    Args:
        model: Path of an .xml file, or the name of a converted model; see :func:`~omz.inference.locate.find_model`.
        device: Device and its settings; the CPU for throughput by default.
        inputs: How pictures become input.
        labels: Label file, name of a label list or the names themselves; by default those of the IR.
        output: Name of the output, for a network that has several.

    Raises:
        InferenceError: The model, the labels or the device cannot be used.
        UsageError: Options contradict each other.
    """
    import openvino as ov

    device, inputs = device or DeviceOptions(), inputs or InputOptions()
    core = ov.Core()
    target = parse_device(device.device, core.available_devices)
    config = properties(device, target)
    path = find_model(model)
    require_runnable(path, inputs, labels, output)
    read = read_classifier(core, path, inputs, labels, output)
    names = read.labels
    if not names:
        _log.info("%s: holds no labels and none are given; classes are numbered", path)
        names = tuple(f"#{index}" for index in range(read.output.classes or 0))
    network = _with_picture_input(read.network, read.picture, read.inputs)
    if device.cache_dir:
        try:
            Path(device.cache_dir).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InferenceError(f"--cache_dir {device.cache_dir}: {error.strerror}") from error
        core.set_property({"CACHE_DIR": device.cache_dir})
    began = perf_counter()
    with one_line(f"{path}: cannot be compiled for {target.text}"):
        compiled = core.compile_model(network, target.text, config)
    seconds = perf_counter() - began
    _log.debug("%s: compiled for %s in %.3f s; the output is %s", path, target.text, seconds, read.output)
    return Classifier(
        path,
        compiled,
        names,
        read.picture.height,
        read.picture.width,
        read.picture.channels,
        read.output,
        read.inputs.resize_type,
        device,
        seconds,
        inputs.prepared,
    )


@dataclass(frozen=True, slots=True)
class Read:
    """A classifier that is read and checked, and not compiled.

    Attributes:
        network: With one output, and a batch of 1.
        picture: Its input, with the batch that the IR has.
        output: Its output.
        inputs: How pictures become its input, with what the IR says of it.
        labels: Of the classes; none, if they are neither given nor in the IR.
    """

    network: ov.Model
    picture: PictureInput
    output: Output
    inputs: InputOptions
    labels: tuple[str, ...]


def read_classifier(
    core: ov.Core,
    path: Path,
    inputs: InputOptions,
    labels: str | Path | Sequence[str] | None = None,
    output: str = "",
) -> Read:
    """Read an IR and check that it is a classifier; see :func:`load_classifier`."""
    network = read_network(core, path)
    recorded = choose_output(network, output, path)
    picture = picture_input(network, path, layout=inputs.layout, shape=inputs.shape)
    inputs = _complete(network, inputs, picture, path)
    of_ir = class_names(network, path) if labels is None else []
    network = one_at_a_time(network, picture, path)
    found = describe_output(network, recorded, path)
    names = _labels(of_ir, labels, found, path)
    if found.classes is None and names:
        found = replace(found, classes=len(names))
    return Read(network, picture, found, inputs, names)


def _labels(
    of_ir: Sequence[str], labels: str | Path | Sequence[str] | None, output: Output, path: Path
) -> tuple[str, ...]:
    """Return the labels that are given, or those of the IR; () if there are neither."""
    if labels is None:
        if not of_ir:
            return ()
        names, where = list(of_ir), f"{path}: rt_info"
    elif isinstance(labels, str | Path):
        names, where = [label.name for label in read_labels(labels)], str(labels)
    else:
        names, where = _given(labels), "labels"
    if output.classes not in (None, len(names)):
        raise InferenceError(
            f"{where}: {len(names)} labels, but {path} has {output.classes} classes. Is it another model's list?"
        )
    return tuple(names)


def _given(labels: Sequence[str]) -> list[str]:
    """Return names that are given in Python, checked: a set has no order, and of a dictionary it would be the keys."""
    if not isinstance(labels, Sequence) or not all(isinstance(name, str) for name in labels):
        raise UsageError(
            f"labels: expected a list of names, a file or the name of a list, got {labels!r:.80}"
        )
    for index, name in enumerate(labels):
        check_characters(name, f"labels: entry {index + 1}")
    return list(labels)


def _complete(network: ov.Model, inputs: InputOptions, picture: PictureInput, path: Path) -> InputOptions:
    """Fill in from ``model_info`` what the caller left open, as Model API does."""

    def stated(key: str) -> str:
        with located(f"{path}: rt_info"):
            return told(network, key)

    resize_type = inputs.resize_type or stated("resize_type") or "standard"
    if resize_type not in RESIZE_TYPES:
        raise InferenceError(f"{path}: resize_type {resize_type!r}; known: {', '.join(RESIZE_TYPES)}")
    if inputs.prepared:
        return InputOptions(resize_type=resize_type, prepared=True)

    def values(given: Sequence[float], key: str) -> tuple[float, ...]:
        try:
            found = tuple(given) or tuple(float(word) for word in stated(key).split())
        except ValueError as error:
            raise InferenceError(f"{path}: rt_info {key}: {error}") from error
        if len(found) not in (0, 1, picture.channels) or (
            not all(map(math.isfinite, found)) or (key == "scale_values" and 0 in found)
        ):
            raise UsageError(
                f"{key} {found}: expected a number for each of the {picture.channels} channels, or one for all; "
                "scale values other than 0"
            )
        return found * picture.channels if len(found) == 1 else found

    reversal = stated("reverse_input_channels")
    if reversal.lower() not in YES_OR_NO:
        raise InferenceError(
            f"{path}: rt_info reverse_input_channels: expected YES or NO, got {reversal!r:.80}"
        )
    reverse = inputs.reverse_channels or YES_OR_NO[reversal.lower()]
    mean, scale = values(inputs.mean, "mean_values"), values(inputs.scale, "scale_values")
    return InputOptions(resize_type=resize_type, reverse_channels=reverse, mean=mean, scale=scale)


def _with_picture_input(network: ov.Model, picture: PictureInput, inputs: InputOptions) -> ov.Model:
    """Let the graph take (1, H, W, C) uint8: types, layout, channels, mean and scale cost no Python time."""
    import openvino as ov
    from openvino.preprocess import PrePostProcessor

    processor = PrePostProcessor(network)
    port = processor.input()
    element_type = ov.Type.f32 if inputs.prepared else ov.Type.u8
    port.tensor().set_element_type(element_type).set_layout(ov.Layout("NHWC"))
    port.model().set_layout(ov.Layout(picture.layout))
    steps = port.preprocess().convert_element_type(ov.Type.f32)
    if inputs.reverse_channels and picture.channels > 1:
        steps = steps.custom(_without_alpha_reversed) if picture.channels == 4 else steps.reverse_channels()
    if inputs.mean:
        steps = steps.mean(list(inputs.mean))
    if inputs.scale:
        steps.scale(list(inputs.scale))
    processor.output().tensor().set_element_type(ov.Type.f32)
    return processor.build()


def _without_alpha_reversed(data: ov.Output) -> ov.Output:
    """Turn (N, H, W, BGRA) into RGBA."""
    from openvino import opset13 as ops

    return ops.gather(data, [2, 1, 0, 3], 3).output(0)
