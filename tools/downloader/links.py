"""The links of an archive, followed by what the archive says, before anything is made of them on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from omz.downloader.archive_members import Place
from omz.errors import DownloadError

#: So many links may lie on the way to one target, as with Linux, and so many folders within each other.
MAX_CHAIN, MAX_DEPTH = 40, 100
#: Longest name of a link, and longest target, in characters.
MAX_LENGTH = 1024


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
    """What the links of an archive stand for, found in a time that grows with the archive, not with what it stands for.

    Args:
        links: No member is below one of them.
        root: The folder of the archive, with the links as files.
        refusal: Makes the error for a link that is not accepted, of its name and the reason.
    """

    def __init__(
        self,
        links: Sequence[Link],
        root: Place,
        refusal: Callable[[str, str], DownloadError],
    ) -> None:
        self._root, self._refusal = root, refusal
        self._links = {self._at(link.path): link for link in links}
        self._resolved: dict[Place, Place] = {}
        self._weights: dict[Place, tuple[int, int]] = {}
        self._resolving: dict[Place, None] = {}
        self._on_the_way: dict[Place, None] = {}

    def count(self) -> int:
        """Return how many files and folders the links stand for.

        Raises:
            DownloadError: A link leads out of the folder, in a circle, or to nothing.
        """
        total = 0
        for place, link in self._links.items():
            real = self._real(place)
            if link.hard and real.is_folder:
                raise self._refusal(str(link.path), "is a hard link to a folder")
            total += self._weighed(real, place)[0]
        return total

    def stand_ins(self) -> Iterator[tuple[PurePosixPath, PurePosixPath | None]]:
        """Yield each path that a link makes, and the file that is to be there; None is a folder.

        There are as many as :meth:`count` says, which is asked first.
        """
        for link in self._links:
            waiting = [(link.path(), link)]
            while waiting:
                path, place = waiting.pop()
                real = self._real(place)
                yield path, None if real.is_folder else real.path()
                waiting += [(path / inner.name, inner) for inner in real.inner.values()]

    def _at(self, path: PurePosixPath) -> Place:
        place = self._root
        for part in path.parts:
            place = place.child(part) or place  # it is there
        return place

    def _weighed(self, real: Place, link: Place) -> tuple[int, int]:
        """Return how many files and folders a copy of ``real`` is, and how many folders in each other.

        Each folder is looked at once, however many links lead to it.
        """
        if not real.is_folder:
            return 1, 0
        if real not in self._weights:
            name = str(link.path())
            if real in self._on_the_way:
                raise self._refusal(name, "is a link to a folder that it is in itself")
            if len(self._on_the_way) == MAX_DEPTH:
                raise self._refusal(name, f"is a link to more than {MAX_DEPTH} folders in each other")
            self._on_the_way[real] = None
            total = depth = 0
            for inner in real.inner.values():
                # the way through a folder is told by the link that led to it
                below = self._weighed(self._real(inner), inner if inner in self._links else link)
                total, depth = total + below[0], max(depth, below[1])
            del self._on_the_way[real]
            self._weights[real] = 1 + total, 1 + depth
        if len(self._on_the_way) + self._weights[real][1] > MAX_DEPTH:
            raise self._refusal(str(link.path()), f"is a link to more than {MAX_DEPTH} folders in each other")
        return self._weights[real]

    def _real(self, place: Place) -> Place:
        """Return the file or the folder that a link leads to in the end; what is no link is that itself."""
        link, way = self._links.get(place), self._resolving
        if link is None:
            return place
        if place not in self._resolved:
            if place in way or len(way) == MAX_CHAIN:
                raise self._refusal(
                    str(link.path), "is a link that leads in a circle, or through too many others"
                )
            way[place] = None
            self._resolved[place] = self._followed(link, place)
            del way[place]
        return self._resolved[place]

    def _followed(self, link: Link, place: Place) -> Place:
        name = str(link.path)
        if link.target.startswith("/"):
            raise self._refusal(name, "is a link that leads out of the folder")
        at = self._root if link.hard or place.parent is None else place.parent
        for part in link.target.split("/"):
            if part in ("", "."):
                continue
            if not at.is_folder:
                raise self._refusal(name, "is a link that leads to nothing")
            if part == "..":
                if at.parent is None:
                    raise self._refusal(name, "is a link that leads out of the folder")
                at = at.parent
                continue
            inner = at.child(part)
            if inner is None or inner.name != part:
                raise self._refusal(name, "is a link that leads to nothing")
            at = self._real(inner)
        return at
