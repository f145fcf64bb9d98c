"""Fuzz the reader of lists of pictures and classes, in lines and as CSV, for networks of named classes and others."""

from __future__ import annotations

import zlib
from pathlib import Path
from random import Random

import harness

with harness.measured():
    from omz.inference.path_lists import read_list as read_paths
    from omz.zoo.class_list import ClassList
    from omz.zoo.truth import read_truth
    from omz.zoo.truth_lists import read_list

from mutations import mutated_lines, mutated_text, mutated_wire

from omz.errors import ZooError

SUFFIXES = (".txt", ".csv", ".tsv")
TEXTS = [
    "a.jpg 0\nb.jpg 1\nsub/c d.jpg 2\n",
    "a.jpg\tcrane\nb.jpg\tkit fox\n",
    "./a.jpg n01440764\nb.jpg n02119789\n",
    "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\n",
    "# those of val15\n#1.png 7\n1.png -1\n",
    'image,label\na.jpg,0\n"b, c.jpg",1\n',
    "ImageId,PredictionString\nILSVRC2012_val_00000001,n03995372 85 1 499 272\n",
    "path;class;width\na.jpg;crane;3\nb.jpg;tench;4\n",
    "a.jpg,tench\nb.jpg,goldfish\n",
    "\ufeffa.jpg 3\r\nb.jpg 4\r\n",
]
NETWORKS = [
    ClassList.of_network(None, 1000),
    ClassList.of_network(None, 5),
    ClassList.of_network(["tench, Tinca tinca", "goldfish", "kit fox", "crane", "crane"], 5),
    ClassList.known("imagenet_2012"),
    ClassList.known("imagenet_2015", 1),
]


def read(path: Path) -> None:
    """Read a file under a name that its content chooses, for a network that it chooses."""
    data = path.read_bytes()
    number = zlib.crc32(data)
    named = path.with_suffix(SUFFIXES[number % len(SUFFIXES)])
    named.write_bytes(data)
    classes = NETWORKS[number // 8 % len(NETWORKS)]
    rows = read_list(named)
    if any(not row.picture or row.label == "" or row.line < 1 for row in rows):
        raise ValueError("a row without a picture, a class or a line")
    order = ("", "", "imagenet_2012", "imagenet_2015")[number // 64 % 4]
    try:
        truth = read_truth(named, classes, order)
    except ZooError as error:
        if str(named) not in str(error) and (not order or order not in str(error)):
            raise ValueError("the message names neither the file nor the order") from error
        raise
    if any(not 0 <= index < truth.classes.count for index in truth.labels.values()):
        raise ValueError("a class that the network does not have")
    if len({row.picture for row in rows}) != len(truth.labels):
        raise ValueError("a picture was lost")
    read_paths(named)


def mutate(data: bytes, rng: Random) -> bytes:
    """Change lines, cells and tokens."""
    if rng.random() < 0.1:
        return mutated_wire(data, rng)
    lines = data.decode(errors="replace").split("\n")
    action = rng.randrange(6)
    if action == 4:
        sign = rng.choice(",;\t ")
        lines = [line.replace(",", sign).replace(" ", sign) for line in lines]
    elif action == 5:
        return mutated_text(data, rng)
    else:
        lines = mutated_lines(lines, rng, "019,;:=|\"'#-\t\r\x0b\x85\u2028", copies=(1, 1, 20))
    return "\n".join(lines).encode(errors="replace")


if __name__ == "__main__":
    harness.fuzz(read, "list.txt", (text.encode() for text in TEXTS), mutate)
