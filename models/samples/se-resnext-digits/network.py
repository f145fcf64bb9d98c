"""The sample's network: described once as a Caffe net, run by PyTorch, written as prototxt and caffemodel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from google.protobuf import text_format
from torch import Tensor, nn

from omz.converter.caffe import caffe_pb2

MEAN = (104.0, 117.0, 123.0)  # BGR
INPUT_SIZE = 32  # pixels
GROUPS = 8
#: Caffe sums up its running statistics and stores the sum of their weights beside them; after a long training
#: that sum is close to 1 / (1 - moving_average_fraction).
STATISTICS_WEIGHT = np.float32(999.98236)


def describe(classes: int) -> caffe_pb2.NetParameter:
    """Describe an SE-ResNeXt with four blocks, its layers named as in the published SE-ResNeXt-50."""
    net = _Builder("SE-ResNeXt-digits (8 groups)")
    data = net.add("data", "Input", input_param={"shape": [{"dim": [1, 3, INPUT_SIZE, INPUT_SIZE]}]})
    top = net.convolution("conv1/3x3_s1", data, 16, kernel=3, relu="conv1/relu_3x3_s1")
    # 32 -> 16 pixels, as Caffe rounds up; it would be 15 if it rounded down.
    pool = {"pool": "MAX", "kernel_size": 3, "stride": 2}
    top = net.add("pool1/3x3_s2", "Pooling", top, pooling_param=pool)
    top = net.block("conv2_1", top, 32, stride=1, project=True)
    top = net.block("conv3_1", top, 64, stride=2, project=True)
    top = net.block("conv3_2", top, 64, stride=1, project=False)
    top = net.block("conv4_1", top, 128, stride=2, project=True)
    top = net.add(
        "pool5/4x4_s1", "Pooling", top, pooling_param={"pool": "AVE", "kernel_size": 4, "stride": 1}
    )
    top = net.add("classifier", "InnerProduct", top, inner_product_param={"num_output": classes})
    net.add("prob", "Softmax", top)
    return net.message


class _Builder:
    """Adds layers to a net; each method returns the name of the blob that it makes."""

    def __init__(self, name: str) -> None:
        self.message = caffe_pb2.NetParameter(name=name)

    def add(self, name: str, kind: str, *bottoms: str, top: str | None = None, **parameters: object) -> str:
        top = top or name
        self.message.layer.add(name=name, type=kind, bottom=bottoms, top=[top], **parameters)
        return top

    def convolution(
        self,
        name: str,
        bottom: str,
        outputs: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        group: int = 1,
        relu: str,
    ) -> str:
        """Add a convolution without bias, BatchNorm, Scale and, if it has a name, ReLU."""
        parameters = {"num_output": outputs, "bias_term": False, "kernel_size": [kernel], "stride": [stride]}
        if kernel > 1:
            parameters["pad"] = [kernel // 2]
        if group > 1:
            parameters["group"] = group
        top = self.add(name, "Convolution", bottom, convolution_param=parameters)
        self.add(f"{name}/bn", "BatchNorm", top, top=top, batch_norm_param={"use_global_stats": True})
        self.add(f"{name}/bn/scale", "Scale", top, top=top, scale_param={"bias_term": True})
        if relu:
            self.add(relu, "ReLU", top, top=top)
        return top

    def block(self, name: str, bottom: str, width: int, *, stride: int, project: bool) -> str:
        """Add a bottleneck with squeeze and excitation, and twice ``width`` outputs."""
        outputs, reduce, middle = 2 * width, f"{name}_1x1_reduce", f"{name}_3x3"
        top = self.convolution(reduce, bottom, width, relu=f"{reduce}/relu")
        top = self.convolution(
            middle, top, width, kernel=3, stride=stride, group=GROUPS, relu=f"{middle}/relu"
        )
        residual = self.convolution(f"{name}_1x1_increase", top, outputs, relu="")
        whole = {"pool": "AVE", "global_pooling": True}
        top = self.add(f"{name}_global_pool", "Pooling", residual, pooling_param=whole)
        down, up = f"{name}_1x1_down", f"{name}_1x1_up"
        narrow = {"num_output": outputs // 16, "kernel_size": [1], "stride": [1]}
        top = self.add(down, "Convolution", top, convolution_param=narrow)
        self.add(f"{down}/relu", "ReLU", top, top=top)
        gate = self.add(up, "Convolution", top, convolution_param={**narrow, "num_output": outputs})
        self.add(f"{name}_prob", "Sigmoid", gate, top=gate)
        shortcut = bottom
        if project:
            shortcut = self.convolution(f"{name}_1x1_proj", bottom, outputs, stride=stride, relu="")
        top = self.add(name, "Axpy", gate, residual, shortcut)
        self.add(f"{name}/relu", "ReLU", top, top=top)
        return top


class CaffeNet(nn.Module):  # type: ignore[misc] # PyTorch is unknown to mypy here
    """A Caffe net run by PyTorch, with the layer types that :func:`describe` uses.

    Takes pictures (batch, 3, height, width), float32, BGR, 0..255, and returns (batch, classes):
    probabilities, or what goes into the last Softmax while it trains. Scale does the work of the BatchNorm
    before it as well, since PyTorch does both at once.
    """

    def __init__(self, net: caffe_pb2.NetParameter) -> None:
        super().__init__()
        self.net = net
        self.steps = nn.ModuleList()
        channels: dict[str, int] = {}
        for layer in net.layer:
            inputs = channels[layer.bottom[0]] if layer.bottom else 0
            step, outputs = _module(layer, inputs)
            self.steps.append(step)
            channels[layer.top[0]] = outputs
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Run the layers in their order; see the class."""
        blobs = {"data": pictures - self.mean}
        top = "data"
        for layer, step in zip(self.net.layer, self.steps, strict=True):
            if layer.bottom and not (layer.type == "Softmax" and self.training):
                top = layer.top[0]
                blobs[top] = step(*(blobs[bottom] for bottom in layer.bottom))
        return blobs[top]

    def blobs(self) -> Iterator[tuple[str, list[np.ndarray]]]:
        """Return each layer's name and its blobs as the caffemodel has them."""
        for number, (layer, step) in enumerate(zip(self.net.layer, self.steps, strict=True)):
            if layer.type == "BatchNorm":
                scale = self.steps[number + 1]
                statistics = [scale.running_mean.numpy(), scale.running_var.numpy()]
                blobs = [*(STATISTICS_WEIGHT * values for values in statistics), STATISTICS_WEIGHT.reshape(1)]
            else:
                blobs = [parameter.detach().numpy() for parameter in step.parameters()]
            yield layer.name, blobs

    def load(self, model: caffe_pb2.NetParameter) -> None:
        """Take the weights from a caffemodel, which has to have the same layers in the same order."""
        parts = zip(self.net.layer, self.steps, model.layer, strict=True)
        for number, (layer, step, source) in enumerate(parts):
            if layer.name != source.name:
                raise ValueError(f"layer {source.name!r} is where {layer.name!r} should be")
            blobs = [torch.from_numpy(_array(blob)) for blob in source.blobs]
            if layer.type == "BatchNorm":
                mean, variance, weight = blobs
                scale = self.steps[number + 1]
                scale.running_mean, scale.running_var = mean / weight, variance / weight
            else:
                for parameter, blob in zip(step.parameters(), blobs, strict=True):
                    parameter.data.copy_(blob.view(parameter.shape))


class _Axpy(nn.Module):  # type: ignore[misc]
    def forward(self, gate: Tensor, residual: Tensor, shortcut: Tensor) -> Tensor:
        return gate * residual + shortcut


def _module(layer: caffe_pb2.LayerParameter, inputs: int) -> tuple[nn.Module, int]:
    """Return what runs a layer with so many input channels, and how many channels come out."""
    match layer.type:
        case "Input":
            return nn.Identity(), layer.input_param.shape[0].dim[1]
        case "BatchNorm":
            return nn.Identity(), inputs
        case "Scale":
            return nn.BatchNorm2d(inputs, eps=1e-5), inputs  # Caffe's default eps
        case "Convolution":
            p = layer.convolution_param
            pad = p.pad[0] if p.pad else 0
            shape = {"stride": p.stride[0], "padding": pad, "groups": p.group, "bias": p.bias_term}
            return nn.Conv2d(inputs, p.num_output, p.kernel_size[0], **shape), p.num_output
        case "ReLU":
            return nn.ReLU(inplace=True), inputs
        case "Sigmoid":
            return nn.Sigmoid(), inputs
        case "Axpy":
            return _Axpy(), inputs
        case "Pooling":
            return _pooling(layer.pooling_param), inputs
        case "InnerProduct":
            outputs = layer.inner_product_param.num_output
            return nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs)), outputs
        case "Softmax":
            return nn.Softmax(dim=1), inputs
    raise ValueError(f"layer {layer.name!r}: type {layer.type!r} is not used by this net")


def _pooling(p: caffe_pb2.PoolingParameter) -> nn.Module:
    if p.global_pooling:
        return nn.AdaptiveAvgPool2d(1)
    kind = nn.MaxPool2d if p.pool == p.MAX else nn.AvgPool2d
    return kind(p.kernel_size, p.stride, ceil_mode=True)  # without padding, PyTorch's rule is Caffe's


def _array(blob: caffe_pb2.BlobProto) -> np.ndarray:
    return np.frombuffer(blob.data[0], "<f4").reshape(blob.shape.dim).copy()


def write(net: CaffeNet, prototxt: Path, caffemodel: Path) -> None:
    """Write a net as deploy prototxt and binary caffemodel; the same weights give the same bytes."""
    message = caffe_pb2.NetParameter()
    message.CopyFrom(net.net)
    mean = ", ".join(f"{value:g}" for value in MEAN)
    name, _, layers = text_format.MessageToString(message).partition("\n")
    prototxt.write_text(f"{name}\n# mean_value: {mean}\n{layers}", encoding="utf-8")
    for layer, (_, blobs) in zip(message.layer, net.blobs(), strict=True):
        for blob in blobs:
            layer.blobs.add(shape={"dim": blob.shape}, data=[blob.astype("<f4").tobytes()])
    caffemodel.write_bytes(message.SerializeToString(deterministic=True))


def read(prototxt: Path, caffemodel: Path) -> CaffeNet:
    """Build the net of a prototxt with the weights of a caffemodel, ready to infer."""
    net = CaffeNet(text_format.Parse(prototxt.read_text(encoding="utf-8"), caffe_pb2.NetParameter()))
    net.load(caffe_pb2.NetParameter.FromString(caffemodel.read_bytes()))
    net.eval()
    return net
