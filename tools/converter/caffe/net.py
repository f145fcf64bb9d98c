"""The network as a graph: ``NetParameter`` -> :class:`Net`.

What Caffe does when it sets up a net for inference, as plain data: layers of other phases are left out, layers that
read data become inputs, layers that only training needs go, and layers that work in place get names of their own for
what they put out. The rules are those of Caffe's ``net.cpp``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from omz.converter.caffe.caffe_pb2 import LayerParameter, NetParameter, ParamSpec
from omz.converter.caffe.caffemodel import Blob
from omz.converter.caffe.inputs import Shape, input_shapes, is_input, legacy_inputs
from omz.converter.caffe.upgrade import inference_layers
from omz.errors import ConversionError, ParseError, ShapeError

#: Published nets have at most a few thousand layers. OpenVINO needs up to 40 kB of memory for one.
MAX_LAYERS = 10_000
#: Bottoms and tops of all layers.
MAX_CONNECTIONS = 50_000
#: Bottoms of a layer, tops of a layer, inputs or outputs of the net; OpenVINO's time grows with their square.
MAX_BLOBS = 1_000
#: Numbers of weights that further layers share (``param { name }``), beside three times those of the caffemodel: what a
#: layer makes of its weights, such as a folded copy, it makes for itself.
MAX_SHARED_NUMBERS = 1 << 26
#: Layers that measure or store, whatever a fork calls its own.
_TRAINING_ENDINGS = ("Loss", "Accuracy", "HDF5Output")
#: What labels go through on their way to a loss.
_REARRANGING = frozenset({"Slice", "Split", "Flatten", "Reshape", "Permute", "Concat"})


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
    """

    name: str
    inputs: Mapping[str, Shape]
    layers: tuple[Layer, ...]
    names: Mapping[str, str]
    outputs: Mapping[str, str]
    offers: Mapping[str, Layer] = field(default_factory=dict)
    shared: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)

    def consumers(self) -> dict[str, int]:
        """Return how often each blob is read; being an output counts."""
        counts: dict[str, int] = {}
        for layer in self.layers:
            for bottom in layer.bottoms:
                counts[bottom] = counts.get(bottom, 0) + 1
        for output in self.outputs.values():
            counts[output] = counts.get(output, 0) + 1
        return counts


def build_net(message: NetParameter, stages: Sequence[str] = ()) -> Net:
    """Build the graph of a network for inference.

    Args:
        message: The network definition.
        stages: Of the net's state, beside those that the file states (``include { stage: "deploy" }``).

    Raises:
        ParseError: A layer reads a blob that no layer before it makes, or the like; names the layer.
    """
    messages = list(inference_layers(message, stages))
    _check_extent(messages)
    builder = _Builder(messages)
    for name, shape in legacy_inputs(message).items():
        builder.add_input(name, shape)
    for params in messages:
        builder.add(params)
    return builder.finished(message.name)


class _Builder:
    """Takes layers in the order of the file; blobs get ids, one for each time that their name is made."""

    def __init__(self, messages: Sequence[LayerParameter]) -> None:
        self._messages = messages
        self._inputs: dict[str, Shape] = {}
        self._layers: list[Layer] = []
        self._offers: dict[str, Layer] = {}
        self._shared: dict[str, list[tuple[str, int]]] = {}
        self._current: dict[str, str] = {}  # blob name -> id of what it holds at this point
        self._ids: set[str] = set()
        self._versions: Counter[str] = Counter()
        self._unread: dict[str, None] = {}  # ids that nobody has read yet, in order
        self._training: set[str] = set()  # blob names that hold what only training needs
        self._rearranged: set[str] = set()  # ids of inputs, and of what is made of them without calculating
        self._labels: set[str] = set()  # those that a loss compares with something else

    def add_input(self, name: str, shape: Shape) -> None:
        _check_names(name)
        if name in self._current:
            raise ParseError(f"the blob {name!r} is made twice, as an input")
        self._inputs[name] = shape
        self._current[name] = name
        self._ids.add(name)
        self._rearranged.add(name)

    def add(self, params: LayerParameter) -> None:
        _check_names(params.name, *params.top)
        if is_input(params):
            for top, shape in zip(params.top, input_shapes(params), strict=True):
                self.add_input(top, shape)
        elif params.type.endswith(_TRAINING_ENDINGS) or not self._training.isdisjoint(params.bottom):
            self._training.update(params.top)
            judged = {self._current[bottom] for bottom in params.bottom if bottom in self._current}
            if not judged <= self._rearranged:
                self._labels.update(judged & self._rearranged)
            if params.type == "SoftmaxWithLoss":
                self._add_softmax(params)
        else:
            self._training.difference_update(params.top)
            self._add_layer(params)

    def _add_layer(self, params: LayerParameter) -> None:
        bottoms, tops = self._read(params), list(params.top)
        if len(set(tops)) < len(tops):
            raise ParseError(f"layer {params.name!r} ({params.type}) makes the blob {tops[0]!r} twice")
        for top in tops:
            if top in self._current and top not in params.bottom:
                raise ParseError(f"layer {params.name!r} ({params.type}): the blob {top!r} is made twice")
            self._current[top] = self._fresh(top)
            self._unread[self._current[top]] = None
        ids = tuple(self._current[top] for top in tops)
        if params.type in _REARRANGING and self._rearranged.issuperset(bottoms):
            self._rearranged.update(ids)
        self._layers.append(Layer(params.name, params.type, bottoms, ids, params))
        for number, param in enumerate(params.param):
            if param.name:
                self._shared.setdefault(param.name, []).append((params.name, number))

    def _add_softmax(self, loss: LayerParameter) -> None:
        """Take the probabilities that a SoftmaxWithLoss computes: as an offer, or as the second top if it has one."""
        softmax = LayerParameter(name=loss.name, type="Softmax", bottom=loss.bottom[:1], top=loss.top[1:2])
        softmax.softmax_param.CopyFrom(loss.softmax_param)
        if softmax.top:
            self._training.discard(softmax.top[0])
            self._add_layer(softmax)
        elif loss.bottom and loss.bottom[0] in self._current:
            bottom = self._current[loss.bottom[0]]
            top = self._fresh(loss.name)
            self._offers[loss.name] = Layer(loss.name, "Softmax", (bottom,), (top,), softmax)

    def _read(self, params: LayerParameter) -> tuple[str, ...]:
        """Return the ids of a layer's bottoms."""
        for bottom in params.bottom:
            if bottom not in self._current:
                later = [layer.name for layer in self._messages if bottom in layer.top]
                reason = (
                    f"only layer {later[0]!r}, which does not come before it, makes: the layers are out of order, "
                    "or form a cycle"
                    if later
                    else "no layer before it makes"
                )
                raise ParseError(
                    f"layer {params.name!r} ({params.type}) reads the blob {bottom!r}, which {reason}"
                )
        bottoms = tuple(self._current[bottom] for bottom in params.bottom)
        for bottom in bottoms:
            self._unread.pop(bottom, None)
        return bottoms

    def _fresh(self, name: str) -> str:
        """Return an id that no blob has yet: the name itself, or with the number of the version."""
        blob = name
        while blob in self._ids:
            self._versions[name] += 1
            blob = f"{name}:{self._versions[name]}"
        self._ids.add(blob)
        return blob

    def finished(self, name: str) -> Net:
        if not self._layers:
            raise ParseError("no layer is left for inference (phase TEST)")
        names = {blob: name for name, blob in self._current.items() if name not in self._inputs}
        names |= {blob: blob for blob in self._inputs}
        makers = {top: layer.name for layer in self._layers for top in layer.tops}
        outputs: dict[str, str] = {}
        for blob in self._unread:
            if blob in self._labels:
                continue
            # An input that a layer changes in place has given its name to the input.
            called = names.get(blob) or (makers[blob] if makers[blob] not in self._current else blob)
            outputs[called] = blob
        return Net(name, self._inputs, tuple(self._layers), names, outputs, self._offers, self._shared)


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
            raise ConversionError(
                f"the net has no layer or blob {unknown[0]!r}; it ends in {listed(outputs)}"
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


def _check_extent(layers: Sequence[LayerParameter]) -> None:
    """Refuse a net of more layers, or of wider ones, than there are."""
    if len(layers) > MAX_LAYERS:
        raise ParseError(f"the net has {len(layers)} layers; more than {MAX_LAYERS} are refused")
    connections = 0
    for layer in layers:
        for what, blobs in (("bottoms", layer.bottom), ("tops", layer.top)):
            if len(blobs) > MAX_BLOBS:
                raise ParseError(
                    f"layer {layer.name!r} ({layer.type}) has {len(blobs)} {what}; more than {MAX_BLOBS} are refused"
                )
            connections += len(blobs)
    if connections > MAX_CONNECTIONS:
        raise ParseError(
            f"the net's layers have {connections} bottoms and tops; more than {MAX_CONNECTIONS} are refused"
        )


def _check_names(*names: str) -> None:
    """Refuse names that no IR could hold: control characters are not allowed in XML."""
    for name in names:
        if not name.isprintable():
            raise ParseError(f"the name {name!r} of a layer or blob has characters that are not printable")


def listed(names: Iterable[str]) -> str:
    """Return the first few names, quoted, and how many more there are."""
    names = list(names)
    shown = ", ".join(repr(name[:80]) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
