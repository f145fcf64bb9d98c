"""Label lists of every form, forged: met by conversions and demos, which put the names before people."""

from __future__ import annotations

import json

import pytest
from attacks.attack import Attack

from nets.tiny_classifier import build

ITEM = 'item { name: "%s" label: %d }\n'
LISTS: dict[str, bytes | str] = {
    "giant.txt": "a class\n" * 2_500_000,
    "crowd.txt": "".join(f"class {n}\n" for n in range(1_500_000)),
    "long-line.txt": "x" * 1_000_000 + "\na\nb\nc\nd\ne\n",
    "nested.json": "[" * 200_000,
    "nested-objects.json": '{"id2label":' * 100_000,
    "digits.json": '{"0": "a", "1' + "0" * 5000 + '": "b"}',
    "a-number.json": "9" * 1_000_000,
    "not-finite.json": '{"a": NaN, "b": Infinity}',
    "far-out.json": '{"0": "a", "4294967296": "b"}',
    "negative.json": '{"-1": "a", "0": "b"}',
    "no-names.json": '[{"__proto__": {"polluted": 1}}, 1, null]',
    "printed-program.txt": "{0: __import__('os').system('touch sentinel')}",
    "printed-call.txt": "dict([(0, open('sentinel', 'w'))])",
    "printed-nested.txt": "[" * 100_000 + "'a'",
    "labelmap.prototxt": "item { " * 100_000,
    "labelmap-laughs.prototxt": "".join(ITEM % ("x" * 500, n % 3) for n in range(20_000)),
    "labelmap-escapes.prototxt": r'item { name: "\377\376\033[2J" label: 0 }',
    "labelmap-string.prototxt": 'item { name: ' + '"x" ' * 500_000,
    "labelmap-number.prototxt": "item { name: 'a' label: " + "9" * 100_000 + " }",
    "table.csv": 'index,name\n0,"' + "x" * 200_000,
    "table-quotes.csv": "index,name\n" + '0,"a\n' * 100_000,
    "columns.csv": ",".join(["a"] * 500_000) + "\n",
    "escape.txt": "red\n\x1b[2Jgreen\nblue\nc\nd\ne\n",
    "title.txt": "red\n\x1b]0;owned\x07\nblue\nc\nd\ne\n",
    "c1.txt": "red\n\u009b2J\nblue\nc\nd\ne\n",
    "turned-round.txt": "red\n\u202eneerg\nblue\nc\nd\ne\n",
    "nul.txt": b"red\n\0green\nblue\nc\nd\ne\n",
    "latin-1.txt": b"red\ngr\xfcn\nblue\nc\nd\ne\n",
    "utf-16.txt": "red\ngreen\nblue\nc\nd\ne\n".encode("utf-16"),
    "utf-7.txt": b"+ADw-script+AD4-\n",
    "surrogate.json": '["\\ud800", "b", "c", "d", "e", "f"]',
    "page.txt": "<!doctype html><script>alert(1)</script>",
    "pickle.txt": b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touchtR.",
    "yaml.txt": "!!python/object/apply:os.system ['touch sentinel']\n",
    "nothing.txt": "",
    "blanks.txt": "\n" * 1_000_000,
}  # fmt: skip
SOME = (
    "giant.txt",
    "nested.json",
    "printed-program.txt",
    "labelmap.prototxt",
    "table.csv",
    "escape.txt",
    "nul.txt",
)


@pytest.mark.parametrize("name", SOME)
def test_a_demo_refuses_it(attack: Attack, name: str) -> None:
    _forge(attack, name)
    build(attack.folder / "net.xml")
    (attack.folder / "a.png").write_bytes(b"")
    words = [
        "classification_demo",
        "-m",
        "net.xml",
        "-i",
        "a.png",
        "-d",
        "CPU",
        "--no_show",
        "--labels",
        name,
    ]
    assert name in attack.refused(*words)
    assert not (attack.folder / "sentinel").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*LISTS} - {*SOME}))
def test_a_conversion_refuses_it(attack: Attack, name: str) -> None:
    _forge(attack, name)
    (attack.folder / "net.prototxt").write_text(
        'input: "data" input_shape { dim: 1 dim: 6 dim: 1 dim: 1 }\n'
        'layer { name: "prob" type: "Softmax" bottom: "data" top: "prob" }\n'
    )
    (attack.folder / "net.caffemodel").write_bytes(b"\xa2\x06\x0f\x0a\x04prob\x12\x07Softmax")
    message = attack.refused(
        "caffe2ir", "-m", "net.caffemodel", "-d", "net.prototxt", "-o", "out", "--labels", name
    )
    assert name in message or "1 labels for 6 classes" in message  # what is plain text is a name, and no more
    assert not (attack.folder / "sentinel").exists()


def test_what_is_text_stays_text(attack: Attack) -> None:
    """Names that spreadsheets and browsers would obey come out of a demo as JSON, letter by letter."""
    names = ["=HYPERLINK(1)", "<script>alert(1)</script>", "${IFS}", "{{7*7}}", "';--", "../../etc"]
    build(attack.folder / "net.xml", labels=None)
    (attack.folder / "names.json").write_text(json.dumps(names))
    (attack.folder / "a.ppm").write_bytes(b"P6 32 24 255\n" + bytes(32 * 24 * 3))
    words = [
        "classification_demo",
        "-m",
        "net.xml",
        "-i",
        "a.ppm",
        "-d",
        "CPU",
        "--no_show",
        "--json",
        "--topk",
        6,
    ]
    outcome = attack.run(*words, "--labels", "names.json")
    assert outcome.status == 0, outcome.err
    top = json.loads(outcome.out)["images"][0]["top"]
    assert sorted(entry["label"] for entry in top) == sorted(names)


def _forge(attack: Attack, name: str) -> None:
    content = LISTS[name]
    data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    (attack.folder / name).write_bytes(data)
