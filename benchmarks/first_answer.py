"""From the shell to the first answer: classification_demo on one picture, against a script of the bare necessities.

    python benchmarks/first_answer.py [-m XML] [--models DIR] [--rounds 9]

Whole processes, in turn; Python finds all modules compiled, as after a first run. The script reads the IR, compiles it
for the CPU, reads the picture with OpenCV, resizes it, infers, and prints the best classes. Without ``-m`` the full
SE-ResNeXt-50 with synthetic weights is made, in FP32; with ``--models DIR`` it is kept there. The target: at most 1.3
times the script.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from processes import interleaved, median_wall, times_as_long
from synthetic import make_model, make_pictures

TARGET = 1.3
SCRIPT = """\
import sys
import cv2
import numpy as np
import openvino as ov

core = ov.Core()
network = core.compile_model(core.read_model(sys.argv[1]), "CPU")
_, _, height, width = network.input(0).shape
picture = cv2.resize(cv2.imread(sys.argv[2]), (width, height))
scores = network(picture.transpose(2, 0, 1)[None].astype(np.float32))[0].ravel()
for index in np.argsort(-scores)[:5]:
    print(index, scores[index])
"""


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-m", "--model", type=Path, help="an IR's .xml, input NCHW (default: SE-ResNeXt-50, synthetic, FP32)"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="where the synthetic network is kept")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = folder  # filled by the warm-up
        picture = str(make_pictures(Path(folder) / "pictures", 640, 480) / "0.jpg")
        kept = args.models or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        xml = str(args.model or make_model(kept))
        demo = str(Path(sys.executable).with_name("classification_demo"))
        names = ("script", "`classification_demo`")
        commands = dict(
            zip(
                names,
                ([sys.executable, "-c", SCRIPT, xml, picture], [demo, "-m", xml, "-i", picture, "--no_show"]),
                strict=True,
            )
        )
        runs = interleaved(commands, args.rounds)
    print(f"{Path(xml).stem} on CPU, median of {args.rounds} rounds\n")
    print("| | s | of the script, median of the ratios |\n|---|---:|---:|")
    for name in names:
        share = times_as_long(runs[name], runs[names[0]])
        print(f"| {name} | {median_wall(runs[name]):.2f} | {share:.2f} |")
    share = times_as_long(runs[names[1]], runs[names[0]])
    print(f"\nAt most {TARGET} of the script: {'met' if share <= TARGET else 'NOT met'} ({share:.2f})")


if __name__ == "__main__":
    main()
