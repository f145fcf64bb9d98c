"""A network as a graph, and what can be asked of it: shapes of its inputs, and where it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from omz.converter.caffe.caffe_pb2 import LayerParameter
from omz.converter.caffe.caffemodel import Blob
from omz.converter.caffe.inputs import Shape
from omz.errors import ConversionError, ParseError, ShapeError
from omz.suggestions import did_you_mean

#: Bottoms of a layer, tops of a layer, inputs or outputs of the net; OpenVINO's time grows with their square.
MAX_BLOBS = 1_000


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes:
        name: As in the prototxt.
        type: Caffe's name of the layer type, such as ``Convolution``.
        bottoms: Ids of the blobs that it reads.
        tops: Ids of the blobs that it makes; no two layers of a net make the same.
        params: The layer's message; only the parameters of its type are of interest.
        blobs: Its weights.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    params: LayerParameter
    blobs: tuple[Blob, ...] = ()

    def __str__(self) -> str:
        return f"layer {self.name!r} ({self.type})"


@dataclass(frozen=True, slots=True)
class Net:
    """A network, its layers in an order in which they can run.

    Attributes:
        name: As in the prototxt.
        inputs: Shape of each input blob, by its id, which is its name.
        layers: Every layer but the inputs.
        names: The blob name of the prototxt that each id stands for in the end; an id whose name an in-place layer
            takes over later has none, and an input keeps its own.
        outputs: What the net is run for: ids of blobs, by the name that each output goes by.
        offers: Outputs to be had on request: the Softmax of each SoftmaxWithLoss, by that layer's name.
        shared: Weights that several layers have in common (``param { name }``): for each name, the places (layer name,
            number of the blob).
        sigmoids: Outputs that are the Sigmoid of a SigmoidCrossEntropyLoss, by that layer's name: the name of the blob
            before it.
    """

    name: str
    inputs: Mapping[str, Shape]
    layers: tuple[Layer, ...]
    names: Mapping[str, str]
    outputs: Mapping[str, str]
    offers: Mapping[str, Layer] = field(default_factory=dict)
    shared: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    sigmoids: Mapping[str, str] = field(default_factory=dict)

    def consumers(self) -> dict[str, int]:
        """Return how often each blob is read; being an output counts."""
        counts: dict[str, int] = {}
        for layer in self.layers:
            for bottom in layer.bottoms:
                counts[bottom] = counts.get(bottom, 0) + 1
        for output in self.outputs.values():
            counts[output] = counts.get(output, 0) + 1
        return counts


def with_input_shapes(net: Net, shapes: Mapping[str, Sequence[int]], batch: int | None = None) -> Net:
    """Replace the shapes of inputs.

    Args:
        net: A network.
        shapes: By the name of the input; the net's own for the others.
        batch: First dimension of every input, -1 for any; None leaves it.

    Raises:
        ConversionError: There is no such input.
        ShapeError: An input that is left has no shape, or one that cannot be.
    """
    unknown = sorted(set(shapes) - set(net.inputs))
    if unknown:
        raise ConversionError(f"the net has no input {unknown[0]!r}; its inputs are {listed(net.inputs)}")
    inputs = {name: tuple(shapes.get(name, shape)) for name, shape in net.inputs.items()}
    for name, shape in inputs.items():
        if not shape:
            raise ShapeError(f"input {name!r} has no shape. Give it with --input_shape.")
        if batch is not None:
            inputs[name] = shape = (batch, *shape[1:])
        if any(dimension == 0 or not -1 <= dimension < 1 << 31 for dimension in shape):
            raise ShapeError(
                f"input {name!r}: dimensions must be positive (or -1 for any) and below 2^31, got {list(shape)}"
            )
    return replace(net, inputs=inputs)


def with_outputs(net: Net, wanted: Sequence[str]) -> Net:
    """Keep what the wanted outputs need; without any, the net's own outputs.

    Args:
        net: A network.
        wanted: Names of blobs or layers; of a layer, its first top is taken. A SoftmaxWithLoss stands for the Softmax
            in it.

    Raises:
        ConversionError: There is no such blob or layer, or the net has no output at all.
    """
    outputs = dict(net.outputs)
    layers = list(net.layers)
    if wanted:
        by_name = {name: layer.tops[0] for name, layer in net.offers.items()}
        by_name |= {layer.name: layer.tops[0] for layer in net.layers if layer.tops}
        by_name |= {name: blob for blob, name in net.names.items() if blob not in net.inputs}
        unknown = [name for name in wanted if name not in by_name]
        if unknown:
            meant = did_you_mean(unknown[0], filter(str.isprintable, by_name))
            raise ConversionError(
                f"the net has no layer or blob {unknown[0]!r}.{meant} It ends in {listed(outputs)}"
            )
        outputs = {name: by_name[name] for name in wanted}
        layers += [layer for layer in net.offers.values() if layer.tops[0] in outputs.values()]
    if not outputs:
        raise ConversionError("the net has no output: every blob that it makes is read by a layer")
    for what, there in (("inputs", net.inputs), ("outputs", outputs)):
        if len(there) > MAX_BLOBS:
            raise ParseError(f"the net has {len(there)} {what}; more than {MAX_BLOBS} are refused")
    return pruned(replace(net, layers=tuple(layers), outputs=outputs))


def pruned(net: Net) -> Net:
    """Leave out the layers and inputs that no output depends on."""
    needed = set(net.outputs.values())
    layers: list[Layer] = []
    for layer in reversed(net.layers):
        if needed.intersection(layer.tops):
            needed.update(layer.bottoms)
            layers.append(layer)
    inputs = {name: shape for name, shape in net.inputs.items() if name in needed}
    return replace(net, inputs=inputs, layers=tuple(reversed(layers)))


def listed(names: Iterable[str]) -> str:
    """Return the first few names, quoted, and how many more there are."""
    names = list(names)
    shown = ", ".join(repr(name[:80]) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
