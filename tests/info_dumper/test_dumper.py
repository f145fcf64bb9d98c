"""``omz_info_dumper``: Open Model Zoo's fields and values."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from omz.info_dumper import command
from omz.zoo import catalogue

# The answer of Open Model Zoo 2023.3 for its own se-resnext-50, but for the description (the words are ours) and
# the folder that the two configuration files are in.
SE_RESNEXT_50 = {
    "name": "se-resnext-50",
    "composite_model_name": None,
    "framework": "caffe",
    "license_url": "https://raw.githubusercontent.com/hujie-frank/SENet/master/LICENSE",
    "precisions": ["FP16", "FP32"],
    "quantization_output_precisions": ["FP16-INT8", "FP32-INT8"],
    "subdirectory": "public/se-resnext-50",
    "task_type": "classification",
    "input_info": [{"name": "data", "shape": [1, 3, 224, 224], "layout": "NCHW"}],
    "model_stages": [],
}
KEYS = [
    "name",
    "composite_model_name",
    "description",
    "framework",
    "license_url",
    "accuracy_config",
    "model_config",
    "precisions",
    "quantization_output_precisions",
    "subdirectory",
    "task_type",
    "input_info",
    "model_stages",
]
STAGE = f"""\
description: A stage
task_type: detection
files:
  - {{name: FP16/two-a.xml, size: 1, sha256: {"ab" * 32}, source: https://example.com/x}}
  - {{name: FP16/two-a.bin, size: 1, sha256: {"ab" * 32}, source: https://example.com/x}}
framework: dldt
license: https://example.com/LICENSE
input_info:
  - name: a
"""


def dumped(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert command.main(arguments) == 0
    answer: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return answer


def test_answer_is_that_of_open_model_zoo(capsys):
    (answer,) = dumped(capsys, "--name", "se-resnext-50")
    assert list(answer) == KEYS
    folder = catalogue.packaged_root().resolve() / "public/se-resnext-50"
    assert answer.pop("accuracy_config") == str(folder / "accuracy-check.yml")
    assert answer.pop("model_config") == str(folder / "model.yml")
    assert "<https://arxiv.org/abs/1709.01507>" in str(answer.pop("description"))
    assert answer == SE_RESNEXT_50


def test_all_models_by_name(capsys):
    names = [model["name"] for model in dumped(capsys, "--all")]
    assert names == sorted(names) == catalogue.model_names(catalogue.packaged_root())


def test_indented_by_four(capsys):
    assert command.main(["--name", "se-inception"]) == 0
    assert capsys.readouterr().out.startswith('[\n    {\n        "name": "se-inception",\n')


def test_composite_model_holds_its_stages(tmp_path, capsys, monkeypatch):
    stage = tmp_path / "m/intel/two/two-a/model.yml"
    stage.parent.mkdir(parents=True)
    stage.write_text(STAGE)
    (stage.parents[1] / "composite-model.yml").write_text(
        "task_type: detection\nstages_order: [two-a]\ndescription: Both\nlicense: l\nframework: dldt\n"
    )
    monkeypatch.chdir(tmp_path)
    (answer,) = dumped(capsys, "--name", "two", "--models_root", "m")
    described = {
        "name": "two-a",
        "composite_model_name": "two",
        "description": "A stage",
        "framework": "dldt",
        "license_url": "https://example.com/LICENSE",
        "accuracy_config": None,
        "model_config": str(stage.resolve()),
        "precisions": ["FP16"],
        "quantization_output_precisions": [],
        "subdirectory": "intel/two/two-a",
        "task_type": "detection",
        "input_info": [{"name": "a", "shape": [], "layout": ""}],
        "model_stages": [],
    }
    assert answer == {
        **described,
        "name": "two",
        "description": "Both",
        "license_url": "l",
        "model_config": None,
        "subdirectory": "intel/two",
        "input_info": [],
        "model_stages": [described],
    }


def test_malformed_descriptor_is_one_line(tmp_path, capsys):
    path = tmp_path / "net/model.yml"
    path.parent.mkdir()
    path.write_text("description: ]")
    assert command.main(["--all", "--models_root", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f": error: {path}: line 1: is not YAML" in err
    assert err.count("\n") == 1


def test_usage(capsys):
    assert command.main([]) == 2
    assert command.main(["--all", "--name", "x"]) == 2
    assert command.main(["--name", "se-resnxt-50"]) == 2
    assert "Did you mean se-resnext-50" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["--print_all"]])
def test_help_and_names_are_light(arguments, tmp_path):
    script = (
        "import sys; from omz.info_dumper.command import main; status = main(sys.argv[1:]); "
        "print(status, [m for m in ('pydantic', 'yaml', 'numpy', 'openvino', 'cv2', 'rich', 'requests')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    expected = "--models_root" if arguments == ["--help"] else "se-resnext-50\n"
    assert expected in done.stdout
