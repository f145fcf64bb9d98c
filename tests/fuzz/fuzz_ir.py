"""Fuzz what an IR says about itself: labels, preprocessing, kinds of outputs, quantization, of any form and depth.

The graph stays as it is: a hostile one is read by OpenVINO in a process of its own, which is no place for a fuzzer.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import harness

with harness.measured():
    from omz.inference.classifier import InputOptions, read_classifier
    from omz.inference.locate import Network
    from omz.inference.recorded import preparation_of
    from omz.info_dumper.info import as_text, inspect
    from omz.report.collect import quantization

import openvino as ov
from mutations import STRINGS, mutated_text, mutated_tree

from nets.tiny_classifier import LABELS, build
from omz.errors import ZooError

CORE = ov.Core()
STEPS = '{"preprocessing":[{"type":"resize","size":256},{"type":"crop","size":24}]}'
TREES: list[Any] = [
    {"model_info": {"labels": "kit_fox red blue green_grass other light", "resize_type": "standard"}},
    {
        "model_info": {
            "labels": "a b c d e f",
            "reverse_input_channels": "YES",
            "mean_values": "1 2 3",
            "scale_values": "4 5 6",
        },
        "omz": {"labels": json.dumps(list(LABELS)), "outputs": "probabilities", "preparation": STEPS},
    },
    {"omz_quantization": {"preset": "mixed", "pictures": "300", "model_sha256": "0" * 64}},
]


def read(path: Path) -> None:
    """Put the tree of names and values into the IR, and read the IR in every way that a command does."""
    try:
        tree = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    xml = path.parent / "net.xml"
    if not xml.with_suffix(".bin").exists():
        build(xml, labels=None)
    if not (text := _with_rt_info(xml, tree)):
        return
    changed = path.parent / "changed.xml"
    changed.write_bytes(text)
    changed.with_suffix(".bin").write_bytes(xml.with_suffix(".bin").read_bytes())
    failures = []
    for reading in (_as_classifier, _as_info, quantization, _as_preparation):
        try:
            reading(changed)
        except ZooError as error:
            failures.append(error)
    if any(len(str(error).splitlines()) > 2 for error in failures):
        raise ValueError("a message of more than two lines")


def _as_classifier(xml: Path) -> None:
    found = read_classifier(CORE, xml, InputOptions())
    if found.labels and len(found.labels) != found.output.classes:
        raise ValueError("not as many labels as classes")


def _as_info(xml: Path) -> None:
    info = inspect(Network("net", {"FP32": xml}), "FP32", xml)
    as_text([info])


def _as_preparation(xml: Path) -> None:
    preparation_of(xml, read_classifier(CORE, xml, InputOptions()).picture)


def _with_rt_info(xml: Path, tree: object) -> bytes:
    """Return the XML with the tree in the place of what the IR says of itself; b"" if XML cannot hold it."""
    root = ElementTree.fromstring(xml.read_bytes())
    section = root.find("rt_info")
    if section is None:
        section = ElementTree.SubElement(root, "rt_info")
    section.clear()
    if not isinstance(tree, dict):
        return b""
    _add(section, tree)
    try:
        text = ElementTree.tostring(root)
        ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError):
        return b""
    return text


def _add(parent: ElementTree.Element, tree: dict[str, Any], depth: int = 0) -> None:
    for key, value in tree.items():
        element = ElementTree.SubElement(parent, key)
        if isinstance(value, dict) and depth < 50:
            _add(element, value, depth + 1)
        elif isinstance(value, list):
            _add(element, {str(key): one for one in value}, depth + 1)
        elif value is not None:
            element.set("value", str(value))


def mutate(data: bytes, rng: Random) -> bytes:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return rng.choice(seeds())
    try:
        if isinstance(tree, dict) and rng.random() < 0.4:
            _change_value(tree, rng)
        else:
            tree = mutated_tree(tree, rng)
        return json.dumps(tree).encode()
    except (ValueError, RecursionError, TypeError):
        return rng.choice(seeds())


def _change_value(tree: dict[str, Any], rng: Random) -> None:
    """Change the text of a value as a text, where the other mutations replace it."""
    sections = [section for section in tree.values() if isinstance(section, dict) and section]
    if sections:
        section = rng.choice(sections)
        key = rng.choice(sorted(section))
        if isinstance(section[key], str):
            text = mutated_text(section[key].encode(errors="replace"), rng).decode()
            section[key] = rng.choice([text, text, rng.choice(STRINGS), section[key] * 100, "[" * 5000])


def seeds() -> list[bytes]:
    return [json.dumps(tree).encode() for tree in TREES]


if __name__ == "__main__":
    harness.fuzz(read, "tree.json", seeds(), mutate)
