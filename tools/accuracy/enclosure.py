"""The folders that data are read from: what a list, a definition or a link names elsewhere is refused.

A list of pictures comes with the pictures, from whoever made them. With ``../`` or an absolute path, or by way of a
link, it would have any file of this machine read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from omz.errors import InferenceError
from omz.outgoing import printable, shortened
from omz.zoo.truth_lists import list_text

OPTION = "--allow_outside"


class Enclosure:
    """Folders that may be read, by where a path leads in the end.

    Args:
        folders: With all that is in them.
        anywhere: Whether all others may be, too, as whoever asks has said.
    """

    def __init__(self, folders: Sequence[Path], *, anywhere: bool = False) -> None:
        self._folders, self._anywhere = folders, anywhere
        self._roots = [os.path.realpath(folder) for folder in folders]
        self._known: dict[str, bool] = {}

    def holds(self, path: Path) -> bool:
        """Tell whether a path leads into the folders; what no file can be called is told by whoever opens it."""
        if self._anywhere:
            return True
        try:
            if path.name == ".." or path.is_symlink():
                return self._inside(os.path.realpath(path))
            folder = str(path.parent)
            if folder not in self._known:
                self._known[folder] = self._inside(os.path.realpath(folder))
            return self._known[folder] or self._inside(os.path.realpath(path))
        except (ValueError, OSError):  # of a NUL in the name, or of a name that is too long
            return True

    def require(self, path: Path, named: str = "") -> None:
        """Check that a path leads into the folders.

        Args:
            path: Of a file or a folder.
            named: What names it, for the message, such as ``val.txt: line 7``; '' for the path itself.

        Raises:
            InferenceError: It does not; says how to have it read all the same.
        """
        if self.holds(path):
            return
        what, real = _told(path), _told(Path(os.path.realpath(path)))
        leads = f" (to {real})" if real != what else ""
        where = f"{named}: {what}" if named else what
        raise InferenceError(
            f"{where}: leads out of the folder of the data, {_told(self._folders[0])}{leads}. "
            f"If that is meant, say {OPTION} (in Python, allow_outside=True)."
        )

    def require_all(self, paths: Iterable[Path]) -> None:
        """Check paths; see :meth:`require`."""
        for path in paths:
            self.require(path)

    def _inside(self, real: str) -> bool:
        return any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in self._roots)


def line_of(where: Path, name: str) -> str:
    """Return the list and the line of it that names a picture, for a message."""
    for number, line in enumerate(list_text(where).splitlines(), start=1):
        if name in line:
            return f"{where}: line {number}"
    return str(where)


def _told(path: Path) -> str:
    return printable(shortened(str(path), 200))
