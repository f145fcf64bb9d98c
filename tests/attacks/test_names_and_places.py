"""What a user's shell may hold of a stranger's: names for ``omz add``, variables of the environment, files to read."""

from __future__ import annotations

import pytest
from attacks.attack import Attack

NAMES = (
    "../escaped", "/tmp/escaped", "a/../../escaped", "..", ".", "", "a\\b", "-rf", "a\nb", "\x1b[2J", "\u202etxt",
    "a b", "x" * 300, ".hidden", "CON:", "a\udcff",
)  # fmt: skip
ROOTS = (
    "/proc/self/mem",
    "/dev/zero",
    "a\x1b]0;owned\x07",
    "x" * 5000,
    "net.prototxt",
    "\udcff",
    "../" * 500 + "none",
    "~root/x",
)


def _net(attack: Attack) -> list[str]:
    (attack.folder / "net.prototxt").write_text(
        'input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'
        'layer { name: "prob" type: "Softmax" bottom: "data" top: "prob" }\n'
    )
    (attack.folder / "net.caffemodel").write_bytes(b"\xa2\x06\x0f\x0a\x04prob\x12\x07Softmax")
    return ["omz", "add", "--input_model", "net.caffemodel", "--input_proto", "net.prototxt"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_is_no_name(attack: Attack, name: str) -> None:
    words = [*_net(attack), f"--name={name}", "--models_root", "zoo"]
    before = attack.files()
    outcome = attack.run(*words)
    assert outcome.status in (1, 2)
    assert len(outcome.err.strip().splitlines()) <= 4
    assert attack.files() == before


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:alert(1)", "http://\x1b[2J/", "ftp://x/y", "http://", "-o"]
)
def test_an_address_of_another_kind_is_none(attack: Attack, url: str) -> None:
    words = [*_net(attack), "--name", "net", "--models_root", "zoo", f"--url={url}", f"--url={url}"]
    before = attack.files()
    outcome = attack.run(*words)
    assert outcome.status in (1, 2)
    assert attack.files() == before


@pytest.mark.parametrize("root", ROOTS)
def test_a_models_root_that_is_none(attack: Attack, root: str) -> None:
    (attack.folder / "net.prototxt").write_text("")
    outcome = attack.run("omz_info_dumper", "--all", environment={"OMZ_MODELS_ROOT": root})
    assert outcome.status == 1
    assert len(outcome.err.strip().splitlines()) <= 2
    assert outcome.seconds < 3


def test_variables_that_are_none(attack: Attack) -> None:
    """Mirrors, colours, widths: none leads to a traceback, or to a file."""
    hostile = "\x1b]0;owned\x07 ; touch sentinel"
    names = (
        "OMZ_MIRROR",
        "COLUMNS",
        "LINES",
        "TERM",
        "NO_COLOR",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "HOME",
        "XDG_CACHE_HOME",
    )
    names += (
        "OPENCV_IO_MAX_IMAGE_PIXELS",
        "HF_ENDPOINT",
        "HTTPS_PROXY",
        "PYTHONWARNINGS",
        "PYTHONBREAKPOINT",
    )
    outcome = attack.run("omz_downloader", "--print_all", environment=dict.fromkeys(names, hostile))
    assert outcome.status == 0, outcome.err
    assert attack.files() == {}
