"""Names are given before they are read, once; ``onnx.checker`` is the oracle."""

import copy
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from nets.onnx_nets import classifier, control_flow, network, value, write
from omz.converter.onnx import functions
from omz.converter.onnx import graph as graph_reader
from omz.converter.onnx.convert import _read
from omz.converter.onnx.graph import ModelReader
from omz.converter.onnx.snapshot import snapshot
from omz.converter.onnx.wire import Reader
from omz.errors import ParseError

SHAPE = (1, 4)


def refusal(model: onnx.ModelProto) -> str:
    """Return why a model is refused; '' if it is not."""
    try:
        ModelReader(Reader(model.SerializeToString())).read()
    except ParseError as error:
        return str(error)
    return ""


def is_sound(model: onnx.ModelProto) -> bool:
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError:
        return False
    return True


def add(one: str, other: str, result: str, name: str = "") -> onnx.NodeProto:
    return helper.make_node("Add", [one, other], [result], name)


def net(
    *nodes: onnx.NodeProto, inputs: str = "x", outputs: str = "y", **weights: np.ndarray
) -> onnx.ModelProto:
    return network(
        nodes, dict.fromkeys(inputs.split(), SHAPE), dict.fromkeys(outputs.split(), SHAPE), weights
    )


ONES = np.ones(SHAPE, np.float32)
WRONG = {
    "a node reads what it gives": (
        net(add("x", "y", "y", "sum")),
        r"node 'sum' \(Add\) reads 'y'.*gives itself",
    ),
    "a name that nobody gives": (net(add("x", "nowhere", "y", "sum")), "'nowhere', which is no input"),
    "a name that a later node gives": (
        net(add("x", "z", "y", "sum"), add("x", "x", "z")),
        "later node gives",
    ),
    "a circle": (net(add("x", "b", "a"), add("a", "x", "b"), add("a", "b", "y")), "later node gives"),
    "no name, no node name": (net(add("x", "q", "y")), r"node 0 \(Add\), which has no name, reads 'q'"),
    "two nodes give one name": (
        net(add("x", "x", "y"), add("x", "y", "y", "n")),
        "'n' .*gives 'y', which there is",
    ),
    "a node gives an input": (net(add("x", "x", "x", "n"), add("x", "x", "y")), "gives 'x', which there is"),
    "a node gives a weight": (
        net(add("x", "x", "w"), add("x", "w", "y"), w=ONES),
        "gives 'w', which there is",
    ),
    "an output that nobody gives": (net(add("x", "x", "y"), outputs="y z"), "ends in 'z'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_names_that_are_not_in_order_are_refused(case):
    model, message = WRONG[case]
    with pytest.raises(ParseError, match=message):
        ModelReader(Reader(model.SerializeToString())).read()
    assert not is_sound(model) or "output" in case  # older releases of onnx do not look at outputs


def changed(model: onnx.ModelProto, change) -> onnx.ModelProto:
    model = copy.deepcopy(model)
    change(model)
    return model


def twice(name: str):
    def change(model: onnx.ModelProto) -> None:
        values = getattr(model.graph, name)
        values.append(values[0])

    return change


def attribute_twice(model: onnx.ModelProto) -> None:
    (node,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    node.attribute.append(helper.make_attribute("axis", 0))


def attribute_of_two_types(model: onnx.ModelProto) -> None:
    (node,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    node.attribute[0].ints.append(0)


def attribute_of_another_type(model: onnx.ModelProto) -> None:
    (node,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    node.attribute[0].type = onnx.AttributeProto.INTS


def attribute_by_reference(model: onnx.ModelProto) -> None:
    (node,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    node.attribute[0].CopyFrom(
        onnx.AttributeProto(name="axis", ref_attr_name="axis", type=onnx.AttributeProto.INT)
    )


def no_operator_set(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def two_operator_sets(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx", 7))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (twice("input"), "two inputs 'data'"),
        (twice("initializer"), "two weights 'kernel'"),
        (attribute_twice, "two attributes 'axis'"),
        (attribute_of_two_types, "a value in 'i' and in 'ints'"),
        (attribute_of_another_type, "a value in 'i', and is of type 7"),
        (attribute_by_reference, "refers to an attribute of a function"),
        (no_operator_set, "of which version of ONNX"),
        (two_operator_sets, "two versions"),
        (lambda model: model.ClearField("graph"), "has no graph"),
    ],
)
def test_what_means_two_things_is_refused(change, message):
    with pytest.raises(ParseError, match=message):
        ModelReader(Reader(changed(classifier(), change).SerializeToString())).read()


def unusual() -> dict[str, onnx.ModelProto]:
    """What exporters write now and then, and OpenVINO reads rightly."""
    weight_as_input = net(add("x", "w", "y"), inputs="x w", w=ONES)
    old = changed(net(add("x", "w", "y"), w=ONES), lambda model: setattr(model, "ir_version", 3))
    default = changed(classifier(), lambda model: model.graph.node[-1].attribute[0].ClearField("i"))
    for attribute in default.graph.node[-1].attribute:
        attribute.i = 0
        attribute.ClearField("i")  # as writers of proto3 leave out what is 0
    optional = net(helper.make_node("Clip", ["x", "", "most"], ["y"]), most=np.array(1, np.float32))
    unnamed = net(helper.make_node("Dropout", ["x"], ["y", ""]))
    return {
        "weight that is an input": weight_as_input,
        "weight of an old version that is no input": old,
        "attribute of 0, left out": default,
        "optional input": optional,
        "output that is not wanted": unnamed,
        "one output twice": net(add("x", "x", "y"), outputs="y y"),
        "output that is an input": net(add("x", "x", "y"), outputs="y x"),
        "output that is a weight": net(add("x", "x", "y"), outputs="y w", w=ONES),
        "domain not asked for": net(helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")),
    }


@pytest.mark.parametrize("case", unusual())
def test_what_is_unusual_and_sound_is_read(case):
    assert refusal(unusual()[case]) == ""


def in_branch(inner: onnx.GraphProto, *nodes: onnx.NodeProto, outputs: str = "out") -> onnx.ModelProto:
    other = helper.make_graph([add("x", "x", "e")], "else", [], [value("e", SHAPE)])
    node = helper.make_node("If", ["c"], ["out"], then_branch=inner, else_branch=other)
    return net(*nodes, node, outputs=outputs, c=np.array(True))


def graph(*nodes: onnx.NodeProto, output: str = "t", **weights: np.ndarray) -> onnx.GraphProto:
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    return helper.make_graph(nodes, "then", [], [value(output, SHAPE)], tensors)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (in_branch(graph(add("x", "x", "t"))), ""),
        (in_branch(graph(add("x", "m", "t")), add("x", "x", "m")), ""),
        (in_branch(graph(add("x", "q", "t"))), "reads 'q', which is no input"),
        (
            in_branch(graph(add("x", "out", "t"))),
            "reads 'out', which is no input",
        ),  # what the node itself gives
        (in_branch(graph(add("x", "e", "t"))), "reads 'e', which is no input"),  # of the other branch
        (
            in_branch(graph(add("x", "x", "m"), add("m", "m", "t")), add("x", "x", "m")),
            "gives 'm', which there is",
        ),
        (
            net(*in_branch(graph(add("x", "x", "t"))).graph.node, add("t", "x", "y"), c=np.array(True)),
            "reads 't'",
        ),
    ],
)
def test_graphs_within_nodes_see_what_is_outside(model, message):
    assert (message in refusal(model)) if message else refusal(model) == ""
    assert is_sound(model) == (not message)


def branches(one: str, other: str, inner: str, result: str) -> onnx.NodeProto:
    """Return an If whose branches read names from outside."""
    bodies = [
        helper.make_graph([add(read, "x", f"{inner}{at}")], "b", [], [value(f"{inner}{at}", SHAPE)])
        for at, read in enumerate((one, other))
    ]
    return helper.make_node("If", ["c"], [result], then_branch=bodies[0], else_branch=bodies[1])


@st.composite
def graphs(draw: st.DrawFn) -> onnx.ModelProto:
    """Draw a network whose nodes read any names, given or not; often it is sound."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 6)))]
    known = ["x", "w"]
    any_name = st.sampled_from(["x", "w", *names, "b0", "nowhere"])
    nodes = []
    for name in names:
        good = draw(st.integers(0, 9)) < 9
        reads = st.sampled_from(known) if good else any_name
        gives = name if good else draw(any_name)
        one, other = draw(reads), draw(reads)
        if draw(st.booleans()):
            nodes.append(add(one, other, gives))
        else:
            nodes.append(branches(one, other, f"{name}_" if draw(st.integers(0, 9)) else "b", gives))
        known.append(gives)
    if draw(st.integers(0, 9)) == 0:
        nodes = draw(st.permutations(nodes))
    return net(*nodes, outputs=names[-1], w=ONES, c=np.array(True))


@given(graphs())
def test_the_same_graphs_are_refused_as_by_the_checker(model):
    given_names = {name for node in model.graph.node for name in node.output}
    if model.graph.output[0].name in given_names:  # at this older releases of onnx do not look
        assert (refusal(model) == "") == is_sound(model)
    else:
        assert refusal(model)


@settings(max_examples=40)
@given(graphs())
def test_openvino_invents_no_input_in_what_is_accepted(model):
    assume(refusal(model) == "")
    with (
        tempfile.TemporaryDirectory() as folder,
        snapshot(write(model, Path(folder) / "net.onnx")) as checked,
    ):
        read = _read(checked.path)
    assert {name for one in read.inputs for name in one.get_names()} <= {"x"}
    assert [sorted(one.get_names()) for one in read.outputs] == [[model.graph.output[0].name]]


@pytest.mark.parametrize("make", [classifier, control_flow])
def test_any_name_that_is_lost_is_missed(make):
    """Take away each input of each node, and each output: somebody reads or gives it."""
    for number, node in enumerate(make().graph.node):
        for place in range(len(node.input)):
            broken = changed(
                make(), lambda m, n=number, p=place: m.graph.node[n].input.__setitem__(p, "lost")
            )
            assert "'lost'" in refusal(broken)
        broken = changed(make(), lambda m, n=number: m.graph.node[n].output.__setitem__(0, "lost"))
        assert f"'{node.output[0]}'" in refusal(broken)


def body_of_loop(name: str) -> onnx.ModelProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), add(name, name, "twice")],
        "body",
        [value("i", [], onnx.TensorProto.INT64), value("go", [], onnx.TensorProto.BOOL), value(name, SHAPE)],
        [value("on", [], onnx.TensorProto.BOOL), value("twice", SHAPE)],
    )
    loop = helper.make_node("Loop", ["times", "c", "x"], ["y"], body=body)
    return net(loop, times=np.array(3), c=np.array(True))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            in_branch(graph(add("x", "w", "t"), w=ONES), add("x", "x", "w")),
            "has 'w' outside of a graph and within",
        ),
        (in_branch(graph(add("x", "x", "t"), x=ONES)), "has 'x' outside of a graph and within"),
        (body_of_loop("x"), "has 'x' outside of a graph and within"),
        (body_of_loop("q"), ""),
    ],
)
def test_no_name_hides_another(model, message):
    """The checker lets it pass; releases of OpenVINO take the one or the other, or none."""
    assert (message in refusal(model)) if message else refusal(model) == ""


def with_functions(*bodies: onnx.FunctionProto, calls: str = "F") -> onnx.ModelProto:
    model = net(helper.make_node(calls, ["x"], ["y"], domain="d"))
    model.opset_import.append(helper.make_opsetid("d", 1))
    model.functions.extend(bodies)
    return model


def function(name: str, *nodes: onnx.NodeProto, output: str = "b", domain: str = "d") -> onnx.FunctionProto:
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("d", 1)]
    return helper.make_function(domain, name, ["a"], [output], nodes, opsets, attributes=["alpha"])


def call(name: str, one: str = "a", result: str = "b") -> onnx.NodeProto:
    return helper.make_node(name, [one], [result], domain="d")


def overloaded() -> onnx.FunctionProto:
    body = function("F", helper.make_node("Neg", ["a"], ["b"]))
    body.overload = "other"
    return body


def leaky() -> onnx.NodeProto:
    node = helper.make_node("LeakyRelu", ["a"], ["b"])
    attribute = onnx.AttributeProto(name="alpha", ref_attr_name="alpha", type=onnx.AttributeProto.FLOAT)
    node.attribute.append(attribute)
    return node


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        ([function("F", add("a", "a", "b"))], ""),
        ([function("F", leaky())], ""),
        ([function("F", call("G")), function("G", add("a", "a", "b"))], ""),
        ([function("F", add("a", "x", "b"))], "reads 'x'"),  # of the graph that calls it
        ([function("F", add("a", "a", "c"))], "ends in 'b'"),
        ([function("F", call("F"))], "calls itself"),
        ([function("F", call("G")), function("G", call("F"))], "calls itself"),
        ([function("F", add("a", "a", "b"))] * 2, "two functions 'd.F'"),
        ([function("F", add("a", "a", "b")), overloaded()], "two functions 'd.F'"),
        ([function("Relu", add("a", "a", "b"), domain="")], "in the place of an operator"),
        ([function("Gelu", add("a", "a", "b"), domain="com.microsoft")], "in the place of an operator"),
    ],
)
def test_functions(bodies, message):
    found = refusal(with_functions(*bodies))
    assert (message in found) if message else found == ""


def test_functions_that_call_each_other_do_not_grow_beyond_measure(monkeypatch):
    def ladder(height: int) -> onnx.ModelProto:
        bodies = [
            function(f"F{step}", call(f"F{step + 1}", "a", "c"), call(f"F{step + 1}", "c", "b"))
            for step in range(height)
        ]
        return with_functions(*bodies, function(f"F{height}", add("a", "a", "b")), calls="F0")

    assert refusal(ladder(10)) == ""
    assert "once its functions are written out" in refusal(ladder(64))
    monkeypatch.setattr(functions, "MAX_NODES", 1 << 10)
    assert refusal(ladder(10)) == ""
    assert refusal(ladder(11)) != ""


def test_a_long_chain_of_functions_is_no_recursion():
    bodies = [function(f"F{step}", call(f"F{step + 1}")) for step in range(5000)]
    assert refusal(with_functions(*bodies, function("F5000", add("a", "a", "b")), calls="F0")) == ""


def test_training_graphs_are_read_but_their_names_are_not_in_order():
    model = classifier()
    model.training_info.add().algorithm.CopyFrom(net(add("x", "gradient", "y")).graph)
    assert refusal(model) == ""
    model.training_info[0].algorithm.initializer.add().data_type = 1
    model.training_info[0].algorithm.initializer[0].dims.append(2)
    assert "has no data" in refusal(model)


def test_nodes_are_counted(monkeypatch):
    monkeypatch.setattr(graph_reader, "MAX_NODES", 12)
    assert refusal(classifier()) == ""
    monkeypatch.setattr(graph_reader, "MAX_NODES", 5)
    assert "more than 5 nodes" in refusal(classifier())


def test_what_onnx_brings_along_is_read():
    """Networks of many exporters and of all operators, as its tests of backends have them."""
    paths = sorted((Path(onnx.__file__).parent / "backend" / "test" / "data").rglob("*.onnx"))
    if not paths:
        pytest.skip("this release of onnx brings none")
    for path in paths:
        ModelReader(Reader(path.read_bytes())).read()
