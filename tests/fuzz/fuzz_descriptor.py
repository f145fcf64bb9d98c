"""Fuzz the zoo with descriptors: ``model.yml`` -> selection, sources, page of facts, converter's arguments."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import harness

with harness.measured():
    from omz.converter.zoo_model import checked_arguments, mo_arguments
    from omz.info_dumper.command import describe
    from omz.zoo.catalogue import COMPOSITE_FILE, MODEL_FILE, load_all, load_model
    from omz.zoo.page import render
    from omz.zoo.selection import select

from mutations import mutated_yaml
from seeds import descriptors

from omz.errors import ZooError


def load(path: Path) -> None:
    """Do all with a descriptor that needs no network and no files of the model."""
    root = path.parent
    content = path.read_text(encoding="utf-8", errors="replace")
    if "stages_order" in content:
        _as_composite(root, content)
    model_file = root / "models" / "public" / "net" / MODEL_FILE
    model_file.parent.mkdir(parents=True, exist_ok=True)
    model_file.write_bytes(path.read_bytes())
    model = load_model(model_file, root / "models")
    for one in select(load_all(root / "models"), ["n*", model.name]):
        json.dumps(describe(one))
    for file in model.files:
        _ = [str(source) for source in file.sources], file.digests, file.known_digits
    with contextlib.suppress(ZooError):
        render(model)
    with contextlib.suppress(ZooError):
        checked_arguments(model, root, root)
    if model.model_optimizer_args is not None:
        mo_arguments(model, root, root).canonical()


def _as_composite(root: Path, content: str) -> None:
    folder = root / "composites" / "several"
    for stage in ("net", "other"):
        (folder / stage).mkdir(parents=True, exist_ok=True)
        (folder / stage / MODEL_FILE).write_text(STAGE)
    (folder / COMPOSITE_FILE).write_text(content)
    for one in select(load_all(folder.parent), ["*"]):
        json.dumps(describe(one))


SEEDS = descriptors()
STAGE = SEEDS[0]

if __name__ == "__main__":
    harness.fuzz(load, "descriptor.yml", (text.encode() for text in SEEDS), mutated_yaml)
