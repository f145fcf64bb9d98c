"""Conversion of large models: whole process, time and peak memory, against the least it could take.

    python benchmarks/convert.py [--only caffe|large|pytorch|layers] [--prototxt FILE] [--rounds 5] [--mo PATH]

SE-ResNeXt-50 of Caffe (110 MB), VGG-16 (553 MB), and gluon_seresnext101_64x4d in PyTorch's format of 2019 (354 MB);
and how the translation grows with the number of layers. The yardstick is ``python -c "import openvino"`` plus ``cp`` of
the weights, in the same run. Weights are synthetic; their values do not
matter to the time. ``--mo`` adds the legacy Model Optimizer of another environment, as in
``--mo other/.venv/bin/mo`` (openvino-dev[caffe]==2023.3.0), once. Where PyTorch is installed, the checkpoint is also
converted the other way, once: ``torch.load``, the network built in Python, ``ov.convert_model``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from processes import interleaved, median_wall, peak, run

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))  # for `nets`, the tests' generators
NAMES = {"FP32": "only-fp32", "FP16": "only-fp16", "FP32,FP16": "both"}
LAYERS = (1500, 3000)
CHECKPOINT = "gluon_seresnext101_64x4d"
#: The way of those who have PyTorch and the network in Python, to the same IR, preprocessing left out.
THROUGH_PYTORCH = f"""
import sys
sys.path.append({str(HERE.parent / "tests")!r})
import openvino as ov, torch
from converter.pytorch.torch_resnet import DEFAULTS, VARIANTS, ResNet
state = torch.load(sys.argv[1], weights_only=True)
with torch.device("meta"):
    model = ResNet(DEFAULTS | VARIANTS[{CHECKPOINT!r}])
model.load_state_dict(state, assign=True)
converted = ov.convert_model(model.eval(), example_input=torch.zeros(1, 3, 224, 224))
ov.save_model(converted, sys.argv[2], compress_to_fp16=sys.argv[3] == "True")
"""
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
    parser.add_argument(
        "--only", choices=("caffe", "large", "pytorch", "layers"), help="leave out the others"
    )
    args = parser.parse_args()
    measurements: dict[str, Callable[[Path], None]] = {
        "caffe": lambda folder: measure_caffe(folder, args.prototxt, args.rounds, args.mo),
        "large": lambda folder: measure_large(folder, args.rounds),
        "pytorch": lambda folder: measure_pytorch(folder, args.rounds),
        "layers": lambda folder: measure_layers(folder, args.rounds),
    }
    for name in [args.only] if args.only else measurements:
        with tempfile.TemporaryDirectory() as folder:
            measurements[name](Path(folder))
        print()


def measure_caffe(folder: Path, prototxt: Path | None, rounds: int, mo: Path | None) -> None:
    """Make the Caffe model, time everything in turn, print."""
    if prototxt is None and PUBLISHED.is_file():
        prototxt = PUBLISHED
    # In a process of its own: a child's peak memory counts what its parent held when it was started.
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        network, weights = other.submit(make_model, folder, prototxt).result()
    size = weights.stat().st_size
    root = folder / "models"
    for name in NAMES.values():
        _describe(root, name, network, weights)
    least = _measure("se-resnext-50", folder, root, weights, rounds)
    if mo:
        command = [
            str(mo), "--framework=caffe", f"--input_model={weights}", f"--input_proto={network}",
            "--mean_values=data[104,117,123]", "--output=prob", "--compress_to_fp16=False",
            f"--output_dir={folder / 'mo'}",
        ]  # fmt: skip
        result = run(command)
        _row(f"legacy Model Optimizer ({mo.name}), FP32, once", result.wall_s, least, result.peak_bytes, size)


def measure_large(folder: Path, rounds: int) -> None:
    """Make VGG-16 as it is published, time its descriptor's conversion, print."""
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        weights = other.submit(make_zoo_model, "vgg16", folder).result()
    _measure("vgg16", folder, None, weights, rounds)


def make_zoo_model(name: str, folder: Path) -> Path:
    """Write the files of a Caffe model of the zoo where the downloader would, with patterned weights."""
    from nets.weights import patterned_weights
    from nets.zoo import NETS, lay_out
    from omz.zoo import catalogue

    root = catalogue.packaged_root()
    model = catalogue.load_model(root / "public" / name / "model.yml", root)
    lay_out(model, patterned_weights(NETS[name]()), folder)
    return folder / "public" / name / f"{name}.caffemodel"


def measure_layers(folder: Path, rounds: int) -> None:
    """Time the translation of nets of growing depth, and the parser alone, in one process; print."""
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        times = other.submit(time_layers, folder, rounds).result()
    print(f"Translation in a process that has imported all it needs, median of {rounds} rounds\n")
    print("| what | s | of half as many |")
    print("|---|---|---|")
    for label, seconds in times.items():
        half = times.get(label.replace(str(LAYERS[1]), str(LAYERS[0])))
        print(f"| {label} | {seconds:.3f} | {seconds / half if half != seconds and half else 1:.2f} |")


def time_layers(folder: Path, rounds: int) -> dict[str, float]:
    """Return the median times in seconds."""
    from nets import NetBuilder, prototxt, synthetic_weights, write_model
    from nets.zoo import NETS
    from omz.converter.caffe.convert import convert
    from omz.converter.caffe.prototxt import read_prototxt

    timed: dict[str, Callable[[], object]] = {}
    for layers in LAYERS:
        builder, blob = NetBuilder("deep", 14, channels=8), "data"
        for number in range(layers // 5):  # five layers each
            name = f"conv{number}"
            builder.convolution(name, blob, 8, 3, pad=1, bias_term=False)
            builder.relu(f"{name}/relu", builder.batch_norm(name, f"{name}/bn", f"{name}/scale"))
            builder.layer(f"sum{number}", "Eltwise", [blob, name])
            blob = f"sum{number}"
        files = write_model(folder / str(layers), builder.net, synthetic_weights(builder.net))
        timed[f"convert(), {layers} layers"] = partial(convert, *files)
        timed[f"convert(fuse=False), {layers} layers"] = partial(convert, *files, fuse=False)
    long = folder / "long.prototxt"
    long.write_text(prototxt(NETS["se-resnet-152"]()))
    timed[f"read_prototxt(), {long.stat().st_size / 1e3:.0f} kB"] = partial(read_prototxt, long)
    times: dict[str, list[float]] = {label: [] for label in timed}
    for turn in range(rounds + 1):
        for label, call in timed.items():
            began = time.perf_counter()
            call()
            if turn:
                times[label].append(time.perf_counter() - began)
    return {label: median(seconds) for label, seconds in times.items()}


def measure_pytorch(folder: Path, rounds: int) -> None:
    """Make the checkpoint, time everything in turn, print."""
    place = folder / "public" / CHECKPOINT
    place.mkdir(parents=True)
    from omz.zoo import catalogue

    packaged = catalogue.packaged_root()
    descriptor = packaged / "public" / CHECKPOINT / "model.yml"
    (file,) = catalogue.load_model(descriptor, packaged).files
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        weights = other.submit(make_checkpoint, place / file.name).result()
    # The descriptor as it is, under a name for each choice of precisions, so that none finds another's IR.
    root = folder / "models"
    for name in NAMES.values():
        copy = root / "public" / name / "model.yml"
        copy.parent.mkdir(parents=True)
        copy.write_text(descriptor.read_text().replace(f"$dl_dir/{file.name}", str(weights)))
    print()
    least = _measure(CHECKPOINT, folder, root, weights, rounds)
    if find_spec("torch"):
        for label, half in (("FP32", "False"), ("FP16", "True")):
            result = run([sys.executable, "-c", THROUGH_PYTORCH, str(weights), str(folder / "pt.xml"), half])
            label = f"`torch.load` + `ov.convert_model` + `ov.save_model`, {label}, once"
            _row(label, result.wall_s, least, result.peak_bytes, weights.stat().st_size)


def make_checkpoint(path: Path) -> Path:
    """Write random weights as PyTorch did in 2019."""
    from nets.legacy_checkpoint import write_legacy
    from nets.timm_resnets import random_state

    return write_legacy(path, random_state(CHECKPOINT))


def _measure(model: str, folder: Path, root: Path | None, weights: Path, rounds: int) -> float:
    """Time the yardstick and our converter in turn, print the table, and return the least in seconds.

    ``root`` holds a descriptor for each choice of precisions; without one, the model is the zoo's own.
    """
    converter = str(Path(sys.executable).parent / "omz_converter")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import openvino": [sys.executable, "-c", "import openvino"],
        "cp": ["cp", str(weights), str(folder / "copy")],
    }
    for precisions, name in NAMES.items():
        commands[precisions] = [
            converter, "--quiet", *(["--models_root", str(root), "--name", name] if root else ["--name", model]),
            "-d", str(folder), "-o", str(folder / name), "--precisions", precisions,
        ]  # fmt: skip
    runs = interleaved(commands, rounds)
    size = weights.stat().st_size
    least = median_wall(runs["import openvino"]) + median_wall(runs["cp"])
    print(
        f"{model}, {size / 1e6:.1f} MB, median of {rounds} rounds; least = import openvino + cp = {least:.2f} s\n"
    )
    print("| command | wall s | of least | peak MB | of the file |")
    print("|---|---|---|---|---|")
    for name, results in runs.items():
        label = f"omz_converter --precisions {name}" if name in NAMES else f"`{name}`"
        _row(label, median_wall(results), least, peak(results), size)
    return least


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
