"""Write a ResNet in OpenVINO's operations: tensors and :class:`Architecture` -> ``openvino.Model``.

Nodes are named after timm's modules (``layer1.0.conv2``, ``layer1.0.act2``, ``layer1.0.se.fc1``); what has no module
of its own is ``layer1.0.add`` and so on. BatchNorm disappears into the convolution before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as ops
from numpy.typing import NDArray

from omz.converter.graph import NodeNames, added_bias, check_size, constant, explained, integers
from omz.converter.pytorch.architecture import Architecture, State
from omz.errors import ConversionError

INPUT, OUTPUT = "data", "logits"


def build_resnet(
    state: State,
    architecture: Architecture,
    image_size: tuple[int, int] = (224, 224),
    *,
    batch: int = 1,
) -> ov.Model:
    """Build the network for inference.

    Args:
        state: The tensors; not changed. They must be those of ``architecture``, as ``read_architecture`` makes sure.
        architecture: What network it is.
        image_size: Height and width; -1 for any.
        batch: Number of pictures; -1 for any.

    Returns:
        A model with one input ``data`` (batch, 3, H, W), normalized RGB, and one output ``logits`` (batch, classes).

    Raises:
        ConversionError: The statistics of a BatchNorm are impossible, or the picture is; names the layer.
    """
    builder = _Builder(state, architecture)
    parameter = ops.parameter(ov.PartialShape([batch, 3, *image_size]), np.float32, name=INPUT)
    parameter.output(0).get_tensor().set_names({INPUT})
    builder.names.take(parameter, INPUT)
    check_size(f"input {INPUT!r}", parameter.output(0))
    data = builder.stem(parameter.output(0))
    for stage, blocks in enumerate(architecture.layers):
        for block in range(blocks):
            data = builder.block(data, stage, block)
    logits = builder.head(data)
    logits.get_tensor().set_names({OUTPUT})
    result = ops.result(logits)
    result.set_friendly_name(f"{OUTPUT}/sink_port_0")
    return ov.Model([result], [parameter], "resnet")


class _Builder:
    """Adds one module after the other; each method takes and returns feature maps (N, C, H, W)."""

    def __init__(self, state: State, architecture: Architecture) -> None:
        self.names = NodeNames()
        self._state = state
        self._architecture = architecture

    def stem(self, data: ov.Output) -> ov.Output:
        """Add everything before the first stage; it makes the picture four times smaller."""
        if self._architecture.stem == "plain":
            data = self._convolution(data, "conv1", "bn1", stride=2)
        else:
            data = self._convolution(data, "conv1.0", "conv1.1", stride=2)
            data = self._relu(data, "conv1.2")
            data = self._convolution(data, "conv1.3", "conv1.4")
            data = self._relu(data, "conv1.5")
            data = self._convolution(data, "conv1.6", "bn1")
        data = self._relu(data, "act1")
        with explained("maxpool"):
            return self._named("maxpool", ops.max_pool(data, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]))

    def block(self, data: ov.Output, stage: int, block: int) -> ov.Output:
        """Add one residual block; it is the second convolution of a bottleneck that has the stride and the groups."""
        architecture = self._architecture
        at = f"layer{stage + 1}.{block}"
        stride = architecture.stride(stage, block)
        strided, grouped = ("conv2", "conv2") if architecture.block == "bottleneck" else ("conv1", None)
        branch = data
        for number, conv in enumerate(architecture.convolutions, start=1):
            if number > 1:
                branch = self._relu(branch, f"{at}.act{number - 1}")
            branch = self._convolution(
                branch,
                f"{at}.{conv}",
                f"{at}.bn{number}",
                stride=stride if conv == strided else 1,
                groups=architecture.cardinality if conv == grouped else 1,
            )
        if architecture.se != "none":
            branch = self._squeeze_and_excite(branch, at)
        if architecture.has_downsample(stage, block):
            data = self._downsample(data, f"{at}.downsample", stride)
        with explained(f"layer '{at}.add'"):
            data = self._named(f"{at}.add", ops.add(branch, data))
        return self._relu(data, f"{at}.act{len(architecture.convolutions)}")

    def head(self, data: ov.Output) -> ov.Output:
        """Add the average over the picture and the classifier, and return (N, classes)."""
        name = self._architecture.classifier
        pooled = self._named("global_pool", ops.reduce_mean(data, integers([2, 3], "axes"), False))
        return self._linear(pooled, name, bias=True)

    def _downsample(self, data: ov.Output, at: str, stride: int) -> ov.Output:
        """Add what makes the shortcut fit.

        An average at an odd edge is over the pixels that there are: timm rounds the size up and leaves padding out.
        """
        if not self._architecture.avg_down:
            return self._convolution(data, f"{at}.0", f"{at}.1", stride=stride)
        if stride != 1:
            pool = ops.avg_pool(data, [stride] * 2, [0, 0], [0, 0], [2, 2], True, rounding_type="ceil")
            data = self._named(f"{at}.0", pool)
        return self._convolution(data, f"{at}.1", f"{at}.2")

    def _squeeze_and_excite(self, data: ov.Output, at: str) -> ov.Output:
        """Weigh the channels by what two small layers make of their averages."""
        architecture = self._architecture
        convolutional = architecture.se == "conv"
        layer = self._pointwise if convolutional else self._linear
        se = architecture.se_names[0].partition(".")[0]
        reduce, expand = (f"{at}.{name}" for name in architecture.se_names)
        mean = ops.reduce_mean(data, integers([2, 3], "axes"), convolutional)
        squeezed = layer(self._named(f"{at}.{se}.mean", mean), reduce, bias=architecture.se_bias)
        excited = layer(self._relu(squeezed, f"{at}.{se}.act"), expand, bias=architecture.se_bias)
        gate = self._named(f"{at}.{se}.gate", ops.sigmoid(excited))
        if not convolutional:
            gate = ops.unsqueeze(gate, integers([2, 3], "axes")).output(0)
        return self._named(f"{at}.{se}", ops.multiply(data, gate))

    def _convolution(
        self, data: ov.Output, conv: str, norm: str, *, stride: int = 1, groups: int = 1
    ) -> ov.Output:
        """Add a convolution and the BatchNorm after it; padding leaves the size to the stride alone."""
        weights, bias = self._folded(conv, norm)
        pad = [(stride - 1 + weights.shape[2] - 1) // 2] * 2
        with explained(f"layer {conv!r}"):
            if groups > 1:
                grouped = weights.reshape(groups, -1, *weights.shape[1:])
                node = ops.group_convolution(
                    data, constant(grouped, "weights"), [stride] * 2, pad, pad, [1, 1]
                )
            else:
                node = ops.convolution(data, constant(weights, "weights"), [stride] * 2, pad, pad, [1, 1])
            output = added_bias(node.output(0), bias, 1)
        check_size(f"layer {conv!r}", output)
        return self._named(conv, output.get_node())

    def _folded(self, conv: str, norm: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return weights and bias of a convolution together with the BatchNorm after it.

        With coefficients in float64, and the result in float32::

            y = (W x - mean) * gamma / sqrt(variance + epsilon) + beta
        """
        gamma, beta, mean, variance = (
            self._state[f"{norm}.{role}"].astype(np.float64)
            for role in ("weight", "bias", "running_mean", "running_var")
        )
        if not (variance >= 0).all():
            raise ConversionError(f"tensor '{norm}.running_var' has numbers below 0, or NaN; no variance is")
        with np.errstate(all="ignore"):  # a network with infinities in it gives infinities, as in PyTorch
            scale = gamma / np.sqrt(variance + self._architecture.epsilon)
            weights = self._state[f"{conv}.weight"]
            along = scale.reshape(-1, 1, 1, 1)
            if weights.dtype != np.float64:
                along = along.astype(np.float32)
            folded = np.multiply(weights, along, dtype=np.float32, casting="unsafe")
            return folded, (beta - mean * scale).astype(np.float32)

    def _pointwise(self, data: ov.Output, name: str, *, bias: bool) -> ov.Output:
        """Add a 1x1 convolution."""
        weights = constant(self._floats(f"{name}.weight"), "weights")
        product = ops.convolution(data, weights, [1, 1], [0, 0], [0, 0], [1, 1])
        return self._named(name, self._biased(product, name, bias))

    def _linear(self, data: ov.Output, name: str, *, bias: bool) -> ov.Output:
        """Add a product with a matrix (outputs, inputs), to what has two axes."""
        weights = constant(self._floats(f"{name}.weight"), "weights")
        return self._named(name, self._biased(ops.matmul(data, weights, False, True), name, bias))

    def _biased(self, product: ov.Node, name: str, bias: bool) -> ov.Node:
        if not bias:
            return product
        return added_bias(product.output(0), self._floats(f"{name}.bias"), 1).get_node()

    def _relu(self, data: ov.Output, name: str) -> ov.Output:
        return self._named(name, ops.relu(data))

    def _floats(self, name: str) -> NDArray[np.float32]:
        """Return a tensor in single precision, as memory that OpenVINO can share; a copy only if need be."""
        values: NDArray[Any] = self._state[name]
        return np.require(values, np.float32, ["C", "A", "W"])

    def _named(self, name: str, node: ov.Node) -> ov.Output:
        outputs: Sequence[ov.Output] = node.outputs()
        self.names.name_layer(name, outputs)
        return outputs[0]
