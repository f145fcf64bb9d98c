"""Class lists by name: ``models/labels/<name>.txt``, one class a line as ``index wnid name``.

The project's own format::

    # comment lines and blank lines are skipped
    0 n02119789 kit fox
    1 n02100735 English setter

Indexes count up from 0. ``wnid`` is the WordNet id, or ``-`` where a class has none. The rest of the line is
the class's names, separated by commas, the usual one first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omz.errors import DescriptorError
from omz.files import read_bounded
from omz.zoo import catalogue

MAX_LABEL_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Label:
    """One class: its index in the network's output, its WordNet id ('' for none) and its names."""

    index: int
    wnid: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The usual name."""
        return self.names[0]


def load_labels(name: str, folder: Path | None = None) -> list[Label]:
    """Load a class list that comes with the toolkit (or of another ``folder``), such as ``imagenet_2015``.

    Raises:
        DescriptorError: There is no such list, or it is malformed.
    """
    folder = folder or catalogue.packaged_root() / "labels"
    path = folder / f"{name}.txt"
    if "/" in name or not path.is_file():
        raise DescriptorError(f"{path}: no such label list. Known: {', '.join(known_lists(folder))}")
    return parse_labels(path)


def known_lists(folder: Path | None = None) -> list[str]:
    """Return the names of the class lists that come with the toolkit (or of another ``folder``), sorted."""
    return sorted(path.stem for path in (folder or catalogue.packaged_root() / "labels").glob("*.txt"))


def parse_labels(path: Path) -> list[Label]:
    """Read a file in the project's format; see the module's docstring.

    Raises:
        DescriptorError: A line is malformed; names the file, the line and what was expected.
    """
    labels: list[Label] = []
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(maxsplit=2)
        names = tuple(part.strip() for part in words[-1].split(",") if part.strip())
        if len(words) < 3 or words[0] != str(len(labels)) or not names:
            raise DescriptorError(
                f"{path}: line {number}: expected '{len(labels)} <wnid or -> <name>[, <name>...]', "
                f"got {line[:80]!r}"
            )
        labels.append(Label(len(labels), "" if words[1] == "-" else words[1], names))
    if not labels:
        raise DescriptorError(f"{path}: expected a class a line, got none")
    return labels


def _read(path: Path) -> str:
    content = read_bounded(path, MAX_LABEL_BYTES, "label list", DescriptorError)
    try:
        return content.decode("utf-8-sig")  # some editors put a byte order mark first
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DescriptorError(f"{path}: line {line}: expected UTF-8 text") from error
