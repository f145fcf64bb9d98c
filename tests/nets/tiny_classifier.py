"""A small classifier with an answer that NumPy computes by itself, and pictures for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

MEAN = np.array([104, 117, 123], np.float32)
LABELS = ("kit fox", "red", "blue", "green grass", "other", "light")


@dataclass(frozen=True)
class TinyNet:
    """Convolution 3x3 (stride 2, no padding) + ReLU + global average + matrix + softmax on (3, height, width)."""

    xml: Path
    kernel: np.ndarray  # (8, 3, 3, 3)
    matrix: np.ndarray  # (8, classes)
    height: int
    width: int

    def logits(self, resized: np.ndarray) -> np.ndarray:
        """Compute in float64 what the IR computes, from (height, width, 3) uint8 BGR."""
        data = (resized.astype(np.float64) - MEAN).transpose(2, 0, 1)
        windows = np.lib.stride_tricks.sliding_window_view(data, (3, 3), axis=(1, 2))[:, ::2, ::2]
        features = np.maximum(np.einsum("chwij,ocij->ohw", windows, self.kernel), 0).mean((1, 2))
        return features @ self.matrix

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Compute the answer for a picture of any size."""
        logits = self.logits(cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_LINEAR))
        powers = np.exp(logits - logits.max())
        return powers / powers.sum()

    def ranking(self, image: np.ndarray) -> list[int]:
        probabilities = self.probabilities(image)
        return sorted(range(len(probabilities)), key=lambda index: (-probabilities[index], index))


def build(
    xml: Path,
    *,
    labels: tuple[str, ...] | None = LABELS,
    height: int = 24,
    width: int = 32,
    softmax: bool = True,
    layout: str = "NCHW",
    four_dimensional: bool = False,
    info: dict[str, str] | None = None,
    shape: tuple[int, ...] | None = None,
) -> TinyNet:
    import openvino as ov
    from openvino import opset13 as op

    rng = np.random.default_rng(7)
    classes = len(LABELS)
    kernel = rng.normal(0, 0.05, (8, 3, 3, 3)).astype(np.float32)
    matrix = rng.normal(0, 0.3, (8, classes)).astype(np.float32)
    usual = {"NCHW": [1, 3, height, width], "NHWC": [1, height, width, 3]}[layout]
    data = op.parameter(ov.PartialShape(list(shape) if shape else usual), np.float32, name="data")
    data.output(0).set_names({"data"})
    planes = data if layout == "NCHW" else op.transpose(data, [0, 3, 1, 2])
    centred = op.subtract(planes, op.constant(MEAN.reshape(1, 3, 1, 1)))
    convolved = op.relu(op.convolution(centred, op.constant(kernel), [2, 2], [0, 0], [0, 0], [1, 1]))
    pooled = op.reduce_mean(convolved, op.constant([2, 3]), keep_dims=False)
    scores = op.matmul(pooled, op.constant(matrix), transpose_a=False, transpose_b=False)
    scores = op.softmax(scores, 1) if softmax else scores
    if four_dimensional:
        scores = op.reshape(scores, [1, classes, 1, 1], special_zero=False)
    scores.output(0).set_names({"prob"})
    model = ov.Model([op.result(scores)], [data], "tiny")
    data.set_layout(ov.Layout(layout))
    model.set_rt_info("Classification", ["model_info", "model_type"])
    model.set_rt_info("standard", ["model_info", "resize_type"])
    if labels is not None:
        model.set_rt_info(" ".join(name.replace(" ", "_") for name in labels), ["model_info", "labels"])
    for key, value in (info or {}).items():
        model.set_rt_info(value, ["model_info", key])
    xml.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, xml, compress_to_fp16=False)
    return TinyNet(xml, kernel, matrix, height, width)


def draw_picture(number: int, height: int = 90, width: int = 120) -> np.ndarray:
    """A smooth random picture, another for each number."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (4, 5, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
