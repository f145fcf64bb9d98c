"""What libraries write to file descriptor 2 themselves, and what child processes do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import argparse, ctypes, faulthandler, os, subprocess, sys
from omz.command import add_common_arguments, run

def body(args):
    {body}
    return 0

parser = argparse.ArgumentParser(prog="tool")
add_common_arguments(parser)
status = run(parser, body)
os.write(2, b"after\\n")
sys.exit(status)
"""


def run(body: str, *argv: str, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    code = COMMAND.format(body=body.replace("\n", "\n    "))
    return subprocess.run(
        [sys.executable, "-c", code, *argv], stdout=subprocess.PIPE, stderr=stderr, check=True
    )


def test_what_libraries_write_is_for_verbose() -> None:
    body = 'os.write(2, b"library \\x1b[31m\\xff\\n"); print("ours", file=sys.stderr)'
    assert run(body).stderr == b"ours\nafter\n"
    assert run(body, "--verbose").stderr.splitlines() == [
        b"ours", b"DEBUG: a library says: library \\x1b[31m\xef\xbf\xbd", b"after",
    ]  # fmt: skip


def test_it_comes_before_what_is_logged_after_it() -> None:
    body = 'import logging; os.write(2, b"first\\n"); logging.getLogger("omz").info("second")'
    assert b"".join(run(body, "--verbose").stderr.split()) == b"DEBUG:alibrarysays:firstINFO:secondafter"


@pytest.mark.parametrize("argv", [(), ("--verbose",)])
def test_endless_messages_hold_nothing_up(argv: tuple[str, ...]) -> None:
    body = """
for _ in range(300):
    try:
        os.write(2, b"x" * 9_999 + b"\\n")
    except PermissionError:
        pass
print("done", file=sys.stderr)"""
    shown = run(body, *argv).stderr
    assert b"done" in shown
    assert len(shown) < 200_000


def test_children_that_are_told_so_have_the_stderr_of_the_user() -> None:
    body = """
from omz.diversion import stderr_for_children
child = [sys.executable, "-c", "import os; os.write(2, b'child\\\\n')"]
subprocess.run(child)
with stderr_for_children():
    subprocess.run(child)
os.write(2, b"library\\n")"""
    assert run(body).stderr == b"child\nafter\n"


def test_messages_arrive_whole_where_the_process_is_killed() -> None:
    code = COMMAND.format(body='print("ours", file=sys.stderr); os.kill(os.getpid(), 9)')
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.stderr == b"ours\n"


def test_stderr_may_be_a_file(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        run('os.write(2, b"library\\n"); print("ours", file=sys.stderr)', stderr=log.fileno())
    assert (tmp_path / "log").read_bytes() == b"ours\nafter\n"
