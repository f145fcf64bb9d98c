"""``--verify``: an IR against Caffe's layers in NumPy (:mod:`omz.converter.caffe.reference`).

The IR is read back from disk and runs on the CPU, in single precision, on a few random pictures, with all tensors that
have the name of a blob as outputs. The reference prepares the same pictures by itself and computes blob after blob out
of the net and the weights as the files state them, unfolded; each blob that the IR has too is compared and then
continues with the IR's numbers. So rounding does not pile up over the layers of a deep net, nothing between picture and
output is left out, and the first layer that differs is known.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from omz.converter.arguments import ALL_INPUTS, Arguments
from omz.converter.caffe import reference
from omz.converter.caffe.caffe_pb2 import NetParameter
from omz.converter.caffe.caffemodel import Blob, read_caffemodel, read_mean
from omz.converter.caffe.prototxt import read_prototxt
from omz.converter.graph import input_name
from omz.errors import ConversionError

log = logging.getLogger(__name__)

Array = NDArray[Any]

PICTURES = 3
DYNAMIC_BATCH = 2  # what is tried where the batch may be of any size
#: Largest difference over the largest magnitude of a blob: single precision keeps 24 bits, half precision 11.
TOLERANCES = {"FP32": 3e-5, "FP16": 2e-2}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well an IR and the reference agree.

    Attributes:
        difference: The largest difference of any blob, over the blob's largest magnitude.
        layer: The layer whose top that is.
        blobs: How many blobs were compared for each picture.
    """

    difference: float
    layer: str
    blobs: int


def verify_ir(xml: Path, arguments: Arguments, *, precision: str, name: str = "") -> Agreement:
    """Compare an IR with the files that it was made from.

    Args:
        xml: The IR, as it was written.
        arguments: What it was made of, and how.
        precision: ``FP32`` or ``FP16``; decides how much it may differ, unless the arguments state that.
        name: Of the IR, for messages; its path by default.

    Raises:
        ConversionError: It differs by more than the tolerance, names the first layer that does; or cannot be compared.
    """
    tolerance = arguments.verify_tolerance or TOLERANCES[precision]
    name = name or str(xml)
    try:
        agreement = _compare(xml, arguments, tolerance)
    except (ConversionError, ValueError) as error:
        raise ConversionError(f"{name}: --verify: {error}") from error
    log.info(
        "%s: verified: largest difference %.1e at layer %r (tolerance %.0e), %d blobs compared",
        name,
        agreement.difference,
        agreement.layer,
        tolerance,
        agreement.blobs,
    )
    return agreement


def _compare(xml: Path, arguments: Arguments, tolerance: float) -> Agreement:
    if arguments.input_proto is None:
        raise ConversionError("compares with Caffe's layers, which only Caffe networks have")
    net = read_prototxt(arguments.input_proto)
    net.state.stage.extend(arguments.stages)
    weights = read_caffemodel(arguments.input_model)
    model = ov.Core().read_model(xml)
    outputs = [name for output in model.outputs for name in sorted(output.get_names())[:1]]
    shapes = {input_name(parameter): _shape(parameter) for parameter in model.inputs}
    compiled = _with_blobs(model)
    batch = max((shape[0] for shape in shapes.values() if shape), default=1)
    found = []
    for seed in range(math.ceil(PICTURES / batch)):
        pictures = {name: random_pictures(shape, seed) for name, shape in shapes.items()}
        results = compiled(pictures)
        # The names are those of the model: compilation may hand an output the name of what it has been fused with.
        tensors = {
            name: results[place] for place, output in enumerate(model.outputs) for name in output.get_names()
        }
        inputs = {name: prepared(picture, name, arguments) for name, picture in pictures.items()}
        found.append(_differences(net, weights, inputs, tensors, outputs, tolerance))
    layer, difference = max((item for one in found for item in one.items()), key=lambda item: item[1])
    return Agreement(difference, layer, len(found[0]))


def _shape(parameter: ov.Output) -> tuple[int, ...]:
    """Return the shape of an input, with a number in place of a batch of any size."""
    dims = list(parameter.get_partial_shape())
    sizes = [dim.get_length() if dim.is_static else -1 for dim in dims]
    if -1 in sizes[1:]:
        raise ConversionError(
            f"input {input_name(parameter)!r} has no fixed size; give one with --input_shape"
        )
    return tuple(DYNAMIC_BATCH if size == -1 else size for size in sizes)


def _with_blobs(model: ov.Model) -> ov.CompiledModel:
    """Compile a model with every named tensor as an output."""
    there = {output.get_any_name() for output in model.outputs}
    names = [
        output.get_any_name()
        for node in model.get_ordered_ops()
        if node.get_type_name() not in ("Parameter", "Constant", "Result")
        for output in node.outputs()
        if output.get_names() and not there & output.get_names()
    ]
    model.add_outputs(names)
    return ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def random_pictures(shape: Sequence[int], seed: int) -> NDArray[np.float32]:
    """Return raw pictures, 0..255: noise over tiles, so that there are edges and even places, bright and dim."""
    stream = np.random.default_rng(seed)
    tiles = [1 + size // 16 if axis > 1 else size for axis, size in enumerate(shape)]
    coarse = stream.uniform(0, 255, tiles)
    for axis in range(2, len(shape)):
        coarse = coarse.repeat(16, axis).take(range(shape[axis]), axis)
    return (0.6 * coarse + 0.4 * stream.uniform(0, 255, shape)).round().astype(np.float32)


def prepared(pictures: Array, name: str, arguments: Arguments) -> Array:
    """Return what a net sees of raw pictures: channels reversed, mean subtracted, divided by the scale."""
    layouts = arguments.layouts or {}
    usual = {4: "NCHW", 5: "NCDHW"}.get(pictures.ndim, "")
    layout = layouts.get(name) or layouts.get(ALL_INPUTS) or usual
    x = pictures.astype(np.float64)
    axis = layout.find("C")
    if arguments.reverse_input_channels and axis >= 0 and x.shape[axis] == 3:
        x = np.flip(x, axis)
    if arguments.mean_file and pictures.ndim == 4:
        mean = read_mean(arguments.mean_file)
        spare = [of_mean - size for of_mean, size in zip(mean.shape[1:], x.shape[2:], strict=True)]
        top, left = arguments.mean_file_offsets or (spare[0] // 2, spare[1] // 2)
        x = x - mean[:, top : top + x.shape[2], left : left + x.shape[3]]
    for values, apply in ((arguments.mean_values, np.subtract), (arguments.scale_values, np.divide)):
        stated = (values or {}).get(name) or (values or {}).get(ALL_INPUTS)
        if stated and (layout or len(stated) == 1):
            x = apply(x, np.reshape(stated, [-1 if place == axis else 1 for place in range(x.ndim)]))
    return x


def _differences(
    net: NetParameter,
    weights: Mapping[str, Sequence[Blob]],
    inputs: Mapping[str, Array],
    tensors: Mapping[str, Array],
    outputs: Sequence[str],
    tolerance: float,
) -> dict[str, float]:
    """Return the difference of each blob that net and IR have in common, by the layer that makes it."""
    layers = reference.needed_layers(net, outputs)
    last = {top: number for number, layer in enumerate(layers) for top in layer.top}
    last_read = {bottom: number for number, layer in enumerate(layers) for bottom in layer.bottom}
    blobs: dict[str, Array] = {name: np.asarray(picture, np.float64) for name, picture in inputs.items()}
    differences: dict[str, float] = {}
    for number, (layer, tops) in enumerate(reference.trace(net, weights, blobs, outputs)):
        # A blob of the IR is what the last layer in place has left; a layer's name stands for its first top.
        made = {name: top for name, top in zip(layer.top, tops, strict=True) if last[name] == number}
        if layer.name in outputs and layer.name not in last and tops:
            made[layer.name] = tops[0]
        for name, expected in made.items():
            if name not in tensors or name in inputs:
                continue
            where = f"layer {layer.name!r} ({layer.type}), blob {name!r}"
            if tensors[name].shape != expected.shape:
                raise ConversionError(
                    f"{where}: Caffe's shape is {expected.shape}, the IR's {tensors[name].shape}"
                )
            difference = relative_difference(tensors[name], expected)
            if not difference <= tolerance:
                raise ConversionError(
                    f"{where} is the first that differs from Caffe's definition: by {difference:.1e} of its "
                    f"largest magnitude, tolerance {tolerance:.0e}"
                )
            differences[layer.name] = max(difference, differences.get(layer.name, 0.0))
            if name in blobs:
                blobs[name] = np.asarray(tensors[name], np.float64)
        for name in {*layer.bottom, *layer.top}:  # large nets need the memory
            if last_read.get(name, -1) <= number:
                blobs.pop(name, None)
    return differences


def relative_difference(result: Array, expected: Array) -> float:
    """Return the largest difference over the largest magnitude; infinite if only one of two numbers is finite."""
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(result)):
        return math.inf
    scale = float(np.abs(expected[finite]).max(initial=0)) or 1.0
    return float(np.abs(result[finite] - expected[finite]).max(initial=0)) / scale
