"""How the values of Model Optimizer's flags are written: one parser for argparse each."""

from __future__ import annotations

import argparse
import re

from omz.converter.arguments import ALL_INPUTS


def name_list(text: str) -> tuple[str, ...]:
    """Parse ``prob`` or ``data,im_info``; the port and type decorations of Model Optimizer are not accepted."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or any(set(name) & set("[]{}=>") for name in names):
        raise argparse.ArgumentTypeError(f"expected names separated by commas, got {text!r}")
    return names


def shape_list(text: str) -> tuple[tuple[int, ...], ...]:
    """Parse ``[1,3,224,224]``, ``1,3,224,224``, ``(1,3,224,224)`` or several with brackets, separated by commas."""
    plain = text.replace(" ", "")
    bracketed = re.fullmatch(r"[\[(][-0-9,]+[\])](,[\[(][-0-9,]+[\])])*", plain)
    lists = re.findall(r"[-0-9][-0-9,]*(?=[\])])", plain) if bracketed else [plain]
    try:
        shapes = tuple(tuple(int(number) for number in one.split(",")) for one in lists)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected shapes such as [1,3,224,224], got {text!r}") from None
    if any(number == 0 or number < -1 for shape in shapes for number in shape):
        raise argparse.ArgumentTypeError(f"dimensions must be positive, or -1 for any, got {text!r}")
    return shapes


_VALUES = re.compile(r"([^\[\](),]*)[\[(]([^\[\]()]+)[\])](?:,|$)")


def values_by_input(text: str) -> dict[str, tuple[float, ...]]:
    """Parse ``data[104,117,123]``, ``[104,117,123]``, ``(104,117,123)``, or several with the names of inputs."""
    plain = _tightened(text)
    found = list(_VALUES.finditer(plain))
    if not found or "".join(match.group() for match in found) != plain:
        raise argparse.ArgumentTypeError(f"expected values such as data[104,117,123], got {text!r}")
    values: dict[str, tuple[float, ...]] = {}
    for number, match in enumerate(found):
        name = match.group(1)
        if not name and len(found) > 1:
            name = f"#{number}"
        if name in values:
            raise argparse.ArgumentTypeError(f"names the input {name!r} twice: {text!r}")
        values[name] = tuple(finite_float(one) for one in match.group(2).split(","))
    if len({name.startswith("#") for name in values}) > 1:
        raise argparse.ArgumentTypeError(f"expected names for all lists of values or for none, got {text!r}")
    return values


def _tightened(text: str) -> str:
    """Return a text without blanks beside brackets and commas; those within names stay.

    >>> _tightened(" data in [ 104, 117 ]")
    'data in[104,117]'
    """
    return re.sub(r"\s*([\[\](),])\s*", r"\1", text.strip())


def positive_float(text: str) -> float:
    """Parse a finite number above 0."""
    value = finite_float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def finite_float(text: str) -> float:
    """Parse a number that is neither infinite nor none."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value != value or value in (float("inf"), float("-inf")):
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}")
    return value


def layouts_by_input(text: str) -> dict[str, str]:
    """Parse ``NCHW``, ``data(NCHW)`` or several, separated by commas."""
    layouts: dict[str, str] = {}
    for part in _tightened(text).split(","):
        match = re.fullmatch(r"(?:([^()]+)\()?\[?([A-Za-z]+)\]?\)?", part)
        if not match or (match.group(1) is None) == part.endswith(")"):
            raise argparse.ArgumentTypeError(f"expected layouts such as data(NCHW), got {text!r}")
        layouts[match.group(1) or ALL_INPUTS] = match.group(2).upper()
    return layouts


def batch_size(text: str) -> int:
    """Parse the value of ``--batch``: at least 1, or -1 for any."""
    if not re.fullmatch(r"-1|[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"expected a positive number, or -1 for any, got {text!r}")
    return int(text)


def two_offsets(text: str) -> tuple[int, int]:
    """Parse ``(16,16)``, ``[16,16]`` or ``16,16``."""
    match = re.fullmatch(r"[\[(]?(\d{1,9}),(\d{1,9})[\])]?", text.replace(" ", ""))
    if not match:
        raise argparse.ArgumentTypeError(f"expected two numbers such as (16,16), got {text!r}")
    return int(match[1]), int(match[2])


def truth_value(text: str) -> bool:
    """Parse ``True``, ``1``, ``yes`` or their opposites, in upper or lower case."""
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"expected True or False, got {text!r}")
