"""What is written down of a file that is on its way, and what is believed of it."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from typing import Any

import pytest
from downloader.conftest import Zoo, described, visible
from downloader.faults import FaultServer
from hypothesis import given
from hypothesis import strategies as st

from omz.downloader.partial_state import FORMAT, STATE_BYTES, Origin, State, boot
from omz.downloader.ranges import are_sound, size
from omz.downloader.takeover import held_bytes, resting_path
from omz.downloader.web import Version

BODY = bytes(range(256)) * 40
TOTAL = len(BODY)
SOUND: dict[str, Any] = asdict(Origin("http://127.0.0.1/net", TOTAL, Version('"v1"', None))) | {
    "format": FORMAT,
    "missing": [[5000, TOTAL]],
    "unsafe": [[0, TOTAL]],
    "boot": boot(),
}


def block_of(text: str | bytes) -> bytes:
    """Return a block with a checksum that holds, whatever it holds it of."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return (f"{zlib.crc32(data):08x} ".encode() + data).ljust(STATE_BYTES)


def written(**changes: Any) -> str:
    return json.dumps(SOUND | changes)


def test_passwords_are_not_written_down() -> None:
    block = State(Origin("https://user:secret@host/net", 10), [(0, 10)], [(0, 10)]).encode()
    assert block is not None
    assert b"https://host/net" in block
    assert b"secret" not in block


def test_a_state_that_does_not_fit_is_none() -> None:
    assert State(Origin("https://host/" + "x" * 5000, 10), [(0, 10)], [(0, 10)]).encode() is None


def test_a_state_comes_back() -> None:
    state = State.decode(block_of(written()), TOTAL)
    assert state == State(
        Origin("http://127.0.0.1/net", TOTAL, Version('"v1"')), [(5000, TOTAL)], [(5000, TOTAL)]
    )
    after_a_crash = State.decode(block_of(written(boot="of another time")), TOTAL)
    assert after_a_crash is not None
    assert after_a_crash.missing == [(0, TOTAL)]


HUGE = 10**3000
ODD = {
    "brackets": "[" * 4000,
    "braces": '{"a":' * 600,
    "nothing": "",
    "a list": "[1, 2]",
    "a number": "1",
    "null": "null",
    "no JSON": "not JSON",
    "a huge number": "9" * 4080,
    "no UTF-8": b"\xff\xfe",
    "another order": json.dumps(dict(reversed(SOUND.items()))),
    "a key twice": written()[:-1] + f', "total": {TOTAL}}}',
    "more keys": written(more=1),
    "trailing text": written() + " x",
    "infinite total": written(total=float("inf")),
    "no number": written(total=float("nan")),
    "total as text": written(total=str(TOTAL)),
    "total as a fraction": written(total=float(TOTAL)),
    "total as truth": written(total=True),
    "another total": written(total=TOTAL + 1),
    "negative total": written(total=-1),
    "infinite range": written(missing=[[0, float("inf")]]),
    "range of text": written(missing=[["5000", str(TOTAL)]]),
    "range of fractions": written(missing=[[5000.0, TOTAL]]),
    "range of truth": written(missing=[[False, TOTAL]]),
    "huge range": written(missing=[[0, HUGE]]),
    "negative range": written(missing=[[-5, 10]]),
    "empty range": written(missing=[[5, 5]]),
    "range from behind": written(missing=[[10, 5]]),
    "overlapping ranges": written(missing=[[0, 10], [5, 20]]),
    "ranges in disorder": written(missing=[[10, 20], [0, 5]]),
    "range beyond the end": written(missing=[[0, TOTAL + 1]]),
    "unsafe beyond the end": written(unsafe=[[0, TOTAL + 1]]),
    "range of three": written(missing=[[0, 1, 2]]),
    "range of none": written(missing=[[]]),
    "ranges as text": written(missing="ab"),
    "ranges as an object": written(missing={"ab": 1}),
    "no ranges": written(missing=None),
    "source as a list": written(source=["x"]),
    "source of half a letter": written(source="\ud800"),
    "source of escapes": written(source="\x1b[2J"),
    "version as a list": written(version=[1, 2]),
    "version of others": written(version={"etag": None, "other": 1}),
    "etag as a number": written(version={"etag": 5, "last_modified": None}),
    "etag as a list": written(version={"etag": ["x"], "last_modified": None}),
    "etag of two lines": written(version={"etag": '"a\r\nX: y"', "last_modified": None}),
    "etag of half a letter": written(version={"etag": '"\udcff"', "last_modified": None}),
    "date beyond Latin": written(version={"etag": None, "last_modified": "\u20ac"}),
    "boot as a list": written(boot=[boot()]),
    "no boot": written(boot=None),
    "another format": written(format=FORMAT + 1),
    "format as truth": written(format=True),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_is_discarded(kind: str) -> None:
    assert State.decode(block_of(ODD[kind]), TOTAL) is None


def test_what_is_odd_is_not_in_the_way(zoo: Zoo, faults: FaultServer) -> None:
    """Of each kind one file, all of one model: each arrives as if nothing had been there."""
    entries = [described(f"{n}.bin", BODY, faults.serve(f"/{n}", BODY)) for n in range(len(ODD))]
    folder = zoo.add("net", *entries)
    folder.mkdir(parents=True)
    for number, text in enumerate(ODD.values()):
        resting_path(folder / f"{number}.bin").write_bytes(BODY + block_of(text))
        assert held_bytes(folder / f"{number}.bin") is None
    result = zoo.run("--quiet")
    assert (result.status, result.err) == (0, "")
    assert visible(folder) == {f"{n}.bin": BODY for n in range(len(ODD))}
    assert len(list(folder.iterdir())) == len(ODD)


@pytest.mark.parametrize("missing", [[], [[0, 9_000_000_000_000]], [[5000, 9_000_000_000_000]]])
def test_a_sound_state_of_another_size_is_discarded(
    zoo: Zoo, faults: FaultServer, missing: list[Any]
) -> None:
    """Nor are nine terabytes of holes hashed."""
    folder, total = zoo.add("net", described("net.bin", BODY, faults.serve("/net", BODY))), 9_000_000_000_000
    folder.mkdir(parents=True)
    with resting_path(folder / "net.bin").open("wb") as stream:
        stream.truncate(total)
        stream.seek(total)
        stream.write(block_of(written(total=total, missing=missing, unsafe=missing)))
    assert zoo.run("--quiet").status == 0
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == {"net.bin": TOTAL}


NUMBERS = st.integers(-2, TOTAL + 2) | st.integers() | st.floats() | st.booleans()
VALUES = st.recursive(
    st.none() | NUMBERS | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3), max_leaves=10
)
SPANS = st.lists(st.tuples(NUMBERS, NUMBERS) | VALUES, max_size=4) | VALUES


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "source": VALUES,
            "total": NUMBERS | VALUES,
            "version": st.dictionaries(st.sampled_from(["etag", "last_modified", "x"]), VALUES) | VALUES,
            "missing": SPANS,
            "unsafe": SPANS,
            "boot": VALUES,
            "format": VALUES,
        },
    )
)
def test_what_is_believed_is_sound(changes: dict[str, Any]) -> None:
    state = State.decode(block_of(written(**changes)), TOTAL)
    if state is not None:
        assert are_sound(state.missing, TOTAL)
        assert 0 <= size(state.missing) <= TOTAL
        assert state.encode() is not None
        assert all(
            value.encode("latin-1").isascii() for value in asdict(state.origin.version).values() if value
        )


@given(st.binary(max_size=STATE_BYTES - 9) | st.text(max_size=300))
def test_no_bytes_are_an_error(text: bytes | str) -> None:
    assert State.decode(block_of(text), TOTAL) is None


def test_no_state_is_written_that_is_not_read() -> None:
    spans = [(at, at + 3) for at in range(0, 300, 7)]
    block = State(Origin("https://u:p@host/näme", TOTAL, Version('"x y"', "now")), spans, spans).encode()
    assert block is not None
    state = State.decode(block, TOTAL)
    assert state is not None
    assert state.missing == spans
