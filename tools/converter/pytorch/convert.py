"""The frontend as one function: a checkpoint -> ``openvino.Model``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import openvino as ov

from omz.converter.pytorch.architecture import read_architecture
from omz.converter.pytorch.checkpoint import read_checkpoint
from omz.converter.pytorch.declaration import with_declared
from omz.converter.pytorch.resnet import INPUT, build_resnet
from omz.errors import ConversionError, ShapeError, located

log = logging.getLogger(__name__)


def convert(
    checkpoint: Path,
    *,
    declared: Mapping[str, object] | None = None,
    input_shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]] = (),
    batch: int | None = None,
) -> ov.Model:
    """Convert a checkpoint of timm's ResNet family. Nothing in it is run, and PyTorch is not needed.

    Args:
        checkpoint: A ``.pth``, ``.pt`` or ``.safetensors`` file.
        declared: What a descriptor says of the network: fields of ``Architecture``, checked against the file.
        input_shapes: The shape of the input, by its name ``data`` or alone; (1, 3, 224, 224) if empty.
        batch: The first dimension of the input in place of that in its shape; -1 for any.

    Returns:
        A model with one input ``data`` (N, 3, H, W), normalized RGB, and one output ``logits`` (N, classes), whose
        weights may still be views on the mapped file.

    Raises:
        ConversionError: Or one of its kinds: see :mod:`omz.errors`; the message starts with the file's name.
    """
    state = read_checkpoint(checkpoint)
    with located(str(checkpoint)):
        stated, height, width = _input_shape(input_shapes)
        architecture = with_declared(read_architecture(state), declared or {}, state)
        log.debug("%s: %s", checkpoint, architecture)
        return build_resnet(state, architecture, (height, width), batch=stated if batch is None else batch)


def _input_shape(shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]]) -> tuple[int, int, int]:
    """Return batch size, height and width."""
    if not shapes:
        return 1, 224, 224
    names = list(shapes) if isinstance(shapes, Mapping) else [INPUT] * len(shapes)
    if names != [INPUT]:
        raise ConversionError(f"a ResNet has one input, {INPUT!r}; shapes are given for {', '.join(names)}")
    shape = shapes[INPUT] if isinstance(shapes, Mapping) else shapes[0]
    if len(shape) != 4 or shape[1] != 3 or any(size == 0 or size < -1 for size in shape):
        raise ShapeError(f"input {INPUT!r} of shape {list(shape)}; expected [N, 3, H, W], -1 for any")
    return shape[0], shape[2], shape[3]
