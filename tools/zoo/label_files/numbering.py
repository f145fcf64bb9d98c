"""Numbers beside names: the indexes of the classes, or parts of the names.

``0 cat``, ``1 dog`` are numbered; ``10 yuan``, ``20 yuan`` and ``3 musketeers`` are names. Of n rows whose numbers are
all there, and 0 to n - 1 in any order, the numbers are indexes. Numbers that are not quite so, because they start
at 1, or have a gap or a double, are those of a faulty list, and an error:

* at least two thirds of 0 to n - 1 are among them (all but one, for n up to 5); of less than four rows, moreover, each
  has a number, and none is over n;
* or there are three rows or more, and their numbers go up line by line: from 0, or by one each time;
* and in either case, at least two thirds of the names are different without them.

All others are parts of the names. So are those which alone tell the names apart, whatever they are: ``1 yuan``,
``2 yuan``.
A list that this takes for the wrong thing can be written as JSON, where nothing is to be guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from omz.errors import DescriptorError
from omz.zoo.label_files.entries import Row, quoted


def is_permutation(numbers: Sequence[int | None]) -> bool:
    """Tell whether numbers are 0 to n - 1, each once."""
    return set(numbers) == set(range(len(numbers)))


def is_numbering(numbers: Sequence[int | None], rests: Sequence[str]) -> bool:
    """Tell whether numbers are indexes, be it faulty ones, and no parts of the names; the module says by what rule.

    Args:
        numbers: Of each row, None where it has none.
        rests: The rows without them.
    """
    count, different = len(numbers), len(set(rests))
    if count > 1 and different == 1:
        return False
    if is_permutation(numbers):
        return True
    known = {number for number in numbers if number is not None}
    if count < 4 and (None in numbers or max(known, default=0) > count) and not _goes_up(numbers):
        return False
    missing = count - sum(number < count for number in known)
    return (missing <= max(1, count // 3) or _goes_up(numbers)) and count - different <= count // 3


def _goes_up(numbers: Sequence[int | None]) -> bool:
    if len(numbers) < 3 or None in numbers:
        return False
    steps = {two - one for one, two in pairwise(numbers) if one is not None and two is not None}
    return steps == {1} or (numbers[0] == 0 and min(steps) > 0)


def check(numbers: Sequence[int | None], rows: Sequence[Row], advice: str = "") -> None:
    """Check that numbers are 0 to n - 1, each once.

    Args:
        numbers: Of each row, None where it has none.
        rows: For messages.
        advice: What else to do about it.

    Raises:
        DescriptorError: They are not; says why and how to mend it.
    """
    if is_permutation(numbers):
        return
    first: dict[int, Row] = {}
    for number, row in zip(numbers, rows, strict=True):
        if number is None:
            raise DescriptorError(f"{row.place}: {quoted(row.text)} has no number, others have one.{advice}")
        if number in first:
            raise DescriptorError(
                f"{row.place}: {quoted(row.text)} has number {number}, as {first[number].place} has. "
                f"Each class has one of its own.{advice}"
            )
        first[number] = row
    low, high = min(first), max(first)
    if low:
        raise DescriptorError(
            f"{first[low].place}: numbers start at {low}; the outputs of a network count from 0. "
            f"Number the classes from 0, or add class 0 if it is missing (such as '0 background').{advice}"
        )
    missing = next(number for number in range(high) if number not in first)
    more = high - len(first)
    raise DescriptorError(
        f"class {missing} {f'and {more} more are' if more else 'is'} missing (the numbers go from 0 to {high}). "
        f"Add what is missing, or number the classes without gaps.{advice}"
    )
