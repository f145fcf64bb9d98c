"""Where the files are that a list or a dataset's definition names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from omz.errors import InferenceError
from omz.inference.images import is_regular
from omz.outgoing import printable, shortened

#: So many entries of a list are tried to find out where its pictures are.
TRIED = 200


def found_below(source: Path, name: str) -> Path:
    """Return a file that a definition names, below the folder of the data.

    Definitions may hold paths of somebody else's machine: of these, the file's name is looked for as well.

    Raises:
        InferenceError: There is no such file.
    """
    for path in (source / name, source / Path(name).name):
        if path.is_file():
            return path
    raise InferenceError(
        f"{source}: holds no file {printable(shortened(name, 200))}, which the dataset names"
    )


def locator(
    where: Path, names: Sequence[str], folders: Sequence[Path], source: Path, option: str
) -> Callable[[str], Path]:
    """Find out which folder a list's names are relative to, and whether with their folders.

    Args:
        where: The list.
        names: Of its pictures.
        folders: That they may be in; that of the list is tried last.
        source: The folder that the user gives.
        option: That names it on the command line, for the message.

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
                        flat = name != listed
                        return lambda text: folder / ((Path(text).name if flat else text) + suffix)
    raise InferenceError(
        f"{where}: its pictures, such as {printable(names[0][:80])}, are not in {source}. "
        f"Give the folder that they are in with {option}, and the list with -a."
    )
