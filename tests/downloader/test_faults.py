"""Whatever a server does wrong: the right file or a clear error, and no byte fetched twice without a reason."""

from __future__ import annotations

import hashlib
import logging
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from downloader.faults import BENIGN, FINAL, RAW, RESTARTS, Fault, FaultServer
from downloader.raw_faults import LAST, LOSING
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omz.downloader import receive, transfer
from omz.downloader.sources import SourceOpener
from omz.downloader.takeover import held_bytes
from omz.downloader.transfer import Backoff, Transfer
from omz.errors import DownloadError
from omz.zoo.model_files import ModelFile

BODY = random.Random(3).randbytes(400_000)
#: How long a server that has stalled is waited for; any other one answers, however busy the machine is.
STALL_S, ANSWER_S = 0.5, 60


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "PIECE_BYTES", 50_000)
    monkeypatch.setattr(transfer, "PROGRESS_BYTES", 100_000)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of commands that other tests have run


def model_file(*urls: str, size: int | str = len(BODY)) -> ModelFile:
    return ModelFile.model_validate(
        {"name": "net.bin", "size": size, "checksum": hashlib.sha384(BODY).hexdigest(), "source": list(urls)}
    )


def fetch(
    folder: Path, *urls: str, size: int | str = len(BODY), stalls: bool = False, **options: Any
) -> str | None:
    """Fetch the file; returns the error, if there is one."""
    opener = SourceOpener(read_timeout_s=STALL_S if stalls else ANSWER_S)
    target = folder / "net.bin"
    run = Transfer(opener=opener, backoff=Backoff(first_s=0), **options)
    try:
        run.fetch(model_file(*urls, size=size), target, folder, lambda _: None)
    except DownloadError as error:
        message = str(error)
    else:
        message = None
    if message is not None:
        assert len(message.splitlines()) <= 2
        assert not target.exists()
        return message
    assert [path.name for path in folder.iterdir()] == ["net.bin"]
    assert target.read_bytes() == BODY
    return None


@pytest.mark.parametrize("at", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("kind", BENIGN)
def test_what_has_arrived_is_not_fetched_again(
    faults: FaultServer, tmp_path: Path, kind: str, at: float
) -> None:
    url = faults.serve("/net", BODY, Fault(kind, at), Fault(kind, at))
    assert fetch(tmp_path, url, stalls=kind == "stall") is None
    assert faults.resources["/net"].sent == len(BODY)


@pytest.mark.parametrize("segments", [1, 3])
@pytest.mark.parametrize("kind", RESTARTS)
def test_a_server_that_lies_about_ranges(
    faults: FaultServer, tmp_path: Path, kind: str, segments: int
) -> None:
    """Half of the file is there when it does."""
    url = faults.serve("/net", BODY, Fault("truncate", 0.5), Fault(kind))
    assert fetch(tmp_path, url, segments=segments) is None
    assert faults.resources["/net"].happened[1] == kind
    assert faults.resources["/net"].sent <= 2.1 * len(BODY)


ANSWERS = {
    "longer": "longer than the promised 400000 bytes",
    "chunked longer": "longer than the promised 400000 bytes",
    "shorter": "has 399999 bytes, fewer than the promised 400000",
    "redirect loop": "redirects more than 10 times",
    "html": "sent an HTML page ('Quota exceeded') instead of the file",
    "404": "404 Not Found",
}


@pytest.mark.parametrize("kind", FINAL)
def test_the_next_source_goes_on_where_one_gives_up(faults: FaultServer, tmp_path: Path, kind: str) -> None:
    """One error that names each answer; a second source, that had not been asked before, takes over the bytes."""
    first = faults.serve("/first", BODY, Fault("truncate", 0.5), Fault(kind))
    error = fetch(tmp_path, first, f"{faults.root}/missing")
    assert error is not None
    assert f"{first}: {ANSWERS[kind]} (2 attempts); {faults.root}/missing: " in error
    held = held_bytes(tmp_path / "net.bin") or 0
    assert held >= 199_000 or kind == "chunked longer"  # that one began to send its other file
    second = faults.serve("/second", BODY)
    faults.resources["/first"].plan = [Fault("404")]
    assert fetch(tmp_path, first, second) is None
    assert faults.resources["/second"].sent == len(BODY) - held


@pytest.mark.parametrize("segments", [1, 3])
@pytest.mark.parametrize("kind", RAW)
def test_raw_faults(faults: FaultServer, tmp_path: Path, kind: str, segments: int) -> None:
    """Half of the file is there when it happens; what comes next is good."""
    plan = Fault("truncate", 0.5), Fault(kind, 0.4)
    url = faults.serve("/net", BODY, *plan)
    error = fetch(tmp_path, url, segments=segments, stalls=True)
    if error is not None:
        assert kind in LAST, error
        assert fetch(tmp_path, url, segments=segments) is None
    assert kind in faults.resources["/net"].happened
    assert faults.swallowed == []
    assert faults.resources["/net"].sent <= (1.01 + 2 * (kind in (*LOSING, *LAST))) * len(BODY)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["reset", "truncate", "stall", "500"])
def test_a_source_that_never_gets_better(faults: FaultServer, tmp_path: Path, kind: str) -> None:
    url = faults.serve("/net", BODY, *[Fault(kind, 0.0)] * 50)
    error = fetch(tmp_path, url, attempts=3, stalls=kind == "stall")
    assert error is not None
    assert "(3 attempts)" in error
    assert faults.resources["/net"].requests == 3


@pytest.mark.parametrize(("enough", "requests"), [(10_000, 7), (1_000_000, 2)])
def test_attempts_that_get_on_do_not_count(
    faults: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enough: int, requests: int
) -> None:
    monkeypatch.setattr(transfer, "PROGRESS_BYTES", enough)
    url = faults.serve("/net", BODY, *[Fault("truncate", 0.4)] * 6)
    error = fetch(tmp_path, url, attempts=2)
    assert (error is None) == (requests == 7)
    assert faults.resources["/net"].requests == requests


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', None])
@pytest.mark.parametrize("last_modified", ["Mon, 01 Jan 2024 00:00:00 GMT", None])
def test_resumes_by_whatever_tells_the_version(
    faults: FaultServer, tmp_path: Path, etag: str | None, last_modified: str | None
) -> None:
    """If nothing does, the digest will."""
    url = faults.serve("/net", BODY, Fault("truncate", 0.5), etag=etag, last_modified=last_modified)
    assert fetch(tmp_path, url) is None
    assert faults.resources["/net"].sent == len(BODY)
    assert faults.resources["/net"].ranges == [None, "bytes=199999-"]


@pytest.mark.parametrize("size", [len(BODY), "unknown"])
def test_resumes_without_a_known_size(faults: FaultServer, tmp_path: Path, size: int | str) -> None:
    url = faults.serve("/net", BODY, Fault("reset", 0.5))
    assert fetch(tmp_path, url, size=size) is None
    assert faults.resources["/net"].sent == len(BODY)


def test_segments_are_parallel_and_share_the_work(faults: FaultServer, tmp_path: Path) -> None:
    url = faults.serve("/net", BODY, rate=1_000_000.0)
    assert fetch(tmp_path, url, segments=4) is None
    resource = faults.resources["/net"]
    assert sorted(resource.ranges, key=str) == sorted(
        [f"bytes={start}-{start + 49_999}" for start in range(0, 350_000, 50_000)] + ["bytes=350000-"]
    )
    assert resource.sent == len(BODY)


@pytest.mark.parametrize("options", [{"etag": 'W/"v1"'}, {"etag": None}])
def test_segments_need_a_strong_etag(
    faults: FaultServer, tmp_path: Path, options: dict[str, str | None]
) -> None:
    url = faults.serve("/net", BODY, **options)
    assert fetch(tmp_path, url, segments=4) is None
    assert faults.resources["/net"].sent == len(BODY)


@pytest.mark.parametrize("kind", ["reset", "truncate", "stall", "503"])
def test_segments_resume(faults: FaultServer, tmp_path: Path, kind: str) -> None:
    url = faults.serve("/net", BODY, *[Fault("none"), Fault(kind, 0.5)] * 3)
    stalls = kind == "stall"
    assert fetch(tmp_path, url, segments=3, attempts=1, stalls=stalls) is not None
    assert fetch(tmp_path, url, segments=2, stalls=stalls) is None
    assert faults.resources["/net"].sent == len(BODY)


KINDS = [*BENIGN, *RESTARTS, *FINAL, "none"]
HAPPENED: Counter[str] = Counter()


@pytest.mark.slow
@settings(
    derandomize=True,
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    plan=st.lists(
        st.builds(Fault, st.sampled_from(KINDS), st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.9999])), max_size=8
    ),
    segments=st.sampled_from([1, 1, 3]),
    sources=st.integers(1, 2),
)
def test_any_sequence_of_faults(faults: FaultServer, plan: list[Fault], segments: int, sources: int) -> None:
    """Runs follow each other until the faults are used up; the next one must succeed."""
    body_url = faults.serve("/net", BODY, *plan)
    resource = faults.resources["/net"]
    stalls = any(fault.kind == "stall" for fault in plan)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(len(plan) + 1):
            error = fetch(Path(folder), *[body_url] * sources, segments=segments, attempts=3, stalls=stalls)
            if error is None:
                break
        assert error is None, error
    restarts = sum(kind in [*RESTARTS, *FINAL] for kind in resource.happened)
    restarts += resource.happened.count(
        "chunked longer"
    )  # not only its own bytes are lost, also those before
    assert resource.sent <= len(BODY) * (1 + restarts) * 1.01
    HAPPENED.update(resource.happened)
    HAPPENED["sequences"] += 1


@pytest.mark.slow
def test_the_sequences_had_enough_of_everything() -> None:
    if not HAPPENED["sequences"]:
        pytest.skip("runs after the sequences")
    assert HAPPENED["sequences"] >= 300
    assert min(HAPPENED[kind] for kind in KINDS) >= 5
    print(dict(HAPPENED))
