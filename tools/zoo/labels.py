"""Class lists by name: ``models/labels/<name>.txt``, one class a line as ``index wnid name``.

The project's own format::

    # comment lines and blank lines are skipped
    0 n02119789 kit fox
    1 n02100735 English setter

Indexes count up from 0. ``wnid`` is the WordNet id, or ``-`` where a class has none. The rest of the line is the
class's names, separated by commas, the usual one first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omz.errors import DescriptorError
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
        known = ", ".join(sorted(p.stem for p in folder.glob("*.txt")))
        raise DescriptorError(f"{path}: no such label list. Known: {known}")
    return parse_labels(path)


def parse_labels(path: Path) -> list[Label]:
    """Read a file in the project's format; see the module's docstring.

    Raises:
        DescriptorError: A line is malformed; names the file, the line and what was expected.
    """
    if path.stat().st_size > MAX_LABEL_BYTES:
        raise DescriptorError(f"{path}: larger than {MAX_LABEL_BYTES} bytes; that is no label list")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DescriptorError(f"{path}: is not UTF-8 text") from error
    labels: list[Label] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        index, _, rest = line.strip().partition(" ")
        wnid, _, text = rest.partition(" ")
        names = tuple(part.strip() for part in text.split(",") if part.strip())
        if index != str(len(labels)) or not wnid or not names:
            raise DescriptorError(
                f"{path}: line {number}: expected '{len(labels)} <wnid or -> <name>[, <name>...]', got {line!r}"
            )
        labels.append(Label(len(labels), "" if wnid == "-" else wnid, names))
    return labels
