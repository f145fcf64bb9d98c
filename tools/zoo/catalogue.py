"""Find and load descriptors below a models folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from omz.errors import DescriptorError
from omz.private import is_private
from omz.regular_files import told_otherwise

if TYPE_CHECKING:
    from omz.zoo.schema import CompositeModel, Model

ROOT_VARIABLE = "OMZ_MODELS_ROOT"
MODEL_FILE, COMPOSITE_FILE = "model.yml", "composite-model.yml"
#: Files and folders below a models folder; data sets that lie there as well have no more.
MAX_ENTRIES = 250_000
_NAME = re.compile(r"[0-9a-zA-Z._-]+")


def default_root() -> Path:
    """Return the models folder: ``OMZ_MODELS_ROOT``, or the one shipped with the toolkit."""
    return Path(os.environ.get(ROOT_VARIABLE) or packaged_root())


@cache
def packaged_root() -> Path:
    """Return the folder of the descriptors, labels and samples that come with the toolkit."""
    from importlib.util import find_spec

    spec = find_spec("omz.models")
    if spec is None or not spec.submodule_search_locations:
        raise DescriptorError("the models folder of the toolkit is missing. Reinstall omz-toolkit.")
    return Path(next(iter(spec.submodule_search_locations)))


def root_of(model: Model) -> Path:
    """Return the models folder that a descriptor is in."""
    return model.directory.parents[len(model.subdirectory.parts) - 1]


def root_flags(root: Path | None) -> list[str]:
    """Return what a command needs to find the descriptors of a models folder: nothing where it looks by itself."""
    return [] if root is None or root == default_root() else ["--models_root", str(root)]


def model_names(root: Path) -> list[str]:
    """Return the names of all models below ``root``, sorted, without reading any descriptor."""
    return sorted(folder.name for folder in model_folders(root))


def model_folders(root: Path) -> set[Path]:
    """Return the folder of each model below ``root``; the stages of a composite model are in its own."""
    composites = {path.parent for path in _find(root, COMPOSITE_FILE)}
    singles = {path.parent for path in _find(root, MODEL_FILE) if path.parent.parent not in composites}
    return composites | singles


def matching_names(pattern: str = "*", models_root: str | Path | None = None) -> list[str]:
    """Return the names of the models that match a shell pattern, sorted; no descriptor is read.

    Args:
        pattern: Such as ``se-*``; all models by default.
        models_root: Folder of descriptors; ``OMZ_MODELS_ROOT`` or the toolkit's own by default.

    Raises:
        DescriptorError: There is no such folder.

    >>> matching_names("se-resnext-*")
    ['se-resnext-101', 'se-resnext-50', 'se-resnext-digits']
    """
    names = model_names(default_root() if models_root is None else Path(models_root))
    return [name for name in names if fnmatchcase(name, pattern)]


def load_all(root: Path) -> list[Model | CompositeModel]:
    """Load every model below ``root``, sorted by name.

    Raises:
        DescriptorError: A descriptor is malformed, or two models have one name.
    """
    composites = {path.parent for path in _find(root, COMPOSITE_FILE)}
    models: list[Model | CompositeModel] = [_load_composite(folder, root) for folder in composites]
    for path in _find(root, MODEL_FILE):
        if path.parent.parent not in composites:
            models.append(load_model(path, root))
    models.sort(key=lambda model: (model.name, model.subdirectory))
    for one, other in pairwise(models):
        if one.name == other.name:
            raise DescriptorError(
                f"{root}: two models are named {one.name!r}: {one.subdirectory} and {other.subdirectory}. "
                "Rename one of the folders."
            )
    return models


def load_model(path: Path, root: Path, composite: str | None = None) -> Model:
    """Load one ``model.yml``.

    Args:
        path: The descriptor; the name of its folder is the name of the model.
        root: The models folder that it is below.
        composite: The composite model that it is a stage of.

    Raises:
        DescriptorError: The file is not a descriptor; names the file, the key and what was expected.
    """
    from omz.zoo.yaml_file import read_yaml

    return _model(path, root, read_yaml(path), composite)


def parse_model(content: bytes, path: Path, root: Path) -> Model:
    """Return the model that the ``content`` of a ``model.yml`` at ``path`` below ``root`` describes.

    Raises:
        DescriptorError: It is no descriptor; names the file, the key and what was expected.
    """
    from omz.zoo.yaml_file import parse_yaml

    return _model(path, root, parse_yaml(path, content))


def _model(path: Path, root: Path, content: object, composite: str | None = None) -> Model:
    from omz.zoo.schema import Model
    from omz.zoo.validation import validated

    return validated(path, Model, content).place(*_place(path, root), composite)


def folder_of(name: str, root: Path | None = None) -> PurePosixPath | None:
    """Return where below ``root`` (the usual one by default) the descriptor of a model is; None if it has none."""
    root = root or default_root()
    path = next((path for path in _find(root, MODEL_FILE) if path.parent.name == name), None)
    return PurePosixPath(path.parent.relative_to(root).as_posix()) if path else None


def find_model(name: str, root: Path | None = None) -> Model | None:
    """Load the model of a name, also a stage of a composite one; None if there is none.

    Raises:
        DescriptorError: Its descriptor is malformed.
    """
    root = root or default_root()
    folder = folder_of(name, root)
    if folder is None:
        return None
    composite = (root / folder).parent
    is_stage = (composite / COMPOSITE_FILE).is_file()
    return load_model(root / folder / MODEL_FILE, root, composite.name if is_stage else None)


def _load_composite(folder: Path, root: Path) -> CompositeModel:
    from omz.zoo.schema import CompositeModel
    from omz.zoo.validation import validated
    from omz.zoo.yaml_file import read_yaml

    path = folder / COMPOSITE_FILE
    model = validated(path, CompositeModel, read_yaml(path)).place(*_place(path, root), folder.name)
    found = {stage.parent.name: stage for stage in sorted(folder.glob(f"*/{MODEL_FILE}"))}
    if not found:
        raise DescriptorError(f"{path}: expected a folder with a {MODEL_FILE} for each stage beside it")
    order = model.stages_order or list(found)
    if sorted(order) != sorted(found):
        raise DescriptorError(
            f"{path}: key 'stages_order': expected the stage folders' names {sorted(found)}; got {order}"
        )
    return model.with_stages([load_model(found[name], root, folder.name) for name in order])


def _find(root: Path, name: str) -> Iterable[Path]:
    if not root.is_dir():
        raise DescriptorError(f"{root}: no such models folder. Check --models_root or {ROOT_VARIABLE}.")
    # a pipe or a device in the place of a descriptor is told by whoever reads it
    return sorted(path for path in _named(root, name) if path.is_file() or told_otherwise(path))


def _named(root: Path, name: str) -> Iterator[Path]:
    """Yield what has a name, in a folder or below, however deep; links to folders are not followed.

    What is being written, or what a killed run has left, is no model.

    Raises:
        DescriptorError: So much is there that it is another folder, such as ``/``.
    """
    pending, seen = [root], 0
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        seen += len(entries)
        if seen > MAX_ENTRIES:
            raise DescriptorError(
                f"{root}: no models folder, it holds more than {MAX_ENTRIES} files. "
                f"Check --models_root or {ROOT_VARIABLE}."
            )
        pending += [
            folder / one.name
            for one in entries
            if one.is_dir(follow_symlinks=False) and not is_private(one.name)
        ]
        yield from (folder / one.name for one in entries if one.name == name)


def _place(path: Path, root: Path) -> tuple[str, PurePosixPath, Path]:
    name = path.parent.name
    if not _NAME.fullmatch(name):
        raise DescriptorError(
            f"{path}: expected letters, digits and '._-' in the folder's name; got {name!r}"
        )
    return name, PurePosixPath(path.parent.relative_to(root).as_posix()), path.parent
