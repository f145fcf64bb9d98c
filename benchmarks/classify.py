"""Throughput of classification_benchmark_demo against OpenVINO's benchmark_app, on one IR with the same settings.

    python benchmarks/classify.py [-m XML] [--precision f32] [--rounds 7] [--seconds 8]

Both run in turn, several times: benchmark_app, demo, benchmark_app, demo ... benchmark_app. Every demo run is compared
with the mean of the benchmark_app runs before and after it, so that a change of the machine's speed cancels out; the
median of these ratios counts. Without ``-m`` the full SE-ResNeXt-50 is made with synthetic weights; their values do
not matter to the time. The pictures are JPEG files of 640 x 480; the demo decodes and resizes each one every time.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))  # for `nets`, the tests' generators
TARGET = 0.95
PICTURES = 16


class DemoRun(NamedTuple):
    """Pictures a second of one run of the demo, and the rest of its report."""

    end_to_end: float
    inference_only: float
    report: dict[str, object]


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-m", "--model", type=Path, help="an IR's .xml (default: SE-ResNeXt-50, synthetic weights)"
    )
    parser.add_argument("-d", "--device", default="CPU")
    parser.add_argument("--precision", default="f32", help="of inference (default: f32)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"), help="of the pictures"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder) / "pictures", *args.size)
        model = args.model or make_model(Path(folder))
        settings = [str(model), args.device, args.precision, str(args.seconds)]
        rivals = [benchmark_app(*settings)]
        demos = []
        for _ in range(args.rounds):
            demos.append(demo(*settings, pictures))
            rivals.append(benchmark_app(*settings))
            print(f"benchmark_app {rivals[-1]:.2f}  demo {demos[-1][:2]}", file=sys.stderr, flush=True)
    print_table(args, rivals, demos)


def make_pictures(folder: Path, width: int, height: int) -> Path:
    """Write JPEG files with the detail of photographs (about 140 kB at 640 x 480)."""
    import cv2
    import numpy as np

    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        coarse = rng.integers(0, 256, (max(1, height // 8), max(1, width // 8), 3), np.uint8)
        picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return folder


def make_model(folder: Path) -> Path:
    """Convert SE-ResNeXt-50 with synthetic weights to an FP32 IR, in a process of its own."""
    from nets import se_resnext, synthetic_weights, write_model

    net = se_resnext()
    prototxt, caffemodel = write_model(folder, net, synthetic_weights(net, 0), name="se-resnext-50")
    command = [sys.executable, "-m", "omz.cli", "caffe2ir", "--input_proto", str(prototxt)]
    command += [
        "--input_model",
        str(caffemodel),
        "--mean_values",
        "data[104,117,123]",
        "--compress_to_fp16=False",
    ]
    subprocess.run([*command, "--output_dir", str(folder), "--quiet"], check=True)
    return folder / "se-resnext-50.xml"


def benchmark_app(model: str, device: str, precision: str, seconds: str) -> float:
    """Return the inferences a second that benchmark_app reports."""
    command = [str(Path(sys.executable).with_name("benchmark_app")), "-m", model, "-d", device, "-t", seconds]
    done = run([*command, "-hint", "throughput", "-infer_precision", precision])
    found = re.search(r"Throughput:\s+([\d.]+) FPS", done)
    if not found:
        sys.exit(f"benchmark_app reports no throughput:\n{done[-2000:]}")
    return float(found[1])


def demo(model: str, device: str, precision: str, seconds: str, pictures: Path) -> DemoRun:
    """Return what classification_benchmark_demo measures with the same settings."""
    command = [
        sys.executable,
        "-m",
        "omz.cli",
        "benchmark",
        "-m",
        model,
        "-d",
        device,
        "-time",
        seconds,
        "-no_show",
    ]
    command += [
        "-hint",
        "throughput",
        "--infer_precision",
        precision,
        "-i",
        str(pictures),
        "--quiet",
        "--json",
        "-",
    ]
    report = json.loads(run(command))
    fps = report["throughput_fps"]
    return DemoRun(fps["end_to_end"]["median"], fps["inference_only"]["median"], report)


def run(command: list[str]) -> str:
    """Return what a process prints; stop with its messages if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def print_table(args: argparse.Namespace, rivals: list[float], demos: list[DemoRun]) -> None:
    """Print medians, extremes and the ratios as a table in Markdown."""
    around = [(before + after) / 2 for before, after in pairwise(rivals)]
    rows = {
        "benchmark_app": (rivals, [1.0]),
        "demo, inference only": ([one.inference_only for one in demos], []),
        "demo, end to end": ([one.end_to_end for one in demos], []),
    }
    for values, ratios in list(rows.values())[1:]:
        ratios += [value / rival for value, rival in zip(values, around, strict=True)]
    model = args.model.stem if args.model else "SE-ResNeXt-50"
    print(
        f"{model} on {args.device}, {args.precision}, hint throughput; JPEG {args.size[0]} x {args.size[1]};"
        f" {args.rounds} rounds of {args.seconds} s, in turn\n"
    )
    print("| | FPS, median | min - max | ratio to benchmark_app, median | min - max |")
    print("|---|---:|---:|---:|---:|")
    for name, (values, ratios) in rows.items():
        spread = f"{min(ratios):.3f} - {max(ratios):.3f}" if len(ratios) > 1 else ""
        extremes = f"{min(values):.2f} - {max(values):.2f}"
        print(f"| {name} | {median(values):.2f} | {extremes} | {median(ratios):.3f} | {spread} |")
    reached = median(rows["demo, end to end"][1])
    verdict = "met" if reached >= TARGET else "NOT met"
    print(f"\nEnd to end at least {TARGET} of benchmark_app: {verdict} ({reached:.3f})")


if __name__ == "__main__":
    main()
