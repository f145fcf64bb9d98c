"""A small classifier with an answer that NumPy computes by itself, and pictures for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

MEAN = np.array([104, 117, 123], np.float32)
#: By the number of channels: grey, BGR, BGR with alpha.
MEANS = {1: MEAN[1:2], 3: MEAN, 4: np.append(MEAN, np.float32(200))}
LABELS = ("kit fox", "red", "blue", "green grass", "other", "light")


Ends = Callable[[Any], Sequence[Any]]


@dataclass(frozen=True)
class TinyNet:
    """Convolution 3x3 (stride 2, no padding), ReLU, global average, matrix, softmax, on (channels, height, width)."""

    xml: Path
    kernel: np.ndarray  # (8, channels, 3, 3)
    matrix: np.ndarray  # (8, classes)
    height: int
    width: int

    def logits(self, resized: np.ndarray) -> np.ndarray:
        """Compute in float64 what the IR computes, from (height, width, channels) uint8."""
        channels = self.kernel.shape[1]
        data = (
            resized.reshape(self.height, self.width, channels).astype(np.float64) - MEANS[channels]
        ).transpose(2, 0, 1)
        windows = np.lib.stride_tricks.sliding_window_view(data, (3, 3), axis=(1, 2))[:, ::2, ::2]
        features = np.maximum(np.einsum("chwij,ocij->ohw", windows, self.kernel), 0).mean((1, 2))
        return features @ self.matrix

    def of(self, image: np.ndarray) -> np.ndarray:
        """Compute the logits for a picture of any size, of the channels that the net takes."""
        return self.logits(cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_LINEAR))

    def scores(self, image: np.ndarray) -> np.ndarray:
        """Compute a sigmoid of each logit."""
        return 1 / (1 + np.exp(-self.of(image)))

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Compute the answer for a picture of any size."""
        logits = self.of(image)
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
    layout_told: bool = True,
    four_dimensional: bool = False,
    info: dict[str, str] | None = None,
    provenance: dict[str, str] | None = None,
    shape: tuple[int, ...] | None = None,
    channels: int = 3,
    classes: int = len(LABELS),
    batch: int = 1,
    stubborn: bool = False,
    ends: Ends | None = None,
) -> TinyNet:
    """Write a net.

    Args:
        batch: Of the input.
        stubborn: Whether an operation insists on that batch.
        ends: Makes the outputs of the logits, (N, classes); by default one, with a softmax if ``softmax`` says so.
    """
    import openvino as ov
    from openvino import opset13 as op

    rng = np.random.default_rng(7)
    kernel = rng.normal(0, 0.05, (8, channels, 3, 3)).astype(np.float32)
    matrix = rng.normal(0, 0.3, (8, classes)).astype(np.float32)
    usual = {"NCHW": [batch, channels, height, width], "NHWC": [batch, height, width, channels]}[layout]
    data = op.parameter(ov.PartialShape(list(shape) if shape else usual), np.float32, name="data")
    data.output(0).set_names({"data"})
    planes = data if layout == "NCHW" else op.transpose(data, [0, 3, 1, 2])
    centred = op.subtract(planes, op.constant(MEANS[channels].reshape(1, channels, 1, 1)))
    convolved = op.relu(op.convolution(centred, op.constant(kernel), [2, 2], [0, 0], [0, 0], [1, 1]))
    pooled = op.reduce_mean(convolved, op.constant([2, 3]), keep_dims=False)
    if stubborn:
        pooled = op.reshape(pooled, [batch, 8], special_zero=False)
    scores = op.matmul(pooled, op.constant(matrix), transpose_a=False, transpose_b=False)
    if ends:
        outputs = ends(scores)
    else:
        scores = op.softmax(scores, 1) if softmax else scores
        if four_dimensional:
            scores = op.reshape(scores, [1, classes, 1, 1], special_zero=False)
        outputs = [scores.output(0)]
    for number, output in enumerate(outputs):
        output.set_names({f"prob{number or ''}"})
    model = ov.Model([op.result(output) for output in outputs], [data], "tiny")
    if layout_told:
        data.set_layout(ov.Layout(layout))
    model.set_rt_info("Classification", ["model_info", "model_type"])
    model.set_rt_info("standard", ["model_info", "resize_type"])
    if labels is not None:
        model.set_rt_info(" ".join(name.replace(" ", "_") for name in labels), ["model_info", "labels"])
    for key, value in (info or {}).items():
        model.set_rt_info(value, ["model_info", key])
    for key, value in (provenance or {}).items():
        model.set_rt_info(value, ["omz", key])
    xml.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, xml, compress_to_fp16=False)
    return TinyNet(xml, kernel, matrix, height, width)


def draw_picture(number: int, height: int = 90, width: int = 120) -> np.ndarray:
    """A smooth random picture, another for each number."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (4, 5, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def form_name(form: dict[str, Any]) -> str:
    """Name the form of a net in the id of a test, the same in every process."""
    return "-".join(f"{key}={getattr(value, '__name__', value)}" for key, value in form.items()) or "plain"
