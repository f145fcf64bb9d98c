"""Descriptors and accuracy configurations in YAML that grows, runs code, says two things at once, or never ends."""

from __future__ import annotations

import pytest
from attacks.attack import Attack
from attacks.models import describe

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
FILES = {
    "billion-laughs": LAUGHS,
    "within-itself": "files: &a [*a]\n",
    "merge-keys": "base: &b {description: A net.}\n<<: *b\n",
    "merge-without-anchor": "<<: {description: A net.}\n",
    "python-object": "description: !!python/object/apply:os.system ['touch sentinel']\n",
    "python-name": "description: !!python/name:os.system\n",
    "python-module": "description: !!python/module:antigravity\n",
    "verbatim-tag": "description: !<tag:yaml.org,2002:python/object/new:os.system> ['touch sentinel']\n",
    "tag-by-directive": "%TAG !e! tag:yaml.org,2002:python/\n---\ndescription: !e!object/apply:os.system ['x']\n",
    "binary-tag": "description: !!binary aGVsbG8=\n",
    "deep-list": "files: " + "[" * 100_000,
    "deep-mapping": "{a: " * 60_000,
    "deep-blocks": "- " * 100_000,
    "sexagesimal": "size: 1" + ":59" * 80_000,
    "integer-of-a-quarter-megabyte": "size: " + "9" * 250_000,
    "hexadecimal": "size: 0x" + "f" * 250_000,
    "text-of-a-quarter-megabyte": "description: " + "x" * 250_000,
    "key-of-a-quarter-megabyte": "? " + "x" * 250_000 + "\n: 1\n",
    "a-megabyte": "description: x\n" * 80_000,
    "key-twice": "description: A net.\ndescription: Another.\n",
    "key-twice-further-in": "files:\n- {name: a, size: 1, size: 2}\n",
    "two-documents": "description: A net.\n---\ndescription: Another.\n",
    "dates": "description: 0000-00-00\n",
    "not-utf-8": "description: \udcff\udcfe\n",
    "that-a-terminal-obeys": 'description: "\\e[2J"\n"\\e]0;owned\\a": 1\n',
    "null-keys": "? \n: 1\n? [a]\n: 2\n",
    "nothing": "",
}
#: Met by whoever lists the models; the reader is that of all the others.
SOME = (
    "billion-laughs",
    "python-object",
    "deep-mapping",
    "sexagesimal",
    "that-a-terminal-obeys",
    "not-utf-8",
)


@pytest.mark.parametrize("case", SOME)
def test_a_descriptor_is_refused(attack: Attack, case: str) -> None:
    path = describe(attack.folder, "net", [])
    path.write_bytes(FILES[case].encode(errors="surrogateescape"))
    message = attack.refused("omz_info_dumper", "--all", "--models_root", "zoo", seconds=3, megabytes=200)
    assert "model.yml" in message
    assert not list(attack.folder.rglob("sentinel*"))


def test_an_accuracy_configuration_is_refused(attack: Attack) -> None:
    """One to a model, all of them in one run."""
    irs = attack.folder / "irs" / "public"
    for case, text in FILES.items():
        path = describe(
            attack.folder, case, [], framework="onnx", model_optimizer_args=["--input_model=$dl_dir/net.onnx"]
        )
        (path.parent / "accuracy-check.yml").write_bytes(text.encode(errors="surrogateescape"))
        (irs / case / "FP32").mkdir(parents=True)
        for suffix in (".xml", ".bin"):
            (irs / case / "FP32" / f"{case}{suffix}").write_bytes(b"<net/>")
    messages = attack.refused_each(
        FILES, "accuracy_check", "--all", "--models_root", "zoo", "-m", "irs", "-s", ".", seconds=20
    )
    assert all("accuracy-check.yml" in message for message in messages.values())
    assert not list(attack.folder.rglob("sentinel*"))
