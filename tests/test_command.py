"""Exit statuses and messages that all commands share."""

import argparse
import subprocess
import sys

import pytest

from omz import cli
from omz.command import add_common_arguments, report_failures, run
from omz.errors import ConversionError, UsageError, located


def started(body, *argv: str) -> int:
    parser = argparse.ArgumentParser(prog="tool")
    add_common_arguments(parser)
    return run(parser, body, argv)


def raising(error: BaseException):
    def body(args: argparse.Namespace) -> int:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ConversionError("net: layer 'a': no"), 1, "tool: error: net: layer 'a': no"),
        (UsageError("no such name"), 2, "tool: error: no such name"),
        (PermissionError(13, "Permission denied", "x.bin"), 1, "tool: error: x.bin: Permission denied"),
        (MemoryError(), 1, "tool: error: out of memory"),
        (KeyboardInterrupt(), 130, "tool: interrupted"),
        (ConversionError("a\nb\nc\nd"), 1, "tool: error: a\n  b"),
    ],
)
def test_errors_are_one_or_two_lines_and_a_status(
    error: BaseException, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started(raising(error)) == status
    assert capsys.readouterr().err.strip() == message


def test_defects_are_told_apart_and_show_their_traceback_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert started(raising(ZeroDivisionError("division by zero"))) == 1
    quiet = capsys.readouterr().err
    assert "internal error: ZeroDivisionError" in quiet
    assert "Traceback" not in quiet
    assert started(raising(ZeroDivisionError("division by zero")), "--verbose") == 1
    assert "Traceback" in capsys.readouterr().err


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert started(lambda args: 0, "--nonsense") == 2
    assert started(lambda args: 0, "--version") == 0
    assert capsys.readouterr().out.startswith("tool ")


def test_failures_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_failures([]) == 0
    assert report_failures(["one", "two"]) == 1
    assert capsys.readouterr().err.split() == ["FAILED:", "one", "two"]


def test_located_keeps_the_type_and_prefixes_the_place() -> None:
    with pytest.raises(UsageError, match=r"^file: key: wrong$"), located("file"), located("key"):
        raise UsageError("wrong")


def test_a_reader_that_goes_away_is_no_failure() -> None:
    code = "import sys; from omz.downloader.command import main; sys.exit(main(['--print_all']))"
    result = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "{sys.executable}" -c "{code}" | true'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert result.stderr == ""


def test_roof_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert cli.main(["--help"]) == 0
    assert "quickstart" in capsys.readouterr().out
    assert cli.main(["no-such-command"]) == 2
    assert "no-such-command" in capsys.readouterr().err
    assert cli.main(["download", "--print_all"]) == 0
    assert "se-resnext-50" in capsys.readouterr().out.split()


def test_the_roof_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--help"]) == 0
    assert f"omz {command}" in capsys.readouterr().out
