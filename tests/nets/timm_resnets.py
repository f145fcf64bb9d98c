"""Checkpoints of timm's ResNet family with random weights: the tensors by name, as NumPy arrays, without PyTorch.

Names, shapes and variants are from timm's ``resnet.py`` and, for the Gluon variants, ``gluon_resnet.py``. Written for
the tests alone, and on purpose not made from ``omz.converter.pytorch.architecture``, which they test.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

State = dict[str, np.ndarray[Any, Any]]

#: Arguments of timm's ``ResNet`` for each of the Gluon variants. ``expansion`` 4 is a Bottleneck, 1 a BasicBlock.
VARIANTS: dict[str, dict[str, Any]] = {
    "gluon_resnet18_v1b": {"expansion": 1, "layers": (2, 2, 2, 2)},
    "gluon_resnet34_v1b": {"expansion": 1, "layers": (3, 4, 6, 3)},
}
for _depth, _layers in ((50, (3, 4, 6, 3)), (101, (3, 4, 23, 3)), (152, (3, 8, 36, 3))):
    VARIANTS |= {
        f"gluon_resnet{_depth}_v1b": {"layers": _layers},
        f"gluon_resnet{_depth}_v1c": {"layers": _layers, "stem": "deep", "stem_width": 32},
        f"gluon_resnet{_depth}_v1d": {"layers": _layers, "stem": "deep", "stem_width": 32, "avg_down": True},
        f"gluon_resnet{_depth}_v1s": {"layers": _layers, "stem": "deep", "stem_width": 64},
    }
for _depth, _layers, _groups in ((50, (3, 4, 6, 3), 32), (101, (3, 4, 23, 3), 32), (101, (3, 4, 23, 3), 64)):
    _resnext = {"layers": _layers, "cardinality": _groups, "base_width": 4}
    VARIANTS[f"gluon_resnext{_depth}_{_groups}x4d"] = _resnext
    VARIANTS[f"gluon_seresnext{_depth}_{_groups}x4d"] = {**_resnext, "se": "conv"}
VARIANTS["gluon_senet154"] = {
    "layers": (3, 8, 36, 3), "cardinality": 64, "base_width": 4, "stem": "deep", "stem_width": 64,
    "down_kernel_size": 3, "block_reduce_first": 2, "se": "conv",
}  # fmt: skip

DEFAULTS: dict[str, Any] = {
    "expansion": 4, "channels": (64, 128, 256, 512), "cardinality": 1, "base_width": 64, "block_reduce_first": 1,
    "stem": "plain", "stem_width": 64, "avg_down": False, "down_kernel_size": 1, "se": "none", "se_bias": True,
    "se_names": ("se.fc1", "se.fc2"), "classes": 1000, "classifier": "fc",
}  # fmt: skip

LAST_GAMMA = (
    0.2  # training starts the last BatchNorm of a block near 0; at 1 a deep net would answer chaotically
)
LOGITS_DEVIATION = 2.5  # a clear winner, but no certainty, among 1000 classes


def shapes(variant: str | Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor, in PyTorch's order.

    Args:
        variant: A name in :data:`VARIANTS`, or arguments like those there.
    """
    net = DEFAULTS | dict(VARIANTS[variant] if isinstance(variant, str) else variant)
    table: dict[str, tuple[int, ...]] = {}

    def conv(name: str, outputs: int, inputs: int, kernel: int) -> None:
        table[f"{name}.weight"] = (outputs, inputs, kernel, kernel)

    def norm(name: str, channels: int) -> None:
        table.update(
            {f"{name}.{role}": (channels,) for role in ("weight", "bias", "running_mean", "running_var")}
        )
        table[f"{name}.num_batches_tracked"] = ()

    wide = net["stem_width"]
    if net["stem"] == "plain":
        inputs = wide
        conv("conv1", inputs, 3, 7)
    else:
        first = wide if net["stem"] == "deep" else wide // 4 * 3
        inputs = 2 * wide
        conv("conv1.0", first, 3, 3)
        norm("conv1.1", first)
        conv("conv1.3", wide, first, 3)
        norm("conv1.4", wide)
        conv("conv1.6", inputs, wide, 3)
    norm("bn1", inputs)
    for stage, (planes, blocks) in enumerate(zip(net["channels"], net["layers"], strict=False), start=1):
        outputs = planes * net["expansion"]
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            if net["expansion"] == 4:
                groups = net["cardinality"]
                width = math.floor(planes * (net["base_width"] / 64)) * groups
                reduced = width // net["block_reduce_first"]
                plan = [(reduced, inputs, 1), (width, reduced // groups, 3), (outputs, width, 1)]
            else:
                reduced = planes // net["block_reduce_first"]
                plan = [(reduced, inputs, 3), (outputs, reduced, 3)]
            for number, (rows, columns, kernel) in enumerate(plan, start=1):
                conv(f"{at}.conv{number}", rows, columns, kernel)
                norm(f"{at}.bn{number}", rows)
            if net["se"] != "none":
                squeezed = max(8, (outputs // 16 + 4) // 8 * 8)
                sides = (1, 1) if net["se"] == "conv" else ()
                for name, rows, columns in zip(
                    net["se_names"], (squeezed, outputs), (outputs, squeezed), strict=True
                ):
                    table[f"{at}.{name}.weight"] = (rows, columns, *sides)
                    if net["se_bias"]:
                        table[f"{at}.{name}.bias"] = (rows,)
            if block == 0 and (stage > 1 or inputs != outputs):
                number = 1 if net["avg_down"] else 0
                conv(
                    f"{at}.downsample.{number}", outputs, inputs, net["down_kernel_size"] if stage > 1 else 1
                )
                norm(f"{at}.downsample.{number + 1}", outputs)
            inputs = outputs
    table[f"{net['classifier']}.weight"] = (net["classes"], inputs)
    table[f"{net['classifier']}.bias"] = (net["classes"],)
    return table


def parameter_count(state: Mapping[str, np.ndarray[Any, Any]]) -> int:
    """Return the number of trained parameters, as PyTorch counts them: without the statistics of BatchNorm."""
    untrained = (".running_mean", ".running_var", ".num_batches_tracked")
    return sum(array.size for name, array in state.items() if not name.endswith(untrained))


def random_state(variant: str | Mapping[str, Any], seed: int = 0) -> State:
    """Return a state_dict with random weights, under which activations stay of order 1 at any depth.

    Filters are He-initialized, statistics are near mean 0 and variance 1, and the last BatchNorm of each block has a
    small gamma, as training begins. Each tensor draws from a stream of its own.

    Args:
        variant: A name in :data:`VARIANTS`, or arguments like those there.
        seed: Any non-negative number below 2**64.
    """
    table = shapes(variant)
    last = "bn3" if "layer1.0.bn3.weight" in table else "bn2"
    return {name: _draw(name, shape, seed, last) for name, shape in table.items()}


def pictures(count: int, height: int, width: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return normalized pictures (count, 3, height, width): noise over even tiles."""
    stream = np.random.Generator(np.random.Philox(key=[seed, 1]))
    tiles = stream.standard_normal((count, 3, -(-height // 16), -(-width // 16)), np.float32)
    noise = stream.standard_normal((count, 3, height, width), np.float32)
    return tiles.repeat(16, axis=2).repeat(16, axis=3)[:, :, :height, :width] + np.float32(0.5) * noise


def _draw(name: str, shape: tuple[int, ...], seed: int, last: str) -> np.ndarray[Any, Any]:
    number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    stream = np.random.Generator(np.random.Philox(key=[seed, number]))
    module, _, role = name.rpartition(".")
    if role == "num_batches_tracked":
        return np.array(1000, np.int64)
    if role == "running_var":
        return stream.uniform(0.7, 1.3, shape).astype(np.float32)
    if role == "weight" and len(shape) > 1:
        inputs = math.prod(shape[1:])
        # the classifier sees averages, which differ little from channel to channel
        deviation = (
            LOGITS_DEVIATION / math.sqrt(inputs)
            if not module.startswith(("conv", "layer"))
            else math.sqrt(2 / inputs)
        )
        weights = stream.standard_normal(shape, np.float32)
        weights *= np.float32(deviation)
        return weights
    if role == "weight":
        gamma = stream.uniform(0.7, 1.3, shape).astype(np.float32)
        return gamma * np.float32(LAST_GAMMA) if module.endswith(f".{last}") else gamma
    return stream.standard_normal(shape, np.float32) * np.float32(0.1)
