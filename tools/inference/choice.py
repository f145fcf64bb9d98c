"""Which converted networks a command line asks for: by a name, a path, or patterns of names.

The long spellings are those of every command (docs/options.md): ``--model``, ``--models_dir``, ``--precisions``,
``--models_root``. ``-m`` is a network; where one is chosen otherwise, it is the tree, as it was in Open Model Zoo's
accuracy checker.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from omz.converter.pairs import check_pair
from omz.errors import UsageError
from omz.inference.locate import Network, find_network, network_in
from omz.zoo import selection
from omz.zoo.selection import precision_list

if TYPE_CHECKING:
    from omz.zoo.schema import Model

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """A network that is asked for.

    Attributes:
        name: Of the network.
        find: Returns it; those chosen by patterns are looked for only then, so that one may fail and others not.
        model: Its descriptor, where it was chosen by a pattern.
    """

    name: str
    find: Callable[[], Network]
    model: Model | None = None


def add_choice_arguments(
    parser: argparse.ArgumentParser, *old: str, config: bool = False, precision: str | None = ""
) -> None:
    """Add the options that choose converted networks.

    Args:
        parser: The command's.
        old: Earlier spellings of ``--models_dir`` that this command still takes.
        config: The command has ``-c``, whose file names a network, too.
        precision: Which IR is taken by default, if not all; then one precision may be asked for, too. None for a
            command whose ``--precisions`` mean something else.
    """
    others = "--name, --list, --all or -c" if config else "--name, --list or --all"
    group = selection.add_selection_arguments(
        parser, title=f"networks (one is needed: -m, or {others})", required=False
    )
    add_model_argument(group, f"; with {others}: the tree, as --models_dir", short_means_either=True)
    add_tree_arguments(group, *old)
    if precision is not None:
        add_precisions_argument(group, precision)


def add_model_argument(
    group: argparse._ActionsContainer, note: str = "", *, short_means_either: bool = False
) -> None:
    """Add ``-m`` and ``--model``; with ``short_means_either`` they are two, as ``-m`` may be the tree."""
    what = "a converted network: its name, an .xml file, or a folder of its IRs"
    if short_means_either:
        group.add_argument("-m", dest="either", metavar="MODEL", help=f"{what}{note}")
        group.add_argument("--model", metavar="MODEL", help="the network, in any case")
    else:
        group.add_argument("-m", "--model", required=True, metavar="MODEL", help=what)
    group.add_argument(
        "--verify", action="store_true",
        help="first read all of an IR's weights, and check them against the digest that it states",
    )  # fmt: skip


def add_tree_arguments(group: argparse._ActionsContainer, *old: str) -> None:
    """Add ``--models_dir``: where names are looked for."""
    group.add_argument(
        "--models_dir", *old, type=Path, dest="models_dir", metavar="DIR",
        help="the tree of converted models, which omz_converter -o was (default: here)",
    )  # fmt: skip


def add_precisions_argument(group: argparse._ActionsContainer, one: str = "") -> None:
    """Add ``--precisions``: which IRs of a network; ``--precision``, too, where by default it is ``one``."""
    group.add_argument(
        "--precisions", *(["--precision"] if one else []), metavar="P[,P...]", dest="precisions",
        help=f"of the IRs, such as FP16 (default: {one or 'all that are there'})",
    )  # fmt: skip


def choices(args: argparse.Namespace, precisions: Sequence[str] | None = None) -> list[Choice]:
    """Return the networks that the command line asks for, but for those of ``-c``.

    Args:
        args: Of :func:`add_choice_arguments`.
        precisions: Of the IRs; those that ``--precisions`` asks for by default.

    Raises:
        UsageError: None is asked for, or in two ways; or a pattern matches nothing.
        InferenceError: The one that is named is not there.
    """
    wanted = precision_list(args.precisions) if precisions is None else precisions
    if selection.is_made(args):
        if args.model is not None:
            raise UsageError("--model and --name, --list or --all exclude each other")
        return [
            Choice(stage.name, partial(network_in, tree(args), stage.name, wanted, stage), stage)
            for model in selection.selected_models(args)
            for stage in model.stages
        ]
    text = args.either if args.model is None else args.model
    if not text:
        raise UsageError(
            "which network? Expected -m with its name, its .xml file or a folder of its IRs; or --name, --list or --all"
        )
    if set(text) & set("*?[") and not Path(text).exists():
        raise UsageError(f"-m {text}: expected one network; patterns of names go with --name")
    network = find_network(text, tree(args), precisions=wanted, root=args.models_root, known_to_zoo=True)
    return [Choice(network.name, lambda: network)]


def one_ir(args: argparse.Namespace) -> Path:
    """Return the IR that the command line of a demo asks for: of several precisions, the most exact.

    Raises:
        InferenceError: There is none.
        UsageError: A precision is not known.
    """
    wanted = precision_list(args.precisions)
    network = find_network(args.model, args.models_dir, precisions=wanted, root=args.models_root)
    if len(network.irs) > 1:
        log.info("%s: takes %s of %s", network.name, network.most_exact, ", ".join(network.irs))
    check_weights(args, network.most_exact)
    return network.most_exact


def check_weights(args: argparse.Namespace, xml: Path) -> None:
    """Do what ``--verify`` asks for; without it, what reads an IR looks at a part of its weights only.

    Raises:
        InferenceError: They are not those that the IR was written with.
    """
    if args.verify and not check_pair(xml, whole=True):
        log.warning("%s: --verify: states no digest of its weights, so that nothing is known of them", xml)


def tree(args: argparse.Namespace) -> Path:
    """Return the tree of converted models that the command line asks for.

    Raises:
        UsageError: It is given twice.
    """
    otherwise = selection.is_made(args) or args.model is not None or getattr(args, "config", None) is not None
    if args.either is None or not otherwise:
        return args.models_dir or Path()
    if args.models_dir is not None:
        raise UsageError("-m and --models_dir are both the tree of converted models; give one of them")
    return Path(args.either)
