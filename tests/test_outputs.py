"""What a command writes is no file that it reads, nor another of its outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from omz import cli
from omz.errors import UsageError
from omz.outputs import check_outputs


@pytest.mark.parametrize("name", ["in.json", "./in.json", "link", "hard", "sub/../in.json"])
def test_a_file_has_many_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "in.json").write_text("{}")
    (tmp_path / "link").symlink_to("in.json")
    os.link(tmp_path / "in.json", tmp_path / "hard")
    with pytest.raises(UsageError, match=rf"--json {name}: is the file of -m as well"):
        check_outputs({"--json": name}, {"-i": ["http://host/x.png", "a\0b", "sub"], "-m": Path("in.json")})
    check_outputs({"--json": "new.json", "--csv": None, "-o": "-"}, {"-m": name, "-d": None})
    assert (tmp_path / "in.json").read_text() == "{}"


def test_outputs_that_are_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--csv .*: is the file of --json as well"):
        check_outputs({"--json": tmp_path / "x", "--csv": f"{tmp_path}/x"})
    with pytest.raises(UsageError, match="exclude each other"):
        check_outputs({"--json": "-", "--csv": "-"})


@pytest.mark.parametrize(
    "line",
    [
        "classify -m {xml} -i {picture} --json {picture} --no_show",
        "classify -m {xml} -i {picture} --json {xml} --no_show",
        "classify -m {xml} -i {picture} --json {bin} --no_show",
        "classify -m {xml} -i {picture} --json {labels} --labels {labels} --no_show",
        "classify -m {xml} -i {picture} --json {new} -o {new} --no_show",
        "benchmark -m {xml} -i {picture} --json {picture} --no_show",
        "benchmark -m {xml} -i {picture} -o {picture} --no_show",
        "benchmark -m {xml} -i {picture} -gt {labels} --json {labels} --no_show",
        "quantize -m {xml} -s {folder} --json {xml}",
        "quantize -m {xml} -s {folder} -o {xml}",
        "info -m {xml} --json {xml}",
        "report -m {xml} -i {picture} -o {picture}",
        "report -m {xml} -o {bin}",
    ],
)
def test_no_input_is_written_over(
    line: str, tiny, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {
        "xml": tmp_path / "net.xml", "bin": tmp_path / "net.bin", "picture": tmp_path / "p.png",
        "labels": tmp_path / "labels.txt", "new": tmp_path / "new.png", "folder": folder,
    }  # fmt: skip
    places["xml"].write_bytes(tiny.xml.read_bytes())
    places["bin"].write_bytes(tiny.xml.with_suffix(".bin").read_bytes())
    places["picture"].write_bytes((folder / "p1.png").read_bytes())
    places["labels"].write_text("a\nb\nc\nd\ne\nf\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert cli.main(line.format_map(places).split()) == 2
    assert "as well; name another one" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
