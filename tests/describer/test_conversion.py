"""The IR that ``omz_converter`` makes of an added network is the one that its own converter makes, byte by byte."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml

from nets import parse_prototxt, pictures, write_model
from nets.conversion import run_model
from nets.legacy_checkpoint import write_legacy
from nets.onnx_nets import classifier, computed, in_other_file, write
from nets.timm_resnets import VARIANTS, random_state, shapes
from omz import cli
from omz.converter import caffe2ir, onnx2ir, torch2ir
from omz.converter.caffe.caffe_pb2 import BlobProto
from omz.converter.pytorch.architecture import read_architecture
from omz.describer.descriptor import architecture_section
from omz.zoo import catalogue
from omz.zoo.network import ResNetArchitecture

from .conftest import MEAN, SIDE

STEPS = [f"--resize={SIDE}x{SIDE}"]


def converted(root: Path, folder: Path) -> dict[str, bytes]:
    """Download and convert ``my-net``; return the four files of its IRs by precision and suffix."""
    where = ["--name", "my-net", "--models_root", str(root), "--quiet"]
    assert cli.main(["download", *where, "-o", str(folder)]) == 0
    assert cli.main(["convert", *where, "-d", str(folder), "-o", str(folder / "ir")]) == 0
    paths = [path for path in (folder / "ir").rglob("*") if path.is_file()]
    assert len(paths) == 4
    return {f"{path.parent.name}{path.suffix}": path.read_bytes() for path in paths}


def by_itself(converter: ModuleType, folder: Path, *words: object) -> dict[str, bytes]:
    """Convert with ``caffe2ir``, ``onnx2ir`` or ``torch2ir``; return the same."""
    found = {}
    for precision in ("FP32", "FP16"):
        where = ["--model_name=my-net", f"--output_dir={folder}", f"--data_type={precision}", "--quiet"]
        assert converter.main([*map(str, words), *where]) == 0
        found |= {
            f"{precision}{suffix}": (folder / f"my-net{suffix}").read_bytes() for suffix in (".xml", ".bin")
        }
    return found


def test_caffe(add, root, caffe, labels, tmp_path):
    flags = [
        *("--input=data", f"--input_shape=[1,3,{SIDE},{SIDE}]", "--layout=data(NCHW)", "--output=prob", MEAN),
        *("--scale=58.8", "--reverse_input_channels", "--disable_fusing", "--labels", labels, *STEPS),
    ]
    assert add(*flags) == 0
    files = ("--input_proto", caffe[0], "--input_model", caffe[1])
    assert converted(root, tmp_path) == by_itself(caffe2ir, tmp_path / "own", *files, *flags)


def test_caffe_with_what_goes_without_saying(add, root, caffe, tmp_path):
    """The descriptor states input, shape, layout and preparation, and so does the IR; all else is the same."""
    assert add(MEAN) == 0
    own = by_itself(caffe2ir, tmp_path / "own", "-d", caffe[0], "-w", caffe[1], MEAN)
    zoo = converted(root, tmp_path)
    assert zoo["FP32.bin"] == own["FP32.bin"]
    lines, others = (files["FP32.xml"].decode().splitlines() for files in (own, zoo))
    differing = [line for line in others if line not in lines]
    assert len(differing) == 3, differing
    # the digests of the weights' file are those of the .xml as well
    assert all(
        any(f"<{key} " in line for key in ("arguments", "preparation", "weights")) for line in differing
    )


def test_dry_run_prints_a_command_that_makes_the_same(add, root, caffe, labels, tmp_path, capsys):
    assert add(MEAN, "--output=prob", "--labels", labels, *STEPS) == 0
    made = converted(root, tmp_path)
    where = ["--models_root", str(root), "-d", str(tmp_path), "-o", str(tmp_path / "own")]
    capsys.readouterr()
    assert cli.main(["convert", "--name=my-net", *where, "--dry_run"]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert caffe2ir.main([*shlex.split(line)[1:], "--quiet"]) == 0
    own = tmp_path / "own" / "public" / "my-net"
    assert made == {
        f"{path.parent.name}{path.suffix}": path.read_bytes() for path in own.rglob("*") if path.is_file()
    }


ODD = """
input: "data in"  input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }
layer { name: "fc $1" type: "InnerProduct" bottom: "data in" top: "fc $1" inner_product_param { num_output: 5 } }
layer { name: "a b" type: "Softmax" bottom: "fc $1" top: "a b" }
"""


def test_names_with_blanks_and_a_mean_picture(add, root, tmp_path, capsys):
    """Caffe's layers may have any name, and ``$`` begins a variable in a descriptor."""
    random = np.random.default_rng(5)
    net = parse_prototxt(ODD)
    weights = {"fc $1": [random.normal(size=(5, 48)).astype(np.float32), np.zeros(5, np.float32)]}
    files = write_model(tmp_path / "in", net, weights)
    mean = random.uniform(0, 255, (3, 6, 6)).astype(np.float32)
    blob = tmp_path / "in" / "mean.blob"
    blob.write_bytes(
        BlobProto(shape={"dim": mean.shape}, data=[mean.astype("<f4").tobytes()]).SerializeToString()
    )
    flags = ["--mean_file", blob, "--mean_file_offsets=(2,1)", "--output=fc $1", "--scale=58.8"]
    assert add(*flags, files=("-d", files[0], "-w", files[1])) == 0
    made = converted(root, tmp_path)
    said = [
        "--input=data in",
        "--input_shape=[2,3,4,4]",
        "--layout=data in(NCHW)",
        "--preparation",
        '{"preprocessing":[{"type":"auto_resize"}]}',
    ]
    assert made == by_itself(caffe2ir, tmp_path / "own", "-d", files[0], "-w", files[1], *flags, *said)
    picture = pictures((2, 3, 4, 4), 1)
    fed = ((picture - mean[:, 2:6, 1:5]) / 58.8).reshape(2, -1)
    result = run_model(tmp_path / "ir/public/my-net/FP32/my-net.xml", {"data in": picture})
    assert result["fc $1"] == pytest.approx(fed @ weights["fc $1"][0].T, rel=1e-4, abs=1e-4)


def test_onnx_with_weights_in_other_files(add, root, tmp_path):
    network = classifier((1, 3, 8, 8))
    folder = tmp_path / "in"
    expected = computed(network, data=pictures((1, 3, 8, 8), 2))["prob"]
    in_other_file(network, "dense", "weights/dense part.bin", folder)
    in_other_file(network, "kernel", "kernel.data", folder)
    path = write(network, folder / "Exported.onnx")
    flags = ["--output=prob", "--scale_values=data[2]"]
    assert add(*flags, files=("--input_model", path)) == 0
    names = [file["name"] for file in yaml.safe_load((root / "public/my-net/model.yml").read_text())["files"]]
    assert names == ["my-net.onnx", "kernel.data", "weights/dense part.bin"]
    made = converted(root, tmp_path)
    said = [
        "--input=data",
        "--input_shape=[1,3,8,8]",
        "--layout=data(NCHW)",
        "--preparation",
        '{"preprocessing":[{"type":"auto_resize"}]}',
    ]
    assert made == by_itself(onnx2ir, tmp_path / "own", "--input_model", path, *flags, *said)
    result = run_model(tmp_path / "ir/public/my-net/FP32/my-net.xml", {"data": 2 * pictures((1, 3, 8, 8), 2)})
    assert result["prob"] == pytest.approx(expected, abs=1e-5)


NET = {
    **VARIANTS["gluon_seresnext50_32x4d"],
    "layers": (1, 2, 1, 1),
    "channels": (32, 32, 64, 64),
    "classes": 10,
}


def test_checkpoint(add, root, tmp_path):
    path = write_legacy(tmp_path / "model_best.pth", random_state(NET))
    flags = [
        "--mean_values=[123.675,116.28,103.53]",
        "--scale_values=[58.395,57.12,57.375]",
        "--reverse_input_channels",
    ]
    assert add(*flags, "--input_shape=[1,3,64,64]", files=("--input_model", path)) == 0
    (model,) = catalogue.load_all(root)
    assert (model.framework, model.files[0].name) == ("pytorch", "my-net.pth")
    assert model.pytorch == ResNetArchitecture(
        block="bottleneck", layers=[1, 2, 1, 1], channels=[32, 32, 64, 64], cardinality=32, base_width=4, se="conv",
        se_channels=[8, 8, 16, 16],
    )  # fmt: skip
    made = converted(root, tmp_path)
    said = [
        "--input=data",
        "--input_shape=[1,3,64,64]",
        "--layout=data(NCHW)",
        "--preparation",
        '{"preprocessing":[{"type":"auto_resize"}]}',
    ]
    assert made == by_itself(torch2ir, tmp_path / "own", "--input_model", path, *flags, *said)


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_architecture_is_what_the_zoo_states(name):
    """Of each of timm's networks in the zoo, whose descriptors were written by hand."""
    state = {key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes(name).items()}
    section = architecture_section(read_architecture(state))
    stated = yaml.safe_load((catalogue.packaged_root() / "public" / name / "model.yml").read_text())[
        "pytorch"
    ]
    assert ResNetArchitecture(**section) == ResNetArchitecture(**stated)
