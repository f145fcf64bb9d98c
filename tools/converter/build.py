"""From arguments to a finished model: frontend, preprocessing, and what the model says about itself."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from omz.converter.arguments import ALL_INPUTS, Arguments
from omz.converter.graph import explained, input_name
from omz.converter.ir import describe
from omz.converter.outputs import OUTPUT, Meaning, meaning_of
from omz.converter.preprocessing import Preprocessing, bake
from omz.errors import ConversionError, ParseError, located
from omz.files import check_holes
from omz.regular_files import open_regular
from omz.trial import try_out
from omz.version import __version__
from omz.zoo.label_text import exact_record, label_text

if TYPE_CHECKING:
    from omz.converter.onnx.snapshot import Snapshot

#: Files of Caffe where a checkpoint or ONNX is expected; what to do.
_FOREIGN = {
    ".caffemodel": "is the weights of a network of Caffe. Give its prototxt, too (caffe2ir --input_proto)",
    ".prototxt": "is the definition of a network of Caffe. Give its caffemodel, too (caffe2ir --input_model)",
}


def build_model(
    arguments: Arguments,
    name: str,
    model_info: Mapping[str, object],
    labels: Sequence[str] = (),
    declared: Mapping[str, object] | None = None,
) -> ov.Model:
    """Convert a network, with its preprocessing and description: of Caffe, in ONNX, or in a checkpoint.

    Args:
        arguments: What to convert; their precision does not matter yet.
        name: The model's name in the IR.
        model_info: For Model API, without labels.
        labels: Names of the classes, in the order of the output; or none.
        declared: What the descriptor says of the network in a checkpoint, which is checked.

    Raises:
        ConversionError: The files do not make a network, or do not fit the arguments.
    """
    # OpenVINO releases no lock while it builds the graph, hashing does: the files are hashed on the side.
    with ExitStack() as stack, ThreadPoolExecutor(1) as side:
        checked = stack.enter_context(_checked(arguments)) if arguments.of_onnx else None
        sources = _sources(arguments, checked)
        for _, path in sources:
            check_holes(path, ConversionError)
        digests = {key: side.submit(_sha256, path) for key, path in sources if path.is_file()}
        if checked:
            _try_out(arguments, labels, checked)
        model, kinds = _built(arguments, labels, declared, checked.path if checked else None)
        model.set_friendly_name(name)
        info = dict(model_info) | ({"labels": label_text(labels)} if labels else {})
        provenance = {"version": __version__, "arguments": arguments.canonical()}
        if record := exact_record(labels):
            provenance["labels"] = record
        provenance |= {key: digest.result() for key, digest in digests.items()}
        provenance[OUTPUT] = " ".join(meaning.kind for meaning in kinds)
        describe(model, info, provenance)
    return model


def _checked(arguments: Arguments) -> AbstractContextManager[Snapshot]:
    from omz.converter.onnx.snapshot import snapshot

    return snapshot(arguments.input_model)


def _try_out(arguments: Arguments, labels: Sequence[str], checked: Snapshot) -> None:
    """Let another process build a network in ONNX first."""
    path, files = arguments.input_model, [checked.path, *checked.data]
    try_out(_try, arguments, list(labels), checked.path, where=path, files=files, error=ParseError)


def _try(arguments: Arguments, labels: Sequence[str], checked: Path) -> None:
    """Do all that may end the process: OpenVINO folds what it can when preprocessing is added, not before."""
    _built(arguments, labels, None, checked)


def _built(
    arguments: Arguments,
    labels: Sequence[str],
    declared: Mapping[str, object] | None,
    checked: Path | None = None,
) -> tuple[ov.Model, list[Meaning]]:
    """Return the network with its preprocessing, and what its outputs are."""
    model = _network(arguments, declared, checked)
    with located(str(arguments.input_proto or arguments.input_model)):
        _check_inputs(model, arguments.inputs)
        if not arguments.of_onnx:
            _check_layouts(model, arguments.layouts or {})
        preprocessing = Preprocessing(
            arguments.mean_values or {},
            arguments.scale_values or {},
            arguments.reverse_input_channels,
            arguments.layouts or {},
            _mean_picture(arguments),
            arguments.mean_file_offsets,
        )
        with explained("the network cannot be completed"):
            model = bake(model, preprocessing)
            kinds = [meaning_of(output) for output in model.outputs]
        _check_labels(model, kinds, labels)
    return model, kinds


def _sources(arguments: Arguments, checked: Snapshot | None) -> list[tuple[str, Path]]:
    if checked:
        numbered = [(f"onnx_data_{number}_sha256", path) for number, path in enumerate(checked.data)]
        return [("onnx_sha256", checked.original), *numbered]
    if arguments.input_proto is None:
        return [("checkpoint_sha256", arguments.input_model)]
    files = [("prototxt_sha256", arguments.input_proto), ("caffemodel_sha256", arguments.input_model)]
    return files + ([("mean_file_sha256", arguments.mean_file)] if arguments.mean_file else [])


def _mean_picture(arguments: Arguments) -> NDArray[np.float32] | None:
    if arguments.mean_file is None:
        return None
    from omz.converter.caffe.caffemodel import read_mean

    return read_mean(arguments.mean_file)


def _network(arguments: Arguments, declared: Mapping[str, object] | None, checked: Path | None) -> ov.Model:
    """Run the frontend that the files are for."""
    shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]] = arguments.input_shapes
    if arguments.inputs and arguments.input_shapes:
        shapes = dict(zip(arguments.inputs, arguments.input_shapes, strict=True))
    if arguments.input_proto is not None:
        from omz.converter.caffe import convert as caffe

        return caffe.convert(
            arguments.input_proto,
            arguments.input_model,
            input_shapes=shapes,
            outputs=arguments.outputs,
            batch=arguments.batch,
            stages=arguments.stages,
            fuse=arguments.fuse,
        )
    if checked is not None:
        from omz.converter.onnx import convert as onnx

        return onnx.convert(
            arguments.input_model,
            checked,
            input_shapes=shapes,
            outputs=arguments.outputs,
            batch=arguments.batch,
        )
    if foreign := _FOREIGN.get(arguments.input_model.suffix.lower()):
        raise ConversionError(f"{arguments.input_model}: {foreign}")
    from omz.converter.pytorch import convert as pytorch

    model = pytorch.convert(
        arguments.input_model, declared=declared, input_shapes=shapes, batch=arguments.batch
    )
    ends = [output.get_any_name() for output in model.outputs]
    if arguments.outputs and list(arguments.outputs) != ends:
        raise ConversionError(
            f"{arguments.input_model}: the network ends in {', '.join(ends)}; "
            f"--output={','.join(arguments.outputs)} is for Caffe networks"
        )
    return model


def _sha256(path: Path) -> str:
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_inputs(model: ov.Model, wanted: Sequence[str]) -> None:
    there = [input_name(parameter) for parameter in model.inputs]
    for name in wanted:
        if name not in there:
            raise ConversionError(f"the net has no input {name!r}; its inputs are {', '.join(there)}")


def _check_layouts(model: ov.Model, layouts: Mapping[str, str]) -> None:
    for parameter in model.inputs:
        layout = layouts.get(input_name(parameter)) or layouts.get(ALL_INPUTS)
        if layout not in (None, "NCHW") and len(parameter.get_partial_shape()) == 4:
            raise ConversionError(
                f"layout {layout} of input {input_name(parameter)!r}: pictures are NCHW in this network"
            )


def _check_labels(model: ov.Model, meanings: Sequence[Meaning], labels: Sequence[str]) -> None:
    """Refuse labels that are not as many as the classes of any output."""
    counts = [
        meaning.choice if meaning.kind == "classes" else _numbers(output)
        for output, meaning in zip(model.outputs, meanings, strict=True)
    ]
    if labels and None not in counts and len(labels) not in counts:
        classes = " or ".join(str(count) for count in dict.fromkeys(counts))
        raise ConversionError(
            f"{len(labels)} labels for {classes} classes; the label list is of another network"
        )


def _numbers(output: ov.Output) -> int | None:
    """Return how many numbers an output has for one picture; None if that is not fixed."""
    shape = output.get_partial_shape()
    if shape.rank.is_dynamic or len(shape) < 2 or any(size.is_dynamic for size in list(shape)[1:]):
        return None
    return int(math.prod(size.get_length() for size in list(shape)[1:]))
