"""Conversion of SE-ResNeXt-50 (110 MB): whole process, time and peak memory, against the least it could take.

    python benchmarks/convert.py [--prototxt FILE] [--rounds 5] [--mo PATH]

The yardstick is ``python -c "import openvino"`` plus ``cp`` of the caffemodel, in the same run. Weights are synthetic;
their values do not matter to the time. ``--mo`` adds the legacy Model Optimizer of another environment, as in
``--mo other/.venv/bin/mo`` (openvino-dev[caffe]==2023.3.0), once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from processes import interleaved, median_wall, peak, run

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))  # for `nets`, the tests' generators
PUBLISHED = HERE.parents[1] / "shared" / "caffe" / "SE-ResNeXt-50.prototxt"


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--prototxt", type=Path, help="of SE-ResNeXt-50 (default: the published one, or our generator's)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mo", type=Path, help="also time this Model Optimizer, once")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), args.prototxt, args.rounds, args.mo)


def measure(folder: Path, prototxt: Path | None, rounds: int, mo: Path | None) -> None:
    """Make the model, time everything in turn, print."""
    if prototxt is None and PUBLISHED.is_file():
        prototxt = PUBLISHED
    # In a process of its own: a child's peak memory counts what its parent held when it was started.
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        network, weights = other.submit(make_model, folder, prototxt).result()
    size = weights.stat().st_size

    root = folder / "models"
    names = {"FP32": "only-fp32", "FP16": "only-fp16", "FP32,FP16": "both"}
    converter = str(Path(sys.executable).parent / "omz_converter")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import openvino": [sys.executable, "-c", "import openvino"],
        "cp": ["cp", str(weights), str(folder / "copy")],
    }
    for precisions, name in names.items():
        _describe(root, name, network, weights)
        commands[precisions] = [
            converter, "--quiet", "--models_root", str(root), "--name", name,
            "-d", str(folder), "-o", str(folder / "out"), "--precisions", precisions,
        ]  # fmt: skip
    runs = interleaved(commands, rounds)
    least = median_wall(runs["import openvino"]) + median_wall(runs["cp"])

    print(
        f"se-resnext-50, {size / 1e6:.1f} MB, median of {rounds} rounds; least = import openvino + cp = {least:.2f} s\n"
    )
    print("| command | wall s | of least | peak MB | of the caffemodel |")
    print("|---|---|---|---|---|")
    for name, results in runs.items():
        label = f"omz_converter --precisions {name}" if name in names else f"`{name}`"
        _row(label, median_wall(results), least, peak(results), size)
    if mo:
        command = [
            str(mo), "--framework=caffe", f"--input_model={weights}", f"--input_proto={network}",
            "--mean_values=data[104,117,123]", "--output=prob", "--compress_to_fp16=False",
            f"--output_dir={folder / 'mo'}",
        ]  # fmt: skip
        result = run(command)
        _row(f"legacy Model Optimizer ({mo.name}), FP32, once", result.wall_s, least, result.peak_bytes, size)


def make_model(folder: Path, prototxt: Path | None) -> tuple[Path, Path]:
    """Write a prototxt and a caffemodel with synthetic weights; the generator's own prototxt without one."""
    import nets

    if prototxt is None:
        prototxt = folder / "se-resnext-50.prototxt"
        prototxt.write_text(nets.prototxt(nets.se_resnext()))
    return nets.make_model(folder / "model", prototxt, 0)


def _row(label: str, wall: float, least: float, peak_bytes: int, size: int) -> None:
    print(f"| {label} | {wall:.2f} | {wall / least:.2f} | {peak_bytes / 1e6:.0f} | {peak_bytes / size:.2f} |")


def _describe(root: Path, name: str, network: Path, weights: Path) -> None:
    """Write a descriptor whose files are already where the downloader would put them."""
    folder = root / "public" / name
    folder.mkdir(parents=True)
    (folder / "model.yml").write_text(
        f"""description: benchmark
task_type: classification
files: []
input_info:
  - name: data
    shape: [1, 3, 224, 224]
    layout: NCHW
model_optimizer_args:
  - --mean_values=data[104.0,117.0,123.0]
  - --output=prob
  - --input_model={weights}
  - --input_proto={network}
framework: caffe
license: none
model_info:
  model_type: Classification
  labels: imagenet_2015
"""
    )


if __name__ == "__main__":
    main()
