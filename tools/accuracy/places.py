"""Where the files are that a list or a dataset's definition names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from omz.accuracy.enclosure import Enclosure, line_of
from omz.errors import InferenceError
from omz.inference.images import is_regular
from omz.outgoing import printable, shortened

#: So many entries of a list are tried to find out where its pictures are.
TRIED = 200


def found_below(source: Path, name: str, enclosure: Enclosure) -> Path:
    """Return a file that a definition names, below the folder of the data.

    Definitions may hold paths of somebody else's machine: of these, the file's name is looked for as well.

    Raises:
        InferenceError: There is no such file, or it leads out of the enclosure.
    """
    for path in (source / name, source / Path(name).name):
        if path.is_file():
            enclosure.require(path)
            return path
    raise InferenceError(
        f"{source}: holds no file {printable(shortened(name, 200))}, which the dataset names"
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the pictures of a list are."""

    where: Path
    folder: Path
    suffix: str
    enclosure: Enclosure
    flat: bool

    def __call__(self, name: str) -> Path:
        path = self.folder / ((Path(name).name if self.flat else name) + self.suffix)
        if not self.enclosure.holds(path):
            self.enclosure.require(path, line_of(self.where, name))
        return path


def locator(
    where: Path,
    names: Sequence[str],
    folders: Sequence[Path],
    source: Path,
    option: str,
    enclosure: Enclosure,
) -> Callable[[str], Path]:
    """Find out which folder a list's names are relative to, and whether with their folders.

    What is returned raises an :class:`InferenceError` for a name that leads out of the enclosure.

    Args:
        where: The list.
        names: Of its pictures.
        folders: That they may be in; that of the list is tried last.
        source: The folder that the user gives.
        option: That names it on the command line, for the message.
        enclosure: Where the pictures must be.

    Raises:
        InferenceError: None of the first pictures is anywhere.
    """
    bare = any(not Path(name).suffix for name in names)
    suffixes = ("", ".JPEG", ".jpg", ".png") if bare else ("",)
    for listed in names[:TRIED]:
        for folder in (*folders, where.parent):
            for name in (listed, Path(listed).name):
                for suffix in suffixes:
                    if is_regular(folder / (name + suffix)):
                        return _Place(where, folder, suffix, enclosure, flat=name != listed)
    raise InferenceError(
        f"{where}: its pictures, such as {printable(names[0][:80])}, are not in {source}. "
        f"Give the folder that they are in with {option}, and the list with -a."
    )
