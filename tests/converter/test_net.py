"""From a net definition to what runs at inference: inputs, phases, stages, losses, blobs in place."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from nets import parse_prototxt, pictures, write_model
from nets.conversion import convert_net, run_model
from omz.converter import caffe2ir
from omz.converter.caffe.net import with_input_shapes, with_outputs
from omz.converter.caffe.net_builder import build_net
from omz.converter.caffe.reference import run
from omz.converter.graph import input_name
from omz.converter.preprocessing import Preprocessing, bake
from omz.errors import ConversionError, ParseError, ShapeError

INPUT = 'input: "data" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }\n'
RNG = np.random.default_rng(5)
FC = {"fc": [RNG.normal(size=(5, 48)).astype(np.float32), RNG.normal(size=5).astype(np.float32)]}
DENSE = 'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 5 } }\n'
PICTURES = pictures((2, 3, 4, 4), 1)


def inputs_of(text: str, *, outputs: tuple[str, ...] = ()) -> dict[str, tuple[int, ...]]:
    return dict(with_outputs(build_net(parse_prototxt(text)), outputs).inputs)


DATA = 'layer { name: "data" type: "%s" top: "data" top: "label" include { phase: TEST } %s }\n'
TRAIN_DATA = (
    'layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN } data_param {} }\n'
)


@pytest.mark.parametrize(
    ("kind", "parameters", "shape"),
    [
        ("MemoryData", "memory_data_param { batch_size: 6 channels: 3 height: 4 width: 5 }", (6, 3, 4, 5)),
        ("ImageData", "image_data_param { batch_size: 6 new_height: 7 new_width: 8 }", (6, 3, 7, 8)),
        ("ImageData", "image_data_param { new_height: 7 new_width: 8 is_color: false }", (1, 1, 7, 8)),
        (
            "ImageData",
            "image_data_param { batch_size: 2 new_height: 7 new_width: 8 } transform_param { crop_size: 5 }",
            (2, 3, 5, 5),
        ),
        ("ImageData", "image_data_param { batch_size: 2 }", ()),
        (
            "Data",
            "data_param { batch_size: 50 } transform_param { crop_size: 227 mean_value: 104 mean_value: 117 "
            "mean_value: 123 }",
            (50, 3, 227, 227),
        ),
        (
            "Data",
            "data_param { batch_size: 50 } transform_param { crop_size: 28 force_gray: true }",
            (50, 1, 28, 28),
        ),
        ("Data", "data_param { batch_size: 50 } transform_param { crop_size: 28 }", ()),
        ("Data", "data_param { batch_size: 50 }", ()),
        ("HDF5Data", "hdf5_data_param { batch_size: 3 }", ()),
        ("WindowData", "", ()),
    ],
)
def test_layers_that_read_data_become_inputs_with_the_shape_that_they_state(kind, parameters, shape):
    text = TRAIN_DATA + DATA % (kind, parameters) + DENSE
    assert inputs_of(text) == {"data": shape}  # nobody needs the labels
    net = build_net(parse_prototxt(text))
    if not shape:
        with pytest.raises(ShapeError, match=r"'data' has no shape\. Give it with --input_shape"):
            with_input_shapes(with_outputs(net, ()), {})


def test_labels_have_a_shape_where_somebody_reads_them():
    text = DATA % ("MemoryData", "memory_data_param { batch_size: 6 channels: 3 height: 4 width: 5 }")
    text += 'layer { name: "l" type: "Power" bottom: "label" top: "l" }\n'
    assert inputs_of(text) == {"label": (6,)}


@pytest.mark.parametrize(
    ("parameters", "shapes"),
    [
        ("shape { dim: 2 dim: 3 }", [(2, 3), (2, 3)]),
        ("shape { dim: 2 dim: 3 } shape { dim: 4 }", [(2, 3), (4,)]),
        ("num: 1 channels: 2 height: 3 width: 4", [(1, 2, 3, 4)] * 2),
        (
            "num: 1 num: 5 channels: 2 channels: 2 height: 3 height: 1 width: 4 width: 1",
            [(1, 2, 3, 4), (5, 2, 1, 1)],
        ),
        ("", [(), ()]),
    ],
)
def test_dummy_data_states_a_shape_for_all_or_for_each(parameters, shapes):
    text = f'layer {{ name: "in" type: "DummyData" top: "a" top: "b" dummy_data_param {{ {parameters} }} }}\n'
    text += 'layer { name: "y" type: "Eltwise" bottom: "a" bottom: "b" top: "y" }\n'
    assert list(inputs_of(text).values()) == shapes


def test_dummy_data_with_other_numbers_of_shapes_is_refused():
    text = 'layer {{ name: "in" type: "DummyData" top: "a" top: "b" dummy_data_param {{ {} }} }}\n'
    three = "shape { dim: 1 } " * 3
    for parameters, message in (
        (three, "2 tops and 3 shapes"),
        ("num: 1 channels: 2", "as many num as channels"),
    ):
        with pytest.raises(ParseError, match=message):
            build_net(parse_prototxt(text.format(parameters)))


LOSS = """
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
    layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" }
    layer { name: "hinge" type: "HingeLoss" bottom: "fc" bottom: "label" top: "hinge" }
    layer { name: "total" type: "Eltwise" bottom: "loss" bottom: "hinge" top: "total" }
    layer { name: "log" type: "HDF5Output" bottom: "fc" bottom: "label" }
"""
TRAINING = INPUT + 'input: "label" input_shape { dim: 2 }\n' + DENSE + LOSS


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_what_only_training_needs_goes(caplog):
    with caplog.at_level(logging.INFO):
        model = convert_net(parse_prototxt(TRAINING), FC)
    assert [parameter.get_any_name() for parameter in model.inputs] == ["data"]
    assert [output.get_any_name() for output in model.outputs] == ["fc"]
    assert "its Softmax can be had with --output=loss" in caplog.text
    expected = PICTURES.reshape(2, -1) @ FC["fc"][0].T + FC["fc"][1]
    assert run_model(model, {"data": PICTURES})["fc"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", ["", "dim: 2"])
def test_labels_on_their_way_to_losses_go(shape):
    labels = """layer { name: "labels" type: "HDF5Data" top: "label" top: "x" }
        layer { name: "cut" type: "Slice" bottom: "label" top: "la" top: "lb" slice_param { axis: 1 } }
        layer { name: "flat" type: "Flatten" bottom: "data" top: "flat" }
        layer { name: "a" type: "SoftmaxWithLoss" bottom: "fc" bottom: "la" top: "a" }
        layer { name: "b" type: "EuclideanLoss" bottom: "lb" bottom: "fc" top: "b" }
        layer { name: "c" type: "EuclideanLoss" bottom: "fc" bottom: "flat" top: "c" }"""
    net = with_outputs(build_net(parse_prototxt(INPUT + DENSE + labels)), ())
    assert list(net.inputs) == ["data"]
    assert list(net.outputs) == ["fc"]
    # Asked for by name, they are there.
    assert list(with_outputs(build_net(parse_prototxt(INPUT + DENSE + labels)), ("la",)).inputs) == ["label"]


def test_what_is_only_rearranged_is_an_output_where_no_loss_reads_it():
    text = INPUT + DENSE + 'layer { name: "flat" type: "Flatten" bottom: "data" top: "flat" }'
    assert list(build_net(parse_prototxt(text)).outputs) == ["fc", "flat"]


@pytest.mark.parametrize("first", ["Split", "Dropout", "Power", "Flatten", "Reshape"])
@pytest.mark.parametrize("fuse", [True, False])
def test_an_input_keeps_its_name_before_layers_that_change_nothing(first, fuse, tmp_path, capsys):
    parameters = {"Reshape": "reshape_param { shape { dim: 0 dim: -1 } }"}.get(first, "")
    text = f"""input: "data" input_shape {{ dim: 2 dim: 48 }}
        layer {{ name: "a" type: "{first}" bottom: "data" top: "a" {parameters} }}
        layer {{ name: "fc" type: "InnerProduct" bottom: "a" top: "fc" inner_product_param {{ num_output: 5 }} }}"""
    prototxt, caffemodel = write_model(tmp_path, parse_prototxt(text), FC)
    files = ["--input_proto", prototxt, "--input_model", caffemodel, "--output_dir", tmp_path / "ir"]
    options = ["--input=data", "--mean_values=data[2]", "--scale=4", "--data_type=FP32", "--verify"]
    status = caffe2ir.main([*map(str, files), *options, *([] if fuse else ["--disable_fusing"])])
    assert status == 0, capsys.readouterr().err
    (xml,) = tmp_path.rglob("*.xml")
    data = RNG.normal(size=(2, 48)).astype(np.float32)
    expected = (data - 2) / 4 @ FC["fc"][0].T + FC["fc"][1]
    assert run_model(xml, {"data": data})["fc"] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_an_output_that_is_the_input_keeps_its_own_name(tmp_path):
    text = INPUT + 'layer { name: "d" type: "Dropout" bottom: "data" top: "d" }'
    model = convert_net(parse_prototxt(text), {})
    baked = bake(model, Preprocessing({"": (1, 2, 3)}))
    assert [input_name(parameter) for parameter in baked.inputs] == ["data"]
    found = run_model(baked, {"data": PICTURES})
    assert found["d"] == pytest.approx(PICTURES - np.reshape([1, 2, 3], (1, 3, 1, 1)), abs=1e-4)


def test_the_softmax_of_a_loss_is_to_be_had():
    logits = PICTURES.reshape(2, -1) @ FC["fc"][0].T + FC["fc"][1]
    model = convert_net(parse_prototxt(TRAINING), FC, outputs=["loss"])
    assert run_model(model, {"data": PICTURES})["loss"] == pytest.approx(softmax(logits), abs=1e-6)
    both = TRAINING.replace('top: "loss" }', 'top: "loss" top: "prob" }')
    assert run_model(convert_net(parse_prototxt(both), FC), {"data": PICTURES})["prob"] == pytest.approx(
        softmax(logits), abs=1e-6
    )


def test_the_softmax_of_a_loss_has_its_axis():
    text = INPUT + (
        'layer { name: "abs" type: "AbsVal" bottom: "data" top: "x" }\n'
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" softmax_param { axis: 2 } }\n'
    )
    model = convert_net(parse_prototxt(text), {}, outputs=["loss"])
    assert run_model(model, {"data": PICTURES})["loss"].sum(axis=2) == pytest.approx(np.ones((2, 3, 4)))


def test_a_net_of_losses_alone_is_refused():
    with pytest.raises(ParseError, match="no layer is left for inference"):
        build_net(parse_prototxt(INPUT + LOSS.replace('"fc"', '"data"')))


def test_silenced_blobs_are_no_outputs():
    text = INPUT + DENSE + 'layer { name: "abs" type: "AbsVal" bottom: "data" top: "x" }\n'
    silence = 'layer { name: "quiet" type: "Silence" bottom: "x" }\n'
    assert sorted(with_outputs(build_net(parse_prototxt(text)), ()).outputs) == ["fc", "x"]
    net = with_outputs(build_net(parse_prototxt(text + silence)), ())
    assert list(net.outputs) == ["fc"]
    assert [layer.name for layer in net.layers] == ["fc"]


STAGED = (
    INPUT
    + """
    layer { name: "a" type: "AbsVal" bottom: "data" top: "y" include { stage: "deploy" } }
    layer { name: "b" type: "TanH" bottom: "data" top: "y" exclude { stage: "deploy" } }
    layer { name: "c" type: "ReLU" bottom: "y" top: "z" include { stage: "deploy" not_stage: "quick" } }
    layer { name: "d" type: "ReLU" bottom: "y" top: "t" include { phase: TRAIN } }
    layer { name: "e" type: "ReLU" bottom: "y" top: "u" include { min_level: 1 } include { stage: "extra" } }
"""
)


@pytest.mark.parametrize(
    ("stages", "state", "expected"),
    [
        ((), "", ["b"]),
        (("deploy",), "", ["a", "c"]),
        ((), 'state { stage: "deploy" }', ["a", "c"]),
        (("quick",), 'state { stage: "deploy" }', ["a"]),
        (("extra",), "", ["b", "e"]),
        ((), "state { level: 2 }", ["b", "e"]),
    ],
)
def test_stages_and_levels_choose_the_layers(stages, state, expected):
    net = build_net(parse_prototxt(state + STAGED), stages)
    assert [layer.name for layer in net.layers] == expected


def test_rules_of_both_kinds_are_refused():
    text = INPUT + 'layer { name: "a" type: "ReLU" bottom: "data" top: "y" include {} exclude {} }'
    with pytest.raises(ParseError, match=r"'a'.*include or exclude, not both"):
        build_net(parse_prototxt(text))


def test_layers_out_of_order_are_told_from_blobs_that_nobody_makes():
    text = INPUT + (
        'layer { name: "a" type: "Eltwise" bottom: "data" bottom: "y" top: "x" }\n'
        'layer { name: "b" type: "ReLU" bottom: "x" top: "y" }\n'
    )
    with pytest.raises(ParseError, match=r"'a' \(Eltwise\) reads the blob 'y'.*'b'.*cycle"):
        build_net(parse_prototxt(text))
    with pytest.raises(ParseError, match="reads the blob 'z', which no layer before it makes"):
        build_net(parse_prototxt(text.replace('"y"', '"z"', 1)))


def test_an_input_that_is_changed_in_place_keeps_its_name():
    text = INPUT + (
        'layer { name: "scale" type: "Power" bottom: "data" top: "data" power_param { power: 2 } }\n'
        'layer { name: "shift" type: "Power" bottom: "data" top: "data" power_param { shift: 1 } }\n'
    )
    net = parse_prototxt(text)
    model = convert_net(net, {})
    assert model.inputs[0].get_names() == {"data"}
    assert [output.get_names() for output in model.outputs] == [{"shift"}]
    assert run_model(model, {"data": PICTURES})["shift"] == pytest.approx(PICTURES**2 + 1)
    later = convert_net(parse_prototxt(text + DENSE), FC)
    expected = run(parse_prototxt(text + DENSE), FC, {"data": PICTURES})["fc"]
    assert run_model(later, {"data": PICTURES})["fc"] == pytest.approx(expected, rel=1e-4)


def test_several_inputs_and_outputs_keep_their_order_and_names():
    text = (
        'input: "b" input_shape { dim: 1 dim: 2 } input: "a" input_shape { dim: 1 dim: 2 }\n'
        'layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }\n'
        'layer { name: "split" type: "Slice" bottom: "sum" top: "left" top: "right" }\n'
        'layer { name: "abs" type: "AbsVal" bottom: "b" top: "abs" }\n'
    )
    model = convert_net(parse_prototxt(text), {})
    assert [parameter.get_any_name() for parameter in model.inputs] == ["b", "a"]
    assert [output.get_any_name() for output in model.outputs] == ["left", "right", "abs"]
    found = run_model(model, {"a": np.float32([[1, 2]]), "b": np.float32([[-5, 3]])})
    assert found["left"].tolist() == [[-4]]
    assert found["right"].tolist() == [[5]]
    assert found["abs"].tolist() == [[5, 3]]


@pytest.mark.parametrize("batch", [1, 7, -1])
def test_batch_sets_the_first_dimension_of_every_input(batch):
    model = convert_net(parse_prototxt(INPUT + DENSE), FC, batch=batch)
    first = model.inputs[0].get_partial_shape()[0]
    assert first.is_dynamic if batch == -1 else first.get_length() == batch
    many = pictures((batch if batch > 0 else 3, 3, 4, 4), 2)
    expected = many.reshape(len(many), -1) @ FC["fc"][0].T + FC["fc"][1]
    assert run_model(model, {"data": many})["fc"] == pytest.approx(expected, rel=1e-4)


def test_shapes_may_be_given_for_inputs_that_only_training_needs():
    net = parse_prototxt(TRAINING)
    for shapes in ([(1, 3, 4, 4)], [(1, 3, 4, 4), (1,)], {"data": (1, 3, 4, 4), "label": (1,)}):
        assert list(convert_net(net, FC, input_shapes=shapes).inputs[0].shape) == [1, 3, 4, 4]
    with pytest.raises(ConversionError, match="no input 'nobody'"):
        convert_net(net, FC, input_shapes={"nobody": (1,)})


def test_python_layers_are_refused_by_their_class():
    text = INPUT + (
        'layer { name: "p" type: "Python" bottom: "data" top: "y" python_param { module: "rpn" layer: "Proposal" } }\n'
        'layer { name: "d" type: "DetectionOutput" bottom: "y" top: "z" }\n'
    )
    with pytest.raises(ConversionError, match=r"Python rpn.Proposal \('p'\), DetectionOutput \('d'\)"):
        convert_net(parse_prototxt(text), {})
