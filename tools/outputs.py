"""Outputs that a command line names are looked at before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from omz.errors import UsageError
from omz.files import check_writable

Named = str | Path | None


def check_outputs(
    outputs: Mapping[str, Named], inputs: Mapping[str, Named | Iterable[str | Path]] | None = None
) -> None:
    """Check that outputs can be written, and that none is another one, or what is read.

    Args:
        outputs: By their options; None for one that is not asked for, ``-`` for stdout.
        inputs: Likewise, what is read; what is no file is passed over.

    Raises:
        UsageError: They are the same, several go to stdout, or one is a folder or a device.
        ZooError: One cannot be written.
    """
    given = {option: str(target) for option, target in outputs.items() if target}
    to_stdout = [option for option, target in given.items() if target == "-"]
    if len(to_stdout) > 1:
        raise UsageError(f"{' - and '.join(to_stdout)} - exclude each other: there is one stdout")
    taken: dict[object, str] = {}
    for option, values in (inputs or {}).items():
        for value in [values] if isinstance(values, str | Path) else values or ():
            taken.setdefault(_name(Path(value)), option)
    for option, target in given.items():
        if target != "-":
            name = _name(Path(target))
            if name in taken:
                raise UsageError(f"{option} {target}: is the file of {taken[name]} as well; name another one")
            taken[name] = option
            check_writable(Path(target), option)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what is the same for all names of a file; None if there is none."""
    try:
        facts = path.stat()
    except (OSError, ValueError):  # ValueError: of a NUL in the name
        return None
    return facts.st_dev, facts.st_ino


def _name(path: Path) -> object:
    return identity(path) or path.absolute()
