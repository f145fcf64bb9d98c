"""Find and load descriptors below a models folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from omz.errors import DescriptorError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from omz.zoo.schema import CompositeModel, Model

AnyModel = TypeVar("AnyModel", "Model", "CompositeModel")

ROOT_VARIABLE = "OMZ_MODELS_ROOT"
MODEL_FILE, COMPOSITE_FILE = "model.yml", "composite-model.yml"
MAX_DESCRIPTOR_BYTES = 1 << 20
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


def model_names(root: Path) -> list[str]:
    """Return the names of all models below ``root``, sorted, without reading any descriptor."""
    composites = {path.parent for path in _find(root, COMPOSITE_FILE)}
    singles = {path.parent for path in _find(root, MODEL_FILE) if path.parent.parent not in composites}
    return sorted(path.name for path in composites | singles)


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
    for one, other in zip(models, models[1:], strict=False):
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
    from omz.zoo.schema import Model

    content = _read(path)
    return _validated(path, Model, content).place(*_place(path, root), composite)


def _load_composite(folder: Path, root: Path) -> CompositeModel:
    from omz.zoo.schema import CompositeModel

    path = folder / COMPOSITE_FILE
    model = _validated(path, CompositeModel, _read(path)).place(*_place(path, root), folder.name)
    found = {stage.parent.name: stage for stage in sorted(folder.glob(f"*/{MODEL_FILE}"))}
    order = model.stages_order or list(found)
    if sorted(order) != sorted(found):
        raise DescriptorError(
            f"{path}: key 'stages_order': expected the names of the stage folders {sorted(found)}, got {order}"
        )
    return model.with_stages([load_model(found[name], root, folder.name) for name in order])


def _find(root: Path, name: str) -> Iterable[Path]:
    if not root.is_dir():
        raise DescriptorError(f"{root}: no such models folder. Check --models_root or {ROOT_VARIABLE}.")
    return sorted(root.glob(f"**/{name}"))


def _place(path: Path, root: Path) -> tuple[str, PurePosixPath, Path]:
    name = path.parent.name
    if not _NAME.fullmatch(name):
        raise DescriptorError(f"{path}: a model's folder may have letters, digits and '._-' only; got {name!r}")
    return name, PurePosixPath(path.parent.relative_to(root).as_posix()), path.parent


def _read(path: Path) -> Any:  # noqa: ANN401 - YAML is untyped until the schema has seen it
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_DESCRIPTOR_BYTES + 1)
    except OSError as error:
        raise DescriptorError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_DESCRIPTOR_BYTES:
        raise DescriptorError(f"{path}: larger than {MAX_DESCRIPTOR_BYTES} bytes; that is no descriptor")
    if re.search(rb"^[^#'\"]*[:\-\[,]\s*[&*][A-Za-z0-9]", content, re.MULTILINE):
        raise DescriptorError(f"{path}: YAML anchors and aliases are not accepted. Write the value out.")
    try:
        return yaml.load(content, loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).split("\n")[0]
        raise DescriptorError(f"{path}:{where} is not YAML: {problem}") from error


def _validated(path: Path, schema: type[AnyModel], content: object) -> AnyModel:
    from pydantic import ValidationError

    if not isinstance(content, dict):
        raise DescriptorError(f"{path}: expected a mapping of keys such as 'description' and 'files'")
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise DescriptorError(f"{path}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    """Return key path, what was expected and what was there, and how many further problems there are."""
    problems = error.errors(include_url=False)
    first = problems[0]
    parts = [part for part in first["loc"] if part not in ("http", "google_drive", "bundled", "function-before")]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    if first["type"] == "extra_forbidden":
        message = "is not a known key. Check its spelling"
    elif first["type"] == "missing":
        message = "is missing"
    else:
        message = first["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        if not isinstance(first["input"], dict | list):
            message += f" (got {str(first['input'])[:80]!r})"
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"key {key!r}: {message}{more}" if key else f"{message}{more}"
