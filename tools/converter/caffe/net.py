"""The network as a graph: ``NetParameter`` -> :class:`Net`.

What Caffe does when it sets up a net, as plain data: layers of other phases are left out, the old ways to state
inputs and layers are brought to today's form, and layers that work in place get names of their own for what they
put out. The rules are those of Caffe's ``net.cpp`` and ``upgrade_proto.cpp``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omz.converter.caffe.caffe_pb2 import (
    LayerParameter,
    NetParameter,
    NetState,
    NetStateRule,
    V1LayerParameter,
)
from omz.converter.caffe.caffemodel import Blob
from omz.errors import ConversionError, ParseError, ShapeError

#: Types whose names today are not the capitalized words of the V1 enumeration.
_V1_TYPES = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}


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
            takes over later has none.
        outputs: What the net is run for: ids of blobs, by the name that each output goes by.
    """

    name: str
    inputs: Mapping[str, tuple[int, ...]]
    layers: tuple[Layer, ...]
    names: Mapping[str, str]
    outputs: Mapping[str, str]

    def consumers(self) -> dict[str, int]:
        """Return how often each blob is read; being an output counts."""
        counts: dict[str, int] = {}
        for layer in self.layers:
            for bottom in layer.bottoms:
                counts[bottom] = counts.get(bottom, 0) + 1
        for output in self.outputs.values():
            counts[output] = counts.get(output, 0) + 1
        return counts


def build_net(message: NetParameter) -> Net:
    """Build the graph of a network for inference.

    Raises:
        ParseError: A layer reads a blob that no layer before it makes, or the like; names the layer.
    """
    inputs: dict[str, tuple[int, ...]] = _legacy_inputs(message)
    current = {name: name for name in inputs}  # blob name -> id of what it holds at this point
    ids = set(inputs)
    versions: Counter[str] = Counter()
    unread = dict.fromkeys(inputs)  # ids that nobody has read yet, in order
    layers: list[Layer] = []
    for params in _todays_layers(message):
        if not _included(params, message.state):
            continue
        name, tops = params.name, list(params.top)
        _check_names(name, *tops)
        if params.type == "Input":
            for top, shape in zip(tops, _input_shapes(params), strict=True):
                if top in current:
                    raise ParseError(f"layer {name!r}: the blob {top!r} is made twice")
                inputs[top] = shape
                current[top] = top
                ids.add(top)
                unread[top] = None
            continue
        missing = [bottom for bottom in params.bottom if bottom not in current]
        if missing:
            raise ParseError(
                f"layer {name!r} ({params.type}) reads the blob {missing[0]!r}, which no layer before it makes"
            )
        bottoms = tuple(current[bottom] for bottom in params.bottom)
        for bottom in bottoms:
            unread.pop(bottom, None)
        if len(set(tops)) < len(tops):
            raise ParseError(f"layer {name!r} ({params.type}) makes the blob {tops[0]!r} twice")
        for top in tops:
            if top in current and top not in params.bottom:
                raise ParseError(f"layer {name!r} ({params.type}): the blob {top!r} is made twice")
            current[top] = _fresh(top, ids, versions)
            unread[current[top]] = None
        layers.append(Layer(name, params.type, bottoms, tuple(current[top] for top in tops), params))
    if not layers:
        raise ParseError("no layer is left for inference (phase TEST)")
    names = {blob: name for name, blob in current.items()}
    outputs = {names[blob]: blob for blob in unread if blob not in inputs}
    return Net(message.name, inputs, tuple(layers), names, outputs)


def with_weights(net: Net, weights: Mapping[str, Sequence[Blob]]) -> Net:
    """Give each layer its weights, by name, as Caffe does; what the net does not have is not used."""
    layers = tuple(replace(layer, blobs=tuple(weights.get(layer.name, ()))) for layer in net.layers)
    return replace(net, layers=layers)


def with_input_shapes(net: Net, shapes: Mapping[str, Sequence[int]]) -> Net:
    """Replace the shapes of inputs.

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
        if any(dimension == 0 or dimension < -1 for dimension in shape):
            raise ShapeError(
                f"input {name!r}: dimensions must be positive (or -1 for any), got {list(shape)}"
            )
    return replace(net, inputs=inputs)


def with_outputs(net: Net, wanted: Sequence[str]) -> Net:
    """Keep what the wanted outputs need; without any, the net's own outputs.

    Args:
        net: A network.
        wanted: Names of blobs or layers; of a layer, its first top is taken.

    Raises:
        ConversionError: There is no such blob or layer, or the net has no output at all.
    """
    outputs = dict(net.outputs)
    if wanted:
        by_name = {layer.name: layer.tops[0] for layer in net.layers if layer.tops}
        by_name |= {name: blob for blob, name in net.names.items() if blob not in net.inputs}
        unknown = [name for name in wanted if name not in by_name]
        if unknown:
            raise ConversionError(
                f"the net has no layer or blob {unknown[0]!r}; it ends in {listed(outputs)}"
            )
        outputs = {name: by_name[name] for name in wanted}
    if not outputs:
        raise ConversionError("the net has no output: every blob that it makes is read by a layer")
    return pruned(replace(net, outputs=outputs))


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


def _check_names(*names: str) -> None:
    """Refuse names that no IR could hold: control characters are not allowed in XML."""
    for name in names:
        if not name.isprintable():
            raise ParseError(f"the name {name!r} of a layer or blob has characters that are not printable")


def _fresh(name: str, ids: set[str], versions: Counter[str]) -> str:
    """Return an id that no blob has yet: the name itself, or with the number of the version."""
    blob = name
    while blob in ids:
        versions[name] += 1
        blob = f"{name}:{versions[name]}"
    ids.add(blob)
    return blob


def _legacy_inputs(message: NetParameter) -> dict[str, tuple[int, ...]]:
    """Read ``input:`` with ``input_shape`` or four ``input_dim`` each."""
    names = list(message.input)
    _check_names(*names)
    if len(set(names)) < len(names):
        raise ParseError(f"the input {max(names, key=names.count)!r} is named twice")
    shapes: list[tuple[int, ...]] = [tuple(shape.dim) for shape in message.input_shape]
    if not shapes and message.input_dim:
        dims = list(message.input_dim)
        if len(dims) != 4 * len(names):
            raise ParseError(f"{len(dims)} input_dim for {len(names)} input: expected four for each")
        shapes = [tuple(dims[i : i + 4]) for i in range(0, len(dims), 4)]
    if not shapes:
        shapes = [()] * len(names)
    if len(shapes) != len(names):
        raise ParseError(f"{len(shapes)} input_shape for {len(names)} input: expected one for each")
    return dict(zip(names, shapes, strict=True))


def _input_shapes(params: LayerParameter) -> list[tuple[int, ...]]:
    """Return a shape for each top of an Input layer; one shape serves all."""
    shapes = [tuple(shape.dim) for shape in params.input_param.shape]
    if len(shapes) == 1:
        shapes *= len(params.top)
    if not shapes:
        shapes = [()] * len(params.top)
    if len(shapes) != len(params.top):
        raise ParseError(
            f"layer {params.name!r} (Input) has {len(params.top)} tops and {len(shapes)} shapes; "
            "expected one shape, or one for each"
        )
    return shapes


def _included(params: LayerParameter, state: NetState) -> bool:
    """Tell whether a layer belongs to the net at inference: phase TEST, level and stages as the file states."""
    if params.include:
        return any(_meets(rule, state) for rule in params.include)
    return not any(_meets(rule, state) for rule in params.exclude)


def _meets(rule: NetStateRule, state: NetState) -> bool:
    from omz.converter.caffe.caffe_pb2 import TEST

    stages = set(state.stage)
    return (
        (not rule.HasField("phase") or rule.phase == TEST)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and stages.issuperset(rule.stage)
        and stages.isdisjoint(rule.not_stage)
    )


def _todays_layers(message: NetParameter) -> Iterable[LayerParameter]:
    if message.layer and message.layers:
        raise ParseError("the net has both 'layer' and 'layers'; Caffe reads only one of the two")
    return message.layer or map(_upgraded, message.layers)


def _upgraded(old: V1LayerParameter) -> LayerParameter:
    """Bring a V1 layer to today's form; the parameter messages are the same in both."""
    new = LayerParameter(
        name=old.name, bottom=old.bottom, top=old.top, include=old.include, exclude=old.exclude
    )
    enumerated = V1LayerParameter.LayerType.Name(old.type)
    new.type = _V1_TYPES.get(enumerated) or "".join(word.capitalize() for word in enumerated.split("_"))
    for field, value in old.ListFields():
        if field.name.endswith("_param"):
            _copy(getattr(new, field.name), value)
    return new


def _copy(target: Any, value: Any) -> None:  # noqa: ANN401 - any of the parameter messages
    target.CopyFrom(value)


def listed(names: Iterable[str]) -> str:
    """Return the first few names, quoted, and how many more there are."""
    names = list(names)
    shown = ", ".join(repr(name[:80]) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
