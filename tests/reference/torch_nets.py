"""Full-size nets in PyTorch, layer by layer; a second implementation beside the NumPy interpreter.

Import it through ``pytest.importorskip("torch")``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name

from omz.converter.caffe.reference import active_layers


def run(
    net: Any,
    weights: Mapping[str, Sequence[np.ndarray]],
    inputs: Mapping[str, np.ndarray],
    dtype: torch.dtype = torch.float32,
) -> dict[str, np.ndarray]:
    """Return the blobs that no other layer consumes, by name; see :func:`reference.run`."""
    consumed = {name for message in net.layer for name in message.bottom if name not in message.top}
    blobs = {name: torch.from_numpy(np.ascontiguousarray(array)).to(dtype) for name, array in inputs.items()}
    with torch.inference_mode():
        for message in active_layers(net):
            if message.type == "Input":
                continue
            tensors = [
                torch.from_numpy(np.array(blob, np.float64)).to(dtype)
                for blob in weights.get(message.name, ())
            ]
            result = _layer(message, [blobs[name] for name in message.bottom], tensors)
            blobs.update(dict.fromkeys(message.top, result))
    return {name: blob.numpy() for name, blob in blobs.items() if name not in consumed}


def _layer(message: Any, x: list[torch.Tensor], w: list[torch.Tensor]) -> torch.Tensor:
    match message.type:
        case "Convolution":
            return _convolution(message.convolution_param, x[0], w)
        case "BatchNorm":
            scale = w[2].reshape(-1)[0].to(torch.float64)
            factor = 0.0 if scale == 0 else 1.0 / scale
            mean, variance = ((w[i].reshape(-1).to(torch.float64) * factor).to(x[0].dtype) for i in (0, 1))
            return F.batch_norm(x[0], mean, variance, eps=message.batch_norm_param.eps)
        case "Scale":
            return _scale(message.scale_param, x, w)
        case "ReLU":
            return F.leaky_relu(x[0], message.relu_param.negative_slope)
        case "Sigmoid":
            return torch.sigmoid(x[0])
        case "Pooling":
            return _pooling(message.pooling_param, x[0])
        case "Axpy":
            return torch.addcmul(x[2], x[0].reshape(*x[0].shape[:2], 1, 1), x[1])
        case "Eltwise":
            return _eltwise(message.eltwise_param, x)
        case "Concat":
            parameters = message.concat_param
            return torch.cat(
                x, parameters.concat_dim if parameters.HasField("concat_dim") else parameters.axis
            )
        case "Reshape":
            return _reshape(message.reshape_param, x[0])
        case "Flatten":
            return torch.flatten(x[0], message.flatten_param.axis, message.flatten_param.end_axis)
        case "InnerProduct":
            parameters = message.inner_product_param
            rows = torch.flatten(x[0], parameters.axis % x[0].ndim)
            matrix = w[0].reshape(-1, parameters.num_output).T if parameters.transpose else w[0]
            return F.linear(rows, matrix.reshape(parameters.num_output, -1), *[b.reshape(-1) for b in w[1:]])
        case "Softmax":
            return torch.softmax(x[0], message.softmax_param.axis)
        case "Dropout" | "Split":
            return x[0]
    raise NotImplementedError(f"layer {message.name!r} of type {message.type}")


def _convolution(parameters: Any, x: torch.Tensor, w: list[torch.Tensor]) -> torch.Tensor:
    def pair(values: Sequence[int], height: str, width: str, default: int) -> tuple[int, int]:
        if height and (parameters.HasField(height) or parameters.HasField(width)):
            return getattr(parameters, height), getattr(parameters, width)
        return (values[0], values[-1]) if values else (default, default)

    return F.conv2d(
        x,
        w[0].reshape(parameters.num_output, -1, *pair(parameters.kernel_size, "kernel_h", "kernel_w", 1)),
        w[1].reshape(-1) if parameters.bias_term else None,
        stride=pair(parameters.stride, "stride_h", "stride_w", 1),
        padding=pair(parameters.pad, "pad_h", "pad_w", 0),
        dilation=pair(parameters.dilation, "", "", 1),
        groups=parameters.group,
    )


def _scale(parameters: Any, x: list[torch.Tensor], w: list[torch.Tensor]) -> torch.Tensor:
    factors, *bias = [*x[1:], *w]
    axis = 0 if factors.ndim == 0 else parameters.axis % x[0].ndim
    shape = (*factors.shape, *[1] * (x[0].ndim - axis - factors.ndim))
    y = x[0] * factors.reshape(shape)
    return y + bias[0].reshape(shape) if parameters.bias_term else y


def _pooling(parameters: Any, x: torch.Tensor) -> torch.Tensor:
    average = parameters.pool == parameters.AVE
    if parameters.global_pooling:
        return x.mean((2, 3), keepdim=True) if average else x.amax((2, 3), keepdim=True)

    def pair(height: str, width: str, both: str) -> tuple[int, int]:
        if parameters.HasField(height):
            return getattr(parameters, height), getattr(parameters, width)
        return getattr(parameters, both), getattr(parameters, both)

    kernel = pair("kernel_h", "kernel_w", "kernel_size")
    stride = pair("stride_h", "stride_w", "stride")
    pad = pair("pad_h", "pad_w", "pad")
    ceil = parameters.round_mode == parameters.CEIL and parameters.ceil_mode
    if average:  # PyTorch's divisor with count_include_pad is Caffe's: padding counts, the overrun does not
        return F.avg_pool2d(x, kernel, stride, pad, ceil_mode=ceil, count_include_pad=True)
    # PyTorch limits max pooling's padding to half the kernel, so it is written out here.
    x = F.pad(x, (pad[1], pad[1], pad[0], pad[0]), value=-math.inf)
    y = F.max_pool2d(x, kernel, stride, 0, ceil_mode=ceil)
    # Windows that start behind the image and its leading padding do not count.
    rows, columns = (-(-(n - p) // s) for n, p, s in zip(x.shape[2:], pad, stride, strict=True))
    return y[:, :, : rows if pad[0] else None, : columns if pad[1] else None]


def _eltwise(parameters: Any, x: list[torch.Tensor]) -> torch.Tensor:
    stacked = torch.stack(x)
    if parameters.operation == parameters.MAX:
        return stacked.amax(0)
    if parameters.operation == parameters.PROD:
        return stacked.prod(0)
    if parameters.coeff:
        stacked = stacked * torch.tensor(list(parameters.coeff), dtype=stacked.dtype).reshape(
            -1, *[1] * x[0].ndim
        )
    return stacked.sum(0)


def _reshape(parameters: Any, x: torch.Tensor) -> torch.Tensor:
    start = parameters.axis if parameters.axis >= 0 else x.ndim + parameters.axis + 1
    end = x.ndim if parameters.num_axes == -1 else start + parameters.num_axes
    dims = [x.shape[start + place] if dim == 0 else dim for place, dim in enumerate(parameters.shape.dim)]
    return x.reshape(*x.shape[:start], *dims, *x.shape[end:])
