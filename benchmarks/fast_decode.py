"""What --fast_decode does to the scores: each picture classified as it is and decoded at a part of its size.

    python benchmarks/fast_decode.py [--models DIR]
    python benchmarks/fast_decode.py -m XML -i FOLDER [--reverse_input_channels]

Without ``-m`` the full SE-ResNeXt-50 with synthetic weights is made, or taken from ``--models DIR``; without ``-i`` the
pictures are those of benchmarks/classify.py and the two photographs that scikit-learn brings along. They are fitted
into the input, so that all of them can be reduced. Pictures that are not reduced are left out.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from synthetic import make_model, make_pictures

from omz.inference.classification import classify
from omz.inference.classifier import InputOptions
from omz.inference.devices import DeviceOptions
from omz.inference.resizing import RESIZE_TYPES


class Effect(NamedTuple):
    """One picture: its best class and that class's scores without and with --fast_decode."""

    name: str
    size: tuple[int, int]
    reduced: tuple[int, int]
    whole: float
    fast: float
    same_best: bool


def main() -> None:
    """Classify, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-m", "--model", type=Path, help="an IR's .xml (default: SE-ResNeXt-50, synthetic)")
    parser.add_argument("--models", type=Path, metavar="DIR", help="where the synthetic network is kept")
    parser.add_argument("-i", "--input", type=Path, metavar="FOLDER", help="JPEG pictures")
    parser.add_argument("--resize_type", choices=RESIZE_TYPES, default="fit_to_window_letterbox")
    parser.add_argument("--reverse_input_channels", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = args.model or make_model(args.models or Path(folder))
        files = sorted(args.input.iterdir()) if args.input else sample_pictures(Path(folder))
        inputs = InputOptions(resize_type=args.resize_type, reverse_channels=args.reverse_input_channels)
        found = effects(model, files, inputs)
    print(
        f"{model.stem}, {args.resize_type}\n\n| picture | decoded at | best score | with --fast_decode | same best |"
    )
    print("|---|---|---:|---:|---|")
    for one in found:
        sizes = [f"{width} x {height}" for height, width in (one.size, one.reduced)]
        scores = f"{one.whole:.3f} | {one.fast:.3f} | {'yes' if one.same_best else 'no'}"
        print(f"| {one.name}, {sizes[0]} | {sizes[1]} | {scores} |")
    differences = [abs(one.whole - one.fast) for one in found]
    print(
        f"\n{len(found)} of {len(files)} pictures reduced: the best score differs by {mean(differences):.3f} on "
        f"average, {max(differences):.3f} at most; the best class is the same for {sum(one.same_best for one in found)}"
    )


def sample_pictures(folder: Path) -> list[Path]:
    """Return the benchmark's pictures, and scikit-learn's photographs if it is installed."""
    files = sorted(make_pictures(folder / "pictures", 640, 480).iterdir())
    try:
        import sklearn.datasets
    except ImportError:
        return files
    return files + sorted(Path(sklearn.datasets.__file__).parent.glob("images/*.jpg"))


def effects(model: Path, files: list[Path], inputs: InputOptions) -> list[Effect]:
    """Classify the pictures both ways."""
    ways = [
        classify(
            model,
            files,
            device=DeviceOptions(precision="f32"),
            input_options=inputs,
            top_k=100_000,
            keep_images=True,
            fast_decode=fast,
        )
        for fast in (False, True)
    ]
    found = []
    for whole, fast in zip(*ways, strict=True):
        if whole.image is None or fast.image is None or whole.image.shape == fast.image.shape:
            continue
        best = whole.top[0]
        now = next(one.score for one in fast.top if one.index == best.index)
        same = fast.top[0].index == best.index
        sizes = (whole.image.shape[:2], fast.image.shape[:2])
        found.append(Effect(Path(whole.source).name, *sizes, best.score or 0.0, now or 0.0, same))
    return found


if __name__ == "__main__":
    main()
