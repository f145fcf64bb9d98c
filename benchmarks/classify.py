"""Throughput of classification_benchmark_demo against OpenVINO's benchmark_app, on one IR with the same settings.

    python benchmarks/classify.py [-m XML] [--precision f32] [--rounds 7] [--seconds 8]

Both run in turn, several times: benchmark_app, demo, benchmark_app, demo ... benchmark_app. Every demo run is compared
with the mean of the benchmark_app runs before and after it, so that a change of the machine's speed cancels out; the
median of these ratios counts. Rounds in which other processes took more than 5 % of the processor are left out of the
table as long as there are others (Linux only). Without ``-m`` the full SE-ResNeXt-50 is made with synthetic weights;
their values do not matter to the time. The pictures are JPEG files of 640 x 480; the demo decodes and resizes each one
every time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))  # for `nets`, the tests' generators
TARGET = 0.95
PICTURES = 16
DISTURBED = 0.05  # share of the processor that others took


class Speed(NamedTuple):
    """Pictures a second of one run, and the share of the processor that other processes took meanwhile."""

    end_to_end: float
    inference_only: float
    others: float = 0.0


class Round(NamedTuple):
    """A run of the demo between two of benchmark_app."""

    before: Speed
    demo: Speed
    after: Speed

    @property
    def disturbed(self) -> bool:
        """Whether other processes took more than their share in any of the three runs."""
        return max(run.others for run in self) > DISTURBED


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
        rivals, demos = [measured(lambda: benchmark_app(*settings))], []
        for _ in range(args.rounds):
            demos.append(measured(lambda: demo(*settings, pictures)))
            rivals.append(measured(lambda: benchmark_app(*settings)))
            print(f"benchmark_app {show(rivals[-1])}; demo {show(demos[-1])}", file=sys.stderr, flush=True)
    rounds = [Round(before, one, after) for (before, after), one in zip(pairwise(rivals), demos, strict=True)]
    print_table(args, rounds)


def measured(run_once: Callable[[], Speed]) -> Speed:
    """Run and note the share of the processor that other processes took meanwhile."""
    began, busy, own = time.perf_counter(), busy_seconds(), own_seconds()
    speed = run_once()
    others = (busy_seconds() - busy) - (own_seconds() - own)
    return speed._replace(others=max(0.0, others) / ((time.perf_counter() - began) * (os.cpu_count() or 1)))


def busy_seconds() -> float:
    """Return the processor time that all processes have taken since the start of the machine; 0 if not Linux."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return 0.0
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # without idle and waiting for disks


def own_seconds() -> float:
    """Return the processor time of this process and those that it has started and that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def show(speed: Speed) -> str:
    """Return one run as text."""
    return f"{speed.end_to_end:.2f} / {speed.inference_only:.2f} FPS, others {100 * speed.others:.0f} %"


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


def benchmark_app(model: str, device: str, precision: str, seconds: str) -> Speed:
    """Return the inferences a second that benchmark_app reports."""
    command = [str(Path(sys.executable).with_name("benchmark_app")), "-m", model, "-d", device, "-t", seconds]
    done = run([*command, "-hint", "throughput", "-infer_precision", precision])
    found = re.search(r"Throughput:\s+([\d.]+) FPS", done)
    if not found:
        sys.exit(f"benchmark_app reports no throughput:\n{done[-2000:]}")
    return Speed(float(found[1]), float(found[1]))


def demo(model: str, device: str, precision: str, seconds: str, pictures: Path) -> Speed:
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
    fps = json.loads(run(command))["throughput_fps"]
    return Speed(fps["end_to_end"]["median"], fps["inference_only"]["median"])


def run(command: list[str]) -> str:
    """Return what a process prints; stop with its messages if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def print_table(args: argparse.Namespace, rounds: list[Round]) -> None:
    """Print medians, extremes and the ratios as a table in Markdown."""
    quiet = [one for one in rounds if not one.disturbed] or rounds
    rival = [(one.before.end_to_end + one.after.end_to_end) / 2 for one in quiet]
    rows = {
        "benchmark_app": rival,
        "demo, inference only": [one.demo.inference_only for one in quiet],
        "demo, end to end": [one.demo.end_to_end for one in quiet],
    }
    model = args.model.stem if args.model else "SE-ResNeXt-50"
    disturbed = sum(one.disturbed for one in rounds)
    print(
        f"{model} on {args.device}, {args.precision}, hint throughput; JPEG {args.size[0]} x {args.size[1]};"
        f" {args.rounds} rounds of {args.seconds} s, {disturbed} of them disturbed by other processes"
        f"{'' if disturbed < len(rounds) else ' (all are used)'}\n"
    )
    print("| | FPS, median | min - max | ratio to benchmark_app, median | min - max |")
    print("|---|---:|---:|---:|---:|")
    for name, values in rows.items():
        ratios = [value / other for value, other in zip(values, rival, strict=True)]
        extremes = f"{min(values):.2f} - {max(values):.2f} | {median(ratios):.3f}"
        print(f"| {name} | {median(values):.2f} | {extremes} | {min(ratios):.3f} - {max(ratios):.3f} |")
    verdict = "met" if median(ratios) >= TARGET else "NOT met"
    print(f"\nEnd to end at least {TARGET} of benchmark_app: {verdict} ({median(ratios):.3f})")


if __name__ == "__main__":
    main()
