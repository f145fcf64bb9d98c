"""What a command says to a mistyped option or value."""

import pytest

from omz import cli
from omz.parser import Parser
from omz.suggestions import files_near


def parser() -> Parser:
    made = Parser(prog="tool")
    made.add_argument("-m", "--model", required=True)
    made.add_argument("-hint", "--hint", choices=("throughput", "latency"))
    made.add_argument("-time", type=float)
    made.add_argument("--modal", help="==SUPPRESS==")
    return made


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    made = parser()
    made.given = words
    with pytest.raises(SystemExit) as stopped:
        made.parse_args(words)
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[-1] == "tool --help tells the options."
    assert len(lines) == 2
    return lines[0].removeprefix("tool: error: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--modle", "x"], "unknown option --modle. Did you mean --model?"),
        (["--modle=x", "-hint", "latency"], "unknown option --modle. Did you mean --model?"),
        (["-m", "x", "-tiem", "-1"], "unknown option -tiem. Did you mean -time?"),
    ],
)
def test_a_mistyped_option_is_answered_with_the_nearest_that_is_shown(capsys, words, message):
    assert refused(capsys, *words) == message


def test_options_are_not_abbreviated(capsys):
    assert "--mod." in refused(capsys, "--mod", "x")


def test_a_mistyped_value_is_answered_with_the_nearest(capsys):
    message = refused(capsys, "-m", "x", "-hint", "thoughput")
    assert message.endswith("'thoughput': expected one of throughput, latency. Did you mean throughput?")
    assert "Did you mean" not in refused(capsys, "-m", "x", "-hint", "zzz")


def test_what_is_right_passes():
    made = parser().parse_args(["-mx.xml", "-hint", "latency", "-time", "-1"])
    assert (made.model, made.hint, made.time) == ("x.xml", "latency", -1)


def test_a_mistyped_command(capsys):
    assert cli.main(["downlod"]) == 2
    assert "no command 'downlod'. Did you mean download?" in capsys.readouterr().err


def test_a_mistyped_file_is_answered_with_the_nearest_beside_it(tmp_path):
    for name in ("net.xml", "net-FP16.xml", "\x1b[2J.xml"):
        (tmp_path / name).touch()
    assert files_near(tmp_path / "nte.xml") == f" Did you mean {tmp_path}/net.xml?"
    assert files_near(tmp_path / "picture.png") == ""
    assert files_near(tmp_path / "nowhere" / "net.xml") == ""
    assert files_near(tmp_path / "net\0.xml") == f" Did you mean {tmp_path}/net.xml?"
