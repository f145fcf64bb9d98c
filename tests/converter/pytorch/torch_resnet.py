"""The ResNet family in PyTorch, written after timm's definition: an oracle, with timm's names of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nets.timm_resnets import DEFAULTS, VARIANTS


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, net: Mapping[str, Any]) -> None:
        super().__init__()
        squeezed = max(8, (channels // 16 + 4) // 8 * 8)
        self.convolutional = net["se"] == "conv"
        self.names = [name.rpartition(".")[2] for name in net["se_names"]]
        for name, inputs, outputs in zip(self.names, (channels, squeezed), (squeezed, channels), strict=True):
            layer = (
                nn.Conv2d(inputs, outputs, 1, bias=net["se_bias"])
                if self.convolutional
                else nn.Linear(inputs, outputs, bias=net["se_bias"])
            )
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        reduce, expand = (getattr(self, name) for name in self.names)
        mean = x.mean((2, 3), keepdim=self.convolutional)
        gate = torch.sigmoid(expand(torch.relu(reduce(mean))))
        return x * (gate if self.convolutional else gate[:, :, None, None])


class Block(nn.Module):
    def __init__(self, inputs: int, planes: int, stride: int, net: Mapping[str, Any]) -> None:
        super().__init__()
        outputs = planes * net["expansion"]
        if net["expansion"] == 4:
            width = int(planes * (net["base_width"] / 64)) * net["cardinality"]
            reduced = width // net["block_reduce_first"]
            self.conv1 = nn.Conv2d(inputs, reduced, 1, bias=False)
            self.conv2 = nn.Conv2d(reduced, width, 3, stride, 1, groups=net["cardinality"], bias=False)
            self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        else:
            width, reduced = outputs, planes // net["block_reduce_first"]
            self.conv1 = nn.Conv2d(inputs, reduced, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(reduced, outputs, 3, 1, 1, bias=False)
            self.conv3 = None
        self.bn1, self.bn2 = nn.BatchNorm2d(reduced), nn.BatchNorm2d(width)
        self.bn3 = nn.BatchNorm2d(outputs) if self.conv3 else None
        self.se_name = net["se_names"][0].partition(".")[0]
        self.add_module(self.se_name, SqueezeExcite(outputs, net) if net["se"] != "none" else None)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            kernel = net["down_kernel_size"] if stride != 1 else 1
            if net["avg_down"]:
                pool = nn.Identity()
                if stride != 1:
                    pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
                shortcut = [pool, nn.Conv2d(inputs, outputs, 1, bias=False)]
            else:
                shortcut = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)]
            self.downsample = nn.Sequential(*shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.conv3 is not None:
            y = self.bn3(self.conv3(torch.relu(y)))
        if (se := getattr(self, self.se_name)) is not None:
            y = se(y)
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, net: Mapping[str, Any]) -> None:
        super().__init__()
        width = net["stem_width"]
        if net["stem"] == "plain":
            inputs = width
            self.conv1: nn.Module = nn.Conv2d(3, inputs, 7, 2, 3, bias=False)
        else:
            first = width if net["stem"] == "deep" else width // 4 * 3
            inputs = 2 * width
            self.conv1 = nn.Sequential(
                nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(),
                nn.Conv2d(first, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
                nn.Conv2d(width, inputs, 3, 1, 1, bias=False),
            )  # fmt: skip
        self.bn1 = nn.BatchNorm2d(inputs)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.stages = [f"layer{number}" for number in range(1, len(net["layers"]) + 1)]
        for name, planes, count in zip(self.stages, net["channels"], net["layers"], strict=False):
            blocks = []
            for number in range(count):
                blocks.append(Block(inputs, planes, 2 if number == 0 and name != "layer1" else 1, net))
                inputs = planes * net["expansion"]
            self.add_module(name, nn.Sequential(*blocks))
        self.classifier = net["classifier"]
        self.add_module(self.classifier, nn.Linear(inputs, net["classes"]))

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = getattr(self, name)(x)
        return getattr(self, self.classifier)(x.mean((2, 3)))


def torch_resnet(variant: str | Mapping[str, Any], state: Mapping[str, np.ndarray]) -> ResNet:
    """Return the network of a variant, with the weights of ``state``, which must be all that it has."""
    net = DEFAULTS | dict(VARIANTS[variant] if isinstance(variant, str) else variant)
    with torch.device("meta"):
        model = ResNet(net)
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.eval()


def logits(model: ResNet, pictures: np.ndarray) -> np.ndarray:
    """Return what a network answers."""
    with torch.inference_mode():
        return model(torch.from_numpy(pictures)).numpy()
