"""How pictures are prepared: flags of the converters, and what the IR then carries."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets import se_resnext, synthetic_weights, write_model
from nets.onnx_nets import classifier, write
from omz import cli
from omz.converter import caffe2ir, onnx2ir
from omz.converter.picture_steps import INTERPOLATIONS, add_step_arguments, step_flags, steps_stated
from omz.converter.zoo_model import mo_arguments
from omz.parser import Parser
from omz.zoo.accuracy_check import load_evaluation
from omz.zoo.catalogue import load_all, packaged_root
from omz.zoo.step_effects import misfit
from omz.zoo.steps import OPENCV_INTERPOLATIONS, PILLOW_INTERPOLATIONS, PictureSteps

SIDE = 32


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    net = se_resnext((1,), stem=8, width=8, cardinality=4, size=SIDE, classes=10)
    proto, model = write_model(tmp_path_factory.mktemp("net"), net, synthetic_weights(net))
    return ["--input_proto", str(proto), "--input_model", str(model), "--quiet"]


def recorded(xml: Path) -> dict[str, object] | None:
    model = ov.Core().read_model(xml)
    place = ["omz", "preparation"]
    return json.loads(model.get_rt_info(place).astype(str)) if model.has_rt_info(place) else None


def parsed(*flags: str) -> PictureSteps | None:
    parser = Parser(prog="tool")
    add_step_arguments(parser)
    return steps_stated(parser.parse_args(flags))


@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        (["--resize", "40", "--crop", "32"], [
            {"type": "resize", "size": 40, "aspect_ratio_scale": "greater"}, {"type": "crop", "size": 32},
        ]),
        (["--resize", "32x32"], [{"type": "resize", "size": 32}]),
        (["--resize", "48x40", "--crop", "32x32", "--interpolation", "area"], [
            {"type": "resize", "dst_width": 48, "dst_height": 40, "interpolation": "AREA"},
            {"type": "crop", "size": 32},
        ]),
        (["--resize=36", "--crop=32", "--interpolation=bicubic", "--pillow"], [
            {"type": "resize", "size": 36, "aspect_ratio_scale": "greater", "interpolation": "BICUBIC",
             "use_pillow": True},
            {"type": "crop", "size": 32, "use_pillow": True},
        ]),
        (['--preparation={"reader": "pillow_imread", "preprocessing": [{"type": "auto_resize"}]}'],
         [{"type": "auto_resize"}]),
    ],
)  # fmt: skip
def test_the_ir_carries_what_the_flags_say(files, tmp_path, flags, steps):
    assert caffe2ir.main([*files, "--output_dir", str(tmp_path), *flags]) == 0
    reader = "pillow_imread" if "pillow_imread" in flags[0] else "opencv_imread"
    assert recorded(tmp_path / "net.xml") == {"reader": reader, "preprocessing": steps}


def test_without_flags_nothing_is_recorded(files, tmp_path):
    assert caffe2ir.main([*files, "--output_dir", str(tmp_path)]) == 0
    assert recorded(tmp_path / "net.xml") is None


def test_an_accuracy_check_file_says_it(files, tmp_path):
    (tmp_path / "accuracy-check.yml").write_text(
        "models: [{name: m, launchers: [{framework: openvino}], datasets: [{name: d, preprocessing: "
        "[{type: resize, size: 40}, {type: crop, size: 32}]}]}]"
    )
    stated = ["--preparation", str(tmp_path / "accuracy-check.yml")]
    assert caffe2ir.main([*files, "--output_dir", str(tmp_path), *stated]) == 0
    found = recorded(tmp_path / "net.xml")
    assert found
    assert found["preprocessing"] == [{"type": "resize", "size": 40}, {"type": "crop", "size": 32}]


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (["--resize", "32"], 1, "a picture of 500 x 375 becomes 42 x 32, and the network takes 32 x 32. "
         "Cut that out with --crop 32x32"),
        (["--crop", "31"], 1, "becomes 31 x 31, and the network takes 32 x 32"),
        (["--resize", "0"], 2, "expected pixels, such as 224 or 320x240"),
        (["--resize", "256,256"], 2, "expected pixels"),
        (["--resize", "99999"], 2, "a number of at most 16384"),
        (["--interpolation", "bicubic"], 2, "--interpolation goes with --resize"),
        (["--pillow"], 2, "--pillow goes with"),
        (["--resize", "32x32", "--interpolation", "bicubik"], 2, "Did you mean bicubic?"),
        (["--resize", "32x32", "--interpolation", "area", "--pillow"], 2, "'AREA': expected one of NEAREST"),
        (["--resize", "32x32", "--preparation", "{}"], 2, "--preparation and --resize say the same"),
        (["--preparation", "{"], 1, "is not the JSON of preprocessing steps"),
        (["--preparation", '{"preprocessing": [{"type": "warp"}]}'], 1, "step 'warp' is not supported"),
        (["--preparation", "no-such.yml"], 1, "no-such.yml"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_is_written(files, tmp_path, capsys, flags, status, message):
    assert caffe2ir.main([*files, "--output_dir", str(tmp_path), *flags]) == status
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*.xml"))


def test_networks_of_onnx_carry_it_too(tmp_path):
    model = write(classifier(), tmp_path / "net.onnx")
    given = ["--input_model", str(model), "--output_dir", str(tmp_path), "--quiet"]
    assert onnx2ir.main([*given, "--resize", "8x8"]) == 0
    found = recorded(tmp_path / "net.xml")
    assert found == {"reader": "opencv_imread", "preprocessing": [{"type": "resize", "size": 8}]}


def test_names_of_interpolations_are_those_of_the_steps():
    assert {name.upper() for name in INTERPOLATIONS} == {*OPENCV_INTERPOLATIONS, *PILLOW_INTERPOLATIONS} - {
        "ANTIALIAS"
    }


@pytest.mark.parametrize(
    "path", sorted(packaged_root().glob("*/*/accuracy-check.yml")), ids=lambda p: p.parent.name
)
def test_flags_say_the_steps_of_every_model(path):
    steps = load_evaluation(path).steps
    assert parsed(*step_flags(steps)) == steps


def test_steps_of_every_model_fit_its_input():
    for model in load_all(packaged_root()):
        shape = mo_arguments(model, Path("d"), Path("o")).input_shapes[0]
        assert misfit(load_evaluation(model.directory / "accuracy-check.yml").steps, shape[:1:-1]) == "", (
            model.name
        )


SIZE = st.integers(1, 999)
RESIZES = st.builds(
    lambda size, scale, method: {"type": "resize", "size": size} | scale | method,
    SIZE,
    st.sampled_from([{}, {"aspect_ratio_scale": "greater"}, {"aspect_ratio_scale": "width"}]),
    st.sampled_from([{}, {"interpolation": "BICUBIC"}, {"interpolation": "bicubic", "use_pillow": True}]),
)
CROPS = st.builds(
    lambda size, pillow: {"type": "crop", "size": size, "use_pillow": pillow}, SIZE, st.booleans()
)
OTHERS = st.sampled_from(
    [{"type": "auto_resize"}, {"type": "bgr_to_rgb"}, {"type": "crop", "max_square": True}]
)


@given(
    st.lists(st.one_of(RESIZES, CROPS, OTHERS), max_size=3),
    st.sampled_from(["opencv_imread", "pillow_imread"]),
)
@settings(derandomize=True, deadline=None)
def test_flags_say_any_steps(steps, reader):
    wanted = PictureSteps(preprocessing=steps, reader=reader)
    flags = shlex.split(shlex.join(step_flags(wanted)))
    found = parsed(*flags)
    assert (found or PictureSteps()).to_text() == wanted.to_text()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", [{"type": "resize", "size": 32}]),
        ("size: 32", "size: 33", None),  # for a network of another size
        ("type: resize", "type: warp", None),
        ("adapter: classification", "adapter: ssd", None),
        ("framework: openvino", "framework: caffe", None),
    ],
)
def test_models_of_the_zoo_carry_that_of_their_accuracy_check_file(tmp_path, capsys, old, new, expected):
    name = "se-resnext-digits"
    folder = tmp_path / "models/samples" / name
    shutil.copytree(packaged_root() / "samples" / name, folder, ignore=shutil.ignore_patterns("heldout*"))
    config = folder / "accuracy-check.yml"
    config.write_text(config.read_text().replace(old, new))
    common = ["--name", name, "--models_root", str(tmp_path / "models")]
    assert cli.main(["download", *common, "-o", str(tmp_path), "--quiet"]) == 0
    convert = ["convert", *common, "-d", str(tmp_path), "--precisions", "FP32"]
    capsys.readouterr()
    assert cli.main([*convert, "--dry_run"]) == 0
    assert ("--resize=32x32" in capsys.readouterr().out.split()) is (expected is not None)
    assert cli.main(convert) == 0
    found = recorded(tmp_path / "samples" / name / "FP32" / f"{name}.xml")
    assert (found and found["preprocessing"]) == expected
    assert ("is not recorded" in capsys.readouterr().err) is (expected is None)
