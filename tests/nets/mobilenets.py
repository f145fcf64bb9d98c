"""Small nets of depthwise convolutions: MobileNet v1 and v2, ShuffleNet v2."""

from __future__ import annotations

from typing import Any

from .builder import AVE, NetBuilder

EPS = 1e-5
#: Stage, block, channels given out and stride of each pair of depthwise and pointwise convolution.
V1_BLOCKS = [
    ("2_1", 64, 1), ("2_2", 128, 2), ("3_1", 128, 1), ("3_2", 256, 2), ("4_1", 256, 1), ("4_2", 512, 2),
    *((f"5_{number}", 512, 1) for number in range(1, 6)), ("5_6", 1024, 2), ("6", 1024, 1),
]  # fmt: skip
#: The same of each inverted residual; channels repeated at stride 1 have a shortcut.
V2_BLOCKS = [
    ("2_1", 16, 1), ("2_2", 24, 2), ("3_1", 24, 1), ("3_2", 32, 2), ("4_1", 32, 1), ("4_2", 32, 1), ("4_3", 64, 1),
    ("4_4", 64, 1), ("4_5", 64, 1), ("4_6", 64, 1), ("4_7", 96, 2), ("5_1", 96, 1), ("5_2", 96, 1), ("5_3", 160, 2),
    ("6_1", 160, 1), ("6_2", 160, 1), ("6_3", 320, 1),
]  # fmt: skip


def mobilenet_v1() -> Any:
    net = NetBuilder("MOBILENET", 224)

    def rectified(name: str, bottom: str, outputs: int, kernel: int, **fields: Any) -> str:
        net.convolution(name, bottom, outputs, kernel, bias_term=False, **fields)
        net.batch_norm(name, f"{name}/bn", f"{name}/scale", eps=EPS)
        return net.relu(name.replace("conv", "relu"), name)

    x, channels = rectified("conv1", "data", 32, 3, pad=1, stride=2), 32
    for block, outputs, stride in V1_BLOCKS:
        x = rectified(f"conv{block}/dw", x, channels, 3, pad=1, stride=stride, group=channels)
        x, channels = rectified(f"conv{block}/sep", x, outputs, 1), outputs
    return net.softmax(net.convolution("fc7", net.global_average("pool6", x), 1000, 1))


def mobilenet_v2() -> Any:
    net = NetBuilder("MOBILENET_V2", 224)

    def normalized(name: str, bottom: str, outputs: int, kernel: int, **fields: Any) -> str:
        net.convolution(name, bottom, outputs, kernel, bias_term=False, **fields)
        return net.batch_norm(name, f"{name}/bn", f"{name}/scale", inplace=False, eps=EPS)

    def rectified(name: str, *size: Any, **fields: Any) -> str:
        return net.relu(name.replace("conv", "relu"), normalized(name, *size, **fields))

    x, channels = rectified("conv1", "data", 32, 3, pad=1, stride=2), 32
    for block, outputs, stride in V2_BLOCKS:
        wide = channels * (1 if block == "2_1" else 6)
        inner = rectified(f"conv{block}/expand", x, wide, 1)
        strided = {"stride": stride} if stride > 1 else {}
        inner = rectified(f"conv{block}/dwise", inner, wide, 3, pad=1, group=wide, **strided)
        inner = normalized(f"conv{block}/linear", inner, outputs, 1)
        residual = channels == outputs and stride == 1
        x, channels = net.add(f"block_{block}", [x, inner]) if residual else inner, outputs
    x = rectified("conv6_4", x, 1280, 1)
    return net.softmax(net.convolution("fc7", net.global_average("pool6", x), 1000, 1))


def shufflenet_v2() -> Any:
    """Return ShuffleNet v2 x0.5, with a BatchNorm on its input. Its output is the convolution ``fc``: logits."""
    net = NetBuilder("", 224)

    def normalized(name: str, bottom: str, outputs: int, kernel: int, **fields: Any) -> str:
        net.convolution(name, bottom, outputs, kernel, bias_term=False, pad=kernel // 2, **fields)
        return net.batch_norm(name, f"{name}/bn", f"{name}/bn/scale", stats=False)

    def rectified(name: str, *size: Any, **fields: Any) -> str:
        return net.relu(f"{name}/relu", normalized(name, *size, **fields))

    def depthwise(name: str, bottom: str, channels: int, stride: int) -> str:
        return normalized(name, bottom, channels, 3, group=channels, stride=stride)

    x = net.batch_norm("data", "data/bn", "data/bn/scale", stats=False)
    x = net.max_pool("stage1/pool", rectified("stage1/conv", x, 24, 3, stride=2))
    channels = 24
    for stage, (count, half) in enumerate(((4, 24), (8, 48), (4, 96)), start=2):
        for number in range(1, count + 1):
            name, stride = f"stage_{stage}_{number}", 2 if number == 1 else 1
            if number == 1:
                kept = depthwise(f"{name}/conv4", x, channels, stride)
                kept = rectified(f"{name}/conv5", kept, half, 1)
            else:
                split = {"axis": 1, "slice_point": [half]}
                kept, x = f"{name}/slice1", f"{name}/slice2"
                net.layer(kept, "Slice", [f"stage_{stage}_{number - 1}/shuffle"], slice_param=split)
                net.net.layer[-1].top.append(x)
            inner = rectified(f"{name}/conv1", x, half, 1)
            inner = depthwise(f"{name}/conv2", inner, half, stride)
            inner = rectified(f"{name}/conv3", inner, half, 1)
            joined = net.concat(f"{name}/concat", [kept, inner], axis=1)
            x = f"{name}/shuffle"
            net.layer(x, "ShuffleChannel", [joined], shuffle_channel_param={"group": 2})
        channels = 2 * half
    x = rectified("conv5", x, 1024, 1)
    x = net.pool("pool", x, pool=AVE, kernel_size=7, stride=1)
    net.convolution("fc", x, 1000, 1)
    return net.net
