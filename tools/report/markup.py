"""HTML that cannot be broken by the texts in it: what is not markup of ours is escaped where it enters."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

#: Elements without content, which have no end tag.
VOID = {"br", "img", "link", "meta", "rect", "line", "path"}
#: These turn the direction of the text that follows them, to the end of the paragraph.
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")


class Html(str):
    """Text that is markup already; any other text is escaped by :func:`tag`."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: str | float | None) -> Html:
    """Return an element.

    Args:
        name: Of the element.
        content: What is in it; escaped unless it is :class:`Html`.
        attributes: ``class_`` and the like lose their last underscore, others become hyphens; None leaves one out.

    >>> tag("p", "1 < 2 ", tag("b", "&"), class_="note")
    '<p class="note">1 &lt; 2 <b>&amp;</b></p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{joined(*content)}</{name}>")


def joined(*content: str) -> Html:
    """Return texts and markup in a row, as markup."""
    return Html("".join(part if isinstance(part, Html) else escaped(part) for part in content))


def escaped(text: str) -> str:
    """Return a text for use in an element or in a quoted attribute.

    What no browser shows as text is replaced: control characters, halves of surrogate pairs (from file names that
    are no UTF-8) and marks that turn the direction of whatever follows.
    """
    return html.escape("".join("\ufffd" if _is_hidden(letter) else letter for letter in text))


def link(address: str, text: str) -> Html:
    """Return a link to a page of the web; of an address of any other kind, the text alone."""
    if not re.match("https?://[^/\\s]", address, re.IGNORECASE):
        return joined(text)
    return tag("a", text, href=address, rel="noopener noreferrer")


def section(title: str, *content: str) -> Html:
    """Return a section with its heading."""
    return tag("section", tag("h2", title), *content)


def description_list(rows: Sequence[tuple[str, str]], style: str, *, each: str = "") -> Html:
    """Return pairs of heading and text as a description list of a style, each pair in an element ``each`` if given."""
    pairs = [joined(tag("dt", heading), tag("dd", text)) for heading, text in rows]
    return tag("dl", *(tag(each, pair) if each else pair for pair in pairs), class_=style)


def _is_hidden(letter: str) -> bool:
    if letter in "\n\t":
        return False
    return unicodedata.category(letter) in ("Cc", "Cs") or bool(_DIRECTION.match(letter))


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
