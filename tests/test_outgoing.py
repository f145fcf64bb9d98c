"""What leaves: text for terminals, JSON and CSV, whatever is in it."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omz.outgoing import cell, csv_text, describe, encodable, json_text, printable, printable_lines

#: What terminals obey, what turns letters round or is not seen, halves of surrogate pairs, and all else.
ANY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\0\a\b\t\n\v\f\r\x1b\x7f\x85\x90\x9b\x9d\xa0\u034f\u200b\u200e\u2028\u2029\u202e\u2066"
        ),
        st.sampled_from("\u115f\u3164\ufeff\ufe01\udc9b\udcff\U000e0001\U000e0100=+-@;'\"\\"),
    )
)
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def harmless(text: str) -> bool:
    return not any(unicodedata.category(c) in HIDDEN for c in text)


@given(ANY)
def test_no_control_character_passes(text: str) -> None:
    assert harmless(printable(text))
    assert harmless(printable_lines(text).replace("\n", "").replace("\t", ""))
    assert printable_lines(text).count("\n") == text.count("\n")
    printable(text).encode()  # there are no halves of surrogate pairs left
    assert printable(printable(text)) == printable(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u3164\uffa0")))
def test_what_is_seen_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("letter", ["\u034f", "\u115f", "\u180b", "\u3164", "\ufe00", "\uffa0", "\U000e0101"])
def test_letters_that_are_not_drawn_are_escaped(letter: str) -> None:
    assert letter not in printable(f"cat{letter}")


@given(
    st.recursive(ANY | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY, inner))
)
def test_json_is_harmless_and_exact(content: object) -> None:
    for text in (json_text(content), json_text(content, indent=2)):
        assert harmless(text.replace("\n", ""))
        assert json.loads(text) == content


@given(ANY)
def test_what_an_encoding_has_not_is_escaped_as_in_json(text: str) -> None:
    shown = encodable(json_text(text), "ascii")
    assert shown.isascii()
    assert json.loads(shown) == text


@given(st.lists(st.lists(ANY | st.integers() | st.floats(allow_nan=False), min_size=1), min_size=1))
def test_csv_comes_back_and_computes_nothing(rows: list[list[object]]) -> None:
    text = csv_text(rows)
    assert harmless(text.replace("\n", ""))
    read = list(csv.reader(io.StringIO(text), strict=True))
    assert [len(row) for row in read] == [len(row) for row in rows]
    for row, given_row in zip(read, rows, strict=True):
        for value, original in zip(row, given_row, strict=True):
            if isinstance(original, str):
                assert not is_formula(value), value
                assert value.replace("'", "") == printable(original).replace("'", "")
            else:
                assert type(original)(value) == original


def is_formula(value: str) -> bool:
    """Tell whether a spreadsheet computes a cell, or a part of it where semicolons part cells."""
    for part in (value, *value.split(";")):
        begins = part.strip()[:1]
        if begins in tuple("=+-@\t\r＝＋－＠"):  # noqa: RUF001
            try:
                float(part)
            except ValueError:
                return True
    return False


@pytest.mark.parametrize("text", ["-0.5", "+3", "-1e-05", "12", "0", "kit fox", "a = b", "x-1", ""])
def test_numbers_and_names_stay_in_csv(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", " =1", "-o", "＝1"])  # noqa: RUF001
def test_formulas_are_text(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_a_name_of_several_lines_is_one_line_of_csv() -> None:
    assert csv_text([["a\r\n=1", "b"]]) == "a\\r\\n=1,b\n"


@given(ANY, ANY)
def test_an_error_is_told_in_two_harmless_lines(name: str, reason: str) -> None:
    for error in (ValueError(f"{name}: {reason}"), OSError(2, "No such file", name)):
        told = describe(error)
        assert harmless(told.replace("\n", ""))
        assert told
        assert len(told.split("\n")) <= 2
