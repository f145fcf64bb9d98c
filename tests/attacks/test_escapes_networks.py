"""Names within networks that a terminal would obey: operators, tensors, layers, rt_info, pickles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from attacks.attack import Attack
from attacks.escapes import EVIL, EVIL_XML, in_terminal
from converter.pytorch import torch_files as torch
from onnx import helper

from nets import onnx_nets


def told(attack: Attack, *words: object) -> str:
    """Run a command that refuses, on a terminal and into pipes; returns what it says."""
    status, shown = in_terminal(attack.folder, *words)
    assert status == 1, shown
    return attack.refused(*words, seconds=60)


def one_operator(kind: str = "Relu", domain: str = "", tensor: str = "data") -> onnx.ModelProto:
    node = helper.make_node(kind, [tensor], ["out"], EVIL, domain=domain)
    model = onnx_nets.network([node], {"data": (1, 3, 8, 8)}, {"out": (1, 3, 8, 8)})
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    return model


def external(folder: Path) -> onnx.ModelProto:
    model = onnx_nets.in_other_file(onnx_nets.classifier(), "kernel", "kernel.bin", folder)
    kernel = next(one for one in model.graph.initializer if one.name == "kernel")
    next(entry for entry in kernel.external_data if entry.key == "location").value = f"k{EVIL}"
    return model


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda folder: one_operator(f"Foo{EVIL}"), "Fooe\\x1b"),
        (lambda folder: one_operator("Foo", f"domain{EVIL}"), "domaine\\x1b"),
        (lambda folder: one_operator(tensor=f"nowhere{EVIL}"), "net.onnx"),
        (external, "net.onnx"),
    ],
    ids=["operator", "domain", "tensor", "file"],
)
def test_onnx(make, named: str, attack: Attack) -> None:
    onnx_nets.write(make(attack.folder), attack.folder / "net.onnx")
    assert named in told(attack, "onnx2ir", "-m", "net.onnx", "-o", "out")


def in_words(text: str) -> str:
    """Return a text as a prototxt says it, in octal numbers."""
    return "".join(f"\\{byte:03o}" for byte in text.encode())


@pytest.mark.parametrize(
    "layer",
    [
        f'name: "{in_words(EVIL)}" type: "ReLU" bottom: "data" top: "y"',
        f'name: "y" type: "Foo{in_words(EVIL)}" bottom: "data" top: "y"',
        f'name: "y" type: "ReLU" bottom: "x{in_words(EVIL)}" top: "y"',
        f'name: "y" type: "ReLU" bottom: "data" top: "y" {EVIL}: 1',
    ],
    ids=["name", "type", "bottom", "key"],
)
def test_prototxt(layer: str, attack: Attack) -> None:
    net = 'input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'
    (attack.folder / "net.prototxt").write_text(f"{net}layer {{ {layer} }}\n")
    (attack.folder / "net.caffemodel").write_bytes(b"\x0a\x01n")
    assert "net.prototxt" in told(
        attack, "caffe2ir", "-m", "net.caffemodel", "-d", "net.prototxt", "-o", "out"
    )


def safetensors() -> bytes:
    entry = {"dtype": f"F{EVIL}", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({EVIL: entry}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


TENSOR = torch.tensor(torch.storage("0", 4), [4], [1])
CHECKPOINTS = {
    "name.pth": torch.zip_file(torch.program(torch.call(torch.name(EVIL[:20], EVIL[:20]), torch.text("x")))),
    "tensor.pth": torch.zip_file(torch.program(torch.dictionary({EVIL: TENSOR})), {"0": torch.floats(4)}),
    "member.pth": torch.packed({"a/data.pkl": b"\x80\x02}.", f"a/{EVIL}": b"", f"{EVIL}/data.pkl": b""}),
    "header.safetensors": safetensors(),
}


@pytest.mark.parametrize("file", CHECKPOINTS)
def test_checkpoints(file: str, attack: Attack) -> None:
    (attack.folder / file).write_bytes(CHECKPOINTS[file])
    assert file in told(attack, "torch2ir", "-m", file, "-o", "out", "--input_shape", "[1,3,224,224]")


@pytest.fixture
def evil_ir(tiny, attack: Attack) -> Path:
    """An IR whose classes, input, output and operations have such names: XML writes them as numbers."""
    text = tiny.xml.read_text()
    for plain in ("kit_fox", '"data"', '"prob"'):
        assert plain in text
    text = text.replace("kit_fox", EVIL_XML.replace(" ", "_")).replace('"prob"', f'"prob{EVIL_XML}"')
    (attack.folder / "net.xml").write_text(text.replace('"data"', f'"data{EVIL_XML}"'))
    shutil.copy(tiny.xml.with_suffix(".bin"), attack.folder / "net.bin")
    return attack.folder / "net.xml"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "omz info -m net.xml",
        "omz info -m net.xml --json",
        "classification_demo -m net.xml -i pictures --no_show",
        "classification_demo -m net.xml -i pictures --no_show --output_name x",
        "classification_benchmark_demo -m net.xml -i pictures --no_show -time 0.1",
        "accuracy_check -m net.xml -s pictures",
        "omz report -m net.xml -i pictures -o report.html -time 0.1",
        "omz add -m net.xml -n mine --models_root models --dry_run",
    ],
)
def test_irs(words: str, attack: Attack, evil_ir: Path, folder: Path) -> None:
    shutil.copytree(folder, attack.folder / "pictures")
    in_terminal(attack.folder, *words.split())
    attack.run(*words.split())
