"""Throughput of classification_benchmark_demo, and of the Python API's stream, against OpenVINO's benchmark_app.

    python benchmarks/classify.py [--models DIR] [--rounds 7] [--seconds 8] [--fast_decode]
    python benchmarks/classify.py -m XML [--precision f32]

All use one IR with the same settings and run in turn, several times: benchmark_app, demo, stream, benchmark_app, demo
... benchmark_app. Every run is compared with the mean of the benchmark_app runs before and after it, so that a change
of the machine's speed cancels out; the median of these ratios counts. Rounds in which other processes took more than
5 % of the processor are left out of the table as long as there are others (Linux only).

Without ``-m`` the full SE-ResNeXt-50 is made with synthetic weights and quantized; both IRs are measured. They are kept
in ``--models DIR``, and not made again. The pictures are JPEG files of 640 x 480, decoded and resized each time.

The limit: benchmark_app decodes nothing. If a picture takes d seconds of one core to be decoded and resized, and
benchmark_app does f inferences a second on all cores, no program that uses the same cores for both gets beyond

    1 / (1/f + d/cores) pictures a second.

d is measured in each round on one thread, with the toolkit's own functions on the same pictures. What inference loses
of its caches to the decoding is not in it. Another device than the CPU has no such limit.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from processes import DISTURBED, cores, with_others
from synthetic import make_model, make_pictures, make_quantized

from omz.inference.classifier import Classifier, load_classifier
from omz.inference.devices import DeviceOptions
from omz.inference.images import read_image
from omz.inference.opencv import load as load_opencv
from omz.inference.resizing import resize_into

#: End to end, of the limit; the stream, of the demo's.
TARGET, STREAM_TARGET = 0.96, 0.95
DECODINGS = 10
LIMIT, END_TO_END, PYTHON = "the limit of end to end", "demo, end to end", "Python, `stream`"
STREAM = """\
import sys, time
from itertools import cycle
import omz
from omz.inference.devices import DeviceOptions

model, device, precision, seconds, *pictures = sys.argv[1:]
classifier = omz.load(model, DeviceOptions(device, precision=precision))
classifier(pictures)  # the first inference of each request allocates


def until(deadline):
    for picture in cycle(pictures):
        if time.perf_counter() >= deadline:
            return
        yield picture


began = time.perf_counter()
count = sum(not answer.error for answer in classifier.stream(until(began + float(seconds))))
print(count / (time.perf_counter() - began))
"""


class Speed(NamedTuple):
    """Pictures a second of one run, and the share of the processor that other processes took meanwhile."""

    end_to_end: float
    inference_only: float
    others: float = 0.0


class Settings(NamedTuple):
    """What all runs have in common."""

    model: str
    device: str
    precision: str
    seconds: str
    pictures: Path
    fast_decode: bool = False


class Round(NamedTuple):
    """Runs of the demo and of the stream between two of benchmark_app, and a picture's decoding and resizing."""

    before: Speed
    demo: Speed
    stream: Speed | None
    after: Speed
    decoding_seconds: float

    @property
    def runs(self) -> list[Speed]:
        """All that were run."""
        return [run for run in (self.before, self.demo, self.stream, self.after) if run is not None]

    @property
    def disturbed(self) -> bool:
        """Whether other processes took more than their share in any of the runs."""
        return any(run.others > DISTURBED for run in self.runs)

    @property
    def rival(self) -> float:
        """Inferences a second of benchmark_app."""
        return (self.before.end_to_end + self.after.end_to_end) / 2

    @property
    def limit(self) -> float:
        """Pictures a second, if the same cores decode and infer and nothing is lost."""
        return 1 / (1 / self.rival + self.decoding_seconds / cores())


def main() -> None:
    """Measure, and print a table in Markdown for each network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-m", "--model", type=Path, help="an IR's .xml (default: SE-ResNeXt-50, synthetic, FP32 and INT8)"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="where the synthetic networks are kept")
    parser.add_argument("-d", "--device", default="CPU", help="the limit is for CPU")
    parser.add_argument(
        "--precision", default="f32", help="of inference; of what stays in floating point (default: f32)"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"), help="of the pictures"
    )
    parser.add_argument("--fast_decode", action="store_true", help="as the demo's option; without the stream")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder) / "pictures", *args.size)
        if args.model:
            networks = {args.model.stem: args.model}
        else:
            kept = args.models or Path(folder)
            kept.mkdir(parents=True, exist_ok=True)
            exact = make_model(kept)
            networks = {
                "SE-ResNeXt-50, FP32": exact,
                "SE-ResNeXt-50, INT8": make_quantized(kept, exact, pictures),
            }
        for name, xml in networks.items():
            settings = Settings(
                str(xml), args.device, args.precision, str(args.seconds), pictures, args.fast_decode
            )
            print_table(name, args, measure(settings, args.rounds))


def measure(settings: Settings, count: int) -> list[Round]:
    """Run everything in turn."""
    classifier = load_classifier(settings.model, DeviceOptions(settings.device, precision=settings.precision))
    rounds = []
    before = measured(lambda: benchmark_app(settings))
    for _ in range(count):
        one = measured(lambda: demo(settings))
        stream = None if settings.fast_decode else measured(lambda: stream_of(settings))
        decoding = decoding_seconds(settings, classifier)
        after = measured(lambda: benchmark_app(settings))
        rounds.append(Round(before, one, stream, after, decoding))
        print(show(rounds[-1]), file=sys.stderr, flush=True)
        before = after
    return rounds


def measured(run_once: Callable[[], Speed]) -> Speed:
    """Run and note the share of the processor that other processes took meanwhile."""
    speed, others = with_others(run_once)
    return speed._replace(others=others)


def decoding_seconds(settings: Settings, classifier: Classifier) -> float:
    """Return the processor time that decoding and resizing one picture take on one thread."""
    load_opencv().setNumThreads(1)
    buffer, enough = classifier.new_buffer()[0], classifier.enough if settings.fast_decode else None
    files = sorted(settings.pictures.glob("*.jpg"))
    began = 0.0
    for number in range(1 + DECODINGS):
        if number == 1:  # the first warms up
            began = time.thread_time()
        for path in files:
            resize_into(read_image(path, classifier.channels, enough), buffer, classifier.resize_type)
    return (time.thread_time() - began) / (DECODINGS * len(files))


def show(one: Round) -> str:
    """Return a round as text."""
    runs = {
        "benchmark_app": one.after.end_to_end,
        "demo, inference only": one.demo.inference_only,
        "end to end": one.demo.end_to_end,
        "stream": one.stream.end_to_end if one.stream else 0.0,
    }
    speeds = [f"{name} {fps:.2f}" for name, fps in runs.items() if fps]
    others = max(run.others for run in one.runs)
    decoding = f"decoding and resizing {1000 * one.decoding_seconds:.2f} ms"
    return f"{', '.join(speeds)} FPS; {decoding}; others at most {100 * others:.0f} %"


def benchmark_app(settings: Settings) -> Speed:
    """Return the inferences a second that benchmark_app reports."""
    command = [str(Path(sys.executable).with_name("benchmark_app")), "-m", settings.model]
    command += ["-d", settings.device, "-t", settings.seconds, "-hint", "throughput"]
    done = run([*command, "-infer_precision", settings.precision])
    found = re.search(r"Throughput:\s+([\d.]+) FPS", done)
    if not found:
        sys.exit(f"benchmark_app reports no throughput:\n{done[-2000:]}")
    return Speed(float(found[1]), float(found[1]))


def demo(settings: Settings) -> Speed:
    """Return what classification_benchmark_demo measures with the same settings."""
    command = [sys.executable, "-m", "omz.cli", "benchmark", "-m", settings.model, "-d", settings.device]
    command += ["-time", settings.seconds, "-hint", "throughput", "--infer_precision", settings.precision]
    command += ["-i", str(settings.pictures), "-no_show", "--quiet", "--json", "-"]
    fps = json.loads(run([*command, *(["--fast_decode"] if settings.fast_decode else [])]))["throughput_fps"]
    return Speed(fps["end_to_end"]["median"], fps["inference_only"]["median"])


def stream_of(settings: Settings) -> Speed:
    """Return the pictures a second of ``omz.load(...).stream(...)`` on the same files."""
    files = sorted(map(str, settings.pictures.glob("*.jpg")))
    fps = float(run([sys.executable, "-c", STREAM, *settings[:4], *files]))
    return Speed(fps, 0.0)


def run(command: list[str]) -> str:
    """Return what a process prints; stop with its messages if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def print_table(name: str, args: argparse.Namespace, rounds: list[Round]) -> None:
    """Print medians, extremes and the ratios as a table in Markdown."""
    quiet = [one for one in rounds if not one.disturbed] or rounds
    rows = {
        "benchmark_app": [one.rival for one in quiet],
        "demo, inference only": [one.demo.inference_only for one in quiet],
        LIMIT: [one.limit for one in quiet if args.device == "CPU"],
        END_TO_END: [one.demo.end_to_end for one in quiet],
        PYTHON: [one.stream.end_to_end for one in quiet if one.stream],
    }
    disturbed = sum(one.disturbed for one in rounds)
    decoding = median(one.decoding_seconds for one in quiet)
    print(
        f"\n{name} on {args.device}, {args.precision}, hint throughput; JPEG {args.size[0]} x {args.size[1]}, decoded"
        f" {'fast ' if args.fast_decode else ''}and resized in {1000 * decoding:.2f} ms of one of {cores()} cores;"
        f" {args.rounds} rounds of {args.seconds} s, {disturbed} of them disturbed by other processes"
        f"{'' if disturbed < len(rounds) else ' (all are used)'}\n"
    )
    print(
        "| | pictures/s, median | min - max | of benchmark_app, median | min - max | of the limit, median |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for row, values in rows.items():
        if values:
            shares = quotients(values, rows["benchmark_app"])
            extremes = f"{min(values):.2f} - {max(values):.2f}"
            with_decoding = rows[LIMIT] and row in (LIMIT, END_TO_END, PYTHON)
            last = f"{median(quotients(values, rows[LIMIT])):.3f}" if with_decoding else ""
            print(
                f"| {row} | {median(values):.2f} | {extremes} | {median(shares):.3f} "
                f"| {min(shares):.3f} - {max(shares):.3f} | {last} |"
            )
    if rows[LIMIT]:
        share = median(quotients(rows[END_TO_END], rows[LIMIT]))
        verdict(f"\nEnd to end at least {TARGET} of the limit", share, TARGET)
    if rows[PYTHON]:
        share = median(quotients(rows[PYTHON], rows[END_TO_END]))
        verdict(f"The stream at least {STREAM_TARGET} of the demo", share, STREAM_TARGET)


def quotients(values: list[float], others: list[float]) -> list[float]:
    """Divide round by round."""
    return [value / other for value, other in zip(values, others, strict=True)]


def verdict(what: str, found: float, target: float) -> None:
    """Say whether a target is met."""
    print(f"{what}: {'met' if found >= target else 'NOT met'} ({found:.3f})")


if __name__ == "__main__":
    main()
