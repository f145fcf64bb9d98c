"""Quantize an IR to 8 bits: calibrate, write, and say what was lost and what was given back."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openvino as ov

from omz.converter.ir import write_ir
from omz.converter.outputs import output_kind
from omz.errors import ConversionError, UsageError, located
from omz.inference.network import read_network
from omz.inference.output import output_place, recorded_kind
from omz.inference.picture_input import PictureInput, picture_input
from omz.inference.ports import DEFAULT, Ports
from omz.inference.tried import require_computable
from omz.quantizer import backend
from omz.quantizer.calibration import Batches, Prepare, digest, readable, truth_of
from omz.quantizer.graph import given_back, has_squeeze_excitation, name_by_place
from omz.quantizer.judging import Judge
from omz.quantizer.options import Options

if TYPE_CHECKING:
    from omz.quantizer.calibration import Sample

log = logging.getLogger(__name__)

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
        measure: 'top-1', or 'mAP' where pictures may have several classes; '' if nothing was measured.
        value_before: What it gives of the network in floating point, 0..1; None if it was not measured.
        value: The same of the IR written.
        given_back: Layers that compute in floating point for the accuracy's sake, in the graph's order.
    """

    xml: Path
    pictures: int
    bias_correction: str
    seconds: float
    measure: str = ""
    value_before: float | None = None
    value: float | None = None
    given_back: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values; shares are 0 to 1."""
        return asdict(self) | {"xml": str(self.xml), "given_back": list(self.given_back)}


def quantize_model(
    xml: Path,
    samples: Sequence[Sample],
    prepare: Prepare,
    options: Options | None = None,
    *,
    output: Path,
    validation: Sequence[Sample] = (),
    compress_to_fp16: bool = False,
    ports: Ports = DEFAULT,
    seed: int | None = None,
) -> Quantized:
    """Quantize a classifier.

    The same IR, pictures and options give the same bytes.

    Args:
        xml: IR in floating point, whose one input takes pictures.
        samples: Pictures to calibrate with, which need no class; those that can't be read are left out, with a warning.
        prepare: Reads a picture as the input wants it, (height, width, channels).
        options: How.
        output: The ``.xml`` to write.
        validation: Pictures that a ``max_drop`` is measured on; those of the calibration by default.
        compress_to_fp16: Store what stays in floating point in half precision.
        ports: What the IR leaves open: the shape that it shall have, and which output a ``max_drop`` is measured on.
        seed: With which the samples were chosen; it is only written down, for whoever makes the IR again.

    Raises:
        UsageError: NNCF is not installed, or ``max_drop`` is asked for and the class of a picture is not known.
        InferenceError: The IR or the pictures can't be read.
        ConversionError: The network can't be quantized, or loses more than ``max_drop``; nothing is written.
    """
    began = time.perf_counter()
    options = options or Options()
    if options.max_drop is not None and any(truth_of(one) is None for one in validation or samples):
        raise UsageError("--max_drop: how much is lost can be measured only on pictures whose class is known")
    version = backend.load().__version__
    require_computable(xml, ports.layout, ports.shape)
    model = read_network(ov.Core(), xml)
    picture = _input_of(model, xml, options, ports)
    judge = None if options.max_drop is None else _judge(model, xml, picture.batch, ports)
    with located(str(xml)):
        chosen = readable(samples, prepare)
        calibration = [tensor for tensor, _ in Batches(chosen, prepare, picture.batch, picture.layout)]
        automatic = "full" if has_squeeze_excitation(model) else "fast"
        correction = options.bias_correction or automatic
        fast = correction == "fast"
        value_before = value = None
        measure = ""
        back: list[str] = []
        if options.max_drop is None or judge is None:
            quantized = backend.quantize(model, calibration, options, fast_bias_correction=fast)
        else:
            judges = readable(validation, prepare) if validation else chosen
            tests = Batches(judges, prepare, picture.batch, picture.layout)
            quantized, before = backend.quantize_within(
                model, calibration, tests, judge, options, fast_bias_correction=fast
            )
            value_before, value = (judge(_compiled(one), tests) for one in (model, quantized))
            back = given_back(before, quantized)
            measure = "mAP" if any(isinstance(truth_of(one), frozenset) for one in judges) else "top-1"
            _check_drop(value_before - value, options.max_drop, measure, len(judges))
    del quantized.rt_info["nncf"]  # holds paths of this machine; what counts of it is written below
    name_by_place(quantized)
    choice = {} if seed is None else {"seed": str(seed)}
    if unreadable := len(samples) - len(chosen):
        choice["unreadable"] = str(unreadable)
    if correction != automatic:
        choice["bias_correction_chosen"] = "yes"
    _describe(quantized, options, correction, chosen, version, back, choice)
    write_ir(quantized, output, compress_to_fp16=compress_to_fp16, sound=True)
    seconds = time.perf_counter() - began
    return Quantized(output, len(chosen), correction, seconds, measure, value_before, value, tuple(back))


def _input_of(model: ov.Model, xml: Path, options: Options, ports: Ports) -> PictureInput:
    """Check the input, and make it static for an NPU."""
    picture = picture_input(model, xml, layout=ports.layout, shape=ports.shape)
    if options.target_device == "NPU" and model.input(0).partial_shape.is_dynamic:
        log.info("the batch is 1 from now on: an NPU takes no dynamic shapes")
        model.reshape({model.input(0): picture.shape(1)})
    return picture


def _judge(model: ov.Model, xml: Path, batch: int, ports: Ports) -> Judge:
    """Return what measures the chosen output."""
    place = output_place(model, ports.output, xml)
    kinds = (output_kind(model.output(place)), recorded_kind(model, place, xml))
    return Judge(place, batch, "classes" in kinds)


def _compiled(model: ov.Model) -> ov.CompiledModel:
    """Compile for comparisons: in single precision, as NNCF does."""
    return ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _check_drop(drop: float, limit: float, measure: str, pictures: int) -> None:
    if drop > limit + 1e-9:
        raise ConversionError(
            f"loses {100 * drop:.2f} points of {measure} on {pictures} pictures, more than {100 * limit:.2f}, "
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
