"""Where a new model goes; its folder appears there whole, or not at all."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from omz.errors import DescriptorError, UsageError
from omz.files import writing
from omz.outgoing import printable, shortened
from omz.private import aside_path, left_aside, private_path
from omz.zoo import catalogue

log = logging.getLogger(__name__)

#: In a models folder.
FOLDER = "public"
#: Of a model, its folder and its files; what begins with a dot is hidden, with a dash an option.
_NAME = re.compile(r"[0-9a-zA-Z_][0-9a-zA-Z._-]{0,127}")


def checked_place(name: str, root: Path, *, replace: bool = False) -> Path:
    """Return the folder of a new model.

    Raises:
        UsageError: The name or the models folder will not do, or the name is taken and not to be replaced.
    """
    if not _NAME.fullmatch(name) or name.endswith(".xml"):
        raise UsageError(
            f"--name {name[:80]!r}: expected letters, digits and '._-', the first one a letter, a digit or '_', and no "
            "'.xml' at the end"
        )
    own = catalogue.packaged_root().resolve()
    if own in (root.resolve(), *root.resolve().parents):
        raise UsageError(
            f"{root}: is the toolkit's own folder. Say with --models_root DIR (or {catalogue.ROOT_VARIABLE}) where "
            "your models are to be"
        )
    target = root / FOLDER / name
    if root.exists():
        if not root.is_dir():
            raise UsageError(f"--models_root {root}: is no folder")
        _recover(target)
        for folder in catalogue.model_folders(root):
            if folder.name == name and folder != target:
                raise UsageError(f"--name {name}: is the model in {folder}. Choose another name")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target}: is there already, and is no folder. Move it away")
    if target.exists() and not replace:
        raise UsageError(f"{target}: is there already. Choose another name, or --force to replace it")
    if name in catalogue.model_names(own):
        log.warning(
            "%s: is also the name of a model of the toolkit; commands take that one without --models_root",
            name,
        )
    return target


def place(target: Path, fill: Callable[[Path], None], replaced: Collection[str] | None = None) -> None:
    """Make a folder, or make it anew.

    Args:
        target: The folder.
        fill: Writes what is to be in it into the folder that it is given.
        replaced: Names of what goes from a folder that is there already; None if there may be none. What else is in it
            is somebody's, and stays.

    Raises:
        DescriptorError: The folder cannot be made; all is as it was.
    """
    with writing(target, DescriptorError), _folder(target.parent) as parent:
        stage = private_path(parent)
        try:
            stage.mkdir()
            fill(stage)
            _sync(stage)
            if replaced is not None and target.exists():
                _exchange(stage, target, replaced)
            else:
                stage.rename(target)
            _sync(parent)
        finally:
            shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _folder(folder: Path) -> Iterator[Path]:
    """Make a folder with those above it; take away again what was made if the block fails."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        for each in missing:
            with suppress(OSError):  # somebody has put something into it meanwhile
                each.rmdir()
        raise


def _exchange(stage: Path, target: Path, replaced: Collection[str]) -> None:
    aside = aside_path(target)
    target.rename(aside)
    try:
        stage.rename(target)
    except OSError:
        aside.rename(target)
        raise
    _bring_over(aside, target, replaced)


def _recover(target: Path) -> None:
    """Bring back what killed runs have set aside."""
    with writing(target, DescriptorError):
        for aside in left_aside(target):
            if target.exists():
                _bring_over(aside, target, ())
            else:
                aside.rename(target)


def _bring_over(aside: Path, target: Path, replaced: Collection[str]) -> None:
    """Bring over what is not replaced, and is nothing of ours."""
    others = sorted(
        each.name
        for each in aside.iterdir()
        if each.name not in replaced and not (target / each.name).exists()
    )
    for name in others:
        (aside / name).rename(target / name)
    shutil.rmtree(aside, ignore_errors=True)
    if others:
        log.warning(
            "%s: what else was there is still there: %s. IRs among it are of the network before; convert it anew.",
            target,
            shortened(printable(", ".join(others)), 200),
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
