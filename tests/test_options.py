"""One long spelling for each meaning, accepted by every command that has it; and docs/options.md says what there is.

``python tests/test_options.py`` prints the table of docs/options.md anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from omz import cli
from omz.parser import COMMON, Parser

PAGE = Path(__file__).resolve().parents[1] / "docs" / "options.md"
OF_THE_ZOO = ("download", "bundle", "convert", "dump", "pages")
ON_NETWORKS = ("info", "report", "quantize", "accuracy")
DEMOS = ("classify", "benchmark")
FROM_FILES = ("caffe2ir", "torch2ir", "onnx2ir")


@dataclass(frozen=True)
class Meaning:
    """A meaning, the spelling that is common to all commands, and those that have it: written here by hand."""

    words: str
    spelling: str
    commands: tuple[str, ...]


MEANINGS = (
    Meaning("models of the zoo, by patterns of names", "--name", (*OF_THE_ZOO, *ON_NETWORKS)),
    Meaning(
        "a converted network: its name, its `.xml` file, or a folder of its IRs", "--model", (*ON_NETWORKS, *DEMOS)
    ),
    Meaning("the tree of converted models, where names are looked for", "--models_dir", (*ON_NETWORKS, *DEMOS)),
    Meaning(
        "precisions", "--precisions", ("download", "bundle", "convert", *ON_NETWORKS, *DEMOS)
    ),
    Meaning("the folder of descriptors", "--models_root", (*OF_THE_ZOO, *ON_NETWORKS, *DEMOS, "add")),
    Meaning("the device", "--device", ("report", "quantize", "accuracy", *DEMOS, "quickstart")),
    Meaning("pictures to look at", "--input", ("report", *DEMOS)),
    Meaning("data to measure or to calibrate with", "--source", ("report", "quantize", "accuracy")),
    Meaning("the list of pictures and their classes", "--annotations", ("report", "quantize", "accuracy", "benchmark")),
    Meaning(
        "pictures outside of the folder of the data, too", "--allow_outside", ("report", "quantize", "accuracy")
    ),
    Meaning("the order of classes in that list", "--label_order", ("report", "quantize", "accuracy", "benchmark")),
    Meaning("names of the classes", "--labels", ("report", "quantize", "accuracy", *DEMOS, *FROM_FILES, "add")),
    Meaning(
        "the layout of the network's input", "--layout",
        ("report", "quantize", "accuracy", *DEMOS, *FROM_FILES, "add"),
    ),
    Meaning(
        "the shape of the network's input", "--input_shape",
        ("report", "quantize", "accuracy", *DEMOS, *FROM_FILES, "add"),
    ),
    Meaning("the output to take, of several", "--output_name", ("report", "quantize", "accuracy", *DEMOS)),
    Meaning(
        "where the result goes", "--output",
        ("download", "bundle", "convert", "report", "quantize", *DEMOS, "quickstart"),
    ),
    Meaning(
        "the results for programs, to a file or to stdout", "--json",
        ("info", "quantize", "accuracy", *DEMOS, "dump", "add"),
    ),
)  # fmt: skip
#: Spellings with another meaning in some commands, for these are Open Model Zoo's or Model Optimizer's words.
FOREIGN = {
    "--input": (*FROM_FILES, "add"),
    "--output": (*FROM_FILES, "add"),
    "--name": ("add",),
}


def parsers() -> dict[str, Parser]:
    return {name: import_module(module).build_parser() for name, (module, _) in cli.COMMANDS.items()}


PARSERS = parsers()


def other_spellings(meaning: Meaning, command: str) -> list[str]:
    """Return what else a command takes for a meaning."""
    parser = PARSERS[command]
    action = parser._option_string_actions[meaning.spelling]
    others = [name for name in action.option_strings if name != meaning.spelling]
    if meaning.spelling in ("--model", "--models_dir") and "-m" not in others:
        either = parser._option_string_actions.get("-m")
        if either is not None and either.dest == "either":
            others.insert(
                0, "-m" if meaning.spelling == "--model" else "-m (with --name, --list, --all, -c or --model)"
            )
    return others


def table() -> str:
    """Return the table of docs/options.md."""
    lines = [
        "| meaning | in every command that has it | commands | spelt otherwise, too |",
        "|---|---|---|---|",
    ]
    for meaning in MEANINGS:
        by_spelling: dict[str, list[str]] = {}
        for command in meaning.commands:
            for spelling in other_spellings(meaning, command):
                by_spelling.setdefault(spelling, []).append(command)
        others = [
            f"`{name.partition(' ')[0]}`{f' {name.partition(chr(32))[2]}' if ' ' in name else ''}"
            f"{'' if len(commands) == len(meaning.commands) else ': ' + ', '.join(commands)}"
            for name, commands in by_spelling.items()
        ]
        lines.append(
            f"| {meaning.words} | `{meaning.spelling}` | {', '.join(meaning.commands)} | {'; '.join(others)} |"
        )
    return "\n".join(lines)


def test_every_command_that_has_a_meaning_takes_the_common_spelling():
    for meaning in MEANINGS:
        elsewhere = FOREIGN.get(meaning.spelling, ())
        found = {
            name for name, parser in PARSERS.items() if meaning.spelling in parser._option_string_actions
        } - set(elsewhere)
        assert found == set(meaning.commands), meaning.spelling


def test_the_page_says_what_the_commands_take():
    assert table() in PAGE.read_text(), "Write it anew with: python tests/test_options.py"


def test_meanings_are_those_that_the_help_names():
    assert set(COMMON) == {meaning.spelling for meaning in MEANINGS}
    for spelling, commands in FOREIGN.items():
        assert all(spelling in PARSERS[command].foreign for command in commands)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_names_the_common_spellings(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parser = PARSERS[command]
    wanted = [meaning.spelling for meaning in MEANINGS if command in meaning.commands]
    words = " ".join(parser.format_help().split())
    told = words.partition("Spelt so in every command that has them: ")[2].partition(" (docs/options.md)")[0]
    assert sorted(told.split(", ")) == sorted(wanted)
    assert all(len(line) <= 80 for line in parser.format_help().splitlines())


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_options_are_written_out(command, capsys):
    parser = PARSERS[command]
    assert not parser.allow_abbrev
    with pytest.raises(SystemExit):
        parser.parse_args(["--verb"])
    capsys.readouterr()


def test_spellings_of_open_model_zoo_are_taken():
    """The flags of its tools and demos, by their documentation of release 2023.3."""
    taken = {
        "download": "--name --list --all --print_all --precisions -o --output_dir --cache_dir --num_attempts "
        "--progress_format -j --jobs",
        "convert": "--name --list --all --print_all --precisions -d --download_dir -o --output_dir --mo --python -p "
        "--add_mo_arg --dry_run -j --jobs",
        "quantize": "--name --list --all --print_all --model_dir --dataset_dir -o --output_dir --precisions "
        "--target_device --dry_run --pot --python -p",
        "dump": "--name --list --all --print_all",
        # of these, -d was --definitions; it is the device, as in all demos
        "accuracy": "-c --config -m --models -s --source -a --annotations --definitions -td --target_devices -ss",
        "classify": "-m --model -i --input -d --device -labels --labels -topk -layout -nireq -nstreams -nthreads -loop "
        "-o --output -limit --output_limit --no_show --output_resolution -r --raw_output_message "
        "--reverse_input_channels --mean_values --scale_values",
        "benchmark": "-i -m -auto_resize -labels -gt -d -nthreads -nstreams -nireq -nt -res -no_show -time",
    }
    for command, spellings in taken.items():
        known = PARSERS[command]._option_string_actions
        assert [one for one in spellings.split() if one not in known] == [], command


def test_json_is_a_file_or_stdout_everywhere():
    for meaning in MEANINGS:
        for command in meaning.commands if meaning.spelling == "--json" else ():
            action = PARSERS[command]._option_string_actions["--json"]
            assert (action.nargs, action.const, action.metavar) == ("?", "-", "FILE"), command


if __name__ == "__main__":
    print(table())
