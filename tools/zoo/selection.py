"""Choose models on the command line: ``--name``, ``--list``, ``--all``, ``--print_all``."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import UsageError
from omz.files import read_bounded
from omz.outgoing import printable
from omz.suggestions import did_you_mean
from omz.zoo import catalogue

if TYPE_CHECKING:
    from omz.zoo.schema import CompositeModel, Model

MAX_LIST_BYTES = 1 << 20


def add_selection_arguments(
    parser: argparse.ArgumentParser,
    title: str = "models (one of the first four is needed)",
    *,
    required: bool = True,
) -> argparse._ArgumentGroup:
    """Add the options that choose models, and ``--models_root``.

    Args:
        parser: The command's.
        title: Of the group in the help.
        required: Whether a choice is needed; where not, the command must see to it by itself.

    Returns:
        The group, for further ways to choose.
    """
    group = parser.add_argument_group(title)
    choice = group.add_mutually_exclusive_group(required=required)
    choice.add_argument("--name", metavar="PAT[,PAT...]", help="models whose names match a shell pattern")
    choice.add_argument("--list", metavar="FILE", type=Path, help="the same, with a pattern a line in FILE")
    choice.add_argument("--all", action="store_true", help="all models")
    choice.add_argument("--print_all", action="store_true", help="print the names of all models and stop")
    add_root_argument(group)
    return group


def add_root_argument(group: argparse._ActionsContainer) -> None:
    """Add ``--models_root``: where descriptors are."""
    group.add_argument(
        "--models_root",
        metavar="DIR",
        type=Path,
        help=f"folder of descriptors (default: {catalogue.ROOT_VARIABLE}, or the toolkit's own)",
    )


def models_root(args: argparse.Namespace) -> Path:
    """Return the models folder that the command line asks for."""
    return args.models_root or catalogue.default_root()


def is_made(args: argparse.Namespace) -> bool:
    """Tell whether the command line chooses models."""
    return args.all or args.name is not None or args.list is not None


def print_all(args: argparse.Namespace) -> None:
    """Print the name of every model, one a line."""
    print("\n".join(map(printable, catalogue.model_names(models_root(args)))))


def selected_models(args: argparse.Namespace) -> Sequence[Model | CompositeModel]:
    """Return the models that the command line asks for, without duplicates, in the order of the patterns.

    A pattern also matches the stages of composite models.

    Raises:
        UsageError: A pattern matches nothing; the nearest names are told.
        DescriptorError: A descriptor is malformed.
    """
    models = catalogue.load_all(models_root(args))
    if args.all:
        return models
    return select(models, args.name.split(",") if args.name is not None else read_patterns(args.list))


def select(models: Sequence[Model | CompositeModel], patterns: Sequence[str]) -> list[Model | CompositeModel]:
    """Return the models (or stages of composite models) that match, by pattern, then by name."""
    chosen: dict[str, Model | CompositeModel] = {}
    for pattern in (p.strip() for p in patterns):
        matches: dict[str, Model | CompositeModel] = {}
        for model in models:
            if fnmatchcase(model.name, pattern):
                matches[model.name] = model
            else:
                matches |= {stage.name: stage for stage in model.stages if fnmatchcase(stage.name, pattern)}
        if not matches:
            raise UsageError(f"no model matches {pattern!r}.{_suggestion(pattern, models)}")
        chosen |= matches
    return list(chosen.values())


def read_patterns(path: Path) -> list[str]:
    """Read a list file: a pattern a line, ``#`` starts a comment, further words of a line are ignored.

    Raises:
        UsageError: The file cannot be read as such a list, or holds no pattern.
    """
    content = read_bounded(path, MAX_LIST_BYTES, "list of models", UsageError)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected a text file with a model name a line") from error
    patterns = []
    for number, line in enumerate(lines, start=1):
        try:
            patterns += shlex.split(line, comments=True)[:1]
        except ValueError as error:
            raise UsageError(f"{path}: line {number}: {error}, in {line[:80]!r}") from error
    if not patterns:
        raise UsageError(f"{path}: expected a model name a line, got none")
    return patterns


def _suggestion(pattern: str, models: Sequence[Model | CompositeModel]) -> str:
    names = (stage.name for model in models for stage in (model, *model.stages))
    return did_you_mean(pattern, names) or " --print_all lists the names."


def parse_precisions(text: str | None) -> set[str]:
    """Return the precisions of ``--precisions FP16,FP32``; all that are known for None.

    Raises:
        UsageError: One of them is not known.
    """
    from omz.zoo.schema import PRECISIONS

    return set(PRECISIONS) if text is None else set(precision_list(text))


def precision_list(text: str | None) -> tuple[str, ...]:
    """Return the same in the order that they are given in; none for None."""
    if text is None:
        return ()
    from omz.zoo.schema import PRECISIONS

    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := sorted(set(wanted) - set(PRECISIONS)):
        meant = did_you_mean(unknown[0], PRECISIONS, count=1)
        raise UsageError(
            f"--precisions: unknown {', '.join(map(repr, unknown))}.{meant} Known are {', '.join(PRECISIONS)}."
        )
    return wanted
