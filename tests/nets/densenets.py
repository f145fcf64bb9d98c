"""DenseNets, as shicai's prototxts have them."""

from __future__ import annotations

from typing import Any

from .builder import AVE, NetBuilder

#: Growth rate, and dense layers of each block.
VARIANTS = {
    121: (32, (6, 12, 24, 16)),
    161: (48, (6, 12, 36, 24)),
    169: (32, (6, 12, 32, 32)),
    201: (32, (6, 12, 48, 32)),
}


def densenet(depth: int) -> Any:
    """Return DenseNet-121, -161, -169 or -201. Its output is the convolution ``fc6``: logits."""
    growth, blocks = VARIANTS[depth]
    net = NetBuilder(f"DENSENET_{depth}", 224)

    def normalized(bottom: str, name: str, relu: str) -> str:
        return net.relu(
            relu,
            net.batch_norm(bottom, f"{name}/bn", f"{name}/scale", inplace=False, stats=False, eps=1e-5),
        )

    channels = 2 * growth
    x = net.convolution("conv1", "data", channels, 7, bias_term=False, pad=3, stride=2)
    x = net.max_pool("pool1", normalized(x, "conv1", "relu1"), pad=1, ceil_mode=False)
    for stage, count in enumerate(blocks, start=2):
        for number in range(1, count + 1):
            name = f"conv{stage}_{number}"
            inner = normalized(x, f"{name}/x1", f"relu{stage}_{number}/x1")
            inner = net.convolution(f"{name}/x1", inner, 4 * growth, 1, bias_term=False)
            inner = normalized(inner, f"{name}/x2", f"relu{stage}_{number}/x2")
            inner = net.convolution(f"{name}/x2", inner, growth, 3, bias_term=False, pad=1)
            x = net.concat(f"concat_{stage}_{number}", [x, inner])
        # The transition after a block is named after the stage; in DenseNet-201, after its last layer.
        place, blk = (f"{stage}_{count}", "/blk") if depth == 201 else (f"{stage}", "_blk")
        x = normalized(x, f"conv{place}{blk}", f"relu{place}{blk}")
        channels += count * growth
        if stage < 5:
            channels //= 2
            x = net.convolution(f"conv{place}{blk}", x, channels, 1, bias_term=False)
            x = net.pool(f"pool{place}", x, pool=AVE, kernel_size=2, stride=2)
    net.convolution("fc6", net.global_average("pool5", x), 1000, 1)
    return net.net
