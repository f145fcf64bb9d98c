"""Google Drive's page about files too large for its virus scan: what to ask for instead."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

#: The address that answers with the file itself; ``confirm=t`` skips the page, mostly.
DOWNLOAD_URL = "https://drive.usercontent.google.com/download"
_HOSTS = (".google.com", ".googleusercontent.com")


def confirmed_address(page: bytes, url: str) -> str | None:
    """Return the address behind the button of a confirmation page, or None if it is another page.

    Two generations of the page are known: a form with hidden fields (``confirm``, ``uuid``), and before that a link
    whose query has ``confirm``.

    Args:
        page: The page, or its beginning.
        url: Where it came from. An address on another host that is not Google's is not followed.
    """
    try:
        parser = _Parser()
        parser.feed(page.decode("utf-8", "replace"))
        if not parser.address:
            return None
        address = urljoin(url, parser.address)
        there, here = urlsplit(address), urlsplit(url)
    except (
        ValueError,
        AssertionError,
    ):  # of addresses that are none, and of `<![` that html.parser does not know
        return None
    is_googles = there.hostname == here.hostname or (there.hostname or "").endswith(_HOSTS)
    return address if is_googles and there.scheme in {"https", here.scheme} else None


class _Parser(HTMLParser):
    """Finds the first form or link that confirms a download."""

    def __init__(self) -> None:
        super().__init__()
        self.address: str | None = None
        self._action: str | None = None
        self._fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action, self._fields = values.get("action"), {}
        elif tag == "input" and values.get("type") == "hidden" and "name" in values:
            self._fields[values["name"]] = values.get("value", "")
        elif tag == "a" and "confirm" in parse_qs(urlsplit(values.get("href", "")).query):
            self.address = self.address or values["href"]

    def handle_endtag(self, tag: str) -> None:
        if (
            tag == "form"
            and self._action
            and "confirm" in self._fields | parse_qs(urlsplit(self._action).query)
        ):
            separator = "&" if "?" in self._action else "?"
            self.address = self.address or f"{self._action}{separator}{urlencode(self._fields)}"
