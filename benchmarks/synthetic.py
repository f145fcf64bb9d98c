"""Pictures and networks to measure with: neither the pictures' content nor the weights' values matter to the time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))  # for `nets`, the tests' generators
PICTURES = 16


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
    """Convert SE-ResNeXt-50 with synthetic weights to an FP32 IR, in a process of its own, unless it is there."""
    xml = folder / "se-resnext-50.xml"
    if not xml.exists():
        from nets import se_resnext, synthetic_weights, write_model

        net = se_resnext()
        prototxt, caffemodel = write_model(folder, net, synthetic_weights(net, 0), name=xml.stem)
        sources = ["--input_proto", str(prototxt), "--input_model", str(caffemodel)]
        how = ["--mean_values", "data[104,117,123]", "--compress_to_fp16=False", "--output_dir", str(folder)]
        omz("caffe2ir", *sources, *how)
        caffemodel.unlink()
    return xml


def make_quantized(folder: Path, exact: Path, pictures: Path) -> Path:
    """Quantize an FP32 IR with the pictures to 8 bits, in a process of its own, unless it is there."""
    xml = folder / f"{exact.stem}-INT8.xml"
    if not xml.exists():
        omz("quantize", "-m", str(exact), "-s", str(pictures), "-o", str(xml))
    return xml


def omz(*arguments: str) -> None:
    """Run one of the toolkit's commands.

    Raises:
        subprocess.CalledProcessError: It failed; it has said why.
    """
    subprocess.run([sys.executable, "-m", "omz.cli", *arguments, "--quiet"], check=True)
