"""The translators: one small function per Caffe layer type, grouped by family.

Importing this package registers them all; ``__all__`` keeps the imports from looking unused.
"""

from omz.converter.caffe.layers import (
    activation,
    convolution,
    dense,
    elementwise,
    normalization,
    pooling,
    power,
    reduction,
    resize,
    response,
    shape,
)

__all__ = [
    "activation",
    "convolution",
    "dense",
    "elementwise",
    "normalization",
    "pooling",
    "power",
    "reduction",
    "resize",
    "response",
    "shape",
]
