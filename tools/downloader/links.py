"""The links of an archive, followed by what the archive says, before anything is made of them on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from omz.errors import DownloadError

#: So many links may lie on the way to one target, as with Linux, and so many folders within each other.
MAX_CHAIN, MAX_DEPTH = 40, 100
#: Longest name of a link, and longest target, in characters.
MAX_LENGTH = 1024

#: Where something is, part by part, from the folder of the archive.
Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the archive states it.

    Attributes:
        path: Where it is.
        target: Where it leads to: from its own folder, or if it is ``hard``, from the folder of the archive.
        hard: Whether it is a second name of a file.
    """

    path: PurePosixPath
    target: str
    hard: bool


class Links:
    """What the links of an archive stand for.

    Args:
        links: No member is below one of them.
        members: The paths of all members and of the folders that they are in, and whether each is a folder.
        refusal: Makes the error for a link that is not accepted, of its name and the reason.
    """

    def __init__(
        self,
        links: Sequence[Link],
        members: Iterable[tuple[PurePosixPath, bool]],
        refusal: Callable[[str, str], DownloadError],
    ) -> None:
        self._links, self._refusal = {link.path.parts: link for link in links}, refusal
        self._is_folder: dict[Place, bool] = {(): True}
        self._names: dict[Place, list[str]] = {(): []}
        for path, is_folder in members:
            self._is_folder[path.parts] = is_folder
            self._names.setdefault(path.parts[:-1], []).append(path.name)
        self._resolved: dict[Place, Place] = {}
        self._on_the_way: dict[Place, None] = {}

    def stand_ins(self) -> Iterator[tuple[PurePosixPath, PurePosixPath | None]]:
        """Yield each path that a link makes, and the file that is to be there; None is a folder.

        Raises:
            DownloadError: A link leads out of the folder, in a circle, or to nothing.
        """
        for place, link in self._links.items():
            real = self._real(link)
            if link.hard and self._is_folder[real]:
                raise self._refusal(str(link.path), "is a hard link to a folder")
            yield from self._below(link, place, real, ())

    def _below(
        self, link: Link, place: Place, real: Place, within: tuple[Place, ...]
    ) -> Iterator[tuple[PurePosixPath, PurePosixPath | None]]:
        """Yield what is at ``place`` if it is like ``real``, which is in the folders ``within``."""
        if not self._is_folder[real]:
            yield PurePosixPath(*place), PurePosixPath(*real)
            return
        if real in within or place[: len(real)] == real:
            raise self._refusal(str(link.path), "is a link to a folder that it is in itself")
        if len(within) == MAX_DEPTH:
            raise self._refusal(str(link.path), f"is a link to more than {MAX_DEPTH} folders in each other")
        yield PurePosixPath(*place), None
        for name in self._names.get(real, []):
            inner = (*real, name)
            if other := self._links.get(inner):
                inner = self._real(other)
            yield from self._below(link, (*place, name), inner, (*within, real))

    def _real(self, link: Link) -> Place:
        """Return the file or the folder that a link leads to in the end."""
        place = link.path.parts
        if place not in self._resolved:
            if place in self._on_the_way or len(self._on_the_way) == MAX_CHAIN:
                raise self._refusal(
                    str(link.path), "is a link that leads in a circle, or through too many others"
                )
            self._on_the_way[place] = None
            self._resolved[place] = self._followed(link)
            del self._on_the_way[place]
        return self._resolved[place]

    def _followed(self, link: Link) -> Place:
        name = str(link.path)
        if link.target.startswith("/"):
            raise self._refusal(name, "is a link that leads out of the folder")
        at: Place = () if link.hard else link.path.parts[:-1]
        for part in link.target.split("/"):
            if part in ("", "."):
                continue
            if not self._is_folder[at]:
                raise self._refusal(name, "is a link that leads to nothing")
            if part == "..":
                if not at:
                    raise self._refusal(name, "is a link that leads out of the folder")
                at = at[:-1]
                continue
            at = (*at, part)
            if at not in self._is_folder:
                raise self._refusal(name, "is a link that leads to nothing")
            if other := self._links.get(at):
                at = self._real(other)
        return at
