"""Fuzz the reader of label lists with files of every form, and the text that an IR has of them."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from pathlib import Path
from random import Random

import harness
import yaml

with harness.measured():
    from omz.zoo.label_text import exact_record, label_text, names_of
    from omz.zoo.labels import parse_labels

from mutations import mutated_lines, mutated_text, mutated_tree, mutated_wire

from omz.errors import ZooError

SUFFIXES = (".txt", ".csv", ".tsv", ".json", ".prototxt")
TEXTS = [
    "tench\ngoldfish\ngreat white shark\n",
    "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n",
    "__background__\nn01440764\tx\nn01443537\ty\n",
    "n01440764\nn01443537\n",
    "# mine\r\n0 n01440764 tench, Tinca tinca\r\n1 - red 0\r\n\r\n2 - red 1\r\n",
    "0 cat\n1 dog\n2 fish\n3 bird\n",
    "2: cat\n0: dog\n1: fish\n",
    "cat 0\ndog 1\nfish 3\n",
    "/a/airfield 0\n/b/bank_vault 1\n",
    "10 yuan\n20 yuan\n1 jiao\n",
    'index,name\n0,"Washington, D.C."\n1,Paris\n',
    "name;id;wnid\ncat;1;n01440764\ndog;0;n01443537\n",
    "0\tcat\n1\tdog\n",
    'item {\n  name: "n01440764"\n  label: 1\n  display_name: "tench, \\303\\251"\n}\n'
    "item { name: 'none_of_the_above' label: 0 display_name: 'background' } # x\n",
    "{0: 'tench, Tinca tinca',\n 1: \"jack-o'-lantern\", 2: 'caf\\xe9'}",
    "['cat', 'dog']",
]
TREES = [
    ["tench", "goldfish"],
    {"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]},
    {"id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0, "dog": 1}},
    {"label_names": ["n01440764", "n01443537"], "label_descriptions": {"n01440764": "tench, Tinca tinca"}},
    {"dog": 1, "cat": 0},
]


def read(path: Path) -> None:
    """Read a file under a name that its content chooses, and write its names as into an IR."""
    data = path.read_bytes()
    named = path.with_suffix(SUFFIXES[zlib.crc32(data) % len(SUFFIXES)])
    named.write_bytes(data)
    with suppress(ZooError):
        names_of("a_b c", data.decode(errors="replace"))
    labels = parse_labels(named)
    names = [label.name for label in labels]
    if [label.index for label in labels] != list(range(len(labels))):
        raise ValueError("indexes are not 0 to n - 1")
    if any(name != " ".join(name.split()) or not name for label in labels for name in label.names):
        raise ValueError("a name is empty, or not clean")
    if names_of(label_text(names), exact_record(names)) != names:
        raise ValueError("names do not come back from the IR's text")


def mutate(data: bytes, rng: Random) -> bytes:
    """Change lines and tokens, or what a JSON text holds."""
    if rng.random() < 0.5:
        with suppress(ValueError, RecursionError, yaml.YAMLError):
            tree = json.loads(data)
            for _ in range(rng.choice([1, 1, 2, 3])):
                tree = mutated_tree(tree, rng)
            return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode(errors="replace")
    if rng.random() < 0.1:
        return mutated_wire(data, rng)
    lines = data.decode(errors="replace").split("\n")
    action = rng.randrange(6)
    if action == 4:
        lines = [f"{number} {line}" for number, line in enumerate(lines, start=rng.randrange(2))]
    elif action == 5:
        return mutated_text(data, rng)
    else:
        lines = mutated_lines(lines, rng, "0123,;:=|\"'#-{}[] \t\r")
    return "\n".join(lines).encode(errors="replace")


if __name__ == "__main__":
    seeds = [*(text.encode() for text in TEXTS), *(json.dumps(tree).encode() for tree in TREES)]
    harness.fuzz(read, "labels.txt", seeds, mutate)
