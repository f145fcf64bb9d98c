"""The parser of every command: options in full, and errors of one or two lines that say what may have been meant."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from omz.outgoing import indented
from omz.suggestions import did_you_mean

#: Options that mean the same in every command that has them; docs/options.md has their other spellings.
COMMON = (
    "--name", "--model", "--models_dir", "--precisions", "--models_root", "--device", "--input", "--source",
    "--annotations", "--allow_outside", "--label_order", "--labels", "--layout", "--input_shape", "--output_name",
    "--output", "--json",
)  # fmt: skip
_NUMBER = re.compile(r"-\d*\.?\d+(e[-+]?\d+)?", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """An argument parser that takes no abbreviations: what works today means the same when there are more options.

    Args:
        foreign: Those of the :data:`COMMON` options that mean something else in this command.
        settings: What argparse takes.

    Attributes:
        given: The words of the command line, for messages; :func:`omz.command.run` sets them.
    """

    def __init__(self, *, foreign: Sequence[str] = (), **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**{"allow_abbrev": False} | settings)
        self.color = False  # of Python 3.14; stderr and stdout take colours from rich alone
        self.given: Sequence[str] = ()
        self.foreign = foreign

    @property
    def common(self) -> tuple[str, ...]:
        """The :data:`COMMON` options that this command has."""
        known = self._option_string_actions
        return tuple(name for name in COMMON if name in known and name not in self.foreign)

    def format_help(self) -> str:
        """Return the help, which ends with what is the same in other commands."""
        own = self.epilog
        if self.common:
            note = f"Spelt so in every command that has them: {', '.join(self.common)} (docs/options.md)."
            self.epilog = f"{own} {note}" if own else note
        try:
            return super().format_help()
        finally:
            self.epilog = own

    def error(self, message: str) -> NoReturn:
        """Print the error, what may have been meant, and where the options are told; exit with 2."""
        sys.stderr.write(
            f"{self.prog}: error: {indented(self.explained(message))}\n{self.prog} --help tells the options.\n"
        )
        sys.exit(2)

    def explained(self, message: str) -> str:
        """Return argparse's message, or a better one where an option is mistyped."""
        shown = [name for name, one in self._option_string_actions.items() if one.help != argparse.SUPPRESS]
        for option in self._unknown_options():
            if meant := did_you_mean(option, shown, count=2, cutoff=0.65):
                return f"unknown option {option}.{meant}"
        return message

    def _unknown_options(self) -> list[str]:
        known = self._option_string_actions
        words = [word.partition("=")[0] for word in self.given if word.startswith("-")]
        return [
            word
            for word in words
            if word not in known
            and word.strip("-")
            and not _NUMBER.fullmatch(word)
            and (word.startswith("--") or word[:2] not in known)  # "-mFILE" is -m FILE
        ]

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - argparse's hook
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            meant = did_you_mean(str(value), choices, count=1)
            raise argparse.ArgumentError(
                action, f"{str(value)[:80]!r}: expected one of {', '.join(choices)}.{meant}"
            )
