"""Lists of pictures, and links among them, that would have files outside of the folder of the data read.

Each is given to every command that reads labelled pictures.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from attacks.attack import Attack

from nets.tiny_classifier import TinyNet

COMMANDS = ("accuracy_check", "omz_quantizer")
LISTS = {
    "parent": ("val.txt", "in.png 0\n../secret.png 1\n"),
    "absolute": ("val.csv", "image,label\nin.png,0\n{folder}/secret.png,1\n"),
    "system": ("val.txt", "in.png 0\n/etc/passwd 1\n"),
    "link": ("val.txt", "in.png 0\nlink.png 1\n"),
    "folder": ("val.txt", "in.png 0\ndoor/secret.png 1\n"),
    "several": ("val.txt", "in.png 0,1\n../secret.png 1\n"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("way", LISTS)
def test_lists_that_lead_elsewhere(attack: Attack, tiny: TinyNet, command: str, way: str) -> None:
    for suffix in (".xml", ".bin"):
        shutil.copy(tiny.xml.with_suffix(suffix), attack.folder / f"net{suffix}")
    data = attack.folder / "data"
    data.mkdir()
    picture = next((Path(__file__).parents[2] / "models/samples/se-resnext-digits/images").rglob("*.png"))
    for path in (data / "in.png", attack.folder / "secret.png"):
        shutil.copy(picture, path)
    (data / "link.png").symlink_to("../secret.png")
    (data / "door").symlink_to("..")
    name, text = LISTS[way]
    (data / name).write_text(text.format(folder=attack.folder))
    before = attack.files()
    outcome = attack.run(command, "-m", "net.xml", "-s", "data")
    assert outcome.status == 1
    assert f"data/{name}: line " in outcome.err
    assert "--allow_outside" in outcome.err
    assert attack.files() == before
