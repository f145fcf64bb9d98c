"""Quantize an IR to 8 bits: calibrate, write, and say what was lost and what was given back."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import openvino as ov

from omz.converter.ir import write_ir
from omz.errors import ConversionError, UsageError, located
from omz.inference.network import read_network
from omz.quantizer import backend
from omz.quantizer.calibration import Batches, Prepare, digest, readable
from omz.quantizer.graph import given_back, has_squeeze_excitation, name_by_place
from omz.quantizer.options import Options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from omz.quantizer.calibration import Sample

log = logging.getLogger(__name__)

Batch: TypeAlias = "tuple[NDArray[np.float32], list[int | None]]"

#: Section of the IR's ``rt_info``: how it was quantized. No path and no time, they would make equal things differ.
QUANTIZATION = "omz_quantization"


@dataclass(frozen=True, slots=True)
class Quantized:
    """What became of a quantization.

    Attributes:
        xml: The IR written.
        pictures: How many calibrated it.
        bias_correction: 'fast' or 'full'.
        seconds: All it took.
        top1_before: Share of right answers in floating point, 0..1; None if it was not measured.
        top1: The same of the IR written.
        given_back: Layers that compute in floating point for the accuracy's sake, in the graph's order.
    """

    xml: Path
    pictures: int
    bias_correction: str
    seconds: float
    top1_before: float | None = None
    top1: float | None = None
    given_back: tuple[str, ...] = ()


def quantize_model(
    xml: Path,
    samples: Sequence[Sample],
    prepare: Prepare,
    options: Options | None = None,
    *,
    output: Path,
    validation: Sequence[Sample] = (),
    compress_to_fp16: bool = False,
    seed: int | None = None,
) -> Quantized:
    """Quantize a classifier.

    The same IR, pictures and options give the same bytes.

    Args:
        xml: IR in floating point: one picture input with 3 channels, one output with a score per class.
        samples: Pictures to calibrate with, which need no class; those that can't be read are left out, with a warning.
        prepare: Reads a picture as the input wants it, (height, width, 3).
        options: How.
        output: The ``.xml`` to write.
        validation: Pictures that a ``max_drop`` is measured on; those of the calibration by default.
        compress_to_fp16: Store what stays in floating point in half precision.
        seed: With which the samples were chosen; it is only written down, for whoever makes the IR again.

    Raises:
        UsageError: NNCF is not installed, or ``max_drop`` is asked for and the class of a picture is not known.
        InferenceError: The IR or the pictures can't be read.
        ConversionError: The network can't be quantized, or loses more than ``max_drop``; nothing is written.
    """
    began = time.perf_counter()
    options = options or Options()
    if options.max_drop is not None and any(one.label is None for one in validation or samples):
        raise UsageError("--max_drop: how much is lost can be measured only on pictures whose class is known")
    version = backend.load().__version__
    model = read_network(ov.Core(), xml)
    with located(str(xml)):
        batch, layout = _picture_input(model, options)
        chosen = readable(samples, prepare)
        calibration = [tensor for tensor, _ in Batches(chosen, prepare, batch, layout)]
        automatic = "full" if has_squeeze_excitation(model) else "fast"
        correction = options.bias_correction or automatic
        fast = correction == "fast"
        top1_before = top1 = None
        back: list[str] = []
        if options.max_drop is None:
            quantized = backend.quantize(model, calibration, options, fast_bias_correction=fast)
        else:
            judges = readable(validation, prepare) if validation else chosen
            tests = Batches(judges, prepare, batch, layout)
            quantized, before = backend.quantize_within(
                model, calibration, tests, _top1, options, fast_bias_correction=fast
            )
            top1_before, top1 = (_top1(_compiled(one), tests) for one in (model, quantized))
            back = given_back(before, quantized)
            _check_drop(top1_before - top1, options.max_drop, len(judges))
    del quantized.rt_info["nncf"]  # holds paths of this machine; what counts of it is written below
    name_by_place(quantized)
    choice = {} if seed is None else {"seed": str(seed)}
    if unreadable := len(samples) - len(chosen):
        choice["unreadable"] = str(unreadable)
    if correction != automatic:
        choice["bias_correction_chosen"] = "yes"
    _describe(quantized, options, correction, chosen, version, back, choice)
    write_ir(quantized, output, compress_to_fp16=compress_to_fp16)
    seconds = time.perf_counter() - began
    return Quantized(output, len(chosen), correction, seconds, top1_before, top1, tuple(back))


def _picture_input(model: ov.Model, options: Options) -> tuple[int, str]:
    """Check the input, make it static for an NPU, and return its batch (1 for any size) and layout."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConversionError(
            f"has {len(model.inputs)} inputs and {len(model.outputs)} outputs; expected one of each"
        )
    port = model.input(0)
    shape = port.partial_shape
    if shape.rank.is_dynamic or len(shape) != 4:
        raise ConversionError(f"the input is {shape}; expected a picture, [N,3,H,W] or [N,H,W,3]")
    layout = "NCHW" if shape[1].is_static and shape[1].get_length() == 3 else "NHWC"
    if any(shape[place].is_dynamic for place in (1, 2, 3)) or shape[layout.index("C")].get_length() != 3:
        raise ConversionError(f"the input is {shape}; expected 3 channels and a fixed height and width")
    batch = 1 if shape[0].is_dynamic else int(shape[0].get_length())
    if options.target_device == "NPU" and shape.is_dynamic:
        log.info("the batch is 1 from now on: an NPU takes no dynamic shapes")
        model.reshape({port: [1, *(int(shape[place].get_length()) for place in (1, 2, 3))]})
    return batch, layout


def _top1(compiled: ov.CompiledModel, batches: Iterable[Batch]) -> float:
    """Return the share of pictures that the network is right about, 0..1."""
    count = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    idle = [compiled.create_infer_request() for _ in range(count)]
    busy: deque[tuple[ov.InferRequest, list[int | None]]] = deque()
    right: list[bool] = []

    def collect() -> None:
        request, labels = busy.popleft()
        request.wait()
        scores = request.get_output_tensor(0).data
        best = scores.reshape(len(scores), -1).argmax(axis=1)
        right.extend(bool(a == b) for a, b in zip(best, labels, strict=False))  # what fills up has no class
        idle.append(request)

    # No AsyncInferQueue: it waits for its callbacks while it holds the lock that they need.
    for tensor, labels in batches:
        if not idle:
            collect()
        request = idle.pop()
        request.start_async({0: tensor})
        busy.append((request, labels))
    while busy:
        collect()
    return sum(right) / len(right)


def _compiled(model: ov.Model) -> ov.CompiledModel:
    """Compile for comparisons: in single precision, as NNCF does."""
    return ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _check_drop(drop: float, limit: float, pictures: int) -> None:
    if drop > limit + 1e-9:
        raise ConversionError(
            f"loses {100 * drop:.2f} points of top-1 on {pictures} pictures, more than {100 * limit:.2f}, "
            "whatever is given back to floating point. Try more pictures (--subset_size), or --preset mixed"
        )


def _describe(
    model: ov.Model,
    options: Options,
    correction: str,
    chosen: Sequence[Sample],
    version: str,
    back: Sequence[str],
    choice: Mapping[str, str],
) -> None:
    facts = {
        "method": "post-training, 8 bits",
        "nncf": version,
        "preset": options.preset,
        "bias_correction": correction,
        "overflow_fix": options.effective_overflow_fix,
        "target_device": options.target_device,
        "subset_size": str(len(chosen)),
        **choice,
        "calibration_sha256": digest(chosen),
    }
    if options.max_drop is not None:
        facts |= {"max_drop": f"{options.max_drop:g}", "given_back": " ".join(back)}
    for key, value in facts.items():
        model.set_rt_info(value, [QUANTIZATION, key])
