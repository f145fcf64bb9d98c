"""What is drawn on a terminal: our colours, and nothing that a text brings along."""

from __future__ import annotations

import io
import logging
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import TextColumn
from rich.table import Table
from rich.text import Text

from omz.safe_console import SafeConsole, progress

#: Colours, and what bars are drawn with: a line begun, erased, gone up from; the cursor hidden and shown.
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[(?:2K|\d*A|\?25[lh])|\r(?=\x1b\[2K)")
EVIL = "a\x1b[35;41mb\x1b]8;;http://x\x07c\x9b5md\re\u202ef\x00[red]g[/red]:bomb:[link=http://x]h"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def text_of(shown: str) -> str:
    """Return what is left without what is ours, and check that it is text."""
    left = OURS.sub("", shown)
    assert all(c.isprintable() or c == "\n" for c in left), ascii(left)
    return left


@given(st.text())
def test_texts_cells_and_titles_are_text(text: str) -> None:
    terminal = Terminal()
    console = SafeConsole(terminal, 200)
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    for renderable in (text, table, Text(text)):
        console.print(renderable, style="bold")
    text_of(terminal.getvalue())


def test_markup_emoji_codes_and_links_are_text(terminal: Terminal) -> None:
    console = SafeConsole(terminal, 200)
    console.print(EVIL)
    console.print(Text.from_markup("[link=http://x]y[/link]"))
    shown = terminal.getvalue()
    assert "[red]g[/red]:bomb:[link=http://x]h" in text_of(shown)
    assert "\x1b[35;41m" not in shown


def test_what_is_printed_beside_bars_is_text(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich would read escapes in it, and draw links anew."""
    monkeypatch.setattr(sys, "stderr", terminal)
    handler = logging.StreamHandler(terminal)
    logger = logging.getLogger()
    logger.addHandler(handler)
    try:
        with progress(TextColumn("{task.description}", markup=False), stream=terminal) as bars:
            bars.add_task(EVIL)
            print(EVIL, file=sys.stderr)
            print(EVIL, end="", file=sys.stderr)
            sys.stderr.flush()
            logger.error("%s", EVIL)
    finally:
        logger.removeHandler(handler)
    shown = terminal.getvalue()
    assert text_of(shown).count("[red]g[/red]") >= 3
    assert "\x1b[35;41m" not in shown
    assert sys.stderr is terminal
    assert handler.stream is terminal
