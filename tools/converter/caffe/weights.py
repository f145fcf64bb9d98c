"""Which layer gets which weights of a caffemodel: its own, or those that it shares with others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from omz.converter.caffe.caffe_pb2 import ParamSpec
from omz.converter.caffe.caffemodel import Blob
from omz.converter.caffe.net import Net
from omz.errors import ConversionError, ParseError, ShapeError

#: Numbers of weights that further layers share (``param { name }``), beside three times those of the caffemodel: what a
#: layer makes of its weights, such as a folded copy, it makes for itself.
MAX_SHARED_NUMBERS = 1 << 26


def with_weights(net: Net, weights: Mapping[str, Sequence[Blob]]) -> Net:
    """Give each layer its weights, by name, as Caffe does; what the net does not have is not used.

    Blobs that layers share are those of the last layer in the file that has them: Caffe copies in that order into one
    and the same memory.

    Raises:
        ParseError: Two layers go by the name of one that has weights.
    """
    counts = Counter(layer.name for layer in net.layers if layer.name in weights)
    if counts and counts.most_common(1)[0][1] > 1:
        twice = counts.most_common(1)[0][0]
        raise ParseError(f"two layers are named {twice!r}; which of them the weights are for cannot be told")
    common = _common_blobs(net, weights)
    layers = []
    for layer in net.layers:
        blobs = list(weights.get(layer.name, ()))
        for number, blob in common.get(layer.name, ()):
            own = blobs[number].shape if number < len(blobs) else blob.shape
            blobs[number : number + 1] = [blob.reshape(own)]
        layers.append(replace(layer, blobs=tuple(blobs)))
    return replace(net, layers=tuple(layers))


def _common_blobs(net: Net, weights: Mapping[str, Sequence[Blob]]) -> dict[str, list[tuple[int, Blob]]]:
    """Return, for each layer that shares blobs with others, their numbers and the blobs."""
    order = {name: number for number, name in enumerate(weights)}
    common: dict[str, list[tuple[int, Blob]]] = {}
    numbers_left = 3 * sum(blob.size for blobs in weights.values() for blob in blobs) + MAX_SHARED_NUMBERS
    for places in net.shared.values():
        there = [
            (order[name], name, number) for name, number in places if number < len(weights.get(name, ()))
        ]
        if len(places) > 1 and there:
            _check_shapes(net, weights, places)
            _, owner, at = max(there)
            numbers_left -= len(places) * weights[owner][at].size
            if numbers_left < 0:
                raise ConversionError(
                    f"layer {owner!r} shares a blob of {weights[owner][at].size} numbers with "
                    f"{len(places) - 1} others; the shared weights are too large for a caffemodel of this size"
                )
            for name, number in places:
                common.setdefault(name, []).append((number, weights[owner][at]))
    return common


def _check_shapes(net: Net, weights: Mapping[str, Sequence[Blob]], places: Sequence[tuple[str, int]]) -> None:
    """Refuse layers that share weights of different shapes, unless a layer allows that (``share_mode: PERMISSIVE``).

    Raises:
        ShapeError: Names the layer; ``net.cpp`` compares each with the first that has the weights.
    """
    params = {layer.name: layer.params.param for layer in net.layers}
    there = [(name, number) for name, number in places if number < len(weights.get(name, ()))]
    first, of_first = there[0][0], weights[there[0][0]][there[0][1]]
    for name, number in there[1:]:
        blob = weights[name][number]
        allowed = name in params and params[name][number].share_mode == ParamSpec.PERMISSIVE
        shapes = [[size for size in one.shape if size != 1] for one in (blob, of_first)]
        if blob.size != of_first.size or not (allowed or shapes[0] == shapes[1]):
            raise ShapeError(
                f"layer {name!r} shares a blob of shape {of_first.shape} with layer {first!r}, but has it as "
                f"{blob.shape}; that needs as many numbers, and share_mode: PERMISSIVE"
            )
