from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omz.report.markup import Html, joined, link, tag


class Reader(HTMLParser):
    """What a browser takes a piece of HTML for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_data(self, data) -> None:
        self.text += data


@settings(derandomize=True, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf"])),
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf"])),
)
def test_any_text_comes_back_as_text(content: str, attribute: str) -> None:
    read = Reader(tag("p", content, title=attribute))
    assert read.elements == [("p", {"title": attribute})]
    assert read.text == content


@settings(derandomize=True, deadline=None)
@given(st.text())
def test_whatever_is_in_a_text_it_can_be_written_and_makes_no_element(text: str) -> None:
    written = tag("p", text)
    assert written.encode("utf-8")
    assert [name for name, _ in Reader(written).elements] == ["p"]


def test_control_characters_surrogates_and_turned_text_are_replaced() -> None:
    assert tag("p", "a\0b\x1bc\udcffd\u202ee\nf") == "<p>a\ufffdb\ufffdc\ufffdd\ufffde\nf</p>"


def test_markup_is_not_escaped_twice() -> None:
    assert joined("<", tag("b", "&")) == "&lt;<b>&amp;</b>"
    assert isinstance(joined("x"), Html)


def test_attributes() -> None:
    assert (
        tag("rect", x=1.5, stroke_width=2, class_="a", fill=None)
        == '<rect x="1.5" stroke-width="2" class="a"/>'
    )
    assert tag("meta", name="a", content="b") == '<meta name="a" content="b"/>'


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//host/x", "http:///x", ""]
)
def test_only_pages_of_the_web_become_links(address: str) -> None:
    assert link(address, "<licence>") == "&lt;licence&gt;"


def test_a_link() -> None:
    assert Reader(link('https://example.com/?a="b"&c', "text")).elements == [
        ("a", {"href": 'https://example.com/?a="b"&c', "rel": "noopener noreferrer"})
    ]
