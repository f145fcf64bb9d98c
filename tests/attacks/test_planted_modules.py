"""Modules in the current folder, by the name of every module that Python or a package has: none is ever run.

Python takes what lies in the current folder, or beside a script, for what it was asked to import, unless it is told
not to. Each planted module notes that it was run, and by which process, and is then the module that it pretends to be.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest
import safetensors.numpy
from attacks.attack import Attack
from attacks.models import describe, file_entry

from nets.onnx_nets import classifier
from nets.timm_resnets import random_state
from nets.tiny_classifier import build, draw_picture
from omz import cli

PLANTED = """\
import sys, posix
import _frozen_importlib as _names, _frozen_importlib_external as _files
with open({marks!r}, "a") as _stream:
    _stream.write(f"{{posix.getpid()}} {{__name__}}\\n")
_spec = _files.PathFinder.find_spec(__name__, [_entry for _entry in sys.path if _entry not in ("", {folder!r})])
if _spec is None:
    raise ModuleNotFoundError(__name__)
_module = _names.module_from_spec(_spec)
sys.modules[__name__] = _module
_spec.loader.exec_module(_module)
"""
#: A script of a user, beside which the modules lie: what it imports itself, it may have from there.
SCRIPT = """\
import os, sys
sys.modules["openvino_telemetry"] = None  # a copy of this process that OpenVINO makes is no child of ours
import omz
from pathlib import Path
from omz.converter.command import main as convert_all
from omz.downloader.postprocessing import _run_worker
from omz.downloader.pool import CancelToken

print(os.getpid())
if __name__ == "__main__":
    assert sys.path[0] == os.getcwd()
    omz.convert("net.onnx").save("script/net.xml")
    print(omz.load("tiny.xml")("p.png").label)
    assert convert_all({convert_all!r}) == 0
    Path("text").write_text("a")
    request = dict(source="text", target="replaced", pattern="a", replacement="b", count=0)
    request |= dict(seconds=5, memory_bytes=1 << 28, result_bytes=9)
    print(_run_worker(request, CancelToken()))
"""
CONVERT_ALL = [
    "--all",
    "--models_root",
    "zoo",
    "-d",
    "files",
    "-o",
    "converted",
    "-j",
    "2",
    "--precisions",
    "FP16",
]
QUICK = [
    ["onnx2ir", "-m", "net.onnx", "-o", "ir"],
    ["omz_converter", *CONVERT_ALL],
    ["classification_demo", "-m", "tiny.xml", "-i", "p.png", "--no_show"],
]
SAMPLE = "work/samples/se-resnext-digits/se-resnext-digits"
COMMANDS = [
    ["omz_info_dumper", "--all"],
    ["omz", "pages", "--name", "se-resnext-digits", "--check"],
    ["omz_downloader", "--name", "se-resnext-digits", "-o", "work"],
    ["caffe2ir", "-d", f"{SAMPLE}.prototxt", "-w", f"{SAMPLE}.caffemodel", "-o", "ir"],
    ["omz", "bundle", "--name", "se-resnext-digits", "-d", "work", "-o", "bundle.tar"],
    ["torch2ir", "-m", "net.safetensors", "-o", "ir", "--input_shape=[1,3,64,64]"],
    ["omz", "info", "-m", "ir/net.xml"],
    ["classification_benchmark_demo", "-m", "tiny.xml", "-i", "p.png", "-time", "0.2"],
    ["omz", "add", "-n", "mine", "-m", "net.onnx", "--models_root", "own"],
    ["omz", "quickstart", "-o", "quick", "-time", "0.2"],
    ["omz_quantizer", "--name", "se-resnext-digits", "--models_dir", "quick", "-o", "int8"],
    ["accuracy_check", "--name", "se-resnext-digits", "--models_dir", "quick"],
    [
        "omz",
        "report",
        "--name",
        "se-resnext-digits",
        "--models_dir",
        "quick",
        "-o",
        "report.html",
        "-time",
        "0.2",
    ],
]


def names() -> list[str]:
    """Return what can be imported."""
    packages = {name for name in metadata.packages_distributions() if name.isidentifier()}
    known = {*sys.stdlib_module_names, *packages, *(name.partition(".")[0] for name in sys.modules)}
    return sorted(name for name in known - {"__main__", "omz"} if name.isidentifier())


@pytest.fixture
def planted(attack: Attack) -> Attack:
    """The folder, with networks of every kind and all modules."""
    folder = attack.folder
    content = classifier((1, 3, 32, 32)).SerializeToString()
    (folder / "net.onnx").write_bytes(content)
    safetensors.numpy.save_file(random_state("gluon_resnet18_v1b"), folder / "net.safetensors")
    build(folder / "tiny.xml")
    cv2.imwrite(str(folder / "p.png"), draw_picture(1))
    for name in ("first", "second"):
        describe(
            folder, name, [file_entry("net.onnx", content)], framework="onnx",
            model_optimizer_args=["--input=data", "--input_model=$dl_dir/net.onnx"],
        )  # fmt: skip
        place = folder / "files" / "public" / name
        place.mkdir(parents=True)
        (place / "net.onnx").write_bytes(content)
    text = PLANTED.format(marks=str(marks(attack)), folder=str(folder))
    for name in names():
        (folder / f"{name}.py").write_text(text)
    (folder / "sitecustomize.py").write_text(text)
    return attack


def marks(attack: Attack) -> Path:
    return attack.folder.parent / "marks"


def run_of(attack: Attack) -> list[list[str]]:
    return [line.split() for line in marks(attack).read_text().splitlines()] if marks(attack).exists() else []


def test_the_modules_are_taken_where_nothing_keeps_python_from_it(planted: Attack) -> None:
    for command in (["-c", "import openvino"], ["-m", "json.tool", "--help"]):
        subprocess.run([sys.executable, *command], cwd=planted.folder, capture_output=True, check=True)
    assert {"openvino", "json"} <= {name for _, name in run_of(planted)}


@pytest.mark.parametrize("command", QUICK, ids=lambda command: command[0])
def test_no_command_runs_them(planted: Attack, command: list[str]) -> None:
    assert planted.run(*command).status == 0
    assert not run_of(planted)


@pytest.mark.slow
def test_no_command_at_all_runs_them(planted: Attack) -> None:
    for command in COMMANDS:
        if command[0] == "omz_quantizer" and find_spec("nncf") is None:
            continue
        outcome = planted.run(*command, patience=300)
        assert outcome.status == 0, outcome.err
        assert not run_of(planted), command


def test_every_command_is_tried() -> None:
    modules = {script.name: script.module for script in metadata.entry_points(group="console_scripts")}
    named = {name: module for name, (module, _) in cli.COMMANDS.items()}
    commands = [*QUICK, *COMMANDS]
    tried = {named[command[1]] if command[0] == "omz" else modules[command[0]] for command in commands}
    assert tried == set(named.values())


def test_no_child_of_a_users_script_runs_them(planted: Attack) -> None:
    (planted.folder / "users_script.py").write_text(SCRIPT.format(convert_all=CONVERT_ALL))
    done = subprocess.run(
        [sys.executable, "users_script.py"], cwd=planted.folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "found" in done.stdout
    own = done.stdout.splitlines()[0]
    found = run_of(planted)
    assert {name for process, name in found if process == own} >= {"openvino", "json"}
    assert not [name for process, name in found if process != own]


def test_a_module_of_ours_that_is_run_by_name_imports_nothing_from_there(planted: Attack) -> None:
    subprocess.run(
        [sys.executable, "-m", "omz.converter.onnx2ir", "-m", "net.onnx", "-o", "ir"],
        cwd=planted.folder, capture_output=True, check=True,
    )  # fmt: skip
    # what Python imports before it comes to us is not ours to choose; `python -P -m` is
    assert "openvino" not in {name for _, name in run_of(planted)}
