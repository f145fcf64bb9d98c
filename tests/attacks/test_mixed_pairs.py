"""An .xml beside the .bin of another conversion, as a crash or somebody's copying leaves it: nothing takes the two."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest
from attacks.attack import Attack

import omz
from nets import se_resnet, synthetic_weights, write_model
from nets.tiny_classifier import draw_picture
from omz.errors import InferenceError

COMMANDS = (
    ("omz", "info", "-m", "net.xml"),
    ("classification_demo", "-m", "net.xml", "-i", "data/0/0.png", "--no_show"),
    ("classification_benchmark_demo", "-m", "net.xml", "-i", "data/0/0.png", "--no_show"),
    ("accuracy_check", "-m", "net.xml", "-s", "data"),
    pytest.param(("omz_quantizer", "-m", "net.xml", "-s", "data", "-o", "int8.xml"), marks=pytest.mark.slow),
    ("omz", "report", "-m", "net.xml", "-s", "data", "-o", "report.html"),
)


@pytest.fixture(scope="module")
def irs(tmp_path_factory) -> list[Path]:
    """Two IRs whose files have the same sizes."""
    net = se_resnet((1,), stem=8, width=8, size=32, classes=2)
    files = write_model(tmp_path_factory.mktemp("net"), net, synthetic_weights(net), name="net")
    means = ([104, 117, 123], [104, 117, 124])
    return [omz.convert(*files, mean=mean).save(tmp_path_factory.mktemp("ir") / "net.xml") for mean in means]


@pytest.fixture
def forged(attack: Attack, irs: list[Path]) -> Path:
    one, other = irs
    shutil.copy(one, attack.folder / "net.xml")
    shutil.copy(other.with_suffix(".bin"), attack.folder / "net.bin")
    for label in "01":
        (attack.folder / "data" / label).mkdir(parents=True)
        for number in range(2):
            cv2.imwrite(str(attack.folder / f"data/{label}/{number}.png"), draw_picture(number, 32, 32))
    return attack.folder / "net.xml"


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_every_command_refuses_it(attack: Attack, forged: Path, words: tuple[str, ...]) -> None:
    if "omz_quantizer" in words:
        pytest.importorskip("nncf")
    before = attack.files()
    outcome = attack.run(*words)
    assert outcome.status == 1
    lines = [line for line in outcome.err.splitlines() if "net.bin: " in line]
    assert len(lines) == 1, outcome.err
    assert "is not the one that net.xml belongs to: the two are not of one conversion" in lines[0]
    assert attack.files() == before


def test_python_refuses_it(forged: Path) -> None:
    picture = forged.parent / "data/0/0.png"
    for read in (
        lambda: omz.load(forged),
        lambda: omz.accuracy(forged, forged.parent / "data"),
        lambda: omz.benchmark(forged, [picture]),
        lambda: omz.quantize(forged, forged.parent / "data", output=forged.parent / "int8.xml"),
    ):
        with pytest.raises(InferenceError, match="the two are not of one conversion"):
            read()


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_one_bit_is_found_where_all_is_to_be_read(
    attack: Attack, forged: Path, irs, words: tuple[str, ...]
) -> None:
    """Of weights that no command looks at without need; the pair is one otherwise."""
    if "omz_quantizer" in words:
        pytest.importorskip("nncf")
    weights = forged.with_suffix(".bin")
    large = b"\x01" * (1 << 20)  # behind what the network reads: only the digest tells
    pair_of_size(irs[0], forged, large)
    assert attack.run("omz", "info", "-m", "net.xml").status == 0
    data = bytearray(weights.read_bytes())
    data[len(data) // 2 + 30_000] ^= 1
    weights.write_bytes(data)
    assert attack.run("omz", "info", "-m", "net.xml").status == 0
    before = attack.files()
    outcome = attack.run(*words, "--verify")
    assert outcome.status == 1
    assert "net.bin: its weights do not have the digest that net.xml states" in outcome.err
    assert attack.files() == before


def pair_of_size(source: Path, target: Path, more: bytes) -> None:
    """Write an IR whose weights go on, so that there are places between the blocks that are looked at."""
    from omz.converter import pairs

    told = pairs.seal_of(source)
    assert told is not None
    entry = f"bytes:{told.size} tree:{told.tree} sample:{told.sample} xml:".encode()
    text = source.read_bytes()
    start = text.index(entry)
    placeholder = pairs.placeholder()
    target.write_bytes(text[:start] + placeholder.encode() + text[start + len(entry) + 64 :])
    target.with_suffix(".bin").write_bytes(source.with_suffix(".bin").read_bytes()[:-32] + more)
    pairs.seal(target, placeholder)
