"""What becomes of a command whose stdout or stderr is full, closed, or read no longer."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from omz.command import printing
from omz.outgoing import json_text

SCRIPTS = Path(sysconfig.get_path("scripts"))
#: Commands that print, with the exit status that they have where everything is printed.
PRINTERS = {
    "omz --help": 0,
    "omz --version": 0,
    "omz": 2,
    "omz report --help": 0,
    "omz_downloader --print_all": 0,
    "omz_info_dumper --all": 0,
    "caffe2ir --version": 0,
}


def shell(line: str, folder: Path, unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, check=False, cwd=folder,
        env={"PATH": f"{SCRIPTS}:/usr/bin:/bin", "PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize("line", PRINTERS)
def test_what_is_not_printed_is_a_failure(line: str, where: str, unbuffered: str, tmp_path: Path) -> None:
    done = shell(f"{line} {where}", tmp_path, unbuffered)
    assert done.returncode == (PRINTERS[line] or 1)
    assert "error: stdout: cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
@pytest.mark.parametrize(
    "line", PRINTERS | {"omz no-such-command": 2, "omz_downloader --name no-such-model": 2}
)
def test_lost_messages_change_no_status(line: str, where: str, tmp_path: Path) -> None:
    expected = shell(line, tmp_path)
    done = shell(f"{line} {where}", tmp_path)
    assert (done.returncode, done.stdout) == (expected.returncode, expected.stdout)


@pytest.mark.parametrize("line", PRINTERS)
def test_a_reader_that_has_gone_is_no_failure(line: str, tmp_path: Path) -> None:
    done = shell(f"{line} | true", tmp_path)
    assert (done.returncode, done.stderr) == (PRINTERS[line], "")


@pytest.mark.parametrize("where", ["| true", ">/dev/full"])
def test_files_are_written_whoever_reads_what_is_printed(tiny, folder, tmp_path: Path, where: str) -> None:
    """The pictures are more than a buffer full of text; the output and the report are whole all the same."""
    count = 40
    pictures = [folder / f"p{n % 12}.png" for n in range(count)]
    command = f"classification_demo -m {tiny.xml} -i {' '.join(map(str, pictures))} -o out --json report.json --no_show"
    done = shell(f"{command} {where}", tmp_path, unbuffered="1")
    assert done.returncode == (1 if "full" in where else 0), done.stderr
    assert len(list((tmp_path / "out").iterdir())) == count
    assert (tmp_path / "report.json").read_text().rstrip().endswith("}")


def test_an_endless_work_for_nobody_ends(tiny, folder, tmp_path: Path) -> None:
    done = shell(
        f"timeout 60 classification_demo -m {tiny.xml} -i {folder} --loop --no_show | head -1", tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_no_file_takes_the_place_of_a_closed_stream(tiny, folder, tmp_path: Path) -> None:
    """Else what libraries and messages say would be written into it."""
    command = f"classification_demo -m {tiny.xml} -i {folder} -o out --json report.json --no_show --verbose"
    done = shell(f"{command} <&- >&- 2>&-", tmp_path)
    assert done.returncode == 1  # as the results were to be printed
    assert (tmp_path / "report.json").read_text().startswith("{\n")
    done = shell(f"{command.replace('report.json', '-')} <&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("{\n")


def test_whatever_is_printed_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "a\x1b[31mb\x9b5mc\u202e\r\0d\udcff\n\té"

    def body() -> int:
        for stream in (sys.stdout, sys.stderr):
            print(evil, file=stream)
            stream.writelines([evil, "\n"])
        return 0

    assert printing("tool", body) == 0
    shown = capsys.readouterr()
    assert shown.out == shown.err == 2 * "a\\x1b[31mb\\x9b5mc\\u202e\\r\\x00d\\udcff\n\té\n"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_letters_that_stdout_has_not_are_escaped(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", out)
    names = ["é", "\U0001f4a3"]
    assert printing("tool", lambda: print(json_text(names)) or 0) == 0
    assert json.loads(out.buffer.getvalue().decode(encoding)) == names
