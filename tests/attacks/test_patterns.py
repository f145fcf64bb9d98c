"""Descriptors whose regular expressions never end, fill the memory, or take a minute to be compiled."""

from __future__ import annotations

import pytest
from attacks.attack import Attack
from attacks.models import describe, file_entry

TEXT = b"a" * 200_000 + b"!"
NEVER_ENDING = {
    "nested": (r"(a+)+$", "b"),
    "backwards": (r"(?<!b)(a*)*c", "b"),
    "growing": ("a", "b" * 16_000),
}
COMPILED = {
    "repeated": "(?:" * 20 + "a" + "{1000})" * 20,
    "sets": "(?i)" + "[\\u0100-\\uffff]" * 90,
    "deep": "(" * 400 + ")" * 400,
    "counted": "a{4294967296}",
    "group-that-is-not-there": "(a)(?P<b>b)",
}


@pytest.mark.slow
def test_one_that_never_ends_is_ended(attack: Attack) -> None:
    """Each in a process of its own, with a bound on its time and memory."""
    for name, (pattern, replacement) in NEVER_ENDING.items():
        describe(
            attack.folder, name, [file_entry("net.prototxt", TEXT)],
            postprocessing=[{"$type": "regex_replace", "file": "net.prototxt", "pattern": pattern,
                             "replacement": replacement}],
        )  # fmt: skip
        place = attack.folder / "out" / "public" / name
        place.mkdir(parents=True)
        (place / "net.prototxt.orig").write_bytes(TEXT)
    attack.refused_each(
        NEVER_ENDING, "omz_downloader", "--all", "--models_root", "zoo", "-o", "out", "--quiet",
        seconds=30, patience=150,
    )  # fmt: skip


@pytest.mark.parametrize("case", COMPILED)
def test_one_that_is_not_soon_compiled_is_refused(attack: Attack, case: str) -> None:
    step = {
        "$type": "regex_replace",
        "file": "net.prototxt",
        "pattern": COMPILED[case],
        "replacement": r"\g<c>",
    }
    describe(attack.folder, "net", [file_entry("net.prototxt", TEXT)], postprocessing=[step])
    assert "postprocessing" in attack.refused("omz_info_dumper", "--all", "--models_root", "zoo", seconds=4)
