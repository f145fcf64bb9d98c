"""The commands that make a report again: of a model of the zoo from nothing, of one's own network from its IRs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from omz.converter.picture_steps import step_flags, steps_stated
from omz.inference.choice import tree
from omz.redaction import redacted

if TYPE_CHECKING:
    from omz.report.findings import Findings

#: Options of the report that say neither which network it is nor where it is.
_KEPT = (
    "output", "precisions", "input", "pictures", "source", "annotations", "allow_outside", "label_order", "labels",
    "subsample", "device", "infer_precision", "time", "layout", "input_shape", "output_name",
)  # fmt: skip


def commands(
    findings: Findings, args: argparse.Namespace, defaults: argparse.ArgumentParser
) -> list[list[str]]:
    """Return what makes the same page again; paths are those that were given.

    Args:
        findings: Of the report.
        args: Of its command line.
        defaults: Its parser.
    """
    root = ["--models_root", str(args.models_root)] if args.models_root else []
    text = args.either if args.model is None else args.model
    by_path = args.name is None and args.list is None and not args.all and text and Path(text).exists()
    if findings.network.model and not by_path:
        network = ["--name", findings.network.name]
        folder = str(tree(args))
        source, target, place = (
            [option, folder] if tree(args) != Path() else [] for option in ("-d", "-o", "--models_dir")
        )
        precisions = [variant.precision for variant in findings.variants]
        exact = [precision for precision in precisions if "INT8" not in precision] or ["FP32", "FP16"]
        made = [
            ["omz_downloader", *network, *target, *root],
            ["omz_converter", *network, *source, *target, *root, "--precisions", ",".join(exact)],
        ]
    else:
        network, place, made = ["-m", text], [], []
    data = [
        word
        for name in ("source", "annotations", "allow_outside", "label_order")
        if (word := _option(name, getattr(args, name)))
    ]
    steps = steps_stated(args)
    prepared = step_flags(steps) if steps else []
    for how, quantized in _alike(findings).items():
        if made or args.source:
            words = [*network, *place, *(part for word in data for part in word), *prepared, *root, *how]
            made.append(["omz_quantizer", *words, "--precisions", ",".join(quantized)])
    options = (
        _option(name, getattr(args, name))
        for name in _KEPT
        if getattr(args, name) != defaults.get_default(name)
    )
    words = [*network, *place, *(part for word in options for part in word), *prepared, *root]
    made.append(["omz", "report", *words])
    return made


def _option(name: str, value: object) -> list[str]:
    """Return an option as it was given; none for nothing."""
    if value in (None, "", ()) or value is False:
        return []
    if value is True:
        return [f"--{name}"]
    if isinstance(value, tuple):  # a shape
        return [f"--{name}", f"[{','.join(map(str, value))}]"]
    values = value if isinstance(value, list) else [value]
    return [f"--{name}", *(f"{one:g}" if isinstance(one, float) else redacted(str(one)) for one in values)]


def _alike(findings: Findings) -> dict[tuple[str, ...], list[str]]:
    """Return the quantized precisions by the options that they were made with."""
    from omz.quantizer.options import command_options

    found: dict[tuple[str, ...], list[str]] = {}
    for variant in findings.variants:
        if "INT8" in variant.precision:
            found.setdefault(tuple(command_options(variant.quantization)), []).append(variant.precision)
    return found
