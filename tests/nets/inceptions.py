"""Inception nets: GoogLeNet v1 and v2 (with BatchNorm), Inception v4 and Inception-ResNet v2."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .alexnets import LRN
from .builder import AVE, MAX, NetBuilder

#: What the parts of each module give out: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
GOOGLENET_V1 = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

#: The same with two 3x3 in place of the 5x5; a module without 1x1 and projection halves the size.
GOOGLENET_V2 = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 96),
    "4d": (96, 128, 192, 160, 192, 96),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}


def googlenet_v1() -> Any:
    net = NetBuilder("GoogleNet", 224, batch=10)

    def convolution(name: str, bottom: str, outputs: int, kernel: int, **fields: Any) -> str:
        module, _, part = name.rpartition("/")
        relu = f"{module}/relu_{part.removesuffix('_s2')}"
        return net.rectified(name, bottom, outputs, kernel, relu, **fields)

    x = net.max_pool("pool1/3x3_s2", convolution("conv1/7x7_s2", "data", 64, 7, pad=3, stride=2))
    net.layer("pool1/norm1", "LRN", [x], lrn_param=LRN)
    x = convolution("conv2/3x3_reduce", "pool1/norm1", 64, 1)
    x = convolution("conv2/3x3", x, 192, 3, pad=1)
    net.layer("conv2/norm2", "LRN", [x], lrn_param=LRN)
    x = net.max_pool("pool2/3x3_s2", "conv2/norm2")
    for module, (one, three_reduce, three, five_reduce, five, projection) in GOOGLENET_V1.items():
        prefix = f"inception_{module}"
        parts = [convolution(f"{prefix}/1x1", x, one, 1)]
        name = convolution(f"{prefix}/3x3_reduce", x, three_reduce, 1)
        parts.append(convolution(f"{prefix}/3x3", name, three, 3, pad=1))
        name = convolution(f"{prefix}/5x5_reduce", x, five_reduce, 1)
        parts.append(convolution(f"{prefix}/5x5", name, five, 5, pad=2))
        name = net.max_pool(f"{prefix}/pool", x, stride=1, pad=1)
        parts.append(convolution(f"{prefix}/pool_proj", name, projection, 1))
        x = net.concat(f"{prefix}/output", parts)
        if module in ("3b", "4e"):
            x = net.max_pool(f"pool{int(module[0])}/3x3_s2", x)
    x = net.pool("pool5/7x7_s1", x, pool=AVE, kernel_size=7, stride=1)
    x = net.dropout("pool5/drop_7x7_s1", x, 0.4)
    return net.softmax(net.dense("loss3/classifier", x, 1000))


def googlenet_v2() -> Any:
    net = NetBuilder("InceptionNetwork", 224, batch=10)

    def convolution(name: str, bottom: str, outputs: int, kernel: int, **fields: Any) -> str:
        net.convolution(name, bottom, outputs, kernel, bias_term=False, **fields)
        net.layer(f"{name}/bn", "BatchNorm", [name])
        net.layer(f"{name}/bn/sc", "Scale", [f"{name}/bn"], scale_param={"bias_term": True})
        return net.relu(f"{name}/bn/sc/relu", f"{name}/bn/sc")

    x = net.max_pool("pool1/3x3_s2", convolution("conv1/7x7_s2", "data", 64, 7, pad=3, stride=2))
    x = convolution("conv2/3x3_reduce", x, 64, 1)
    x = net.max_pool("pool2/3x3_s2", convolution("conv2/3x3", x, 192, 3, pad=1))
    for module, (one, three_reduce, three, double_reduce, double, projection) in GOOGLENET_V2.items():
        prefix = f"inception_{module}"
        halve = {} if one else {"stride": 2}
        parts = [convolution(f"{prefix}/1x1", x, one, 1)] if one else []
        name = convolution(f"{prefix}/3x3_reduce", x, three_reduce, 1)
        parts.append(convolution(f"{prefix}/3x3", name, three, 3, pad=1, **halve))
        name = convolution(f"{prefix}/double3x3_reduce", x, double_reduce, 1)
        name = convolution(f"{prefix}/double3x3a", name, double, 3, pad=1)
        parts.append(convolution(f"{prefix}/double3x3b", name, double, 3, pad=1, **halve))
        if one:
            kind = MAX if module == "5b" else AVE
            pooled = net.pool(f"{prefix}/pool", x, pool=kind, kernel_size=3, stride=1, pad=1)
            parts.append(convolution(f"{prefix}/pool_proj", pooled, projection, 1))
        else:
            parts.append(net.max_pool(f"{prefix}/pool", x))
        x = net.concat(f"{prefix}/output", parts)
    x = net.pool("pool5/7x7_s1", x, pool=AVE, kernel_size=7, stride=1)
    return net.softmax(net.dense("loss3/classifier", x, 1000))


class _Inception(NetBuilder):
    """The style of soeaver's prototxts, where the name of a convolution tells its kernel."""

    def convolution_bn(self, name: str, bottom: str, text: str, relu: str = "") -> str:
        """Append convolution, BatchNorm, Scale and ReLU.

        Args:
            name: Such as ``conv5_1x7_2``: a kernel of 1 x 7; with ``_reduce`` of 1 x 1.
            bottom: What it reads.
            text: The number of outputs; ``!`` after it leaves out the padding, ``/2`` sets the stride as well.
            relu: Name of the ReLU, if it is not the usual one.
        """
        outputs = re.fullmatch(r"(\d+)(!|/2)?", text)
        sizes = re.search(r"(\d)x(\d)", name)
        assert outputs
        assert sizes
        height, width = (1, 1) if name.endswith("_reduce") else (int(sizes[1]), int(sizes[2]))
        pad = (0, 0) if outputs[2] else (height // 2, width // 2)
        square = height == width
        self.convolution(
            name,
            bottom,
            int(outputs[1]),
            height if square else (height, width),
            pad=pad[0] if square else pad,
            stride=2 if outputs[2] == "/2" else 1,
            bias_term=False,
        )
        self.batch_norm(name, f"{name}_bn", f"{name}_scale", eps=1e-3)
        return self.relu(relu or f"{name}_relu", name)

    def chain(self, prefix: str, bottom: str, text: str) -> str:
        """Append convolutions one after another, such as ``"3x3_reduce:64 3x3:96"``."""
        for part in text.split():
            name, _, outputs = part.partition(":")
            bottom = self.convolution_bn(f"{prefix}_{name}", bottom, outputs)
        return bottom

    def average(self, name: str, bottom: str) -> str:
        return self.pool(name, bottom, pool=AVE, kernel_size=3, stride=1, pad=1)

    def module(self, prefix: str, bottom: str, chains: Sequence[str], pooled: str) -> str:
        """Append the chains beside each other, and an average pooling with a chain of its own."""
        parts = [self.chain(prefix, bottom, chain) for chain in chains]
        parts.append(self.chain(prefix, self.average(f"{prefix}_pool_ave", bottom), pooled))
        return self.concat(f"{prefix}_concat", parts)

    def reduction(self, prefix: str, bottom: str, chains: Sequence[str]) -> str:
        """Append what halves the size: the chains, and a maximum."""
        parts = [self.chain(prefix, bottom, chain) for chain in chains]
        return self.concat(f"{prefix}_concat", [*parts, self.max_pool(f"{prefix}_pool", bottom)])

    def end(self, x: str) -> Any:
        x = self.dropout("pool_8x8_s1_drop", self.global_average("pool_8x8_s1", x), 0.2, inplace=False)
        return self.softmax(self.dense("classifier", x, 1000))


INCEPTION_A = ["1x1_2:96", "3x3_reduce:64 3x3:96", "3x3_2_reduce:64 3x3_2:96 3x3_3:96"]
INCEPTION_B = [
    "1x1_2:384",
    "1x7_reduce:192 1x7:224 7x1:256",
    "7x1_2_reduce:192 7x1_2:192 1x7_2:224 7x1_3:224 1x7_3:256",
]


def inception_v4() -> Any:
    net = _Inception("", 299)
    x = net.convolution_bn("conv1_3x3_s2", "data", "32/2")
    x = net.convolution_bn("conv3_3x3_s1", net.convolution_bn("conv2_3x3_s1", x, "32!"), "64")
    strided = net.chain("inception_stem1", x, "3x3_s2:96/2")
    x = net.concat("inception_stem1", [net.max_pool("inception_stem1_pool", x), strided])
    chains = ("3x3_reduce:64 3x3:96!", "1x7_reduce:64 1x7:64 7x1:64 3x3_2:96!")
    x = net.concat("inception_stem2", [net.chain("inception_stem2", x, chain) for chain in chains])
    strided = net.chain("inception_stem3", x, "3x3_s2:192/2")
    x = net.concat("inception_stem3", [strided, net.max_pool("inception_stem3_pool", x)])
    for number in range(1, 5):
        x = net.module(f"inception_a{number}", x, INCEPTION_A, "1x1:96")
    x = net.reduction("reduction_a", x, ["3x3:384/2", "3x3_2_reduce:192 3x3_2:224 3x3_3:256/2"])
    for number in range(1, 8):
        x = net.module(f"inception_b{number}", x, INCEPTION_B, "1x1:128")
    chains = ("3x3_reduce:192 3x3:192/2", "1x7_reduce:256 1x7:256 7x1:320 3x3_2:320/2")
    x = net.reduction("reduction_b", x, chains)
    for number in range(1, 4):
        x = _inception_c(net, f"inception_c{number}", x)
    return net.end(x)


def _inception_c(net: _Inception, prefix: str, x: str) -> str:
    """Append a module whose chains fork at their ends."""
    parts = [net.chain(prefix, x, "1x1_2:256")]
    fork = net.chain(prefix, x, "1x1_3:384")
    parts += [net.chain(prefix, fork, part) for part in ("1x3:256", "3x1:256")]
    fork = net.chain(prefix, x, "1x1_4:384 3x1_2:448 1x3_2:512")
    parts += [net.chain(prefix, fork, part) for part in ("1x3_3:256", "3x1_3:256")]
    parts.append(net.chain(prefix, net.average(f"{prefix}_pool_ave", x), "1x1:256"))
    return net.concat(f"{prefix}_concat", parts)


#: Modules of a kind: how many, their chains, channels given out, and the weight of the residual.
RESIDUAL_MODULES = {
    "a": (10, ("1x1:32", "3x3_reduce:32 3x3:32", "3x3_2_reduce:32 3x3_2:48 3x3_3:64"), 320, 0.17),
    "b": (20, ("1x1:192", "1x7_reduce:128 1x7:160 7x1:192"), 1088, 0.1),
    "c": (10, ("1x1:192", "1x3_reduce:192 1x3:224 3x1:256"), 2080, 0.2),
}


def inception_resnet_v2() -> Any:
    net = _Inception("", 299)
    x = net.convolution_bn("conv1_3x3_s2", "data", "32/2", "conv1_3x3_relu")
    x = net.convolution_bn("conv2_3x3_s1", x, "32!", "conv2_3x3_relu")
    x = net.convolution_bn("conv3_3x3_s1", x, "64", "conv3_3x3_relu")
    x = net.convolution_bn("conv4_3x3_reduce", net.max_pool("pool1_3x3_s2", x), "80")
    x = net.convolution_bn("conv4_3x3", x, "192!", "conv4_relu_3x3")
    x = net.max_pool("pool2_3x3_s2", x)
    chains = ("1x1:96", "5x5_reduce:48 5x5:64", "3x3_reduce:64 3x3:96 3x3_2:96")
    parts = [net.chain("conv5", x, chain) for chain in chains]
    x = net.concat("stem_concat", [*parts, net.chain("conv5", net.average("ave_pool", x), "1x1_ave:64")])
    x = _residual_modules(net, "a", x)
    x = net.reduction("reduction_a", x, ["3x3:384/2", "3x3_2_reduce:256 3x3_2:256 3x3_3:384/2"])
    x = _residual_modules(net, "b", x)
    chains = (
        "3x3_reduce:256 3x3:384/2", "3x3_2_reduce:256 3x3_2:288/2", "3x3_3_reduce:256 3x3_3:288 3x3_4:320/2",
    )  # fmt: skip
    x = _residual_modules(net, "c", net.reduction("reduction_b", x, chains))
    return net.end(net.convolution_bn("conv6_1x1", x, "1536"))


def _residual_modules(net: _Inception, kind: str, x: str) -> str:
    count, chains, outputs, weight = RESIDUAL_MODULES[kind]
    for number in range(1, count + 1):
        prefix = f"inception_resnet_v2_{kind}{number}"
        joined = net.concat(f"{prefix}_concat", [net.chain(prefix, x, chain) for chain in chains])
        up = net.convolution(f"{prefix}_up", joined, outputs, 1)
        name = f"{prefix}_residual_eltwise"
        if (kind, number) == ("c", 10):  # the last of all is added as it is, and goes on below zero
            x = net.add(name, [x, up])
        else:
            x = net.relu(f"{name}_relu", net.add(name, [x, up], coeff=[1, weight]))
    return x
