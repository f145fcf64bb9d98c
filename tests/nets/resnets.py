"""ResNets, as Kaiming He's prototxts have them."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

from .builder import AVE, NetBuilder

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def resnet(depth: int) -> Any:
    """Return ResNet-50, -101 or -152."""
    net = NetBuilder(f"ResNet-{depth}", 224)

    def normalized(name: str, bottom: str, outputs: int, kernel: int, **fields: Any) -> str:
        net.convolution(name, bottom, outputs, kernel, **{"bias_term": False, **fields})
        label = name.removeprefix("res") if name.startswith("res") else f"_{name}"
        return net.batch_norm(name, f"bn{label}", f"scale{label}")

    biased = {"bias_term": True} if depth == 50 else {}
    x = net.relu("conv1_relu", normalized("conv1", "data", 64, 7, pad=3, stride=2, **biased))
    x = net.max_pool("pool1", x)
    for stage, count in enumerate(BLOCKS[depth], start=2):
        inside = 16 << stage
        for number in range(count):
            name = f"res{stage}{_block_name(depth, stage, number)}"
            stride = 2 if stage > 2 and number == 0 else 1
            shortcut = x if number else normalized(f"{name}_branch1", x, 4 * inside, 1, stride=stride)
            inner = f"{name}_branch2a"
            net.relu(f"{inner}_relu", normalized(inner, x, inside, 1, stride=stride))
            inner = normalized(f"{name}_branch2b", inner, inside, 3, pad=1)
            net.relu(f"{inner}_relu", inner)
            inner = normalized(f"{name}_branch2c", inner, 4 * inside, 1)
            x = net.relu(f"{name}_relu", net.add(name, [shortcut, inner]))
    x = net.pool("pool5", x, pool=AVE, kernel_size=7, stride=1)
    return net.softmax(net.dense("fc1000", x, 1000))


def _block_name(depth: int, stage: int, number: int) -> str:
    """Return ``a``, ``b``, ``c`` ..., or in the long stages of the deeper nets ``a``, ``b1``, ``b2`` ..."""
    if depth == 50 or stage in (2, 5):
        return ascii_lowercase[number]
    return f"b{number}" if number else "a"
