"""The frontend as one function: two files -> ``openvino.Model``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import openvino as ov

from omz.converter.caffe.caffemodel import read_caffemodel
from omz.converter.caffe.emit import emit, refuse_unsupported
from omz.converter.caffe.folding import fold
from omz.converter.caffe.net import Net, build_net, listed, with_input_shapes, with_outputs, with_weights
from omz.converter.caffe.prototxt import read_prototxt
from omz.errors import ConversionError, located

log = logging.getLogger(__name__)


def convert(
    prototxt: Path,
    caffemodel: Path,
    *,
    input_shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]] = (),
    outputs: Sequence[str] = (),
    fuse: bool = True,
) -> ov.Model:
    """Convert a Caffe network.

    Args:
        prototxt: The network definition (deploy form).
        caffemodel: Its weights, in binary form.
        input_shapes: Shapes by input name, or in the order of the inputs, in place of the prototxt's.
        outputs: Blobs or layers to end the net at; the net's own ends if empty.
        fuse: Fold BatchNorm and Scale into the weights of the layers before them.

    Returns:
        A model whose weights may still be views on the mapped caffemodel.

    Raises:
        ConversionError: Or one of its kinds: see :mod:`omz.errors`; the message starts with the file's name.
    """
    message = read_prototxt(prototxt)
    with located(str(prototxt)):
        net = build_net(message)
        known = {layer.name for layer in net.layers}
        net = with_input_shapes(net, _by_name(net, input_shapes))
        net = with_outputs(net, outputs)
        refuse_unsupported(net)
    weights = read_caffemodel(caffemodel)
    with located(f"{prototxt} with {caffemodel.name}"):
        net = with_weights(net, weights)
        model = emit(fold(net) if fuse else net)
    if unused := [name for name in weights if name not in known]:
        log.info("%s: not in the prototxt and so not used: %s", caffemodel, listed(unused))
    return model


def _by_name(
    net: Net, shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]]
) -> Mapping[str, Sequence[int]]:
    if isinstance(shapes, Mapping):
        return shapes
    if shapes and len(shapes) != len(net.inputs):
        raise ConversionError(f"{len(shapes)} shapes for {len(net.inputs)} inputs ({', '.join(net.inputs)})")
    return dict(zip(net.inputs, shapes, strict=False))
