"""What else a process says while a command runs: logs, warnings and failures of threads."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
import warnings

import pytest

from omz.command import add_common_arguments, run

EVIL = "a\x1b[31mb\x9b5mc\u202e\rd"


def said(body, capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    parser = argparse.ArgumentParser(prog="tool")
    add_common_arguments(parser)

    def whole(args: argparse.Namespace) -> int:
        body()
        return 0

    assert run(parser, whole, argv) == 0
    text = capsys.readouterr().err
    assert all(c.isprintable() or c in "\n\t" for c in text), ascii(text)
    return text


def raised() -> None:
    try:
        raise ValueError(EVIL)
    except ValueError:
        for name in ("urllib3.connectionpool", "root", "omz.downloader"):
            logging.getLogger(name).warning("Failed to parse %s", EVIL, exc_info=True)


def test_tracebacks_in_logs_are_for_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = said(raised, capsys)
    assert quiet.splitlines() == ["WARNING: Failed to parse a\\x1b[31mb\\x9b5mc\\u202e\\rd"]
    assert said(raised, capsys, "--verbose").count("Traceback") == 3


def test_errors_of_libraries_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(lambda: logging.getLogger("nncf").error("no\nand\n", exc_info=True), capsys)
    assert text == "ERROR: no\n  and\n"


def test_a_line_of_a_message_is_no_message(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(lambda: logging.getLogger("omz").warning("no file %s", "x\nERROR: forged"), capsys)
    assert [line for line in text.splitlines() if not line.startswith("  ")] == ["WARNING: no file x"]


def test_warnings_are_for_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    def warn() -> None:
        warnings.warn(EVIL, UserWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert said(warn, capsys) == ""
        assert "UserWarning: a\\x1b[31m" in said(warn, capsys, "--verbose")


def test_a_thread_that_fails_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)

    def fail() -> None:
        raise ValueError(EVIL)

    def body() -> None:
        thread = threading.Thread(target=fail, name="worker")
        thread.start()
        thread.join()

    assert said(body, capsys) == "ERROR: worker: ValueError: a\\x1b[31mb\\x9b5mc\\u202e\\rd\n"
    assert "Traceback" in said(body, capsys, "--verbose")


def test_what_python_cannot_raise_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)

    class Odd:
        def __del__(self) -> None:
            raise ValueError(EVIL)

    text = said(Odd, capsys)
    assert text.startswith("WARNING: ")
    assert text.endswith("ValueError: a\\x1b[31mb\\x9b5mc\\u202e\\rd\n")
    assert len(text.splitlines()) == 1


def test_a_message_that_does_not_fit_its_arguments_is_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert said(lambda: logging.getLogger("other").error("%d", "text"), capsys) == ""


def test_all_is_as_before_when_the_command_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    def state() -> tuple[object, ...]:
        return (
            sys.stdout, sys.stderr, logging.raiseExceptions, warnings.showwarning, threading.excepthook,
            sys.unraisablehook,
        )  # fmt: skip

    before = state()
    said(lambda: None, capsys)
    assert state() == before
