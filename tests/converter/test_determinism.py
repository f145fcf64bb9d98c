"""The same inputs give the same bytes: in any process, in any order, with any number of jobs."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nets import prototxt, se_inception, se_resnet, se_resnext, synthetic_weights, write_model
from omz.converter import caffe2ir
from omz.converter.command import main as omz_converter

NETS = {
    "alpha": se_resnext((1, 1), stem=8, width=8, cardinality=4, size=32, classes=10),
    "beta": se_resnet((2,), stem=8, width=8, size=32, classes=10),
    "gamma": se_inception(("3a", "3c", "5b"), divisor=16, size=64, classes=10),
    "delta": se_resnext((1,), stem=8, width=16, cardinality=8, size=40, classes=10),
}
DESCRIPTOR = """\
description: Generated for a test
task_type: classification
files:
  - {{name: {name}.prototxt, size: {sizes[0]}, sha256: {digests[0]}, source: https://example.com/{name}.prototxt}}
  - {{name: {name}.caffemodel, size: {sizes[1]}, sha256: {digests[1]}, source: https://example.com/{name}.caffemodel}}
input_info:
  - {{name: data, shape: {shape}, layout: NCHW}}
model_optimizer_args:
  - --mean_values=data[104.0,117.0,123.0]
  - --output=prob
  - --input_model=$dl_dir/{name}.caffemodel
  - --input_proto=$dl_dir/{name}.prototxt
framework: caffe
license: https://example.com/LICENSE
model_info: {{model_type: Classification}}
"""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory) -> Path:
    """A folder with descriptors (``models``) and the files that they name (``files``)."""
    root = tmp_path_factory.mktemp("zoo")
    for name, net in NETS.items():
        paths = write_model(root / "files" / "public" / name, net, synthetic_weights(net), name=name)
        folder = root / "models" / "public" / name
        folder.mkdir(parents=True)
        contents = [path.read_bytes() for path in paths]
        descriptor = DESCRIPTOR.format(
            name=name,
            sizes=[len(content) for content in contents],
            digests=[hashlib.sha256(content).hexdigest() for content in contents],
            shape=list(net.layer[0].input_param.shape[0].dim),
        )
        (folder / "model.yml").write_text(descriptor)
    return root


def convert_all(zoo: Path, target: Path, *options: str) -> dict[str, bytes]:
    common = ["--models_root", str(zoo / "models"), "-d", str(zoo / "files"), "-o", str(target)]
    assert omz_converter([*common, *options]) == 0
    return files(target)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_jobs_and_order_do_not_matter(zoo, tmp_path):
    alone = convert_all(zoo, tmp_path / "alone", "--all")
    assert set(alone) == {
        f"public/{n}/{p}/{n}.{e}" for n in NETS for p in ("FP16", "FP32") for e in ("xml", "bin")
    }
    again = convert_all(zoo, tmp_path / "again", "--name", "delta,alpha,gamma,beta")
    assert again == alone
    parallel = convert_all(zoo, tmp_path / "parallel", "--all", "-j", "4")
    assert parallel == alone


def test_two_processes_write_the_same(zoo, tmp_path):
    results = []
    for number in range(2):
        target = tmp_path / str(number) / "some folder"
        program = (
            "import sys; from omz.converter.command import main; "
            f"sys.exit(main(['--all', '--models_root', {str(zoo / 'models')!r}, "
            f"'-d', {str(zoo / 'files')!r}, '-o', {str(target)!r}]))"
        )
        subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONHASHSEED": str(number)})
        results.append(files(target))
    assert results[0]
    assert results[0] == results[1]


def test_names_in_the_ir_come_from_the_layers(zoo, tmp_path):
    xml = convert_all(zoo, tmp_path, "--name", "alpha", "--precisions", "FP32")["public/alpha/FP32/alpha.xml"]
    text = xml.decode()
    layers = {layer.name for layer in NETS["alpha"].layer}
    names = re.findall(r'<layer id="\d+" name="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert all(any(name == layer or name.startswith(f"{layer}/") for layer in layers) for name in names)
    assert str(tmp_path) not in text
    assert str(zoo) not in text


def test_a_changed_weight_changes_the_bytes(zoo, tmp_path):
    """Guards the comparisons above against comparing nothing."""
    outputs = []
    for seed in (0, 1):
        net = NETS["beta"]
        text, model = write_model(tmp_path / str(seed), net, synthetic_weights(net, seed))
        assert text.read_text() == prototxt(net)
        target = tmp_path / f"ir{seed}"
        arguments = ["--input_proto", str(text), "--input_model", str(model), "--output_dir", str(target)]
        assert caffe2ir.main([*arguments, "--model_name", "net"]) == 0
        outputs.append(files(target))
    assert outputs[0]["net.bin"] != outputs[1]["net.bin"]
