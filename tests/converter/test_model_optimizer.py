"""Model Optimizer's command line, as descriptors write it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omz.converter.model_optimizer import parse
from omz.errors import ConversionError

MODEL = "--input_model=net.caffemodel"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data[104,117,123]", {"data": (104, 117, 123)}),
        ("data[104.0,117.0,123.0]", {"data": (104, 117, 123)}),
        ("data(104,117,123)", {"data": (104, 117, 123)}),
        ("[104,117,123]", {"": (104, 117, 123)}),
        ("(104,117,123)", {"": (104, 117, 123)}),
        ("data[1,2,3],other[4]", {"data": (1, 2, 3), "other": (4,)}),
        ("conv1/data[-1.5e1]", {"conv1/data": (-15,)}),
        (" data in [104, 117, 123] , b (1)", {"data in": (104, 117, 123), "b": (1,)}),
    ],
)
def test_mean_values(text: str, expected: dict) -> None:
    assert parse([MODEL, f"--mean_values={text}"]).mean_values == expected
    assert parse([MODEL, f"--scale_values={text}"]).scale_values == expected


def test_values_without_names_go_to_the_inputs_in_their_order() -> None:
    arguments = parse([MODEL, "--input=a,b", "--mean_values=[1,2,3],[4,5,6]"])
    assert arguments.mean_values == {"a": (1, 2, 3), "b": (4, 5, 6)}


@pytest.mark.parametrize("text", ["[1,3,224,224]", "(1,3,224,224)", "1,3,224,224", "[1, 3, 224, 224]"])
def test_input_shape(text: str) -> None:
    assert parse([MODEL, f"--input_shape={text}"]).input_shapes == ((1, 3, 224, 224),)


def test_several_shapes_layouts_and_names() -> None:
    arguments = parse(
        [
            MODEL,
            "--input=data,info",
            "--input_shape=[1,3,8,8],[1,-1]",
            "--layout=data(NCHW),info([nc])",
            "--output=a,b",
        ]
    )
    assert arguments.inputs == ("data", "info")
    assert arguments.input_shapes == ((1, 3, 8, 8), (1, -1))
    assert arguments.layouts == {"data": "NCHW", "info": "NC"}
    assert arguments.outputs == ("a", "b")


def test_defaults() -> None:
    arguments = parse(["--input_model=dir/net.caffemodel"])
    assert arguments.input_proto == Path("dir/net.prototxt")
    assert arguments.compress_to_fp16
    assert not arguments.reverse_input_channels


@pytest.mark.parametrize(
    ("flags", "half"),
    [
        (["--compress_to_fp16"], True),
        (["--compress_to_fp16=False"], False),
        (["--data_type=FP32"], False),
        (["--data_type=half"], True),
        (["--data_type=FP16", "--compress_to_fp16=True"], True),
    ],
)
def test_precision(flags: list[str], half: bool) -> None:
    assert parse([MODEL, *flags]).compress_to_fp16 is half


@pytest.mark.parametrize(
    "flags",
    [
        ["--unheard_of=1"],
        ["--mean_values=data"],
        ["--mean_values=data[1,x]"],
        ["--mean_values=data[nan]"],
        ["--mean_values=data[1],data[2]"],
        ["--mean_values=data[1],[2]"],
        ["--mean_values=[1],[2]"],
        ["--mean_values=data[1]junk"],
        ["--scale=0"],
        ["--scale=2", "--scale_values=data[2]"],
        ["--input_shape=[1,3,0,1]"],
        ["--input_shape=[1,3,-2,1]"],
        ["--input_shape=[1,3"],
        ["--input_shape=[1,3]x[1]"],
        ["--input=a,b", "--input_shape=[1,3]"],
        ["--input=a{i32}"],
        ["--layout=(NCHW"],
        ["--reverse_input_channels=maybe"],
        ["--data_type=FP16", "--compress_to_fp16=False"],
        ["--transformations_config=x.json"],
    ],
)
def test_what_is_not_understood_is_an_error(flags: list[str]) -> None:
    with pytest.raises(ConversionError) as caught:
        parse([MODEL, *flags])
    assert "\n" not in str(caught.value)


def test_the_model_is_needed() -> None:
    with pytest.raises(ConversionError, match="input_model"):
        parse([])


NAMES = st.from_regex(r"[a-z][a-z0-9_/]{0,8}", fullmatch=True)
LAYERS = st.from_regex(r"[a-z$]([a-z0-9_/$ ]{0,8}[a-z])?", fullmatch=True)  # Caffe's may have blanks
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6))


@given(
    mean=st.dictionaries(
        LAYERS, st.lists(NUMBERS, min_size=1, max_size=4).map(tuple), min_size=1, max_size=3
    ),
    scale=st.dictionaries(
        NAMES, st.lists(NUMBERS, min_size=1, max_size=4).map(tuple), min_size=1, max_size=3
    ),
    shapes=st.lists(st.lists(st.integers(1, 4096), min_size=1, max_size=5).map(tuple), max_size=3).map(tuple),
    outputs=st.lists(LAYERS, max_size=3).map(tuple),
    reverse=st.booleans(),
)
def test_the_canonical_form_means_the_same(mean, scale, shapes, outputs, reverse) -> None:
    def listed(values) -> str:
        return "[" + ",".join(map(repr, values)) + "]"

    flags = ["--mean_values=" + ",".join(name + listed(values) for name, values in mean.items())]
    flags.append("--scale_values=" + ",".join(name + listed(values) for name, values in scale.items()))
    if shapes:
        flags.append("--input_shape=" + ",".join(map(listed, shapes)))
    if outputs:
        flags.append(f"--output={','.join(outputs)}")
    if reverse:
        flags.append("--reverse_input_channels")
    once = parse([MODEL, *flags])
    assert once.mean_values == mean
    assert once.scale_values == scale
    assert once.input_shapes == shapes
    assert parse([MODEL, *once.flags()]) == once
