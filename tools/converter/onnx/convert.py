"""The frontend as one function: an ONNX file -> ``openvino.Model``."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import openvino as ov
import openvino.opset13 as ops
from openvino.frontend import (
    FrontEndManager,
    GeneralFailure,
    InitializationFailure,
    NotImplementedFailure,
    OpConversionFailure,
    OpValidationFailure,
)

from omz.converter.graph import explained, input_name
from omz.errors import ConversionError, ParseError, ShapeError, UnsupportedLayerError, located

_FAILURES = (
    GeneralFailure,
    InitializationFailure,
    NotImplementedFailure,
    OpConversionFailure,
    OpValidationFailure,
)
#: Numbers in one input; 8 GB, as floats.
MAX_INPUT = 1 << 31


def convert(
    path: Path,
    checked: Path,
    *,
    input_shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]] = (),
    outputs: Sequence[str] = (),
    batch: int | None = None,
) -> ov.Model:
    """Convert a network in ONNX with the frontend that ``openvino.convert_model`` uses.

    We call it directly, as ``convert_model`` writes paths into the model, which would then depend on where it was made,
    ends a network at its own outputs only, and reports on its users.

    OpenVINO may not survive a file that is not sound, so try it out before (:mod:`omz.trial`).

    Args:
        path: The network, for messages.
        checked: What of it is read; see :func:`omz.converter.onnx.snapshot.snapshot`.
        input_shapes: Shapes by input name, or in the order of the inputs, in place of the file's; -1 for any size.
        outputs: Tensors or nodes to end the network at, in this order; its own ends if empty.
        batch: First dimension of every input, -1 for any; what is stated otherwise if None.

    Returns:
        A model whose weights may still be views on the mapped file. The names of its nodes are the file's, or depend
        on the file alone.

    Raises:
        ConversionError: Or one of its kinds: see :mod:`omz.errors`; the message starts with the file's name.
    """
    with located(str(path)), _explained():
        model = _read(checked)
        if outputs:
            model = _ended_at(model, outputs)
        _reshape(model, _wanted_shapes(model, input_shapes, batch))
        _check_inputs(model)
        _name_nodes(model)
    return model


def _read(path: Path) -> ov.Model:
    frontend = FrontEndManager().load_by_framework("onnx")
    if frontend is None:
        raise ConversionError("this build of OpenVINO has no ONNX frontend")
    model = frontend.convert(frontend.load(str(path), True))  # True: weights stay in the mapped file
    if not model.outputs:
        raise ParseError("holds no network in ONNX")
    return model


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what OpenVINO raises, often many lines, into one line of the right kind."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ParseError("has names that are not UTF-8") from error
    except (*_FAILURES, RuntimeError) as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> ConversionError:
    """Return the error of ours that says the same.

    Types and words differ between releases of OpenVINO: 2025.3 calls "GeneralFailure" what 2026.4 calls
    "OpConversionFailure". What is not recognized is quoted as it is.
    """
    text = str(error)
    unknown = re.search(
        r"(?:No conversion rule found for|does not support the following ONNX) operations: (.+)", text
    )
    if unknown:
        return UnsupportedLayerError(f"OpenVINO does not read these operators: {unknown[1]}")
    reason = _last_line(text.partition("Summary:")[0])
    if node := re.search(r"ONNX node '(?:<Node\()?(.+?)\)?(?:: (.*?))?>?':", text):
        return ShapeError(f"node {node[2] or '?'!r} of type {node[1]}: {reason}")
    if isinstance(error, OpConversionFailure | OpValidationFailure):
        return ShapeError(reason)
    return ParseError(f"is cut short, or not a sound network in ONNX ({reason})")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "OpenVINO gives no reason"


def _ended_at(model: ov.Model, names: Sequence[str]) -> ov.Model:
    """Return the part of the network that ``names``, of tensors or of nodes with one output, need."""
    found: dict[str, ov.Output] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Result":
            continue
        if node.get_output_size() == 1:
            found.setdefault(node.get_friendly_name(), node.output(0))
        found |= {name: output for output in node.outputs() for name in output.get_names()}
    if unknown := [name for name in names if name not in found]:
        ends = ", ".join(output.get_any_name() for output in model.outputs)
        raise ConversionError(
            f"--output: there is no tensor or node {', '.join(map(repr, unknown))}; the network ends in {ends}"
        )
    if [output.get_names() for output in model.outputs] == [{name} for name in names]:
        return model
    results = []
    for name in names:
        found[name].get_tensor().add_names({name})
        results.append(ops.result(found[name]))
    return ov.Model(results, _needed_parameters(model, results))


def _needed_parameters(model: ov.Model, results: Sequence[ov.Node]) -> list[ov.Node]:
    pending, seen = list(results), set()
    while pending:
        for value in pending.pop().input_values():
            node = value.get_node()
            if node.get_name() not in seen:
                seen.add(node.get_name())
                pending.append(node)
    return [parameter for parameter in model.get_parameters() if parameter.get_name() in seen]


def _wanted_shapes(
    model: ov.Model, stated: Mapping[str, Sequence[int]] | Sequence[Sequence[int]], batch: int | None
) -> dict[str, list[int]]:
    """Return the shapes that differ from the file's, by input name; -1 for any size."""
    names = [input_name(parameter) for parameter in model.inputs]
    if not isinstance(stated, Mapping):
        if len(stated) > len(names):
            raise ConversionError(f"{len(stated)} shapes for {len(names)} inputs: {', '.join(names)}")
        stated = dict(zip(names, stated, strict=False))
    if unknown := [name for name in stated if name not in names]:
        raise ConversionError(f"the net has no input {unknown[0]!r}; its inputs are {', '.join(names)}")
    wanted = {name: list(shape) for name, shape in stated.items()}
    if batch is None:
        return wanted
    for name, parameter in zip(names, model.inputs, strict=True):
        shape = wanted.get(name) or _dimensions(name, parameter)
        if shape:
            wanted[name] = [batch, *shape[1:]]
    return wanted


def _dimensions(name: str, parameter: ov.Output) -> list[int]:
    shape = parameter.get_partial_shape()
    if shape.rank.is_dynamic:
        raise ShapeError(f"input {name!r} has no shape in the file; state it with --input_shape")
    return [size.get_length() if size.is_static else -1 for size in shape]


def _reshape(model: ov.Model, shapes: Mapping[str, Sequence[int]]) -> None:
    if shapes:
        wanted = {name: ov.PartialShape(list(shape)) for name, shape in shapes.items()}
        stated = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        with explained(f"the network cannot take {stated}"):
            model.reshape(wanted)


def _check_inputs(model: ov.Model) -> None:
    """Refuse inputs that hold nothing, as those of a negative size do, or more than there is."""
    for parameter in model.inputs:
        shape = parameter.get_partial_shape()
        if shape.rank.is_dynamic:
            continue
        count = math.prod(size.get_length() for size in shape if size.is_static)
        if not 0 < count <= MAX_INPUT:
            what = "holds nothing" if count == 0 else f"holds more than {MAX_INPUT} numbers"
            raise ShapeError(
                f"input {input_name(parameter)!r} is {shape}, which {what}. State it with --input_shape"
            )


def _name_nodes(model: ov.Model, prefix: str = "") -> None:
    """Name the nodes that the file does not name; OpenVINO's own names count up over the life of the process."""
    counts: Counter[str] = Counter()
    nodes = model.get_ordered_ops()
    taken = {node.get_friendly_name() for node in nodes if node.get_friendly_name() != node.get_name()}
    for node in nodes:
        if node.get_friendly_name() == node.get_name():
            kind = node.get_type_name()
            counts[kind] += 1
            while (name := f"{prefix}{kind}_{counts[kind]}") in taken:
                counts[kind] += 1
            node.set_friendly_name(name)
        for number, body in enumerate(_bodies(node)):
            _name_nodes(body, f"{node.get_friendly_name()}/{number}/")


def _bodies(node: ov.Node) -> list[ov.Model]:
    """Return the graphs within a node."""
    kind = node.get_type_name()
    if kind == "If":
        return [node.get_then_body(), node.get_else_body()]
    return [node.get_function()] if kind in ("Loop", "TensorIterator") else []
