"""Pipes that nobody writes to, devices without an end and sockets, wherever a command takes the name of a file.

To open the one, or to read the other, never comes back. Each is refused at once, by its name.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from attacks.attack import Attack
from attacks.models import describe, file_entry

from nets.tiny_classifier import TinyNet

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "models" / "samples" / "se-resnext-digits"
MODEL = ("-m", "net.xml")
LABELLED = (*MODEL, "-s", "data")
#: What is called x, with a suffix, is the pipe.
COMMANDS = [
    "caffe2ir -m x.caffemodel -d good.prototxt -o out",
    "caffe2ir --input_model good.caffemodel --input_proto x.prototxt -o out",
    "caffe2ir -m good.caffemodel -d good.prototxt --mean_file x.binaryproto -o out",
    "caffe2ir -m good.caffemodel -d good.prototxt --labels x.txt -o out",
    "onnx2ir -m x.onnx -o out",
    "torch2ir -m x.pth -o out",
    "torch2ir -m x.safetensors -o out",
    "omz add -m x.onnx -n new --models_root zoo --license none",
    "omz add -m x.caffemodel -d good.prototxt -n new --models_root zoo --license none",
    "omz add -m good.caffemodel -d x.prototxt -n new --models_root zoo --license none",
    "omz add -m good.caffemodel -d good.prototxt --labels x.txt -n new --models_root zoo --license none",
    "omz_downloader --all --from_bundle x.tar -o files",
    "omz_downloader --list x.txt",
    "omz_downloader --all --header @x.txt -o files",
    "omz_converter --list x.txt",
    "omz info -m x.xml",
    "omz report -m x.xml",
    "omz report -m net.xml -i x.png -o out.html",
    "omz report -m net.xml --labels x.txt -o out.html",
    "omz report -m net.xml -s data -a x.csv -o out.html",
    "accuracy_check -m x.xml -s data",
    "accuracy_check -m net.xml -s x.txt",
    "accuracy_check -m net.xml -s data -a x.txt",
    "accuracy_check -m net.xml -s data -a x.csv",
    "accuracy_check -m net.xml -s data --labels x.txt",
    "accuracy_check -m net.xml -s data --labels x.json",
    "accuracy_check -c x.yml -m net.xml -s data",
    "accuracy_check --name se-resnext-digits -m net.xml --definitions x.yml",
    "omz_quantizer -m x.xml -s data",
    "omz_quantizer -m net.xml -s x.txt",
    "omz_quantizer -m net.xml -s data -a x.txt",
    "omz_quantizer -m net.xml -s data --labels x.txt",
    "classification_demo -m x.xml -i data --no_show",
    "classification_demo -m net.xml -i x.png --no_show",
    "classification_demo -m net.xml -i x.avi --no_show",
    "classification_demo -m net.xml -i @x.txt --no_show",
    "classification_demo -m net.xml -i data --labels x.txt --no_show",
    "classification_benchmark_demo -m net.xml -i data -gt x.txt",
    "classification_benchmark_demo -m net.xml -i data -gt x.csv",
    "classification_benchmark_demo -m x.xml -i data",
]  # fmt: skip


@pytest.fixture
def here(attack: Attack, tiny: TinyNet) -> Attack:
    folder = attack.folder
    for suffix in (".xml", ".bin"):
        shutil.copy(tiny.xml.with_suffix(suffix), folder / f"net{suffix}")
    for suffix in ("prototxt", "caffemodel"):
        shutil.copy(SAMPLE / f"se-resnext-digits.{suffix}", folder / f"good.{suffix}")
    picture = next((SAMPLE / "images").rglob("*.png"))
    (folder / "data" / "0").mkdir(parents=True)
    (folder / "zoo").mkdir()
    shutil.copy(picture, folder / "data" / "0" / "a.png")
    return attack


def refused(here: Attack, words: list[str], name: str) -> None:
    before = set(here.files())
    outcome = here.run(*words)
    print(outcome.err)
    assert outcome.status in (1, 2)
    assert name in outcome.err
    assert outcome.seconds < 10
    assert {path for path in set(here.files()) - before if not Path(path).name.startswith(".")} <= {
        "out",
        "files",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe(here: Attack, command: str) -> None:
    words = command.split()
    name = next(word.removeprefix("@") for word in words if word.removeprefix("@").startswith("x."))
    os.mkfifo(here.folder / name)
    if name == "x.xml":
        shutil.copy(here.folder / "net.bin", here.folder / "x.bin")
    refused(here, words, name)
    assert (here.folder / name).is_fifo()


@pytest.mark.parametrize(
    "device", ["/dev/zero", "/dev/random", "/dev/stdin", "/dev/tty", "/proc/kmsg", "socket"]
)
@pytest.mark.parametrize(
    "command",
    ["onnx2ir -m {} -o out", "caffe2ir -m good.caffemodel -d {} -o out", "omz_downloader --all --from_bundle {}",
     "classification_demo -m net.xml -i {} --no_show", "accuracy_check -m net.xml -s data -a {}"],
)  # fmt: skip
def test_a_device_or_a_socket(here: Attack, command: str, device: str) -> None:
    """By a link with a good suffix, as the file of a user would have."""
    name = f"link.{'onnx' if 'onnx' in command else 'prototxt' if 'caffe' in command else 'txt'}"
    with socket.socket(socket.AF_UNIX) as server:
        if device == "socket":
            os.chdir(here.folder)
            server.bind(name)
        else:
            (here.folder / name).symlink_to(device)
        refused(here, command.format(name).split(), name)


def test_the_other_half_of_an_ir(here: Attack) -> None:
    (here.folder / "net.bin").unlink()
    os.mkfifo(here.folder / "net.bin")
    for words in (["classification_demo", "-i", "data", "--no_show"], ["accuracy_check", "-s", "data"]):
        refused(here, [*words, *MODEL], "net.bin")


def test_pictures_of_a_folder_and_of_lists(here: Attack) -> None:
    """The others go on."""
    os.mkfifo(here.folder / "data" / "0" / "b.png")
    (here.folder / "list.txt").write_text("data/0/a.png\ndata/0/b.png\n")
    (here.folder / "data" / "val.txt").write_text("0/a.png 0\n0/b.png 0\n")
    for words in (
        ["classification_demo", *MODEL, "-i", "data/0", "--no_show"],
        ["classification_demo", *MODEL, "-i", "@list.txt", "--no_show"],
        ["accuracy_check", *LABELLED],
        ["omz_quantizer", *LABELLED, "--dry_run"],
    ):
        print(here.run(*words).err)


@pytest.mark.parametrize(
    "what", ["model.yml", "net.bin", "files/public/net/net.bin", ".net.bin.part", ".omz.lock", "cache"]
)
def test_files_of_a_model(here: Attack, what: str) -> None:
    """A descriptor, a file beside it, one that is there already, what is left of a download, a lock, the cache."""
    entry = file_entry("net.bin", b"content", {"$type": "bundled", "path": "net.bin"})  # type: ignore[arg-type]
    path = describe(here.folder, "net", [entry], framework="dldt", model_optimizer_args=None)
    (path.parent / "net.bin").write_bytes(b"content")
    place = here.folder / "files" / "public" / "net"
    place.mkdir(parents=True)
    cache = here.folder / "store" / "1" / entry["checksum"][:2] / entry["checksum"][2:]
    cache.parent.mkdir(parents=True)
    pipe = {
        "model.yml": path, "net.bin": path.parent / "net.bin", "files/public/net/net.bin": place / "net.bin",
        ".net.bin.part": place / what, ".omz.lock": place / what, "cache": cache,
    }[what]  # fmt: skip
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    words = ["--all", "--models_root", "zoo"]
    for command in (
        ["omz_downloader", *words, "-o", "files", "--cache_dir", "store"],
        ["omz_downloader", *words, "-o", "files", "--verify_only"],
        ["omz_downloader", *words, "-o", "files", "--dry_run"],
        ["omz", "bundle", *words, "-d", "files", "-o", "new.tar"],
        ["omz_converter", *words, "-d", "files", "-o", "out"],
        ["omz", "pages", *words],
        ["omz", "dump", *words],
    ):
        outcome = here.run(*command)
        print(command, outcome.status, outcome.err)
        if what == "model.yml":
            assert outcome.status == 1


def test_external_data_and_meta_files(here: Attack) -> None:
    """What another file names: weights of ONNX, the names of classes of a data set."""
    import onnx
    from onnx import TensorProto, helper

    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="x.data")
    node = helper.make_node("Add", ["a", "w"], ["b"])
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "ab"]
    graph = helper.make_graph([node], "g", tensors[:1], tensors[1:], [weights])
    onnx.save(helper.make_model(graph), here.folder / "net.onnx")
    os.mkfifo(here.folder / "x.data")
    refused(here, ["onnx2ir", "-m", "net.onnx", "-o", "out"], "x.data")
    os.mkfifo(here.folder / "data" / "meta.json")
    config = {
        "models": [{
            "name": "net", "launchers": [{"framework": "openvino"}],
            "datasets": [{"name": "mine", "dataset_meta": "meta.json", "metrics": [{"type": "accuracy"}],
                          "annotation_conversion": {"converter": "cls_dataset_folder"}}],
        }]
    }  # fmt: skip
    (here.folder / "check.yml").write_text(json.dumps(config))
    refused(here, ["accuracy_check", "-c", "check.yml", *LABELLED], "meta.json")
