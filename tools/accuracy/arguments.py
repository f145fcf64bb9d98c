"""The options that every command with labelled pictures has."""

from __future__ import annotations

import argparse
from pathlib import Path

from omz.converter.picture_steps import add_step_arguments


def add_source_argument(parser: argparse._ActionsContainer, what: str, *old: str) -> None:
    """Add ``-s``, ``--source``: where the pictures of a data set are.

    Args:
        parser: The command's, or a group of it.
        what: The command takes, in words.
        old: Earlier spellings that this command still takes.
    """
    parser.add_argument(
        "-s", "--source", *old, type=Path, dest="source", metavar="DIR", help=f"folder of the data: {what}"
    )


def add_list_arguments(parser: argparse._ActionsContainer) -> None:
    """Add ``--annotations`` and what tells how such a list is read: ``--allow_outside``, ``--label_order``."""
    parser.add_argument(
        "-a", "--annotations", type=Path, metavar="FILE", help="the list of the pictures and their classes"
    )
    parser.add_argument(
        "--allow_outside", action="store_true",
        help="read pictures that a list or a link names outside of the folder of the data (default: refuse)",
    )  # fmt: skip
    add_label_order_argument(parser)


def add_label_order_argument(parser: argparse._ActionsContainer) -> None:
    """Add ``--label_order``: which order of the classes the indexes in a list follow."""
    parser.add_argument(
        "--label_order",
        default="",
        metavar="LIST",
        help="class list that the indexes in the list follow, such as imagenet_2012 (default: found out)",
    )


def add_definitions_argument(group: argparse._ActionsContainer) -> None:
    """Add ``--definitions``: what the names of data sets stand for."""
    group.add_argument(
        "--definitions", type=Path, metavar="FILE", help="dataset definitions, in place of the toolkit's"
    )


def add_preparation_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--resize``, ``--crop`` and their like: how pictures are prepared, whatever the IR or the zoo says."""
    add_step_arguments(parser, "how pictures are prepared (default: as accuracy-check.yml or the IR says)")
