"""Builds nets layer by layer, as a prototxt lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf import text_format

from omz.converter.caffe import caffe_pb2

MAX, AVE = 0, 1


class NetBuilder:
    """Appends layers to a NetParameter; every method returns the name of the blob that it made."""

    def __init__(self, name: str, size: int | tuple[int, int], *, batch: int = 1, channels: int = 3):
        self.net = caffe_pb2.NetParameter(name=name)
        height, width = (size, size) if isinstance(size, int) else size
        layer = self.layer("data", "Input", [])
        layer.input_param.shape.add(dim=[batch, channels, height, width])

    def layer(
        self, name: str, kind: str, bottoms: Sequence[str], *, inplace: bool = False, **parameters: Any
    ) -> Any:
        """Append a layer; ``parameters`` are the fields of its message, such as ``relu_param={...}``."""
        top = bottoms[0] if inplace else name
        return self.net.layer.add(name=name, type=kind, bottom=bottoms, top=[top], **parameters)

    def convolution(
        self, name: str, bottom: str, outputs: int, kernel: int | tuple[int, int], **fields: Any
    ) -> str:
        """Append a convolution; a kernel or pad that is not square is (height, width)."""
        for field, value in (("kernel_size", kernel), ("pad", fields.pop("pad", None))):
            if isinstance(value, tuple):
                side = field.removesuffix("_size")
                fields[f"{side}_h"], fields[f"{side}_w"] = value
            elif value is not None:
                fields[field] = [value]
        if "stride" in fields:
            fields["stride"] = [fields["stride"]]
        self.layer(name, "Convolution", [bottom], convolution_param={"num_output": outputs, **fields})
        return name

    def rectified(self, name: str, bottom: str, outputs: int, kernel: int, relu: str, **fields: Any) -> str:
        """Append a convolution and a ReLU of this name."""
        self.convolution(name, bottom, outputs, kernel, **fields)
        return self.relu(relu, name)

    def relu(self, name: str, bottom: str) -> str:
        self.layer(name, "ReLU", [bottom], inplace=True)
        return bottom

    def batch_norm(
        self, bottom: str, name: str, scale: str, *, inplace: bool = True, stats: bool = True, eps: float = 0
    ) -> str:
        """Append BatchNorm, in place or not, and a Scale with bias in place of it.

        Args:
            bottom: What is normalized.
            name: Name of the BatchNorm.
            scale: Name of the Scale.
            inplace: Whether the BatchNorm writes over its bottom.
            stats: Whether the prototxt says ``use_global_stats``, which Caffe does by itself at test time.
            eps: What is added to the variance; Caffe's default if 0.
        """
        fields = {**({"use_global_stats": True} if stats else {}), **({"eps": eps} if eps else {})}
        parameters = {"batch_norm_param": fields} if fields else {}
        (top,) = self.layer(name, "BatchNorm", [bottom], inplace=inplace, **parameters).top
        self.layer(scale, "Scale", [top], inplace=True, scale_param={"bias_term": True})
        return str(top)

    def max_pool(self, name: str, bottom: str, kernel: int = 3, stride: int = 2, **fields: Any) -> str:
        return self.pool(name, bottom, pool=MAX, kernel_size=kernel, stride=stride, **fields)

    def pool(self, name: str, bottom: str, **fields: Any) -> str:
        self.layer(name, "Pooling", [bottom], pooling_param=fields)
        return name

    def global_average(self, name: str, bottom: str) -> str:
        return self.pool(name, bottom, pool=AVE, global_pooling=True)

    def concat(self, name: str, bottoms: Sequence[str], **fields: Any) -> str:
        self.layer(name, "Concat", bottoms, **({"concat_param": fields} if fields else {}))
        return name

    def add(self, name: str, bottoms: Sequence[str], **fields: Any) -> str:
        """Append an Eltwise that adds."""
        self.layer(name, "Eltwise", bottoms, **({"eltwise_param": fields} if fields else {}))
        return name

    def dense(self, name: str, bottom: str, outputs: int) -> str:
        self.layer(name, "InnerProduct", [bottom], inner_product_param={"num_output": outputs})
        return name

    def dropout(self, name: str, bottom: str, ratio: float, *, inplace: bool = True) -> str:
        layer = self.layer(name, "Dropout", [bottom], inplace=inplace, dropout_param={"dropout_ratio": ratio})
        return str(layer.top[0])

    def squeeze(self, prefix: str, bottom: str, channels: int, reduction: int) -> str:
        """Append the gate of a squeeze-and-excitation block: one factor in 0..1 per channel."""
        self.pool(f"{prefix}_global_pool", bottom, pool=1, global_pooling=True)
        down, up = f"{prefix}_1x1_down", f"{prefix}_1x1_up"
        self.convolution(down, f"{prefix}_global_pool", max(channels // reduction, 1), 1, stride=1)
        self.layer(f"{down}/relu", "ReLU", [down], inplace=True)
        self.convolution(up, down, channels, 1, stride=1)
        self.layer(f"{prefix}_prob", "Sigmoid", [up], inplace=True)
        return up

    def softmax(self, bottom: str, name: str = "prob") -> Any:
        """Append the end of a classifier; return the net."""
        self.layer(name, "Softmax", [bottom])
        return self.net


def prototxt(net: Any) -> str:
    """Return a NetParameter as the text of a prototxt."""
    return text_format.MessageToString(net)
