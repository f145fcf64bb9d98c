"""Lists of pictures and their classes, forged: giant, of endless cells, of names that lead elsewhere."""

from __future__ import annotations

import pytest
from attacks.attack import Attack

from nets.tiny_classifier import build

LISTS: dict[str, bytes | str] = {
    "giant.txt": b"a.png 0\n" * 9_000_000,
    "contradiction.txt": "a.png 0\n" * 300_000 + "a.png 1\n",
    "long-line.txt": "x" * 5_000_000,
    "blanks.txt": " " * 5_000_000 + "\n",
    "endless-suffix.txt": "." * 100_000 + " " * 100_000 + "x y\n",
    "dots.txt": "a.b" * 100_000 + "\n",
    "tabs.txt": "\t" * 1_000_000,
    "cell.csv": 'image,label\n"' + "x" * 1_000_000,
    "quotes.csv": "image,label\n" + '"' * 1_000_001,
    "columns.csv": "," * 1_000_000,
    "heading.csv": "image,label," + "image," * 100_000 + "\na.png\n",
    "number.txt": "a.png " + "9" * 1_000_000,
    "negative.txt": "a.png -2\n",
    "fraction.txt": "a.png 0.5\n",
    "beyond.txt": "a.png 999999999\n",
    "nul.txt": b"a.png\0 0\n",
    "escape.txt": "\x1b]0;owned\x07.png 9\n",
    "latin-1.txt": b"\xe4.png 0\n",
    "utf-16.txt": "a.png 0\n".encode("utf-16"),
    "formula.csv": "image,label\n=cmd|' /C calc'!A0,nothing\n",
    "pickle.txt": b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touchtR.",
    "nothing.txt": "",
    "comments.txt": "# nothing\n" * 100_000,
}
QUICK = {"long-line.txt", "quotes.csv", "number.txt", "nul.txt", "escape.txt", "pickle.txt"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in LISTS]
)
def test_it_is_refused(attack: Attack, name: str) -> None:
    content = LISTS[name]
    build(attack.folder / "net.xml")
    (attack.folder / "a.png").write_bytes(b"")
    (attack.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    words = ["accuracy_check", "-m", "net.xml", "-s", ".", "-a", name, "-d", "CPU", "--quiet"]
    assert name in attack.refused_each(["net"], *words)["net"]
