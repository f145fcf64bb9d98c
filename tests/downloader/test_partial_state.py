"""What is written down of a file that is on its way."""

from __future__ import annotations

from omz.downloader.partial_state import Origin, State


def test_passwords_are_not_written_down() -> None:
    block = State(Origin("https://user:secret@host/net", 10), [(0, 10)], [(0, 10)]).encode()
    assert block is not None
    assert b"https://host/net" in block
    assert b"secret" not in block


def test_a_state_that_does_not_fit_is_none() -> None:
    assert State(Origin("https://host/" + "x" * 5000, 10), [(0, 10)], [(0, 10)]).encode() is None
