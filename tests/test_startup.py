"""Commands must start at once: nothing heavy is imported before it is needed."""

import subprocess
import sys

import pytest

HEAVY = ("openvino", "cv2", "rich", "model_api", "torch")
#: command module -> arguments that must stay light
LIGHT = {
    "omz.downloader.command": ["--print_all"],
    "omz.converter.command": ["--print_all"],
    "omz.info_dumper.command": ["--print_all"],
    "omz.info_dumper.info": ["--help"],
    "omz.converter.caffe2ir": ["--help"],
    "omz.demos.classification_demo.command": ["--help"],
    "omz.demos.classification_benchmark_demo.command": ["--help"],
    "omz.quickstart": ["--help"],
    "omz.report.command": ["--help"],
    "omz.zoo.pages": ["--help"],
    "omz.describer.command": ["--help"],
    "omz.cli": ["--help"],
}


def imported_by(module: str, arguments: list[str]) -> set[str]:
    code = (
        "import sys\n"
        f"from {module} import main\n"
        f"status = main({arguments!r})\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-500:]
    assert result.stdout
    return {name.split(".")[0] for name in result.stderr.split()}


@pytest.mark.parametrize("module", LIGHT)
def test_light_commands_import_nothing_heavy(module: str) -> None:
    assert imported_by(module, LIGHT[module]).isdisjoint(HEAVY)


def test_print_all_needs_no_network_or_schema_library() -> None:
    modules = imported_by("omz.downloader.command", ["--print_all"])
    assert modules.isdisjoint({*HEAVY, "requests", "pydantic", "yaml", "numpy", "filelock"})


def test_the_first_answer_needs_no_schema_or_network_library(tiny, folder) -> None:
    command = ["-m", str(tiny.xml), "-i", str(folder / "p1.png"), "--no_show", "--quiet"]
    modules = imported_by("omz.demos.classification_demo.command", command)
    assert modules.isdisjoint({"pydantic", "yaml", "requests", "onnx", "nncf", "torch", "PIL"})
