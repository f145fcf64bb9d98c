"""Names in the IR: Model API's text, and what it cannot hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omz.errors import DescriptorError
from omz.zoo.label_text import exact_record, label_text, names_of

NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(lambda name: name.split())
)


@given(NAMES)
def test_whatever_the_names_they_come_back(names):
    assert names_of(label_text(names), exact_record(names)) == names


def test_the_text_is_model_api_s():
    assert label_text(["kit fox", "red_fox", "a  b"]) == "kit_fox red_fox a_b"
    assert names_of("kit_fox tench great_white_shark") == ["kit fox", "tench", "great white shark"]


def test_nothing_more_is_recorded_than_is_needed():
    assert exact_record(["kit fox", "Käfer", "Washington, D.C."]) == ""
    assert json.loads(exact_record(["kit fox", "red_fox"])) == ["kit fox", "red_fox"]


def test_a_text_that_was_changed_since_has_the_last_word():
    record = exact_record(["red_fox", "dog"])
    assert names_of("red_fox dog", record) == ["red_fox", "dog"]
    assert names_of("red_fox cat", record) == ["red fox", "cat"]


@pytest.mark.parametrize("record", ["{}", "[1]", "[", "[" * 100_000, '"a"'])
def test_what_is_no_record(record):
    with pytest.raises(DescriptorError, match="record of exact names"):
        names_of("a", record)
