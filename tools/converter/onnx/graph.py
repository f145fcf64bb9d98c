"""The graph of an ONNX file: every name that is read has been given before, once; no attribute means two things.

OpenVINO's reader makes an input of what it does not find, and a network of what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from omz.converter.onnx.functions import FunctionId, check_calls
from omz.converter.onnx.schema import FIELDS
from omz.converter.onnx.tensors import ExternalData, read_tensor
from omz.converter.onnx.wire import Message, Reader, Span, check_depth
from omz.errors import ParseError

#: What an attribute of a type has its value in.
_VALUES = {
    1: "f", 2: "i", 3: "s", 4: "t", 5: "g", 6: "floats", 7: "ints", 8: "strings", 9: "tensors", 10: "graphs",
    11: "sparse_tensor", 12: "sparse_tensors", 13: "tp", 14: "type_protos",
}  # fmt: skip
_PLACES = frozenset(_VALUES.values())
_MESSAGES = {one.name: one.type for one in FIELDS["AttributeProto"].values() if one.is_message}
_TYPES = {(kind, one.name): one.type for kind, fields in FIELDS.items() for one in fields.values()}
_SINGLE = frozenset(one.name for one in FIELDS["AttributeProto"].values() if not one.repeated)
#: The largest of networks have some ten thousand.
MAX_NODES = 250_000
_MEND = "Export the network again; `onnx.checker` may tell more"


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that nodes may read.

    Attributes:
        outer: What a graph within a node sees beside its own; None outside of one.
        in_function: References to attributes of the function have a meaning.
        ordered: Names are checked; a training graph may refer to what is made at run time.
    """

    outer: Scope | None = None
    in_function: bool = False
    ordered: bool = True
    names: set[str] = field(default_factory=set)

    def __contains__(self, name: str) -> bool:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return True
            scope = scope.outer
        return False

    def inner(self) -> Scope:
        """Return the scope of a graph within a node."""
        return Scope(self, self.in_function, self.ordered)


class ModelReader:
    """Reads a model through, once.

    Attributes:
        external: Tensors whose data are in other files.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.external: list[ExternalData] = []
        self._calls: list[FunctionId] = []
        self._nodes_left = MAX_NODES

    def read(self) -> None:
        """Check the model and all within it.

        Raises:
            ParseError: What is wrong, and in which node or tensor.
        """
        reader = self._reader
        model = reader.read("ModelProto", 0, len(reader.data))
        if "graph" not in model:
            raise ParseError("is cut short, or not a sound network in ONNX: it has no graph")
        for name in ("opset_import", "metadata_props", "configuration"):
            self._check_plain("ModelProto", model, name, 1)
        for span in model.spans("training_info"):
            self._training(span)
        versions = self._opsets(model)
        bodies: dict[FunctionId, list[FunctionId]] = {}
        names: set[tuple[str, str]] = set()
        for span in model.spans("functions"):
            identity, calls = self._function(span)
            if identity[:2] in names:  # not all releases of OpenVINO know overloads
                raise ParseError(
                    f"has two functions {identity._replace(overload='')}; which one is meant is not known"
                )
            names.add(identity[:2])
            bodies[identity] = calls
        self._calls = []
        self._graph(model["graph"], 1, Scope())
        if "" not in versions and any(not call.domain for call in self._calls if call not in bodies):
            raise ParseError(
                f"does not say of which version of ONNX its operators are ('opset_import'). {_MEND}"
            )
        check_calls(bodies, self._calls)

    def _opsets(self, message: Message) -> dict[str, int]:
        """Return the version of each domain; readers differ in which of two they take."""
        versions: dict[str, int] = {}
        for span in message.spans("opset_import"):
            opset = self._reader.read("OperatorSetIdProto", *span)
            domain = standard_domain(self._reader.name(opset.get("domain")))
            version = opset.get("version", 0)
            if versions.setdefault(domain, version) != version:
                raise ParseError(f"asks for two versions of the operators of domain {domain or 'ai.onnx'!r}")
        return versions

    def _training(self, span: Span) -> None:
        training = self._reader.read("TrainingInfoProto", *span)
        for name in ("initialization", "algorithm"):
            if name in training:
                self._graph(training[name], 2, Scope(ordered=False))
        for name in ("initialization_binding", "update_binding"):
            self._check_plain("TrainingInfoProto", training, name, 2)

    def _function(self, span: Span) -> tuple[FunctionId, list[FunctionId]]:
        """Return which function it is, and which operators it is made of."""
        reader = self._reader
        function = reader.read("FunctionProto", *span)
        identity = FunctionId(*(reader.name(function.get(name)) for name in ("domain", "name", "overload")))
        identity = identity._replace(domain=standard_domain(identity.domain))
        for name in ("opset_import", "value_info", "metadata_props"):
            self._check_plain("FunctionProto", function, name, 2)
        self._opsets(function)
        scope, where = Scope(in_function=True), f"function {identity.name!r}"
        for attribute in function.spans("attribute_proto"):
            self._attribute(attribute, 2, scope, where)
        for name in reader.names(function, "input"):
            _define(scope, name, f"{where} has two inputs")
        self._calls = []
        self._nodes(function, 2, scope)
        outputs = reader.names(function, "output")
        self._check_outputs(outputs, scope, where)
        if len(set(outputs)) != len(outputs):
            raise ParseError(f"{where} has two outputs of one name. {_MEND}")
        return identity, self._calls

    def _graph(self, span: Span, depth: int, scope: Scope) -> None:
        check_depth(depth)
        reader = self._reader
        graph = reader.read("GraphProto", *span)
        for name in ("value_info", "quantization_annotation", "metadata_props"):
            self._check_plain("GraphProto", graph, name, depth + 1)
        inputs = [self._value(one, depth + 1) for one in graph.spans("input")]
        for name in inputs:
            _define(scope, name, "the graph has two inputs")
        weights = [self._tensor(one, depth + 1) for one in graph.spans("initializer")]
        weights += [self._sparse(one, depth + 1) for one in graph.spans("sparse_initializer")]
        seen: set[str] = set()
        for name in weights:
            if not name:
                raise ParseError("has a weight without a name")
            if name in seen:
                raise ParseError(f"has two weights {name!r}; which one is meant is not known. {_MEND}")
            seen.add(name)
        if hidden := [
            name for name in (*inputs, *weights) if scope.outer is not None and name in scope.outer
        ]:
            raise ParseError(
                f"has {hidden[0]!r} outside of a graph and within; readers differ in which is meant. {_MEND}"
            )
        scope.names.update(seen)  # a weight may have the name of an input, whose default it is
        self._nodes(graph, depth + 1, scope)
        self._check_outputs(
            [self._value(one, depth + 1) for one in graph.spans("output")], scope, "the graph"
        )

    def _nodes(self, body: Message, depth: int, scope: Scope) -> None:
        self._nodes_left -= len(body.get("node", ())) // 2
        if self._nodes_left < 0:
            raise ParseError(f"has more than {MAX_NODES} nodes; that is no network")
        for number, span in enumerate(body.spans("node")):
            check_depth(depth)
            node = self._reader.read("NodeProto", *span)
            kind = self._reader.name(node.get("op_type"))
            name = self._reader.name(node.get("name"))
            where = f"node {name!r} ({kind})" if name else f"node {number} ({kind}), which has no name,"
            if not kind:
                raise ParseError(f"{where}: has no operator. {_MEND}")
            for name in self._reader.names(node, "input"):
                if name and scope.ordered and name not in scope:
                    raise ParseError(
                        f"{where} reads {name!r}, {self._why_unknown(body, number, name)}. {_MEND}"
                    )
            for field_name in ("metadata_props", "device_configurations"):
                self._check_plain("NodeProto", node, field_name, depth + 1)
            domain, overload = (self._reader.name(node.get(one)) for one in ("domain", "overload"))
            self._calls.append(FunctionId(standard_domain(domain), kind, overload))
            attributes: set[str] = set()
            for one in node.spans("attribute"):
                name = self._attribute(one, depth + 1, scope, where)
                if name in attributes:
                    raise ParseError(f"{where} has two attributes {name!r}; which one is meant is not known")
                attributes.add(name)
            for name in self._reader.names(node, "output"):
                if name:
                    if scope.ordered and name in scope:
                        raise ParseError(f"{where} gives {name!r}, which there is already. {_MEND}")
                    scope.names.add(name)

    def _why_unknown(self, body: Message, number: int, name: str) -> str:
        for later, span in enumerate(body.spans("node")):
            if later >= number:
                node = self._reader.read("NodeProto", *span)
                if name in self._reader.names(node, "output"):
                    which = "it gives itself" if later == number else "a later node gives"
                    return f"which {which}: the nodes are not in order, or go in a circle"
        return "which is no input, no weight, and given by no node"

    def _attribute(self, span: Span, depth: int, scope: Scope, where: str) -> str:
        """Check an attribute, with the tensors and graphs in it, and return its name."""
        check_depth(depth)
        attribute = self._reader.read("AttributeProto", *span)
        name = self._reader.name(attribute.get("name"))
        where = f"attribute {name!r} of {where}"
        given = [value for value in attribute if value in _PLACES]
        kind = attribute.get("type", 0)
        if not name:
            raise ParseError(f"{where}: has no name")
        if len(given) > 1 or (given and given[0] != _VALUES.get(kind)):
            raise ParseError(
                f"{where} has a value in {' and in '.join(map(repr, given))}, and is of type {kind}"
            )
        if "ref_attr_name" in attribute and (given or not scope.in_function):
            raise ParseError(f"{where} refers to an attribute of a function, and is not to")
        if given and (inner := _MESSAGES.get(given[0])):
            spans = [attribute[given[0]]] if given[0] in _SINGLE else attribute.spans(given[0])
            for span in spans:
                self._message(inner, span, depth + 1, scope)
        return name

    def _message(self, kind: str, span: Span, depth: int, scope: Scope) -> None:
        if kind == "TensorProto":
            self._tensor(span, depth)
        elif kind == "SparseTensorProto":
            self._sparse(span, depth)
        elif kind == "GraphProto":
            self._graph(span, depth, scope.inner())
        else:
            self._reader.check(kind, span, depth)

    def _tensor(self, span: Span, depth: int) -> str:
        """Check a tensor, and return its name."""
        tensor, external = read_tensor(self._reader, span, depth)
        if external:
            self.external.append(external)
        return self._reader.name(tensor.get("name"))

    def _sparse(self, span: Span, depth: int) -> str:
        """Check a sparse tensor, and return its name."""
        check_depth(depth)
        sparse = self._reader.read("SparseTensorProto", *span)
        name = self._tensor(sparse["values"], depth + 1) if "values" in sparse else ""
        if "indices" in sparse:
            self._tensor(sparse["indices"], depth + 1)
        return name

    def _value(self, span: Span, depth: int) -> str:
        """Check what is said of an input or output, and return its name."""
        self._reader.check("ValueInfoProto", span, depth)
        return self._reader.name(self._reader.read("ValueInfoProto", *span).get("name"))

    def _check_outputs(self, names: Sequence[str], scope: Scope, where: str) -> None:
        for name in names:
            if scope.ordered and name not in scope:
                raise ParseError(f"{where} ends in {name!r}, which is no input and given by no node. {_MEND}")

    def _check_plain(self, kind: str, message: Message, name: str, depth: int) -> None:
        """Check a repeated field, of which nothing is needed."""
        if name in message:
            for span in message.spans(name):
                self._reader.check(_TYPES[kind, name], span, depth)


def standard_domain(domain: str) -> str:
    """Return the domain of operators; that of ONNX itself has two names."""
    return "" if domain == "ai.onnx" else domain


def _define(scope: Scope, name: str, what: str) -> None:
    if not name:
        raise ParseError(f"has an input without a name. {_MEND}")
    if name in scope.names:
        raise ParseError(f"{what} {name!r}. {_MEND}")
    scope.names.add(name)
