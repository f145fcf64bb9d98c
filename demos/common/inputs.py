"""The files that pictures come from: none of them is written over."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from omz.errors import InferenceError
from omz.inference.addresses import scheme
from omz.inference.sources import Pictures, Source
from omz.outputs import identity


class Inputs:
    """The files of a source."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def refuse(self, path: Path) -> None:
        """Check that an output is none of the inputs, which may not have been read yet.

        Raises:
            InferenceError: It is one.
        """
        found = identity(path)
        if found and found in self._identities:
            raise InferenceError(f"{path}: is the input; choose another -o")

    @cached_property
    def _identities(self) -> set[tuple[int, int]]:
        if isinstance(self._source, Pictures):
            paths = [item for item in self._source.items if isinstance(item, Path)]
        else:
            name = getattr(self._source, "name", "")  # of a video
            paths = [Path(name)] if name and not scheme(name) else []
        return {found for path in paths if (found := identity(path))}
