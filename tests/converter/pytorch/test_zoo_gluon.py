"""``omz_downloader --name 'gluon_*'`` from a loopback mirror, then ``omz_converter --name 'gluon_*'``.

The descriptors are the real ones but for what small files must change: address, size, digits, and numbers of blocks and
channels. Whole networks of the family are tested beside this file, and one of them here.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import yaml
from downloader.loopback import Loopback

from nets.conversion import run_model
from nets.legacy_checkpoint import write_legacy
from nets.timm_resnets import VARIANTS, State, random_state
from omz.converter import command as converter
from omz.converter import torch2ir
from omz.downloader import command as downloader
from omz.zoo import catalogue
from omz.zoo.labels import load_labels

pytestmark = pytest.mark.slow  # seconds in all; the quick suite has the formats themselves

PACKAGED = catalogue.packaged_root() / "public"
SMALL = {"layers": (1, 2, 1, 1), "channels": (32, 32, 64, 64)}
NAMES = sorted(VARIANTS)
WHOLE = "gluon_seresnext50_32x4d"


@dataclass
class Mirror:
    """A models folder whose descriptors point at a server that has the files."""

    root: Path
    states: dict[str, State]

    def arguments(self, name: str = "gluon_*") -> list[str]:
        return ["--models_root", str(self.root), "--name", name, "--quiet"]


def mirror(folder: Path, server: Loopback, changes: Mapping[str, Mapping[str, Any]]) -> Mirror:
    """Publish random checkpoints for copies of the descriptors; ``changes`` are arguments of timm's ResNet by name."""
    states = {}
    for name, change in changes.items():
        net = {**VARIANTS[name], **change}
        states[name] = random_state(net)
        descriptor = yaml.safe_load((PACKAGED / name / "model.yml").read_text())
        if change:
            section = descriptor["pytorch"]
            section |= {key: list(value) for key, value in change.items()}
            if section.get("se"):
                squeezers = [f"layer{stage}.0.se.fc1.bias" for stage in range(1, 5)]
                section["se_channels"] = [len(states[name][squeezer]) for squeezer in squeezers]
        place = folder / "models" / "public" / name
        place.mkdir(parents=True)
        content = write_legacy(place / "x", states[name]).read_bytes()
        (place / "x").unlink()
        (file,) = descriptor["files"]
        file |= {
            "size": len(content),
            "sha256_prefix": hashlib.sha256(content).hexdigest()[:8],
            "source": server.serve(f"/v0.1/{file['name']}", content),
        }
        (place / "model.yml").write_text(yaml.safe_dump(descriptor))
    return Mirror(folder / "models", states)


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    server = Loopback()
    yield server
    server.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, server: Loopback) -> Mirror:
    return mirror(tmp_path_factory.mktemp("mirror"), server, dict.fromkeys(NAMES, SMALL))


@pytest.fixture(scope="module")
def downloaded(small: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    assert downloader.main([*small.arguments(), "-o", str(folder), "-j", "2"]) == 0
    return folder


@pytest.fixture(scope="module")
def converted(small: Mirror, downloaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    assert converter.main([*small.arguments(), "-d", str(downloaded), "-o", str(folder)]) == 0
    return folder


def ir(folder: Path, name: str, precision: str = "FP32") -> Path:
    return folder / "public" / name / precision / f"{name}.xml"


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()
    }


def picture(size: int = 224, seed: int = 3) -> np.ndarray[Any, Any]:
    """Return a raw picture (1, 3, size, size) BGR, 0 to 255, of even tiles and noise."""
    stream = np.random.default_rng(seed)
    tiles = stream.integers(0, 200, (1, 3, size // 16, size // 16)).repeat(16, 2).repeat(16, 3)
    return (tiles + stream.integers(0, 56, tiles.shape)).astype(np.float32)


def as_timm_does(bgr: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return what timm feeds the network: RGB in [0, 1], less the mean, by the deviation."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    rgb = bgr[:, ::-1].astype(np.float64) / 255
    return ((rgb - mean.reshape(1, 3, 1, 1)) / std.reshape(1, 3, 1, 1)).astype(np.float32)


def check_against_torch(xml: Path, net: Mapping[str, Any], state: State, tolerance: float) -> None:
    pytest.importorskip("torch")
    from converter.pytorch.torch_resnet import logits, torch_resnet

    data = picture()
    reference = logits(torch_resnet(net, state), as_timm_does(data))
    answer = run_model(xml, {"data": data})["logits"]
    assert answer.shape == reference.shape == (1, 1000)
    assert np.abs(answer - reference).max() < tolerance * np.abs(reference).max()
    assert answer.argmax() == reference.argmax()


def test_every_checkpoint_is_fetched_under_its_name(small: Mirror, downloaded: Path) -> None:
    found = sorted(path.name for path in downloaded.rglob("*.pth"))
    assert len(found) == len(NAMES) == 21
    assert [re.sub(r"-[0-9a-f]{8}\.pth", "", name) for name in found] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_ir_has_the_tensors_and_the_words_of_the_descriptor(
    name: str, downloaded: Path, converted: Path
) -> None:
    (checkpoint,) = (downloaded / "public" / name).glob("*.pth")
    for precision in ("FP32", "FP16"):
        model = ov.Core().read_model(ir(converted, name, precision))
        assert [(x.get_names(), list(x.get_shape())) for x in model.inputs] == [({"data"}, [1, 3, 224, 224])]
        assert [(x.get_names(), list(x.get_shape())) for x in model.outputs] == [({"logits"}, [1, 1000])]
        assert model.inputs[0].get_node().get_layout() == ov.Layout("[N,C,H,W]")
        info = {key: value.value for key, value in model.get_rt_info()["model_info"].items()}
        assert info.pop("labels").split()[:2] == ["tench", "goldfish"]
        assert info == {
            "model_type": "Classification",
            "resize_type": "standard",
            "crop_pct": "0.875",
            "interpolation": "bicubic",
        }
        provenance = {key: value.value for key, value in model.get_rt_info()["omz"].items()}
        assert provenance["checkpoint_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        assert "prototxt_sha256" not in provenance
        assert str(downloaded) not in str(provenance)
        labels = model.get_rt_info()["model_info"]["labels"].value.split()
        assert len(labels) == 1000


@pytest.mark.oracle
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_pytorch(name: str, small: Mirror, converted: Path) -> None:
    """With timm's preprocessing outside in PyTorch, and the same in the IR."""
    net = {**VARIANTS[name], **SMALL}
    check_against_torch(ir(converted, name), net, small.states[name], 1e-4)
    check_against_torch(ir(converted, name, "FP16"), net, small.states[name], 2e-2)


def test_channels_are_reversed(small: Mirror, converted: Path, downloaded: Path, tmp_path: Path) -> None:
    """Without PyTorch: the model without preprocessing gives the same for what timm feeds it."""
    from omz.converter.pytorch.convert import convert

    name = "gluon_seresnext101_64x4d"
    (checkpoint,) = (downloaded / "public" / name).glob("*.pth")
    bare = run_model(convert(checkpoint), {"data": as_timm_does(picture())})["logits"]
    ours = run_model(ir(converted, name), {"data": picture()})["logits"]
    swapped = run_model(ir(converted, name), {"data": picture()[:, ::-1]})["logits"]
    assert np.abs(ours - bare).max() < 1e-4 * np.abs(bare).max()
    assert np.abs(swapped - bare).max() > 1e-2 * np.abs(bare).max()


def test_same_bytes_in_parallel(small: Mirror, downloaded: Path, converted: Path, tmp_path: Path) -> None:
    some = small.arguments("gluon_*101*,gluon_senet154")
    assert converter.main([*some, "-d", str(downloaded), "-o", str(tmp_path), "-j", "2"]) == 0
    again = files(tmp_path)
    assert len(again) == 4 * 9
    everything = files(converted)
    assert again == {name: everything[name] for name in again}


def test_dry_run_prints_commands_that_make_the_same_bytes(
    small: Mirror, downloaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*small.arguments("gluon_senet154"), "-d", str(downloaded), "-o", str(tmp_path)]
    assert converter.main([*arguments, "--dry_run"]) == 0
    assert not list(tmp_path.iterdir())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["torch2ir", "torch2ir"]
    assert converter.main(arguments) == 0
    written = files(tmp_path)
    assert len(written) == 4
    shutil.rmtree(tmp_path / "public")
    for line in lines:
        assert torch2ir.main(shlex.split(line)[1:]) == 0
    assert files(tmp_path) == written


def test_a_checkpoint_of_another_network_is_refused(
    small: Mirror, downloaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same names and ranks of tensors, other groups: the descriptor says what the network is."""
    name, other = "gluon_seresnext101_64x4d", "gluon_seresnext101_32x4d"
    (checkpoint,) = (downloaded / "public" / name).glob("*.pth")
    (wrong,) = (downloaded / "public" / other).glob("*.pth")
    place = tmp_path / "public" / name
    place.mkdir(parents=True)
    shutil.copy(wrong, place / checkpoint.name)
    assert converter.main([*small.arguments(name), "-d", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "'cardinality' is declared 64, the file has 32" in error
    assert str(place / checkpoint.name) in error
    assert error.endswith(f"FAILED:\n{name}\n")
    assert "Traceback" not in error
    assert list(tmp_path.rglob("*.xml")) == []


def test_arguments_are_added_and_checked(
    small: Mirror, downloaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "gluon_resnet18_v1b"
    arguments = [*small.arguments(name), "-d", str(downloaded), "-o", str(tmp_path), "--precisions", "FP32"]
    assert converter.main([*arguments, "--add_mo_arg=--input_shape=[2,3,96,64]"]) == 0
    assert list(ov.Core().read_model(ir(tmp_path, name)).outputs[0].get_shape()) == [2, 1000]
    for argument, words in [
        ("--input_proto=x.prototxt", "--input_proto"),
        ("--output=fc7", "--output=fc7"),
        ("--mean_values=[1,2]", "2 mean values for input 'data', which has 3 channels"),
    ]:
        assert converter.main([*arguments, f"--add_mo_arg={argument}"]) == 1
        assert words in capsys.readouterr().err


def test_what_is_not_downloaded_is_told(
    small: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert converter.main([*small.arguments("gluon_senet154"), "-d", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "omz_downloader --name gluon_senet154 --models_root" in error
    assert f"-o {tmp_path}" in error
    assert len(error.splitlines()) == 4


def test_pytorch_models_that_are_exported_are_refused_in_one_line(
    small: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Open Model Zoo's own descriptors name a script that exports to ONNX."""
    descriptor = yaml.safe_load((small.root / "public/gluon_resnet18_v1b/model.yml").read_text())
    del descriptor["pytorch"]
    descriptor["conversion_to_onnx_args"] = ["--model-name=resnet18"]
    place = tmp_path / "models/public/theirs"
    place.mkdir(parents=True)
    (place / "model.yml").write_text(yaml.safe_dump(descriptor))
    assert converter.main(["--models_root", str(tmp_path / "models"), "--all", "--quiet"]) == 1
    error = capsys.readouterr().err
    assert "theirs: error: models of framework 'pytorch' are converted from ONNX" in error
    assert len(error.splitlines()) == 4


def test_a_forged_or_damaged_mirror_is_refused(
    tmp_path: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt = mirror(
        tmp_path, server, {"gluon_resnet18_v1b": {"layers": (1, 1, 1, 1), "channels": (8, 8, 8, 8)}}
    )
    (path,) = [path for path in server.replies if "resnet18" in path]
    (reply,) = server.replies[path]
    kept, reply.body = reply.body, reply.body[:-1] + bytes([reply.body[-1] ^ 1])
    assert downloader.main([*spoilt.arguments(), "-o", str(tmp_path / "out")]) == 1
    assert "is not the file that was promised: sha256 is" in capsys.readouterr().err
    assert list((tmp_path / "out").rglob("*.pth")) == []
    reply.body = kept


def test_model_api_reads_the_ir(converted: Path) -> None:
    from model_api.models import ClassificationModel

    name = "gluon_seresnext50_32x4d"
    data = picture()
    model = ClassificationModel.create_model(str(ir(converted, name)), device="CPU")
    image = data[0].transpose(1, 2, 0).astype(np.uint8)
    ((best, label, _), *_) = model(image).top_labels
    answer = run_model(ir(converted, name), {"data": data})["logits"]
    assert best == answer.argmax()
    assert label == "_".join(load_labels("imagenet_2012")[best].name.split())


@pytest.mark.slow
@pytest.mark.oracle
def test_one_network_in_full_size_with_the_descriptor_as_it_is(tmp_path: Path, server: Loopback) -> None:
    whole = mirror(tmp_path, server, {WHOLE: {}})
    original = yaml.safe_load((PACKAGED / WHOLE / "model.yml").read_text())
    copied = yaml.safe_load((whole.root / "public" / WHOLE / "model.yml").read_text())
    assert {key for key in original if original[key] != copied[key]} == {"files"}
    folder = tmp_path / "out"
    assert downloader.main([*whole.arguments(), "-o", str(folder)]) == 0
    assert converter.main([*whole.arguments(), "-d", str(folder)]) == 0
    check_against_torch(ir(folder, WHOLE), VARIANTS[WHOLE], whole.states[WHOLE], 1e-4)
