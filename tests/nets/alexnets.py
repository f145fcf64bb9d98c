"""Nets of plain convolutions: AlexNet, CaffeNet, VGG and SqueezeNet, as their published prototxts have them."""

from __future__ import annotations

from typing import Any

from .builder import NetBuilder

LRN = {"local_size": 5, "alpha": 1e-4, "beta": 0.75}
VGG_BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def alexnet() -> Any:
    return _alexnet("AlexNet", normalize_first=True)


def caffenet() -> Any:
    return _alexnet("CaffeNet", normalize_first=False)


def _alexnet(name: str, *, normalize_first: bool) -> Any:
    net = NetBuilder(name, 227, batch=10)

    def reduced(bottom: str, number: int) -> str:
        if normalize_first:
            net.layer(f"norm{number}", "LRN", [bottom], lrn_param=LRN)
            return net.max_pool(f"pool{number}", f"norm{number}")
        net.max_pool(f"pool{number}", bottom)
        net.layer(f"norm{number}", "LRN", [f"pool{number}"], lrn_param=LRN)
        return f"norm{number}"

    x = reduced(net.rectified("conv1", "data", 96, 11, "relu1", stride=4), 1)
    x = reduced(net.rectified("conv2", x, 256, 5, "relu2", pad=2, group=2), 2)
    x = net.rectified("conv3", x, 384, 3, "relu3", pad=1)
    x = net.rectified("conv4", x, 384, 3, "relu4", pad=1, group=2)
    x = net.rectified("conv5", x, 256, 3, "relu5", pad=1, group=2)
    return _dense_end(net, net.max_pool("pool5", x))


def _dense_end(net: NetBuilder, x: str) -> Any:
    for number in (6, 7):
        x = net.relu(f"relu{number}", net.dense(f"fc{number}", x, 4096))
        x = net.dropout(f"drop{number}", x, 0.5)
    return net.softmax(net.dense("fc8", x, 1000))


def vgg(depth: int) -> Any:
    """Return VGG of 16 or 19 layers; its files have the old form, which ``v1_net`` makes of this one."""
    net = NetBuilder(f"VGG_ILSVRC_{depth}_layers", 224, batch=10)
    x = "data"
    for block, count in enumerate(VGG_BLOCKS[depth], start=1):
        for part in range(1, count + 1):
            outputs = min(32 << block, 512)
            x = net.rectified(f"conv{block}_{part}", x, outputs, 3, f"relu{block}_{part}", pad=1)
        x = net.max_pool(f"pool{block}", x, kernel=2)
    return _dense_end(net, x)


def squeezenet(version: str) -> Any:
    """Return SqueezeNet 1.0 or 1.1, which pools earlier and has a smaller first convolution."""
    old = version == "1.0"
    net = NetBuilder("", 227, batch=10)
    x = net.rectified("conv1", "data", *((96, 7) if old else (64, 3)), "relu_conv1", stride=2)
    x = net.max_pool("pool1", x)
    for module, inside in enumerate((16, 16, 32, 32, 48, 48, 64, 64), start=2):
        squeezed = f"fire{module}/squeeze1x1"
        net.rectified(squeezed, x, inside, 1, f"fire{module}/relu_squeeze1x1")
        parts = [
            net.rectified(
                f"fire{module}/expand{side}x{side}", squeezed, 4 * inside, side,
                f"fire{module}/relu_expand{side}x{side}", **fields,
            )
            for side, fields in ((1, {}), (3, {"pad": 1}))
        ]  # fmt: skip
        x = net.concat(f"fire{module}/concat", parts)
        if module in ((4, 8) if old else (3, 5)):
            x = net.max_pool(f"pool{module}", x)
    x = net.dropout("drop9", x, 0.5)
    x = net.rectified("conv10", x, 1000, 1, "relu_conv10", **({"pad": 1} if old else {}))
    return net.softmax(net.global_average("pool10", x))
