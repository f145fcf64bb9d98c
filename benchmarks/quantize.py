"""Throughput and size of the full SE-ResNeXt-50 in 8 bits, beside floating point.

    python benchmarks/quantize.py [--rounds 3] [--seconds 5]

All variants run in turn, several times, with classification_benchmark_demo's function. Inference only counts: the
median of the ratios to the FP32 run of the same round, so that a change of the machine's speed cancels out. Weights are
synthetic; their values do not matter to the time. Exit status 1 if the 8-bit IR misses its targets: 2.5 times the
throughput of FP32 where the processor has VNNI, 0.35 of its size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import openvino as ov
from synthetic import make_model, make_pictures, make_quantized

from omz.converter.ir import write_ir
from omz.inference.benchmark import benchmark
from omz.inference.devices import DeviceOptions

FASTER, SMALLER = 2.5, 0.35


class Variant(NamedTuple):
    """An IR, and the precision that its floating-point layers are executed in."""

    name: str
    xml: Path
    precision: str


def main() -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder) / "pictures", 640, 480)
        variants = make_variants(Path(folder), pictures)
        speeds: dict[str, list[float]] = {variant.name: [] for variant in variants}
        for _ in range(args.rounds):
            for variant in variants:
                report = benchmark(
                    variant.xml,
                    pictures,
                    device=DeviceOptions(precision=variant.precision),
                    seconds=args.seconds,
                )
                speeds[variant.name].append(report.inference_only.median)
        return print_table(variants, speeds)


def make_variants(folder: Path, pictures: Path) -> list[Variant]:
    """Return the IRs to compare, FP32 first and INT8 last."""
    exact = make_model(folder)
    half = folder / "FP16" / exact.name
    write_ir(ov.Core().read_model(exact), half, compress_to_fp16=True)
    began = perf_counter()
    quantized = make_quantized(folder, exact, pictures)
    print(f"quantized in {perf_counter() - began:.0f} s", file=sys.stderr)
    return [
        Variant("FP32", exact, "f32"),
        Variant("BF16 (the FP32 IR, executed in bf16)", exact, "bf16"),
        Variant("FP16 (weights; executed in f32)", half, "f32"),
        Variant("INT8 (the rest in f32)", quantized, "f32"),
        Variant("INT8 (the rest as the CPU chooses)", quantized, ""),
    ]


def print_table(variants: list[Variant], speeds: dict[str, list[float]]) -> int:
    """Print the figures; return 1 if a target is missed."""
    size = {
        variant.name: sum(variant.xml.with_suffix(suffix).stat().st_size for suffix in (".xml", ".bin"))
        for variant in variants
    }
    base, quantized = variants[0].name, variants[-1].name
    print("| | pictures/s | of FP32 | MB, .xml and .bin | of FP32 |\n|---|---|---|---|---|")
    faster = {
        name: median(one / exact for one, exact in zip(runs, speeds[base], strict=True))
        for name, runs in speeds.items()
    }
    for name, runs in speeds.items():
        print(
            f"| {name} | {median(runs):.1f} | {faster[name]:.2f} | "
            f"{size[name] / 1e6:.1f} | {size[name] / size[base]:.3f} |"
        )
    capable = has_vnni()
    print(f"\nVNNI: {'yes' if capable else 'no'}")
    return int(size[quantized] > SMALLER * size[base] or (capable and faster[quantized] < FASTER))


def has_vnni() -> bool:
    """Tell whether the processor multiplies 8-bit numbers at full speed (Linux on x86)."""
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(main())
