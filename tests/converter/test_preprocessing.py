"""Baked-in preprocessing against NumPy: channels are reversed first, then mean and scale in the network's order."""

from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omz.converter.preprocessing import Preprocessing, bake
from omz.errors import ConversionError


def identity(shape: list[int] | None = None) -> ov.Model:
    data = ops.parameter(shape or [1, 3, 4, 5], np.float32, name="data")
    data.output(0).get_tensor().set_names({"data"})
    relu = ops.multiply(data, np.float32(1))
    relu.output(0).get_tensor().set_names({"prob"})
    return ov.Model([ops.result(relu)], [data], "identity")


def outcome(model: ov.Model, picture: np.ndarray) -> np.ndarray:
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(picture)[0]


@settings(deadline=None, max_examples=30)
@given(
    mean=st.lists(st.floats(-200, 200, width=32), min_size=3, max_size=3) | st.just([]),
    scale=st.lists(st.floats(0.25, 300, width=32), min_size=3, max_size=3) | st.just([]) | st.just([58.8]),
    reverse=st.booleans(),
    named=st.booleans(),
)
def test_order_and_values(mean, scale, reverse, named) -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 4, 5)).astype(np.float32)
    key = "data" if named else ""
    model = bake(
        identity(), Preprocessing({key: mean} if mean else {}, {key: scale} if scale else {}, reverse)
    )
    expected = (picture[:, ::-1] if reverse else picture).astype(np.float64)
    if mean:
        expected = expected - np.reshape(mean, (1, 3, 1, 1))
    if scale:
        expected = expected / np.reshape(scale, (1, -1, 1, 1))
    found = outcome(model, picture)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)  # float32 against float64


def test_input_and_output_stay_what_they_were() -> None:
    model = bake(identity(), Preprocessing({"": (104, 117, 123)}))
    assert model.input(0).get_any_name() == "data"
    assert model.input(0).get_node().get_friendly_name() == "data"
    assert list(model.input(0).shape) == [1, 3, 4, 5]
    assert model.input(0).get_element_type() == ov.Type.f32
    assert model.output(0).get_names() == {"prob"}
    assert ov.layout_helpers.get_layout(model.input(0)) == ov.Layout("NCHW")


def test_names_do_not_depend_on_what_was_built_before(tmp_path: Path) -> None:
    """With a convolution, OpenVINO merges scale and order of channels into its weights, which get new names."""
    written = []
    for number in range(2):
        data = ops.parameter([1, 3, 8, 8], np.float32, name="data")
        data.output(0).get_tensor().set_names({"data"})
        weights = ops.constant(np.ones((4, 3, 3, 3), np.float32), name="conv1/weights")
        convolved = ops.convolution(data, weights, [1, 1], [1, 1], [1, 1], [1, 1], name="conv1")
        result = ops.result(convolved)
        result.set_friendly_name("conv1/sink_port_0")
        model = bake(
            ov.Model([result], [data], "net"), Preprocessing({"": (104, 117, 123)}, {"": (58.8,)}, True)
        )
        assert "conv1" in {node.get_friendly_name() for node in model.get_ops()}
        ov.save_model(model, tmp_path / f"{number}.xml")
        written.append((tmp_path / f"{number}.xml").read_bytes() + (tmp_path / f"{number}.bin").read_bytes())
        identity()  # moves OpenVINO's counter on
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "wrong",
    [
        Preprocessing({"other": (1, 2, 3)}),
        Preprocessing({"": (1, 2)}),
        Preprocessing({}, {"data": (1, 0, 1)}),
        Preprocessing(layouts={"data": "NC"}),
    ],
)
def test_what_does_not_fit_is_refused(wrong: Preprocessing) -> None:
    with pytest.raises(ConversionError, match="data"):
        bake(identity(), wrong)


def flat_and_picture() -> ov.Model:
    """A net with a picture and a vector; each goes through on its own."""
    ends = []
    for name, shape in (("data", [1, 3, 4, 5]), ("age", [1, 2])):
        parameter = ops.parameter(shape, np.float32, name=name)
        parameter.output(0).get_tensor().set_names({name})
        ends.append((ops.result(ops.multiply(parameter, np.float32(1))), parameter))
    return ov.Model([end for end, _ in ends], [parameter for _, parameter in ends], "two")


def test_one_value_is_for_inputs_of_any_shape_and_several_for_pictures() -> None:
    picture, vector = np.full((1, 3, 4, 5), 8, np.float32), np.full((1, 2), 6, np.float32)
    model = bake(flat_and_picture(), Preprocessing({"": (1, 2, 3)}, {"": (2,)}))
    found = ov.Core().compile_model(model, "CPU")({"data": picture, "age": vector})
    assert found[0][0, :, 0, 0].tolist() == [3.5, 3, 2.5]
    assert found[1].tolist() == [[3, 3]]
    with pytest.raises(ConversionError, match="layout of input 'age'"):
        bake(flat_and_picture(), Preprocessing({"age": (1, 2)}))


@pytest.mark.parametrize(
    "wrong",
    [Preprocessing({"": (1e39,)}), Preprocessing({}, {"": (1e39,)}), Preprocessing({}, {"": (1e-40,)})],
)
def test_values_that_single_precision_does_not_have_are_refused(wrong: Preprocessing) -> None:
    with pytest.raises(ConversionError, match="beyond what single precision"):
        bake(identity(), wrong)
