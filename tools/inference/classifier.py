"""A classification network: read, checked, given 8-bit input and compiled."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from omz.errors import InferenceError, UsageError
from omz.inference import labels as label_files
from omz.inference.devices import DeviceOptions, parse_device, properties
from omz.inference.locate import find_model
from omz.inference.resizing import RESIZE_TYPES

if TYPE_CHECKING:
    import openvino as ov

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InputOptions:
    """How pictures become input; what is not given is taken from the IR's ``model_info``.

    Attributes:
        layout: 'NCHW' or 'NHWC', also as '<input>:NCHW'; '' to go by the IR.
        resize_type: See :data:`~omz.inference.resizing.RESIZE_TYPES`; '' to go by the IR.
        reverse_channels: Swap BGR to RGB, before mean and scale.
        mean: Three values to subtract, in the order of the model's channels; () to go by the IR.
        scale: Three values to divide by; () to go by the IR.
        prepared: Input comes as float32 in the network's own channel order and values; nothing is added.
    """

    layout: str = ""
    resize_type: str = ""
    reverse_channels: bool = False
    mean: Sequence[float] = ()
    scale: Sequence[float] = ()
    prepared: bool = False


@dataclass(frozen=True, slots=True)
class Classifier:
    """A compiled network that takes (1, height, width, 3) uint8 BGR and gives one score per class.

    With :attr:`InputOptions.prepared` it takes float32.
    """

    path: Path
    compiled: ov.CompiledModel = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    height: int
    width: int
    resize_type: str
    options: DeviceOptions
    compile_seconds: float
    prepared: bool = False

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
) -> Classifier:
    """Read an IR, check that it is a classifier, prepare it for 8-bit pictures and compile it.

    Args:
        model: Path of an .xml file, or the name of a converted model; see :func:`~omz.inference.locate.find_model`.
        device: Device and its settings; the CPU for throughput by default.
        inputs: How pictures become input.
        labels: Label file, name of a label list or the names themselves; by default those of the IR.

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
    network = read_network(core, path)
    layout = _input_layout(network, inputs.layout, path)
    classes = class_count(network, path)
    names = labels_of(network, labels, classes, path)
    if not names:
        _log.info("%s: holds no labels and none are given; classes are numbered", path)
        names = tuple(f"#{index}" for index in range(classes))
    inputs = _complete(network, inputs, path)
    network = _with_picture_input(network, layout, inputs)
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
    _, height, width, _ = (int(size) for size in compiled.input(0).shape)
    _log.debug("%s: compiled for %s in %.3f s", path, target.text, seconds)
    return Classifier(
        path, compiled, names, height, width, inputs.resize_type, device, seconds, inputs.prepared
    )


@contextmanager
def one_line(where: str) -> Iterator[None]:
    """Turn OpenVINO's errors, many lines naming its own sources, into one line."""
    try:
        yield
    except RuntimeError as error:
        raise InferenceError(f"{where}: {gist(str(error))}") from error


def gist(message: str) -> str:
    """Return the last line of an OpenVINO message that is not about its own source files."""
    lines = [line.strip() for line in message.splitlines()]
    telling = [
        line for line in lines if line and not re.match(r"(Exception from|Check '.*' failed at) ", line)
    ]
    return (telling or [line for line in lines if line] or ["unknown error"])[-1]


def read_network(core: ov.Core, path: Path) -> ov.Model:
    """Read an IR.

    Raises:
        InferenceError: It is none, or damaged, or a half of it is missing.
    """
    weights = path.with_suffix(".bin")
    if path.suffix == ".xml":
        # looked at before OpenVINO does: its other frontends write to stderr about what is no XML at all
        with path.open("rb") as file:
            if b"<net" not in file.read(4096):
                raise InferenceError(f"{path}: is no OpenVINO IR, or damaged. Convert the model again.")
        if not weights.is_file():
            raise InferenceError(
                f"{weights}: missing; an IR is a pair of .xml and .bin. Convert the model again."
            )
    with one_line(f"{path}: cannot be read (truncated or damaged? Convert the model again)"):
        return core.read_model(path)


def _input_layout(network: ov.Model, wanted: str, path: Path) -> str:
    """Check that there is one picture input and return its layout."""
    import openvino as ov

    if len(network.inputs) != 1:
        names = ", ".join(sorted(name for port in network.inputs for name in port.names))
        raise InferenceError(f"{path}: has {len(network.inputs)} inputs ({names}); a classifier has one")
    port = network.input(0)
    shape = port.partial_shape
    if shape.rank.is_dynamic or len(shape) != 4:
        raise InferenceError(f"{path}: the input is {shape}; expected a picture, [1,3,H,W] or [1,H,W,3]")
    layout = wanted.rpartition(":")[2].strip("[]").upper()
    if not layout and not ov.layout_helpers.get_layout(port).empty:
        layout = ov.layout_helpers.get_layout(port).to_string().strip("[]").replace(",", "").upper()
    if not layout or layout == "...":
        channels_first = shape[1].is_static and shape[1].get_length() == 3
        layout = "NCHW" if channels_first else "NHWC"
    if layout not in ("NCHW", "NHWC"):
        raise UsageError(f"--layout {layout}: expected NCHW or NHWC")
    sizes = {axis: shape[place] for place, axis in enumerate(layout)}
    if sizes["N"].is_dynamic:
        network.reshape({port: [1 if axis == "N" else sizes[axis] for axis in layout]})
        shape, sizes["N"] = network.input(0).partial_shape, ov.Dimension(1)
    if shape.is_dynamic or sizes["N"].get_length() != 1 or sizes["C"].get_length() != 3:
        raise InferenceError(
            f"{path}: the input is {shape} ({layout}); expected a batch of 1, 3 channels, fixed size"
        )
    return layout


def class_count(network: ov.Model, path: Path) -> int:
    """Check that there is one output and return how many classes it has."""
    shape = network.output(0).partial_shape
    sizes = [] if shape.is_dynamic else [int(size) for size in shape.to_shape()]
    if (
        len(network.outputs) != 1
        or len(sizes) not in (2, 4)
        or sizes[0] != 1
        or any(n != 1 for n in sizes[2:])
    ):
        found = ", ".join(str(port.partial_shape) for port in network.outputs)
        raise InferenceError(f"{path}: the output is {found}; expected one, [1,classes]")
    return sizes[1]


def labels_of(
    network: ov.Model, labels: str | Path | Sequence[str] | None, classes: int, path: Path
) -> tuple[str, ...]:
    """Return the labels that are given, or those of the IR; () if there are neither."""
    if labels is None:
        text = _info(network, "labels")
        if not text:
            return ()
        names, where = label_files.from_model_info(text), f"{path}: rt_info"
    elif isinstance(labels, str | Path):
        names, where = label_files.read_labels(labels), str(labels)
    else:
        names, where = list(labels), "labels"
    if len(names) != classes:
        raise InferenceError(
            f"{where}: {len(names)} labels, but {path} has {classes} classes. Is it another model's list?"
        )
    return tuple(names)


def _info(network: ov.Model, key: str) -> str:
    """Return an entry of the IR's ``model_info``, '' if it is not there."""
    place = ["model_info", key]
    return str(network.get_rt_info(place).astype(str)) if network.has_rt_info(place) else ""


def _complete(network: ov.Model, inputs: InputOptions, path: Path) -> InputOptions:
    """Fill in from ``model_info`` what the caller left open, as Model API does."""
    resize_type = inputs.resize_type or _info(network, "resize_type") or "standard"
    if resize_type not in RESIZE_TYPES:
        raise InferenceError(f"{path}: resize_type {resize_type!r}; known: {', '.join(RESIZE_TYPES)}")
    if inputs.prepared:
        return InputOptions(inputs.layout, resize_type, prepared=True)

    def values(given: Sequence[float], key: str) -> tuple[float, ...]:
        try:
            found = tuple(given) or tuple(float(word) for word in _info(network, key).split())
        except ValueError as error:
            raise InferenceError(f"{path}: rt_info {key}: {error}") from error
        if len(found) not in (0, 1, 3) or (key == "scale_values" and 0 in found):
            raise UsageError(f"{key} {found}: expected three numbers, scale values other than 0")
        return found * 3 if len(found) == 1 else found

    reverse = inputs.reverse_channels or _info(network, "reverse_input_channels") in ("True", "YES", "true")
    mean, scale = values(inputs.mean, "mean_values"), values(inputs.scale, "scale_values")
    return InputOptions(inputs.layout, resize_type, reverse, mean, scale)


def _with_picture_input(network: ov.Model, layout: str, inputs: InputOptions) -> ov.Model:
    """Let the graph take (1, H, W, 3) uint8: types, layout, channels, mean and scale cost no Python time."""
    import openvino as ov
    from openvino.preprocess import PrePostProcessor

    processor = PrePostProcessor(network)
    port = processor.input()
    element_type = ov.Type.f32 if inputs.prepared else ov.Type.u8
    port.tensor().set_element_type(element_type).set_layout(ov.Layout("NHWC"))
    port.model().set_layout(ov.Layout(layout))
    steps = port.preprocess().convert_element_type(ov.Type.f32)
    if inputs.reverse_channels:
        steps = steps.reverse_channels()
    if inputs.mean:
        steps = steps.mean(list(inputs.mean))
    if inputs.scale:
        steps.scale(list(inputs.scale))
    processor.output().tensor().set_element_type(ov.Type.f32)
    return processor.build()
