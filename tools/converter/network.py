"""Conversion as a function: the files of a network -> :class:`Network`, which can be saved and verified."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from omz.converter.arguments import ALL_INPUTS, Arguments
from omz.errors import ConversionError, UsageError
from omz.private import private_folder
from omz.regular_files import told_otherwise

if TYPE_CHECKING:
    import openvino as ov

    from omz.converter.verify import Agreement
    from omz.zoo.steps import PictureSteps

#: One value, one for each channel, or either by the name of an input.
Values: TypeAlias = "float | Sequence[float] | Mapping[str, float | Sequence[float]]"
PRECISIONS = ("FP16", "FP32")
#: What the IR says to Model API of a network with labels, unless told otherwise.
CLASSIFICATION_INFO = {"model_type": "Classification", "resize_type": "standard"}


@dataclass(frozen=True, slots=True)
class Network:
    """A converted network, its preprocessing baked in.

    Attributes:
        model: The network; takes pictures of 0..255, BGR.
        name: In the IR, and of its files where :meth:`save` gets a folder.
        arguments: What it was made of, and how.
    """

    model: ov.Model = field(repr=False)
    name: str
    arguments: Arguments = field(repr=False)

    def save(self, path: str | Path, precision: str = "FP16", *, verify: bool = False) -> Path:
        """Write the IR: an ``.xml`` and a ``.bin`` beside it, whole or not at all.

        Args:
            path: The ``.xml``, or a folder for ``<name>.xml``; folders are made.
            precision: Of the weights, ``FP16`` or ``FP32``.
            verify: Compare what has been written with Caffe's layers in NumPy, before it has its name.

        Returns:
            The path of the ``.xml``.

        Raises:
            ConversionError: The files cannot be written, or differ.
            UsageError: There is no such precision.
        """
        from omz.converter.ir import write_ir

        if precision not in PRECISIONS:
            raise UsageError(f"precision {precision!r}: expected {' or '.join(PRECISIONS)}")
        xml = Path(path)
        if xml.suffix != ".xml":
            xml = xml / f"{self.name}.xml"
        check = verification(self.arguments, xml, precision) if verify else None
        write_ir(
            self.model,
            xml,
            compress_to_fp16=precision == "FP16",
            check=check,
            sound=not self.arguments.of_onnx,
        )
        return xml

    def verify(self, tolerance: float | None = None) -> Agreement:
        """Compare the network, in single precision, with Caffe's layers in NumPy, blob by blob.

        Args:
            tolerance: The largest difference of a blob over its largest magnitude; 3e-5 by default.

        Returns:
            How well they agree.

        Raises:
            ConversionError: They differ, or the network is none of Caffe's.
        """
        from dataclasses import replace

        from omz.converter.verify import verify_ir

        with private_folder(Path(tempfile.gettempdir())) as folder:
            xml = self.save(folder / f"{self.name}.xml", "FP32")
            arguments = replace(self.arguments, verify_tolerance=tolerance)
            return verify_ir(xml, arguments, precision="FP32", name=self.name)


def verification(arguments: Arguments, target: Path, precision: str) -> Callable[[Path], None]:
    """Return what compares an IR that will be ``target`` with the files that it was made from."""
    from omz.converter.verify import verify_ir

    def verify(fresh: Path) -> None:
        try:
            verify_ir(fresh, arguments, precision=precision, name=str(target))
        except ConversionError as error:
            raise ConversionError(f"{error}.\nThe IR has not been written.") from error

    return verify


def convert(
    *files: str | Path,
    mean: Values | str | Path | None = None,
    scale: Values | None = None,
    reverse_channels: bool = False,
    labels: str | Path | Sequence[str] | None = None,
    input_shape: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    batch: int | None = None,
    outputs: Sequence[str] = (),
    stages: Sequence[str] = (),
    layout: str = "",
    fuse: bool = True,
    resize: int | Sequence[int] | None = None,
    crop: int | Sequence[int] | None = None,
    interpolation: str | None = None,
    pillow: bool = False,
    name: str = "",
    model_info: Mapping[str, object] | None = None,
) -> Network:
    """Convert a network of Caffe, a checkpoint of timm's ResNet family, or a network in ONNX.

    Args:
        files: A prototxt and a caffemodel; or a caffemodel that has its prototxt beside it; or a checkpoint (``.pth``,
            ``.pt``, ``.safetensors``); or an ``.onnx``.
        mean: What is subtracted from pictures of 0..255: one value, one for each channel in the network's order, either
            by the name of an input; or the path of a mean picture (``.binaryproto``).
        scale: What they are divided by then.
        reverse_channels: The network was trained on RGB.
        labels: The names of the classes, a list of the toolkit such as ``imagenet_2015``, or a file.
        input_shape: Of the input, or by the name of an input; -1 for any size.
        batch: First dimension of every input, -1 for any.
        outputs: Layers to end the network at; its own ends by default.
        stages: Of a Caffe net, such as ``deploy``.
        layout: Of the inputs, where that is not NCHW.
        fuse: Fold layers that only scale and shift into their neighbours.
        resize: How pictures are prepared to measure and calibrate the network, which the IR records: the shorter side,
            or (width, height) to stretch to.
        crop: The side of the square, or (width, height), that is cut out of the middle then.
        interpolation: Of the resizing, in OpenCV's words; ``bilinear`` by default.
        pillow: Resize and crop as Pillow does, and so torchvision and timm.
        name: Of the network; that of the weights' file by default.
        model_info: Further words for whoever reads the IR, by Model API's convention.

    Raises:
        ConversionError: The files do not make a network, or do not fit each other; says where.
        UsageError: The arguments contradict each other.
    """
    from omz.converter.picture_steps import picture_steps

    proto, weights = _files([Path(file) for file in files])
    mean_file = Path(mean) if isinstance(mean, str | Path) else None
    inputs, shapes = _shapes(input_shape)
    arguments = Arguments(
        weights,
        proto,
        inputs=inputs,
        input_shapes=shapes,
        batch=batch,
        outputs=tuple(outputs),
        stages=tuple(stages),
        fuse=fuse,
        mean_values=None if isinstance(mean, str | Path) else _by_input(mean),
        mean_file=mean_file,
        scale_values=_by_input(scale),
        reverse_input_channels=reverse_channels,
        layouts={ALL_INPUTS: layout} if layout else None,
    )
    steps = None
    if resize or crop:
        steps = picture_steps(_sides(resize), _sides(crop), interpolation, pillow=pillow)
    elif interpolation or pillow:
        raise UsageError("interpolation and pillow go with resize or crop")
    return build_network(arguments, name or weights.stem, _labels(labels), model_info or {}, steps)


def build_network(
    arguments: Arguments,
    name: str,
    labels: Sequence[str],
    model_info: Mapping[str, object],
    steps: PictureSteps | None = None,
) -> Network:
    """Convert what is stated; :func:`convert` and the commands call this.

    Args:
        arguments: What to convert, and how.
        name: Of the network.
        labels: Names of the classes, or none.
        model_info: By Model API's convention, without labels; goes before what is usual.
        steps: How pictures are prepared for it.

    Raises:
        ConversionError: The files do not make a network, or do not fit the arguments.
    """
    from omz.converter.build import build_model
    from omz.converter.picture_steps import record

    info = (CLASSIFICATION_INFO if labels else {}) | dict(model_info)
    model = build_model(arguments, name, info, labels)
    if steps:
        record(model, steps)
    return Network(model, name, arguments)


def _sides(given: int | Sequence[int] | None) -> tuple[int, ...] | None:
    return (given,) if isinstance(given, int) else tuple(given) if given else None


def _files(files: Sequence[Path]) -> tuple[Path | None, Path]:
    """Return the network definition, None where the weights tell it, and the weights."""
    match files:
        case [weights] if weights.suffix == ".caffemodel":
            proto: Path | None = weights.with_suffix(".prototxt")
        case [weights]:
            proto = None
        case [proto, weights]:
            if proto.suffix == ".caffemodel":
                proto, weights = weights, proto
        case _:
            raise UsageError(f"{len(files)} files; expected a prototxt and a caffemodel, or one file")
    for path in (proto, weights):
        if path is not None and not path.is_file():
            raise ConversionError(f"{path}: {told_otherwise(path) or 'no such file'}")
    return proto, weights


def _by_input(values: Values | None) -> dict[str, tuple[float, ...]] | None:
    if values is None:
        return None
    stated = values if isinstance(values, Mapping) else {ALL_INPUTS: values}
    return {
        name: (float(one),) if isinstance(one, int | float) else tuple(map(float, one))
        for name, one in stated.items()
    }


def _shapes(
    shape: Sequence[int] | Mapping[str, Sequence[int]] | None,
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    if shape is None:
        return (), ()
    if isinstance(shape, Mapping):
        return tuple(shape), tuple(tuple(map(int, one)) for one in shape.values())
    return (), (tuple(map(int, shape)),)


def _labels(labels: str | Path | Sequence[str] | None) -> list[str]:
    if labels is None:
        return []
    if not isinstance(labels, str | Path):
        return list(labels)
    from omz.zoo.labels import read_labels

    return [label.name for label in read_labels(labels)]
