"""Where a model goes: nothing is written elsewhere, nothing of others is lost, and nothing is left half-written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nets.onnx_nets import classifier, write
from omz import cli, private
from omz.describer import network_files, placing
from omz.private import private_path
from omz.zoo import catalogue

from .test_add import contents, folder


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/b", "a b", ".hidden", "..", "-x", "net.xml", "é", "x" * 129, "a\n", "a\0b", "*", "$HOME"],
)
def test_names_that_will_not_do(add, root, capsys, name):
    assert add(f"--name={name}") == 2
    error = capsys.readouterr().err
    assert "--name" in error
    assert len(error.splitlines()) <= 2
    assert not root.exists()


@pytest.mark.parametrize("name", ["a", "_", "0.5", "x" * 128, "SE-ResNet_50.v1-onnx"])
def test_names_that_will(add, root, name):
    assert add(f"--name={name}") == 0
    assert catalogue.model_names(root) == [name]
    assert (
        cli.main(["convert", "--name", name, "--models_root", str(root), "-d", str(root), "-o", str(root)])
        == 0
    )


def test_toolkit_takes_no_models(add, root, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv(catalogue.ROOT_VARIABLE, raising=False)
    before = catalogue.model_names(catalogue.packaged_root())
    link = tmp_path / "link"
    link.symlink_to(catalogue.packaged_root())
    for place in (catalogue.packaged_root(), catalogue.packaged_root() / "public", link):
        assert add("--models_root", place) == 2
        assert "--models_root DIR" in capsys.readouterr().err
    words = ["--name=my-net", "--input_model=net.onnx"]
    assert cli.main(["add", *words]) == 2  # no --models_root, no variable
    assert "--models_root DIR" in capsys.readouterr().err
    assert catalogue.model_names(catalogue.packaged_root()) == before


def test_variable_tells_the_folder(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(catalogue.ROOT_VARIABLE, str(root))
    path = write(classifier((1, 3, 8, 8)), tmp_path / "net.onnx")
    assert cli.main(["add", "--name=my-net", f"--input_model={path}", "--output=prob"]) == 0
    assert catalogue.model_names(root) == ["my-net"]
    assert "--models_root" not in capsys.readouterr().out  # the commands know it, too


@pytest.mark.parametrize("place", ["file/below", "/proc/zoo"])
def test_folder_that_takes_nothing(add, tmp_path, capsys, place):
    (tmp_path / "file").touch()
    assert add("--models_root", tmp_path / place) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("omz add: error: ")
    assert "cannot be written" in error


def test_models_root_that_is_a_file(add, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert add("--models_root", tmp_path / "file") == 2
    assert "is no folder" in capsys.readouterr().err


def test_full_disk_leaves_all_as_it_was(add, root, monkeypatch, capsys):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert add() == 1
    assert "cannot be written: No space left on device" in capsys.readouterr().err
    assert not root.exists()
    assert add() == 0
    before = contents(root)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert add("--force", "--license=other") == 1
    assert contents(root) == before


def test_exchange_that_fails_is_undone(add, root, monkeypatch):
    assert add() == 0
    before, rename = contents(root), Path.rename

    def refused(self, target):
        if (
            target.name == "my-net"
            and self.name.endswith(".part")
            and "MIT" in (self / "model.yml").read_text()
        ):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    assert add("--force", "--license=MIT") == 1
    assert contents(root) == before


def test_file_that_changes_meanwhile(add, root, monkeypatch, capsys):
    def other(source, out, _):
        out.write(source.read() + b"x")

    monkeypatch.setattr(network_files, "share_blocks", lambda *_: False)
    monkeypatch.setattr(shutil, "copyfileobj", other)
    assert add() == 1
    assert "has changed while it was being read" in capsys.readouterr().err
    assert not root.exists()


def test_taken_name_is_refused(add, root, capsys):
    assert add() == 0
    before = contents(root)
    assert add("--license=other") == 2
    assert "--force" in capsys.readouterr().err
    assert contents(root) == before
    folder(root).rename(root / "samples")
    (root / "intel").mkdir()
    (root / "samples").rename(root / "intel" / "my-net")
    for force in ([], ["--force"]):
        assert add(*force) == 2
        assert "is the model in" in capsys.readouterr().err


def test_name_of_the_toolkit_is_told(add, root, capsys):
    assert add("--name=alexnet") == 0
    assert "is also the name of a model of the toolkit" in capsys.readouterr().err


def test_force_replaces_the_model_and_nothing_else(add, root, tmp_path, capsys):
    assert add() == 0
    place = folder(root)
    (place / "FP32").mkdir()
    (place / "FP32" / "my-net.xml").write_text("an IR")
    (place / "notes.txt").write_text("mine")
    path = write(classifier((1, 3, 8, 8)), tmp_path / "net.onnx")
    capsys.readouterr()
    assert add("--force", "--output=prob", files=("--input_model", path)) == 0
    error = capsys.readouterr().err
    assert "what else was there is still there: FP32, notes.txt" in error
    assert sorted(contents(place)) == [
        "FP32/my-net.xml", "README.md", "accuracy-check.yml", "model.yml", "my-net.onnx", "notes.txt",
    ]  # fmt: skip
    assert sorted(path.name for path in place.parent.iterdir()) == ["my-net"]
    assert catalogue.load_all(root)[0].framework == "onnx"


@pytest.mark.parametrize("killed_at", [1, 2])
def test_what_a_killed_run_has_set_aside_comes_back(add, root, killed_at, monkeypatch):
    """Killed at the first or the second renaming of a folder, or with what is to be brought over still aside."""
    assert add() == 0
    (folder(root) / "notes.txt").write_text("mine")
    before = contents(folder(root))
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom omz.describer import placing\n"
        "rename, left = Path.rename, [int(sys.argv[2])]\n"
        "def dying(self, target):\n"
        "    result = rename(self, target)\n    left[0] -= 1\n"
        "    if not left[0]:\n        os.kill(os.getpid(), signal.SIGKILL)\n    return result\n"
        "Path.rename = dying\n"
        "placing.place(Path(sys.argv[1]), lambda stage: (stage / 'new').touch(), ['model.yml'])\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(folder(root)), str(killed_at)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert catalogue.model_names(root) == []
    assert add() == 2, "is there already"
    there = contents(folder(root))
    assert there == before | ({"new": b""} if killed_at == 2 else {})
    monkeypatch.setattr(private, "_AGAIN_S", 0)
    assert add("--force") == 0
    assert [path.name for path in folder(root).parent.iterdir()] == ["my-net"]
    assert (folder(root) / "notes.txt").read_text() == "mine"


def test_force_mends_a_damaged_descriptor(add, root):
    folder(root).mkdir(parents=True)
    (folder(root) / "model.yml").write_text("{")
    assert add() == 2
    assert add("--force") == 0
    assert [model.name for model in catalogue.load_all(root)] == ["my-net"]


def test_link_in_the_place_is_not_followed(add, root, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder(root).parent.mkdir(parents=True)
    folder(root).symlink_to(elsewhere)
    for force in ([], ["--force"]):
        assert add(*force) == 2
        assert "is no folder" in capsys.readouterr().err
    assert not list(elsewhere.iterdir())


def test_another_process_that_was_faster_wins(tmp_path):
    target = tmp_path / "public" / "net"

    def fill(stage: Path) -> None:
        (stage / "mine").touch()
        target.mkdir()
        (target / "theirs").touch()

    with pytest.raises(placing.DescriptorError, match="cannot be written"):
        placing.place(target, fill)
    assert [path.name for path in target.parent.rglob("*")] == ["net", "theirs"]


def test_what_a_killed_run_has_left_is_no_model(add, root):
    assert add() == 0
    shutil.copytree(folder(root), private_path(root / "public"))
    assert catalogue.model_names(root) == ["my-net"]
    assert [model.name for model in catalogue.load_all(root)] == ["my-net"]


def test_files_of_the_network_that_are_links_or_no_files(add, root, caffe, tmp_path, capsys):
    proto, model = tmp_path / "a.prototxt", tmp_path / "a.caffemodel"
    proto.symlink_to(caffe[0])
    os.mkfifo(model)
    assert add(files=("--input_model", model)) == 1
    assert "is no regular file" in capsys.readouterr().err
    model.unlink()
    assert add(files=("--input_model", model)) == 1
    assert "No such file" in capsys.readouterr().err
    model.mkdir()
    assert add(files=("--input_model", model)) == 1
    assert "is a folder" in capsys.readouterr().err
    assert not root.exists()
    model.rmdir()
    model.symlink_to(caffe[1])
    assert add(files=("--input_model", model)) == 0
    stored = folder(root) / "my-net.caffemodel"
    assert not stored.is_symlink()
    assert stored.read_bytes() == caffe[1].read_bytes()
