"""Images a second of accuracy_check against classification_benchmark_demo, on one IR with the same settings.

    python benchmarks/accuracy.py [-m XML] [--precision f32] [--rounds 5] [--seconds 8]

Both run in turn, several times: demo, accuracy_check, demo ... demo, each in a process of its own, and every run of
accuracy_check is compared with the mean of the demo's runs before and after it, so that a change of the machine's speed
cancels out; the median of these ratios counts. Both take the same JPEG files of 640 x 480 and stretch them to the
network's input. Without ``-m`` the full SE-ResNeXt-50 is made with synthetic weights; neither their values nor the
classes of the pictures matter to the time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median

from classify import Settings, Speed, demo, measured, run
from processes import DISTURBED
from synthetic import make_model, make_pictures

TARGET = 0.9
CONFIG = """\
models:
  - name: {name}
    launchers:
      - framework: openvino
    datasets:
      - name: imagenet_1000_classes_2015
        preprocessing:
          - type: auto_resize
"""


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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement, about")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder) / "pictures", 640, 480)
        model = args.model or make_model(Path(folder))
        settings = Settings(str(model), args.device, args.precision, str(args.seconds), pictures)
        demos = [measured(lambda: demo(settings))]
        config = Path(folder) / "accuracy-check.yml"
        config.write_text(CONFIG.format(name=model.stem))
        write_list(pictures, round(demos[0].end_to_end * args.seconds))
        checks = []
        for _ in range(args.rounds):
            checks.append(measured(lambda: accuracy_check(settings, config)))
            demos.append(measured(lambda: demo(settings)))
            print(f"accuracy_check {checks[-1]}; demo {demos[-1]}", file=sys.stderr, flush=True)
    print_table(model.stem, args, demos, checks)


def write_list(pictures: Path, count: int) -> None:
    """List the pictures again and again, all of class 0."""
    names = sorted(path.name for path in pictures.glob("*.jpg"))
    lines = (f"{names[place % len(names)]} 0\n" for place in range(max(count, len(names))))
    (pictures / "val15.txt").write_text("".join(lines))


def accuracy_check(settings: Settings, config: Path) -> Speed:
    """Return the images a second that accuracy_check reports."""
    command = [sys.executable, "-m", "omz.cli", "accuracy", "-c", str(config), "-m", settings.model]
    command += ["-s", str(settings.pictures), "-d", settings.device, "--infer_precision", settings.precision]
    report = json.loads(run([*command, "--quiet", "--json", "-"]))
    speed = report["results"][0]["images_per_second"]
    return Speed(speed, speed)


def print_table(model: str, args: argparse.Namespace, demos: list[Speed], checks: list[Speed]) -> None:
    """Print medians, extremes and the ratio as a table in Markdown."""
    rounds = [(before, check, after) for (before, after), check in zip(pairwise(demos), checks, strict=True)]
    quiet = [one for one in rounds if max(speed.others for speed in one) <= DISTURBED]
    rivals = [(before.end_to_end + after.end_to_end) / 2 for before, _, after in quiet or rounds]
    found = [check.end_to_end for _, check, _ in quiet or rounds]
    ratios = [one / other for one, other in zip(found, rivals, strict=True)]
    print(
        f"{model} on {args.device}, {args.precision}; JPEG 640 x 480; {args.rounds} rounds of {args.seconds} s, "
        f"{len(rounds) - len(quiet)} of them disturbed by other processes{'' if quiet else ' (all are used)'}\n"
    )
    print("| | images/s, median | min - max |")
    print("|---|---:|---:|")
    for name, values in (("classification_benchmark_demo, end to end", rivals), ("accuracy_check", found)):
        print(f"| {name} | {median(values):.2f} | {min(values):.2f} - {max(values):.2f} |")
    verdict = "met" if median(ratios) >= TARGET else "NOT met"
    print(
        f"\nAt least {TARGET} of the demo's: {verdict} ({median(ratios):.3f}, {min(ratios):.3f} - {max(ratios):.3f})"
    )


if __name__ == "__main__":
    main()
