"""The frontend as one function: two files -> ``openvino.Model``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import openvino as ov

from omz.converter.caffe.caffemodel import no_weights, read_caffemodel
from omz.converter.caffe.emit import emit, refuse_unsupported
from omz.converter.caffe.folding import fold
from omz.converter.caffe.net import Net, listed, with_input_shapes, with_outputs
from omz.converter.caffe.net_builder import build_net
from omz.converter.caffe.prototxt import read_prototxt
from omz.converter.caffe.weights import with_weights
from omz.errors import ConversionError, ShapeError, located

log = logging.getLogger(__name__)


def convert(
    prototxt: Path,
    caffemodel: Path,
    *,
    input_shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]] = (),
    outputs: Sequence[str] = (),
    batch: int | None = None,
    stages: Sequence[str] = (),
    fuse: bool = True,
) -> ov.Model:
    """Convert a Caffe network.

    Args:
        prototxt: The network definition; of a training net, what is needed for inference is taken.
        caffemodel: Its weights, binary or text.
        input_shapes: Shapes by input name, or in the order of the inputs, in place of the prototxt's.
        outputs: Blobs or layers to end the net at; the net's own ends if empty.
        batch: First dimension of every input, -1 for any; the prototxt's if None.
        stages: Of the net's state, beside those that the prototxt states.
        fuse: Fold BatchNorm, Scale, Bias and Power into the weights of the layers beside them.

    Returns:
        A model whose weights may still be views on the mapped caffemodel.

    Raises:
        ConversionError: Or one of its kinds: see :mod:`omz.errors`; the message starts with the file's name.
    """
    net, known = inference_net(prototxt, input_shapes, outputs, batch, stages)
    weights = read_caffemodel(caffemodel)
    with located(f"{prototxt} with {caffemodel.name}"):
        net = with_weights(net, weights)
        try:
            model = emit(fold(net) if fuse else net)
        except ShapeError as error:
            if weights:
                raise
            raise no_weights(caffemodel) from error
    if unused := [name for name in weights if name not in known]:
        log.info("%s: not in the prototxt and so not used: %s", caffemodel, listed(unused))
    return model


def inference_net(
    prototxt: Path,
    input_shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]] = (),
    outputs: Sequence[str] = (),
    batch: int | None = None,
    stages: Sequence[str] = (),
) -> tuple[Net, frozenset[str]]:
    """Read a network and cut it down to what its outputs need; the arguments are those of :func:`convert`.

    Returns:
        The net, without weights, and the names of all layers that take part in inference, needed or not.

    Raises:
        ConversionError: Or one of its kinds; the message starts with the file's name.
    """
    message = read_prototxt(prototxt)
    with located(str(prototxt)):
        whole = build_net(message, stages)
        net = with_outputs(whole, outputs)
        refuse_unsupported(net)
        net = with_input_shapes(net, _by_name(net, whole, input_shapes), batch)
    if net.offers and not outputs:
        log.info(
            "%s: training ends in a loss, which is left out; its Softmax can be had with --output=%s",
            prototxt,
            ",".join(net.offers),
        )
    for name, before in () if outputs else net.sigmoids.items():
        log.info(
            "%s: training ends in a SigmoidCrossEntropyLoss, and the IR in its Sigmoid, output %s; --output=%s ends "
            "before it",
            prototxt,
            name,
            before,
        )
    return net, frozenset(layer.name for layer in whole.layers)


def _by_name(
    net: Net, whole: Net, shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]]
) -> Mapping[str, Sequence[int]]:
    """Return the shapes for the inputs of ``net``; some may have been stated for inputs that only training needs."""
    if not isinstance(shapes, Mapping):
        inputs = net.inputs if len(shapes) in (0, len(net.inputs)) else whole.inputs
        if len(shapes) not in (0, len(inputs)):
            raise ConversionError(f"{len(shapes)} shapes for {len(net.inputs)} inputs ({listed(net.inputs)})")
        shapes = dict(zip(inputs, shapes, strict=False))
    return {name: shape for name, shape in shapes.items() if name in net.inputs or name not in whole.inputs}
