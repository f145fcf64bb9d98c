"""Model pages: up to date, true to the descriptor, and the same everywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from omz.zoo import catalogue, pages
from omz.zoo.page import render
from omz.zoo.schema import Model

REPOSITORY = Path(__file__).parents[2]
MODELS = {
    model.name: model for model in catalogue.load_all(catalogue.packaged_root()) if isinstance(model, Model)
}


def section(page: str, title: str) -> str:
    """Return what stands under a heading, up to the next heading of its level or above."""
    level = title.split(" ")[0]
    found = re.search(
        rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", page, re.MULTILINE | re.DOTALL
    )
    assert found, title
    return found[1]


@pytest.mark.parametrize("name", MODELS)
def test_page_is_up_to_date(name):
    path = MODELS[name].directory / "README.md"
    assert path.read_bytes() == render(MODELS[name]).encode(), "run `omz pages --all`"


@pytest.mark.parametrize("name", MODELS)
def test_page_has_the_sections_of_a_model_page(name):
    page = render(MODELS[name])
    headings = re.findall("^##? .*", page, re.MULTILINE)
    assert headings == [
        f"# {name}",
        "## Use Case and High-Level Description",
        "## Specification",
        "## Accuracy",
        "## Input",
        "## Output",
        "## Download a Model and Convert it into OpenVINO™ IR Format",
        "## Demo usage",
        "## Legal Information",
    ]
    for title in ("## Input", "## Output"):
        assert re.findall("^### (?:Original|Converted) model", section(page, title), re.MULTILINE) == [
            "### Original model",
            "### Converted model",
        ]
    assert "$" not in page


@pytest.mark.parametrize("name", MODELS)
def test_relative_links_lead_somewhere(name):
    page = render(MODELS[name])
    links = [link for link in re.findall(r"\]\(([^)]*)\)", page) if not link.startswith("http")]
    assert len(links) >= 4
    for link in links:
        assert (MODELS[name].directory / link).exists(), link


def test_page_of_se_resnext_50():
    """Against the published page, figure by figure."""
    page = render(MODELS["se-resnext-50"])
    table = re.sub(" +", " ", section(page, "## Specification"))
    for row in (
        "| Type | Classification |",
        "| GFLOPs | 8.533 |",
        "| MParams | 27.526 |",
        "| Source framework | Caffe |",
    ):
        assert row in table
    assert "| Top 1 | 78.968% |" in re.sub(" +", " ", section(page, "## Accuracy"))
    assert "| Top 5 | 94.63% |" in re.sub(" +", " ", section(page, "## Accuracy"))
    original, converted = section(page, "## Input").split("### Converted model")
    for part in (original, converted):
        assert "name - `data`, shape - `1, 3, 224, 224`, format is `B, C, H, W`" in part
        assert "Channel order is `BGR`" in part
    assert "Mean values - [104.0, 117.0, 123.0]." in original
    assert "[104" not in converted
    assert "mean values are applied inside the model" in converted
    output = section(page, "## Output")
    assert output.count("name - `prob`, shape - `1, 1000`, output data format is `B, C`") == 2
    assert output.count("probability of each class, in [0, 1]") == 2
    classes = " ".join(section(page, "### Classes").split())
    assert "[imagenet_2015](../../../models/labels/imagenet_2015.txt)" in classes
    assert "from 0, `kit fox`, to 999, `dumbbell`" in classes
    assert "same classes in another order, from `tench` on" in classes
    commands = re.findall(r"^(?:omz_|classification_).*", page, re.MULTILINE)
    assert commands == [
        "omz_downloader --name se-resnext-50",
        "omz_converter --name se-resnext-50",
        "classification_demo -m se-resnext-50 -i images/",
        "classification_benchmark_demo -m se-resnext-50 -i images/",
    ]
    assert "APACHE-2.0-SENet.txt" in section(page, "## Legal Information")


def test_bundled_model_needs_no_network(good, write, root):
    bundled = re.sub(
        r"    source: .*\n|    source:\n( .*\n)*?(?=postprocessing|  - name)",
        "    source: {$type: bundled, path: x}\n",
        good.replace("- --output", "- --reverse_input_channels\n  - --scale_values=data[2.0]\n  - --output"),
    )
    page = render(catalogue.load_model(write(bundled, "samples/net"), root))
    assert "no network is needed" in page
    assert "from the addresses in" not in page
    assert "By index: 0 `cat`, 1 `dog`." in page
    original, converted = section(page, "## Input").split("### Converted model")
    assert "Channel order is `BGR`" in original
    assert "Channel order is `RGB`" in converted
    assert "Mean values - [1.0, 2.0, 3.0]." in original
    assert "Scale values - [2.0]" in original
    assert "the mean values and the scale values are applied inside the model" in converted
    assert "which of 2 classes" in page
    assert page.count("A net") == 1
    assert "\n\nIt is small.\n\n" in page
    assert "| Top 1  | 81% |" in page


def test_pages_command_writes_checks_and_leaves_alone(write, root, capsys):
    path = write().with_name("README.md")
    arguments = ["--models_root", str(root), "--all"]
    assert pages.main([*arguments, "--check"]) == 1
    out, err = capsys.readouterr()
    assert out == f"{path}\n"
    assert "FAILED:\nnet\n" in err
    assert not path.exists()
    assert pages.main(arguments) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert [p.name for p in sorted(path.parent.iterdir())] == ["README.md", "model.yml"]
    before = path.stat().st_mtime_ns
    assert pages.main(arguments) == pages.main([*arguments, "--check"]) == 0
    assert path.stat().st_mtime_ns == before
    assert capsys.readouterr().out == ""
    path.write_text(path.read_text().replace("99.25%", "99.26%"))
    assert pages.main([*arguments, "--check"]) == 1
    assert "99.26%" in path.read_text()


def test_model_without_specification_keeps_its_page_and_the_others_go_on(good, write, root, capsys):
    """A folder of Open Model Zoo's own descriptors must not lose its pages."""
    theirs = write(good[: good.index("specification:")], "public/theirs").with_name("README.md")
    theirs.write_text("their own page")
    ours = write(name="public/zzz").with_name("README.md")
    assert pages.main(["--models_root", str(root), "--all"]) == 1
    err = capsys.readouterr().err
    assert "theirs/README.md: is no page of `omz pages`, and stays" in err
    assert err.endswith("FAILED:\ntheirs\n")
    assert theirs.read_text() == "their own page"
    assert ours.is_file()


def test_failed_write_leaves_the_old_page(write, root, monkeypatch):
    path = write().with_name("README.md")
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert pages.main(["--models_root", str(root), "--all"]) == 1
    assert path.read_text() == "old"
    assert [p.name for p in sorted(path.parent.iterdir())] == ["README.md", "model.yml"]


def test_same_bytes_in_any_locale_and_folder(tmp_path):
    script = "import sys; from omz.zoo import pages; sys.exit(pages.main(['--all', '--check']))"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    environment.pop(catalogue.ROOT_VARIABLE, None)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
