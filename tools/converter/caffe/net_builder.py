"""The network as a graph: ``NetParameter`` -> :class:`Net`.

What Caffe does when it sets up a net for inference, as plain data: layers of other phases are left out, layers that
read data become inputs, layers that only training needs go, and layers that work in place get names of their own for
what they put out. The rules are those of Caffe's ``net.cpp``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from omz.converter.caffe.caffe_pb2 import LayerParameter, NetParameter
from omz.converter.caffe.inputs import Shape, input_shapes, is_input, legacy_inputs
from omz.converter.caffe.net import MAX_BLOBS, Layer, Net
from omz.converter.caffe.upgrade import inference_layers
from omz.errors import ParseError

#: Published nets have at most a few thousand layers. OpenVINO needs up to 40 kB of memory for one.
MAX_LAYERS = 10_000
#: Bottoms and tops of all layers.
MAX_CONNECTIONS = 50_000
#: Layers that measure or store, whatever a fork calls its own.
_TRAINING_ENDINGS = ("Loss", "Accuracy", "HDF5Output")
#: What labels go through on their way to a loss.
_REARRANGING = frozenset({"Slice", "Split", "Flatten", "Reshape", "Permute", "Concat"})


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
        self._sigmoids: list[Layer] = []  # of losses
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
            elif params.type == "SigmoidCrossEntropyLoss":
                self._add_sigmoid(params)
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

    def _add_sigmoid(self, loss: LayerParameter) -> None:
        """Keep the Sigmoid that a SigmoidCrossEntropyLoss computes, for the case that nothing else reads its bottom."""
        if loss.bottom and loss.bottom[0] in self._current:
            sigmoid = LayerParameter(name=loss.name, type="Sigmoid", bottom=loss.bottom[:1])
            bottom, top = self._current[loss.bottom[0]], self._fresh(loss.name)
            self._sigmoids.append(Layer(loss.name, "Sigmoid", (bottom,), (top,), sigmoid))

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
        before = self._end_in_sigmoids(outputs)
        return Net(
            name, self._inputs, tuple(self._layers), names, outputs, self._offers, self._shared, before
        )

    def _end_in_sigmoids(self, outputs: dict[str, str]) -> dict[str, str]:
        """Put the Sigmoid of a loss behind the output that it judges, for nothing else tells what its scores are.

        Returns:
            The names of the outputs before, by those now.
        """
        before: dict[str, str] = {}
        for sigmoid in self._sigmoids:
            called = next((name for name, blob in outputs.items() if blob == sigmoid.bottoms[0]), None)
            if called is None or sigmoid.name in outputs:
                continue
            self._layers.append(sigmoid)
            del outputs[called]
            outputs[sigmoid.name] = sigmoid.tops[0]
            before[sigmoid.name] = called
        return before


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
