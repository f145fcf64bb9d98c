"""The two batch normalizations, at inference: what their blobs amount to, a scale and a shift per channel."""

from __future__ import annotations

import numpy as np

from omz.converter.caffe.caffe_pb2 import BNParameter
from omz.converter.caffe.caffemodel import Blob
from omz.converter.caffe.net import Layer
from omz.errors import ShapeError, UnsupportedLayerError


def batchnorm_coefficients(layer: Layer) -> tuple[Blob, Blob]:
    """Return the scale and shift (C,), in float64, of a BatchNorm layer at inference.

    Caffe stores sums of mean and variance together with the factor to divide them by (``batch_norm_layer.cpp``)::

        y = (x - mean / factor) / sqrt(variance / factor + eps),    or 0 in place of 1 / factor if that is 0

    Raises:
        ShapeError: The three blobs do not fit together.
        UnsupportedLayerError: The layer asks for the statistics of the batch, not of the training.
    """
    parameters = layer.params.batch_norm_param
    if parameters.HasField("use_global_stats") and not parameters.use_global_stats:
        raise UnsupportedLayerError(
            f"{layer}: use_global_stats: false asks for the statistics of each batch, "
            "which is training. Set it to true, or leave it out."
        )
    if len(layer.blobs) != 3:
        raise ShapeError(f"{layer}: has {len(layer.blobs)} blobs, expected 3 (mean, variance, factor)")
    mean, variance, factor = (blob.ravel().astype(np.float64) for blob in layer.blobs)
    if mean.size != variance.size or factor.size != 1:
        raise ShapeError(
            f"{layer}: mean {layer.blobs[0].shape}, variance {layer.blobs[1].shape} and factor "
            f"{layer.blobs[2].shape} do not fit together; expected (C,), (C,) and (1,)"
        )
    weight = 0.0 if factor[0] == 0 else 1.0 / factor[0]
    with np.errstate(all="ignore"):  # a net with infinities in it gives infinities, as in Caffe
        scale = 1.0 / np.sqrt(variance * weight + parameters.eps)
        return scale, -mean * weight * scale


def bn_coefficients(layer: Layer) -> tuple[Blob, Blob]:
    """Return the scale and shift (C,), in float64, of a BN layer at inference.

    1. Slope, bias, mean and variance (yjxiong/caffe, hszhao/PSPNet, ChenglongChen/batch_normalization)::

        y = slope * (x - mean) / sqrt(variance + eps) + bias

       ``eps`` is ``var_eps`` in some forks; nothing tells the forks apart if neither is stated, so 1e-5 serves all.

    2. Scale and shift, which say it all if ``bn_mode: INFERENCE`` is stated (alexgkendall/caffe-segnet).

    Raises:
        ShapeError: The blobs are not as many, or differ in size.
        UnsupportedLayerError: In case 2, ``bn_mode`` is LEARN, its default.
    """
    parameters = layer.params.bn_param
    merged = is_merged(layer)
    if merged and parameters.bn_mode != BNParameter.INFERENCE:
        raise UnsupportedLayerError(
            f"{layer}: bn_mode: LEARN, the default, asks for the statistics of each batch, which is training. "
            "Merge the statistics into the weights and state bn_mode: INFERENCE."
        )
    blobs = [blob.ravel().astype(np.float64) for blob in layer.blobs]
    wanted = 2 if merged else 4
    if len(blobs) != wanted or len({blob.size for blob in blobs}) != 1:
        raise ShapeError(
            f"{layer}: has blobs of {[blob.size for blob in blobs]} numbers, expected {wanted} of one size"
        )
    if merged:
        return blobs[0], blobs[1]
    slope, bias, mean, variance = blobs
    eps = parameters.var_eps if parameters.HasField("var_eps") else parameters.eps
    with np.errstate(all="ignore"):  # a net with infinities in it gives infinities, as in Caffe
        scale = slope / np.sqrt(variance + eps)
        return scale, bias - mean * scale


def is_merged(layer: Layer) -> bool:
    """Tell whether a BN layer is of the fork that merges the statistics into two blobs."""
    return layer.params.bn_param.HasField("bn_mode") or len(layer.blobs) == 2
