"""Caffe's layers in NumPy, written from Caffe's definition of each: what the translators are compared with.

It shares nothing with them: neither OpenVINO nor :mod:`omz.converter.caffe.layers` nor :mod:`omz.converter.caffe.net`
is imported. ``--verify`` runs it, and so do the tests. Clarity and accuracy come before speed; what large nets spend
their time on, matrix products, is NumPy's.
"""

from omz.converter.caffe.reference import (
    activations,
    arrangement,
    combination,
    convolution,
    interpolation,
    normalization,
    pooling,
)
from omz.converter.caffe.reference.interpreter import active_layers, needed_layers, run, trace
from omz.converter.caffe.reference.registry import LAYERS, forward

__all__ = [
    "LAYERS",
    "activations",
    "active_layers",
    "arrangement",
    "combination",
    "convolution",
    "forward",
    "interpolation",
    "needed_layers",
    "normalization",
    "pooling",
    "run",
    "trace",
]
