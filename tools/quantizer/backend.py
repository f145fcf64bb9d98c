"""NNCF, imported when it is needed, silent and without telemetry."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import openvino as ov

from omz.errors import ConversionError, UsageError
from omz.private import private_folder
from omz.quantizer.options import Options


def load() -> ModuleType:
    """Import NNCF.

    Raises:
        UsageError: It is not installed; says how to.
    """
    os.environ["NNCF_CI"] = "1"  # NNCF's only switch for its telemetry
    try:
        import nncf
    except ImportError as error:
        raise UsageError("quantization needs NNCF: pip install 'omz-toolkit[int8]'") from error
    logger = logging.getLogger("nncf")
    logger.handlers, logger.propagate = [], True  # no line of its own on stdout
    logger.setLevel(logging.INFO if logging.getLogger().isEnabledFor(logging.DEBUG) else logging.ERROR)
    module: ModuleType = nncf
    return module


def quantize(
    model: ov.Model, calibration: Sequence[Any], options: Options, *, fast_bias_correction: bool
) -> ov.Model:
    """Quantize all that can be.

    Args:
        model: Stays as it is.
        calibration: Input tensors; all are used.
        options: How.
        fast_bias_correction: Whether biases are corrected the fast way.
    """
    nncf = load()
    with _quiet():
        quantized: ov.Model = nncf.quantize(
            model,
            nncf.Dataset(calibration),
            fast_bias_correction=fast_bias_correction,
            subset_size=len(calibration),
            preset=nncf.QuantizationPreset(options.preset),
            target_device=nncf.TargetDevice(options.target_device),
            advanced_parameters=_advanced(nncf, options, calibration),
        )
    return quantized


def quantize_within(
    model: ov.Model,
    calibration: Sequence[Any],
    validation: Iterable[Any],
    validate: Callable[[ov.CompiledModel, Iterable[Any]], float],
    options: Options,
    *,
    fast_bias_correction: bool,
) -> tuple[ov.Model, ov.Model]:
    """Quantize, then give layers back to floating point until no more than ``options.max_drop`` is lost.

    Args:
        model: Stays as it is.
        calibration: Input tensors; all are used.
        validation: Pairs of an input tensor and what ``validate`` needs beside it.
        validate: Returns the accuracy of a compiled model, 0..1.
        options: How.
        fast_bias_correction: Whether biases are corrected the fast way.

    Returns:
        The model, and what it was before layers were given back.
    """
    nncf = load()
    with private_folder(Path(tempfile.gettempdir())) as folder, _quiet():
        quantized: ov.Model = nncf.quantize_with_accuracy_control(
            model,
            nncf.Dataset(calibration),
            nncf.Dataset(validation, lambda item: item[0]),
            validate,
            max_drop=options.max_drop,
            fast_bias_correction=fast_bias_correction,
            subset_size=len(calibration),
            preset=nncf.QuantizationPreset(options.preset),
            target_device=nncf.TargetDevice(options.target_device),
            advanced_quantization_parameters=_advanced(nncf, options, calibration),
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                intermediate_model_dir=str(folder), num_ranking_workers=1
            ),
        )
        before = ov.Core().read_model(folder / "intermediate_model.xml").clone()
    return quantized, before


def version() -> str:
    """Return NNCF's version."""
    return str(load().__version__)


def _advanced(nncf: ModuleType, options: Options, calibration: Sequence[Any]) -> Any:  # noqa: ANN401
    fixes = {
        "off": nncf.OverflowFix.DISABLE,
        "first_layer": nncf.OverflowFix.FIRST_LAYER,
        "all": nncf.OverflowFix.ENABLE,
    }
    return nncf.AdvancedQuantizationParameters(
        overflow_fix=fixes[options.effective_overflow_fix],
        batchwise_statistics=len(calibration[0]) > 1,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep NNCF's bars off the terminal, and turn what it raises into one line."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except Exception as error:
        # OpenVINO raises RuntimeError; NNCF's own errors have no base in common but their package.
        if not isinstance(error, RuntimeError) and not type(error).__module__.startswith("nncf."):
            raise
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise ConversionError(
            f"NNCF cannot quantize this network: {text[-1]} (--verbose says more)"
        ) from error
