"""A ``models`` folder of an Open Model Zoo release as it is: every descriptor, and the answers of its own dumper.

The releases are not part of this repository. ``OMZ_RELEASES`` names a folder with the three, made of a clone by::

    for tag in 2021.4.2 2022.1.0 2023.3.0; do
        mkdir -p $OMZ_RELEASES/$tag && git archive $tag models tools | tar -x -C $OMZ_RELEASES/$tag
    done
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper

from nets import patterned_weights
from nets.onnx_nets import network, write
from nets.zoo import NETS, lay_out
from omz.converter import command as converter
from omz.converter.arguments import Arguments
from omz.converter.zoo_model import convert_model, mo_arguments
from omz.info_dumper import command
from omz.zoo import catalogue

RELEASES = Path(os.environ.get("OMZ_RELEASES", "not stated"))
#: release -> where its packages are, the module of its information dumper
TOOLS = {
    "2021.4.2": ("tools/downloader/src", "open_model_zoo.model_tools.info_dumper"),
    "2022.1.0": ("tools/model_tools/src", "openvino.model_zoo.omz_info_dumper"),
    "2023.3.0": ("tools/model_tools/src", "openvino.model_zoo.omz_info_dumper"),
}
#: release -> descriptors of models, composite models
DESCRIPTORS = {"2021.4.2": (283, 11), "2022.1.0": (282, 12), "2023.3.0": (295, 13)}
#: release -> models to convert by framework, and those whose descriptors need no conversion
FRAMEWORKS = {
    "2021.4.2": {
        "caffe": 29, "caffe2": 4, "dldt": 125, "mxnet": 10, "onnx": 16, "pytorch": 41, "tf": 58,
    },
    "2022.1.0": {
        "caffe": 24, "dldt": 139, "mxnet": 3, "onnx": 20, "paddle": 1, "pytorch": 49, "tf": 46,
    },
    "2023.3.0": {
        "caffe": 24, "dldt": 143, "mxnet": 3, "onnx": 23, "paddle": 3, "pytorch": 53, "tf": 46,
    },
}  # fmt: skip
SELECTIONS = [
    "*",
    "*-0001",
    "resnet*,se-res*",
    "squeezenet1.[01]",
    "action-recognition-0001",  # a composite model
    "action-recognition-0001-encoder",  # a stage of it
    "action-recognition-0001-*,action-recognition-0001",
    "face-detection-????,*tacotron*",
]


def models(release: str) -> Path:
    if not (RELEASES / release / "models").is_dir():
        pytest.skip(f"OMZ_RELEASES names no folder with {release}/models; see the module's docstring")
    return RELEASES / release / "models"


@cache
def theirs(release: str, *arguments: str) -> str:
    """Return what the release's own information dumper prints."""
    folder, module = TOOLS[release]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": str(RELEASES.absolute() / release / folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def flat(dumped: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return models and stages of composite models, each once, by name: what the release of 2021 dumps."""
    stages = {stage["name"]: stage for model in dumped for stage in model["model_stages"] or [model]}
    return [stages[name] for name in sorted(stages)]


def ours(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert command.main([*arguments, "--models_root", str(root)]) == 0
    dumped: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return dumped


@pytest.mark.parametrize("release", TOOLS)
def test_every_descriptor_is_read(release):
    loaded = catalogue.load_all(models(release))
    singles, composites = DESCRIPTORS[release]
    assert sum(len(model.stages) for model in loaded) == singles
    assert sum(model.stages[0] is not model for model in loaded) == composites
    assert len(list(models(release).glob("**/model.yml"))) == singles
    assert len(list(models(release).glob("**/composite-model.yml"))) == composites
    assert Counter(stage.framework for model in loaded for stage in model.stages) == FRAMEWORKS[release]


@pytest.mark.parametrize("release", ["2022.1.0", "2023.3.0"])
def test_names_are_theirs(release, capsys):
    root = models(release)
    assert command.main(["--print_all", "--models_root", str(root)]) == 0
    assert capsys.readouterr().out == theirs(release, "--print_all")


@pytest.mark.parametrize("selection", [None, *SELECTIONS])
@pytest.mark.parametrize("release", TOOLS)
def test_information_is_theirs(release, selection, capsys):
    root = models(release)
    arguments = ["--all"] if selection is None else ["--name", selection]
    expected, dumped = json.loads(theirs(release, *arguments)), ours(capsys, root, *arguments)
    if release == "2021.4.2":  # nine keys, and stages of composite models as models
        expected = sorted(expected, key=lambda model: model["name"])
        dumped = [{key: model[key] for key in expected[0]} for model in flat(dumped)]
        assert len(expected[0]) == 9
    assert [list(model) for model in dumped] == [list(model) for model in expected]
    assert dumped == expected


@pytest.mark.parametrize("release", TOOLS)
def test_list_file_selects_what_it_does_for_them(release, capsys, tmp_path):
    root = models(release)
    path = tmp_path / "list.txt"
    path.write_text(
        "# a comment\nresnet-50-* further words\n\n'alexnet' # another\naction-recognition-0001\n"
    )
    expected = json.loads(theirs(release, "--list", str(path)))
    dumped = ours(capsys, root, "--list", str(path))
    if release == "2021.4.2":
        dumped = [stage for model in dumped for stage in (model["model_stages"] or [model])]
    assert [model["name"] for model in dumped] == [model["name"] for model in expected]


@pytest.mark.parametrize("release", TOOLS)
def test_variable_names_the_folder(release, capsys, monkeypatch):
    monkeypatch.setenv(catalogue.ROOT_VARIABLE, str(models(release)))
    assert command.main(["--print_all"]) == 0
    names = capsys.readouterr().out.split()
    assert names == catalogue.model_names(models(release))


@pytest.mark.parametrize("release", TOOLS)
def test_converter_tells_of_every_model(release, capsys, tmp_path):
    root, counts = models(release), FRAMEWORKS[release]
    folders = ["-d", str(tmp_path / "dl"), "-o", str(tmp_path / "ir")]
    assert converter.main(["--all", "--dry_run", "--models_root", str(root), *folders]) == 1
    out, err = capsys.readouterr()
    told, failed = err.split("\nFAILED:\n")
    commands = Counter(line.split()[0] for line in out.splitlines())
    assert commands == {"caffe2ir": 2 * counts["caffe"], "onnx2ir": 2 * counts["onnx"]}
    assert told.count("is an IR already, nothing to convert\n") == counts["dldt"]
    others = sum(counts.values()) - counts["caffe"] - counts["onnx"] - counts["dldt"]
    assert told.count(": error: models of framework '") == len(failed.split()) == others
    assert len(told.splitlines()) == counts["dldt"] + others
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("release", TOOLS)
def test_all_that_can_be_converted_alone_is_no_failure(release, tmp_path, capsys):
    """Exit status 0 only where all that was asked for can be done."""
    root = models(release)
    folders = ["--models_root", str(root), "-d", str(tmp_path)]
    assert converter.main(["--name", "alexnet,aclnet*,face-detection-adas-0001", "--dry_run", *folders]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


@pytest.mark.slow
@pytest.mark.parametrize("release", TOOLS)
def test_every_onnx_descriptor_converts(release, tmp_path):
    """On stand-ins that have the inputs and outputs that the descriptors state; the weights are not to be had."""
    names = []
    for model in catalogue.load_all(models(release)):
        for stage in model.stages:
            if stage.framework == "onnx":
                arguments = mo_arguments(stage, tmp_path, tmp_path)
                write(stand_in(arguments), arguments.input_model)
                names.append(stage.name)
    folders = ["--models_root", str(models(release)), "-d", str(tmp_path)]
    assert converter.main(["--name", ",".join(names), *folders, "--quiet"]) == 0
    assert len(list(tmp_path.rglob("*.xml"))) == 2 * len(names) == 2 * FRAMEWORKS[release]["onnx"]


#: release -> Caffe models whose nets the tests can make; the others detect, segment or recognize
CLASSIFIERS = {"2021.4.2": 20, "2022.1.0": 15, "2023.3.0": 15}


@pytest.mark.slow
@pytest.mark.parametrize("release", TOOLS)
def test_every_caffe_classifier_converts(release, tmp_path):
    """From files as they are published, post-processed as the release's descriptors say; the weights are made up."""
    names = []
    for model in catalogue.load_all(models(release)):
        for stage in model.stages:
            if stage.framework == "caffe" and stage.name in NETS:
                names.append(stage.name)
                lay_out(stage, patterned_weights(NETS[stage.name]()), tmp_path)
                (xml,) = convert_model(stage, tmp_path, tmp_path, ["FP16"])
                assert xml == tmp_path / stage.subdirectory / "FP16" / f"{stage.name}.xml"
                assert xml.with_suffix(".bin").stat().st_size > 2_000_000
                shutil.rmtree(tmp_path / stage.subdirectory)
    print(release, len(names), *names)
    assert len(names) == CLASSIFIERS[release]


def stand_in(arguments: Arguments) -> onnx.ModelProto:
    inputs = arguments.inputs or ("input",)
    shapes = arguments.input_shapes or ((1, 3, 32, 32),) * len(inputs)
    given = dict(zip(inputs, shapes, strict=True))
    outputs = dict(zip(arguments.outputs or ("output",), cycle(given.items())))
    nodes = [helper.make_node("Relu", [name], [output]) for output, (name, _) in outputs.items()]
    return network(nodes, given, {output: shape for output, (_, shape) in outputs.items()})


# What follows needs no release: descriptors written for these tests, with every key and every generation's form.

FILE = "{{name: {name}, size: 1, {digest}, source: {source}}}"
SHA256, SHA384 = "sha256: " + "0A" * 32, "checksum: " + "b1" * 48
HTTP = "https://example.com/x"
DRIVE = "{$type: google_drive, id: a-B_9}"


def file(name: str, digest: str = SHA384, source: str = HTTP) -> str:
    return FILE.format(name=name, digest=digest, source=source)


def descriptor(framework: str, files: Sequence[str], *more: str) -> str:
    head = ["description: >-", "  Two", "  lines.", "task_type: detection", f"files: [{', '.join(files)}]"]
    return "\n".join([*head, f"framework: {framework}", "license: https://example.com/L", *more, ""])


def mo(*arguments: str) -> str:
    return f"model_optimizer_args: {json.dumps(list(arguments))}"


INPUTS = (
    "input_info: [{name: data, shape: [1, 3, 8, -1], layout: NCHW}, {name: info, layout: NC}, {name: '0'}]"
)
IR = [
    f"{precision}/{{}}.{suffix}" for precision in ("FP32", "FP16", "FP16-INT8") for suffix in ("xml", "bin")
]
DESCRIPTORS_OF = {
    "public/old-caffe": descriptor(
        "caffe",
        [file("a.prototxt", SHA256), file("a.caffemodel", SHA256, DRIVE)],
        mo("--input=data"),
        "quantizable: yes",
    ),
    "public/new-caffe": descriptor(
        "caffe", [file("a.prototxt")], INPUTS, mo("--input_model=x"), "quantizable: no"
    ),
    "public/caffe2": descriptor("caffe2", [], "conversion_to_onnx_args: [--a=b]", mo("--input_model=x")),
    "public/mxnet": descriptor("mxnet", [], mo("--input_model=x"), "postprocessing: []"),
    "public/onnx": descriptor(
        "onnx",
        [file("a.zip"), file("sub/b.txt")],
        mo("--input_model=$dl_dir/a.onnx"),
        "quantized: INT8",
        "postprocessing:",
        "  - {$type: unpack_archive, file: a.zip, format: zip}",
        r"  - {$type: regex_replace, file: sub/b.txt, pattern: 'a(\d)', replacement: 'b\1', count: 2}",
    ),
    "public/paddle": descriptor("paddle", [], mo("--input_model=x"), INPUTS),
    "public/pytorch": descriptor(
        "pytorch",
        [
            file("a.pth", SHA384 + f", original_source: {HTTP}"),
            file("b.pth", SHA384 + f", oroginal_source: {HTTP}"),
        ],
        "conversion_to_onnx_args: [--a=b]",
        mo("--input_model=$conv_dir/a.onnx", "--model_name=pytorch"),
    ),
    "public/tf": descriptor(
        "tf",
        [],
        mo("--transformations_config=$mo_dir/x.json", "--saved_model_dir=$dl_dir"),
        "model_info: {model_type: ssd, confidence_threshold: 0.5, iou_threshold: 1.0, resize_type: standard,",
        "  labels: [a, b], anchors: [10.0, 13], masks: [[0, 1], [2, 3]]}",
    ),
    "intel/net-0001": descriptor("dldt", [file(name.format("net-0001"), SHA256) for name in IR]),
    "intel/extra": descriptor(
        "dldt", [file(n.format("extra")) for n in IR[:2]] + [file("data/a.txt"), file("b.txt")]
    ),
    "intel/two/two-b": descriptor("dldt", [file(name.format("two-b")) for name in IR[2:4]], INPUTS),
    "intel/two/two-a": descriptor(
        "dldt", [file(name.format("two-a")) for name in IR[:4]], "quantizable: yes"
    ),
}
COMPOSITES = {
    "2021.4": ("task_type: detection", "", "", None),
    "2022.1": (
        "task_type: detection\ndescription: Both\nlicense: https://example.com/L\nframework: dldt\n"
        "stages_order: [two-b, two-a]",
        "Both",
        "https://example.com/L",
        "dldt",
    ),
}


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    for place, content in DESCRIPTORS_OF.items():
        path = tmp_path / "golden" / place / "model.yml"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    (tmp_path / "golden/public/tf/accuracy-check.yml").write_text("models: []")
    (tmp_path / "golden/intel/two/composite-model.yml").write_text("task_type: detection")
    return tmp_path / "golden"


def expected_of(root: Path, place: str, framework: str | None, **differing: object) -> dict[str, object]:
    folder = root / place
    return {
        "name": folder.name,
        "composite_model_name": None,
        "description": "Two lines.",
        "framework": framework,
        "license_url": "https://example.com/L",
        "accuracy_config": None,
        "model_config": str(folder / "model.yml"),
        "precisions": ["FP16", "FP32"],
        "quantization_output_precisions": [],
        "subdirectory": place,
        "task_type": "detection",
        "input_info": [],
        "model_stages": [],
        **differing,
    }


GIVEN = [
    {"name": "data", "shape": [1, 3, 8, -1], "layout": "NCHW"},
    {"name": "info", "shape": [], "layout": "NC"},
    {"name": "0", "shape": [], "layout": ""},
]
QUANTIZABLE = {"quantization_output_precisions": ["FP16-INT8", "FP32-INT8"]}


@pytest.mark.parametrize("generation", COMPOSITES)
def test_golden_descriptors(golden, capsys, generation):
    content, description, license_url, framework = COMPOSITES[generation]
    (golden / "intel/two/composite-model.yml").write_text(content)
    two_a = expected_of(golden, "intel/two/two-a", "dldt", composite_model_name="two", **QUANTIZABLE)
    two_b = expected_of(
        golden, "intel/two/two-b", "dldt", composite_model_name="two", precisions=["FP16"], input_info=GIVEN
    )
    stages = [two_a, two_b] if generation == "2021.4" else [two_b, two_a]
    composite = expected_of(
        golden,
        "intel/two",
        framework,
        composite_model_name="two",
        description=description,
        license_url=license_url,
        model_config=None,
        precisions=stages[0]["precisions"],
        quantization_output_precisions=stages[0]["quantization_output_precisions"],
        model_stages=stages,
    )
    tf = {"accuracy_config": str(golden / "public/tf/accuracy-check.yml")}
    assert ours(capsys, golden, "--all") == [
        expected_of(golden, "public/caffe2", "caffe2"),
        expected_of(golden, "intel/extra", "dldt", precisions=["FP32"]),
        expected_of(golden, "public/mxnet", "mxnet"),
        expected_of(golden, "intel/net-0001", "dldt", precisions=["FP16", "FP16-INT8", "FP32"]),
        expected_of(golden, "public/new-caffe", "caffe", input_info=GIVEN),
        expected_of(golden, "public/old-caffe", "caffe", **QUANTIZABLE),
        expected_of(golden, "public/onnx", "onnx", precisions=["FP16-INT8", "FP32-INT8"]),
        expected_of(golden, "public/paddle", "paddle", input_info=GIVEN),
        expected_of(golden, "public/pytorch", "pytorch"),
        expected_of(golden, "public/tf", "tf", **tf),
        composite,
    ]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("two", ["two"]),
        ("two-*", ["two-a", "two-b"]),
        ("two-b,two,*caffe*", ["two-b", "two", "caffe2", "new-caffe", "old-caffe"]),
        ("net-????,?f", ["net-0001", "tf"]),
        ("[mo]*", ["mxnet", "old-caffe", "onnx"]),
    ],
)
def test_golden_selection(golden, capsys, tmp_path, patterns, expected):
    assert [model["name"] for model in ours(capsys, golden, "--name", patterns)] == expected
    (tmp_path / "list").write_text(patterns.replace(",", " # first\n"))
    assert [model["name"] for model in ours(capsys, golden, "--list", str(tmp_path / "list"))] == expected
