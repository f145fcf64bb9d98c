"""Generators of the SENet family's nets, with the layer names and the order of the published prototxts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omz.converter.caffe.reference.geometry import pooling_size

from .builder import NetBuilder


class SENetBuilder(NetBuilder):
    """With the parts that SENets are made of, named as they are there."""

    def normalized(
        self, name: str, bottom: str, outputs: int, kernel: int, *, relu: str | None = None, **fields: Any
    ) -> str:
        """Append convolution, BatchNorm, Scale and, if ``relu`` names it, ReLU."""
        self.convolution(name, bottom, outputs, kernel, bias_term=False, **fields)
        statistics = {"use_global_stats": True}
        self.layer(f"{name}/bn", "BatchNorm", [name], inplace=True, batch_norm_param=statistics)
        self.layer(f"{name}/bn/scale", "Scale", [name], inplace=True, scale_param={"bias_term": True})
        if relu:
            self.layer(relu, "ReLU", [name], inplace=True)
        return name

    def head(self, bottom: str, size: int, classes: int) -> Any:
        """Append average pooling over ``size``, the classifier and its softmax; return the net."""
        self.pool("pool5/7x7_s1", bottom, pool=1, kernel_size=size, stride=1)
        self.layer(
            "classifier", "InnerProduct", ["pool5/7x7_s1"], inner_product_param={"num_output": classes}
        )
        self.layer("prob", "Softmax", ["classifier"])
        return self.net


def se_resnet(
    blocks: Sequence[int] = (3, 4, 6, 3),
    *,
    stem: int = 64,
    width: int = 64,
    expansion: int = 4,
    cardinality: int = 1,
    reduction: int = 16,
    size: int = 224,
    classes: int = 1000,
    batch: int = 1,
    name: str | None = None,
) -> Any:
    """Return an SE-ResNet (``cardinality`` 1) or SE-ResNeXt as a NetParameter.

    Args:
        blocks: Blocks of each stage; (3, 4, 6, 3) makes 50 layers, (3, 4, 23, 3) makes 101.
        stem: Channels of the first convolution.
        width: Channels inside the blocks of the first stage; each stage doubles them.
        expansion: Channels that leave a block, over those inside.
        cardinality: Groups of the 3x3 convolutions. ResNeXt puts the stride there, ResNet on the 1x1 before.
        reduction: Channels of a block over those of its squeeze.
        size: Height and width of the input.
        classes: Outputs of the classifier.
        batch: Images in a batch.
        name: Name of the net.
    """
    kind = "SE-ResNeXt" if cardinality > 1 else "SE-ResNet"
    net = SENetBuilder(name or f"{kind}-{2 + 3 * sum(blocks)}", size, batch=batch)
    net.normalized("conv1/7x7_s2", "data", stem, 7, pad=3, stride=2, relu="conv1/relu_7x7_s2")
    bottom = net.max_pool("pool1/3x3_s2", "conv1/7x7_s2")
    size = pooling_size((size - 1) // 2 + 1, 3, 0, 2, ceil=True)
    for stage, count in enumerate(blocks):
        inside = width << stage
        outside = inside * expansion
        if stage:
            size = (size + 1) // 2
        for block in range(1, count + 1):
            prefix = f"conv{stage + 2}_{block}"
            stride = 2 if stage and block == 1 else 1
            first, second = (1, stride) if cardinality > 1 else (stride, 1)
            name = f"{prefix}_1x1_reduce"
            net.normalized(name, bottom, inside, 1, stride=first, relu=f"{name}/relu")
            groups = {"group": cardinality} if cardinality > 1 else {}
            relu = f"{prefix}_3x3/relu"
            net.normalized(f"{prefix}_3x3", name, inside, 3, pad=1, stride=second, relu=relu, **groups)
            increased = net.normalized(f"{prefix}_1x1_increase", f"{prefix}_3x3", outside, 1, stride=1)
            gate = net.squeeze(prefix, increased, outside, reduction)
            if block == 1:
                bottom = net.normalized(f"{prefix}_1x1_proj", bottom, outside, 1, stride=stride)
            net.layer(prefix, "Axpy", [gate, increased, bottom])
            net.layer(f"{prefix}/relu", "ReLU", [prefix], inplace=True)
            bottom = prefix
    return net.head(bottom, size, classes)


def se_resnext(blocks: Sequence[int] = (3, 4, 6, 3), **parameters: Any) -> Any:
    """Return an SE-ResNeXt; by default the published one with 50 layers (32 x 4d). See :func:`se_resnet`."""
    defaults = {"width": 128, "expansion": 2, "cardinality": 32}
    if tuple(blocks) == (3, 4, 6, 3):
        defaults["name"] = "SE-ResNeXt-50 (32 x 4d)"
    return se_resnet(blocks, **defaults | parameters)


# What the modules of SE-BN-Inception give out: 1x1, 3x3 reduce, 3x3, double 3x3 reduce, double 3x3, pool
# projection; a module without 1x1 and projection halves the size.
INCEPTION = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}


def se_inception(
    modules: Sequence[str] = tuple(INCEPTION),
    *,
    divisor: int = 1,
    reduction: int = 16,
    size: int = 224,
    classes: int = 1000,
    batch: int = 1,
) -> Any:
    """Return an SE-BN-Inception: Concat, padded average pooling, Reshape and Scale with two bottoms.

    Args:
        modules: Which of the published modules to build, in order; see :data:`INCEPTION`.
        divisor: Divides the number of channels of every convolution.
        reduction: Channels of a module over those of its squeeze.
        size: Height and width of the input.
        classes: Outputs of the classifier.
        batch: Images in a batch.
    """
    net = SENetBuilder("SE-BN-Inception", size, batch=batch)

    def convolution(name: str, bottom: str, outputs: int, kernel: int, **fields: Any) -> str:
        module, _, part = name.rpartition("/")
        relu = f"{module}/relu_{part.removesuffix('_s2')}"
        return net.normalized(name, bottom, outputs // divisor, kernel, relu=relu, **fields)

    convolution("conv1/7x7_s2", "data", 64, 7, pad=3, stride=2)
    net.max_pool("pool1/3x3_s2", "conv1/7x7_s2")
    convolution("conv2/3x3_reduce", "pool1/3x3_s2", 64, 1)
    convolution("conv2/3x3", "conv2/3x3_reduce", 192, 3, pad=1)
    bottom, channels = net.max_pool("pool2/3x3_s2", "conv2/3x3"), 192 // divisor
    size = (size - 1) // 2 + 1
    for _ in range(2):
        size = pooling_size(size, 3, 0, 2, ceil=True)
    for module in modules:
        prefix = f"inception_{module}"
        one, three_reduce, three, double_reduce, double, projection = INCEPTION[module]
        halve = {} if one else {"stride": 2}
        parts = [convolution(f"{prefix}/1x1", bottom, one, 1)] if one else []
        name = convolution(f"{prefix}/3x3_reduce", bottom, three_reduce, 1)
        parts.append(convolution(f"{prefix}/3x3", name, three, 3, pad=1, **halve))
        name = convolution(f"{prefix}/double3x3_reduce", bottom, double_reduce, 1)
        name = convolution(f"{prefix}/double3x3a", name, double, 3, pad=1)
        parts.append(convolution(f"{prefix}/double3x3b", name, double, 3, pad=1, **halve))
        outputs = (one // divisor) + three // divisor + double // divisor
        if one:
            kind = 0 if module == "5b" else 1  # only the last module takes the maximum
            pooled = net.pool(f"{prefix}/pool", bottom, pool=kind, kernel_size=3, stride=1, pad=1)
            parts.append(convolution(f"{prefix}/pool_proj", pooled, projection, 1))
            channels = outputs + projection // divisor
        else:
            parts.append(net.max_pool(f"{prefix}/pool/3x3_s2", bottom))
            channels += outputs
            size = pooling_size(size, 3, 0, 2, ceil=True)
        net.layer(f"{prefix}/concat", "Concat", parts)
        gate = net.squeeze(prefix, f"{prefix}/concat", channels, reduction)
        shape = {"shape": {"dim": [0, 0]}}
        net.layer(f"{prefix}_prob_reshape", "Reshape", [gate], reshape_param=shape)
        scale = net.layer(
            f"{prefix}_scale",
            "Scale",
            [f"{prefix}/concat", f"{prefix}_prob_reshape"],
            scale_param={"axis": 0, "bias_term": False},
        )
        bottom = f"{prefix}/output"
        scale.top[:] = [bottom]
    return net.head(bottom, size, classes)
