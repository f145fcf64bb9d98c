"""The classes of a network, in the order of its output, and what people call them by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from omz.zoo.labels import Label, known_lists, load_labels, parse_labels

#: A network's labels are those of a known list if so many of them agree, place by place. Lists differ in a few names
#: ('crane' and 'crane bird'); two orders of the same classes agree in ten of a thousand.
AGREEING = 0.9


@dataclass(frozen=True, slots=True)
class ClassList:
    """The classes that a network tells apart.

    Attributes:
        labels: In the order of the network's output, without a class 'background' that may go before.
        name: Of the list in ``models/labels`` that they are; '' where they are none of these.
        first: Index of the first of them in the output: 1 where a class 'background' goes before, else 0.
        named: Whether the network, or who uses it, tells the classes. Where not, the labels are bare numbers, or those
            of a list that was assumed.
    """

    labels: tuple[Label, ...]
    name: str = ""
    first: int = 0
    named: bool = True

    @classmethod
    def known(cls, name: str, first: int = 0, *, named: bool = True) -> Self:
        """Return a list that comes with the toolkit.

        Raises:
            DescriptorError: There is no such list.
        """
        return cls(tuple(load_labels(name)), name, first, named)

    @classmethod
    def listed(cls, source: str, first: int = 0) -> Self:
        """Return a list that a definition names: one of the toolkit, or a file by its whole path.

        Raises:
            DescriptorError: There is no such list, or it cannot be read.
        """
        if not Path(source).is_absolute():
            return cls.known(source, first)
        labels = parse_labels(Path(source))
        found = cls.of_network([label.name for label in labels], len(labels))
        return (
            cls(found.labels, found.name, found.first or first)
            if found.name
            else cls(tuple(labels), "", first)
        )

    @classmethod
    def of_network(cls, names: Sequence[str] | None, count: int) -> Self:
        """Return the classes of a network by what it says of itself.

        Args:
            names: Its labels, one for each class; None or () where it has none.
            count: How many classes its output has.
        """
        if not names:
            return cls(tuple(Label(index, "", (str(index),)) for index in range(count)), named=False)
        for name in known_lists():
            labels = load_labels(name)
            first = len(names) - len(labels)
            if first in (0, 1) and (merged := _merged(names[first:], labels)):
                return cls(merged, name, first)
        return cls(tuple(_own(index, name) for index, name in enumerate(names)))

    @property
    def count(self) -> int:
        """How many classes the output has, with 'background'."""
        return self.first + len(self.labels)

    @property
    def told(self) -> str:
        """What to call them in a message."""
        return f"those of {self.name!r}" if self.name else "the network's own"

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each class of the output."""
        return ("background",) * self.first + tuple(label.name for label in self.labels)


def _own(index: int, name: str) -> Label:
    """Return a class of a network's own list; 'tench, Tinca tinca' has three names."""
    parts = [part.strip() for part in name.split(",")]
    return Label(index, "", tuple(dict.fromkeys([name, *filter(None, parts)])))


def _merged(names: Sequence[str], labels: Sequence[Label]) -> tuple[Label, ...]:
    """Return the classes of a known list with the network's own names before the list's; () if it is another list."""
    agreeing = sum(
        not set(map(normal, _own(0, name).names)).isdisjoint(map(normal, label.names))
        for name, label in zip(names, labels, strict=True)
    )
    needed = AGREEING * len(labels) if labels[0].wnid else len(labels)
    if agreeing < needed:
        return ()
    return tuple(
        Label(label.index, label.wnid, tuple(dict.fromkeys([name, *label.names])))
        for name, label in zip(names, labels, strict=True)
    )


def by_name(labels: Iterable[Label]) -> dict[str, list[int]]:
    """Return the classes that a wnid, a full text or a name may stand for, by index; look them up as :func:`normal`.

    ImageNet has two classes 'crane'. A class's first name and its full text go before the other names of others.
    """
    found: dict[str, list[int]] = {}
    labels = list(labels)
    for texts in (
        lambda one: [one.wnid] if one.wnid else [],
        lambda one: [one.names[0], ", ".join(one.names)],
        lambda one: one.names[1:],
    ):
        here: dict[str, set[int]] = {}
        for label in labels:
            for text in texts(label):
                here.setdefault(normal(text), set()).add(label.index)
        found = {name: sorted(indexes) for name, indexes in here.items()} | found
    return found


def normal(text: str) -> str:
    """Return a name as it is compared: without regard to case, and '_' for a blank."""
    return " ".join(text.lower().replace("_", " ").split())
