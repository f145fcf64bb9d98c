"""Rich's console for texts from outside: what is printed is text, never markup, emoji codes, links or escapes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.file_proxy import FileProxy
from rich.progress import Progress, ProgressColumn
from rich.segment import Segment
from rich.text import Text

from omz.outgoing import printable_lines
from omz.streams import Guarded, unguarded


class SafeConsole(Console):
    """A console that cleans every text before it is laid out, and once more when it is drawn.

    It alone writes past the guards of :mod:`omz.streams`.
    """

    def __init__(self, file: TextIO, width: int | None = None) -> None:
        super().__init__(file=unguarded(file), width=width, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **settings: Any) -> Text:  # noqa: ANN401 - rich's
        """Return a text as rich lays it out."""
        return super().render_str(printable_lines(text), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the pieces of what is drawn."""
        for text, style, control in super().render(renderable, options):
            if control:
                yield Segment(text, style, control)
            else:
                yield Segment(
                    printable_lines(text), style.update_link(None) if style and style.link else style
                )


@contextmanager
def progress(
    *columns: ProgressColumn, stream: TextIO | None = None, transient: bool = False
) -> Iterator[Progress]:
    """Show bars on a stream, stderr by default; what is written to stderr meanwhile appears above them."""
    before = sys.stderr
    console = SafeConsole(before if stream is None else stream)
    bars = Progress(*columns, console=console, redirect_stdout=False, transient=transient)
    with bars:
        if isinstance(sys.stderr, FileProxy):  # which would obey escapes in what it is given
            sys.stderr = cast("TextIO", Guarded(cast("TextIO", sys.stderr)))
        handlers = [
            handler
            for handler in logging.getLogger().handlers
            if isinstance(handler, logging.StreamHandler) and handler.stream is before
        ]
        for handler in handlers:
            handler.setStream(sys.stderr)
        try:
            yield bars
        finally:
            for handler in handlers:
                handler.setStream(before)
