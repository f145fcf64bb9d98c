"""Names of files and folders, and texts of lists and descriptors, that a terminal or a spreadsheet would obey."""

from __future__ import annotations

import csv
import io
import json
import shutil
import unicodedata
from pathlib import Path

import pytest
import yaml
from attacks.attack import Attack
from attacks.escapes import EVIL, EVIL_FILE, in_terminal


@pytest.fixture
def pictures(attack: Attack, folder: Path) -> Path:
    """Pictures with such names, whole and cut off, and what is no picture."""
    target = attack.folder / f"in{EVIL_FILE}"
    target.mkdir()
    content = (folder / "p1.png").read_bytes()
    (target / f"good{EVIL_FILE}.png").write_bytes(content)
    (target / f"cut{EVIL_FILE}.png").write_bytes(content[:200])
    (target / "=1+1.png").write_bytes(content)
    (target / f"other{EVIL_FILE}.txt").write_text("text")
    return target


def run(attack: Attack, *words: object) -> str:
    """Run a command on a terminal and into pipes; returns its stdout."""
    in_terminal(attack.folder, *words)
    return attack.run(*words).out


@pytest.mark.slow
def test_pictures_in_the_demos(attack: Attack, pictures: Path, tiny) -> None:
    shown = run(attack, "classification_demo", "-m", tiny.xml, "-i", pictures, "--no_show", "-o", "out")
    assert "goode\\x1b[35;41m" in shown
    run(attack, "classification_benchmark_demo", "-m", tiny.xml, "-i", pictures, "--no_show", "-time", "0.1")


def test_json_has_the_names_exactly(attack: Attack, pictures: Path, tiny) -> None:
    shown = run(attack, "classification_demo", "-m", tiny.xml, "-i", pictures, "--no_show", "--json", "-")
    report = json.loads(shown)
    names = {Path(image["source"]).name for image in report["images"]}
    assert names == {f"good{EVIL_FILE}.png", "=1+1.png"}
    (bad,) = report["unreadable"]
    assert Path(bad["source"]).name == f"cut{EVIL_FILE}.png"


@pytest.mark.slow
def test_csv_computes_nothing(attack: Attack, folder: Path, tiny) -> None:
    """The name of a model is that of its file; a spreadsheet would take it for a formula."""
    for suffix in (".xml", ".bin"):
        shutil.copy(tiny.xml.with_suffix(suffix), attack.folder / f"=cmd|' C'!A0{suffix}")
    classes = attack.folder / "classes" / "kit fox"
    classes.mkdir(parents=True)
    shutil.copy(folder / "p1.png", classes / f"=2+2{EVIL_FILE}.png")
    for option in ("--csv", "--predictions"):
        shown = run(attack, "accuracy_check", "-m", "=cmd|' C'!A0.xml", "-s", "classes", option, "-")
        rows = list(csv.reader(io.StringIO(shown), strict=True))
        assert len(rows) >= 2
        assert len({len(row) for row in rows}) == 1
        cells = [cell for row in rows for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
        assert "'=cmd|' C'!A0" in cells
        for cell in cells:
            if cell.startswith("-"):
                float(cell)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["txt", "csv", "json"])
def test_lists_of_classes_and_truth(kind: str, attack: Attack, folder: Path, tiny) -> None:
    texts = {"txt": f"{EVIL} 1\n", "csv": f'name,class\n"{EVIL}","{EVIL}"\n', "json": json.dumps({"0": EVIL})}
    file = attack.folder / f"list{EVIL_FILE}.{kind}"
    file.write_bytes(texts[kind].encode())
    for words in (
        ["classification_demo", "-i", folder, "--no_show", "--labels", file],
        ["accuracy_check", "-s", folder, "-a", file],
        ["classification_benchmark_demo", "-i", folder, "--no_show", "-time", "0.1", "-gt", file],
    ):
        run(attack, words[0], "-m", tiny.xml, *words[1:])


@pytest.fixture
def models(attack: Attack) -> Path:
    """A folder of models with such a name, and a descriptor with such texts in it."""
    root = attack.folder / f"models{EVIL_FILE}"
    for name, texts in {"good": {}, "bad": {EVIL: EVIL}, EVIL_FILE: {}}.items():
        descriptor = {
            "description": EVIL, "task_type": "classification", "framework": "caffe", "license": EVIL,
            "files": [{"name": "a.bin", "size": 1, "sha256": "0" * 64, "source": "http://127.0.0.1:9/a.bin"}],
            "model_optimizer_args": [f"--input={EVIL}"],
        } | texts  # fmt: skip
        file = root / "public" / name / "model.yml"
        file.parent.mkdir(parents=True)
        file.write_text(yaml.safe_dump(descriptor))
    return root


@pytest.mark.parametrize(
    "words",
    [
        "omz_downloader --print_all",
        "omz_downloader --all --dry_run",
        "omz_downloader --name good",
        "omz_converter --all --dry_run",
        "omz_info_dumper --name good",
        "omz_info_dumper --all",
        "omz info --name good",
        "omz pages --all",
    ],
)
def test_descriptors_and_where_they_are(words: str, attack: Attack, models: Path) -> None:
    run(attack, *words.split(), "--models_root", models)
    for page in models.rglob("*.md"):
        assert all(unicodedata.category(c) not in ("Cc", "Cf") or c == "\n" for c in page.read_text())


@pytest.mark.slow
def test_reports(attack: Attack, pictures: Path, folder: Path, tiny) -> None:
    for suffix in (".xml", ".bin"):
        shutil.copy(tiny.xml.with_suffix(suffix), attack.folder / f"net<img src=x onerror=y>\x1b{suffix}")
    words = ["-m", "net<img src=x onerror=y>\x1b.xml", "-i", pictures, "-o", "report.html", "-time", "0.1"]
    run(attack, "omz", "report", *words)
    text = (attack.folder / "report.html").read_text()
    assert "<img src=x" not in text
    assert not [c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"]


@pytest.mark.parametrize(
    "words",
    [
        ["omz", EVIL],
        ["omz", "info", "-m", EVIL],
        ["classification_demo", f"--{EVIL}"],
        ["classification_demo", "-m", EVIL, "-i", EVIL, "-d", EVIL],
        ["caffe2ir", "-m", f"{EVIL}.caffemodel"],
        ["caffe2ir", "-m", "a", "--mean_values", EVIL],
        ["onnx2ir", "-m", f"{EVIL}.onnx"],
        ["omz_downloader", "--name", EVIL],
        ["omz_downloader", "--from_bundle", EVIL, "--all"],
        ["accuracy_check", "-m", EVIL, "-s", EVIL],
        ["omz_quantizer", "-m", EVIL, "-s", EVIL],
    ],
    ids=lambda words: "-".join(word for word in words if word.isprintable()),
)
def test_arguments(words: list[str], attack: Attack) -> None:
    status, _ = in_terminal(attack.folder, *words)
    assert status in (1, 2)
    assert attack.run(*words).status == status
