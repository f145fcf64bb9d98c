"""Label files as people publish them: what is read from each form, and what is said of files that are none."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path

import pytest

from omz.errors import DescriptorError
from omz.zoo.labels import parse_labels

TENCH, FISH, FOX = "n01440764", "n01443537", "n02119789"


def read(folder: Path, content: str | bytes, file: str = "labels.txt") -> list[tuple[str, tuple[str, ...]]]:
    path = folder / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    labels = parse_labels(path)
    assert [label.index for label in labels] == list(range(len(labels)))
    return [(label.wnid, label.names) for label in labels]


def names(folder: Path, content: str | bytes, file: str = "labels.txt") -> list[str]:
    return [listed[0] for _, listed in read(folder, content, file)]


# Excerpts of what is published, cut down to classes that count from 0. Names, wnids and all names of each.
SYNSETS = [(TENCH, ("tench", "Tinca tinca")), (FISH, ("goldfish", "Carassius auratus"))]
FORMS = {
    "one name a line": ("labels.txt", "tench\nwhite shark\n", ["tench", "white shark"]),
    "names with commas": ("x.txt", "tench, Tinca tinca\ngoldfish\n", ["tench, Tinca tinca", "goldfish"]),
    "synset_words": ("synset_words.txt", f"{TENCH} tench, Tinca tinca\n{FISH} goldfish, Carassius auratus\n", SYNSETS),
    "synsets": ("synsets.txt", f"{TENCH}\n{FISH}\n", SYNSETS),
    "words.txt": ("words.txt", f"{TENCH}\ttench, Tinca tinca\n{FISH}\tgoldfish, Carassius auratus\n", SYNSETS),
    "with background": (
        "imagenet_2012_bkgr.txt",
        f"__background__\n{TENCH} tench, Tinca tinca\n{FISH} goldfish, Carassius auratus\n",
        [("", ("__background__",)), *SYNSETS],
    ),
    "own format": (
        "own.txt",
        f"# mine\n0 {TENCH} tench, Tinca tinca\n\n# more\n1 {FISH} goldfish, Carassius auratus\n2 - red 0, crimson\n",
        [*SYNSETS, ("", ("red 0", "crimson"))],
    ),
    "0 name": ("x.txt", "0 airplane\n1 automobile\n2 bird\n", ["airplane", "automobile", "bird"]),
    "0: name": ("x.txt", "0: airplane\n1: automobile\n", ["airplane", "automobile"]),
    "0 : name": ("x.txt", "0 : airplane\n1 : automobile\n", ["airplane", "automobile"]),
    "0=name": ("emotions.txt", "0=angry\n1=disgusted\n", ["angry", "disgusted"]),
    "0-name": ("emotions.txt", "0-angry\n1-disgusted\n", ["angry", "disgusted"]),
    "0. name": ("x.txt", "0. St. Gallen\n1. Bern\n", ["St. Gallen", "Bern"]),
    "000 name": ("x.txt", "000 a\n001 b\n", ["a", "b"]),
    "tab": ("x.txt", "1\tkit fox\n0\tdog\n", ["dog", "kit fox"]),
    "0,name": ("x.txt", "0,airplane\n1,automobile\n", ["airplane", "automobile"]),
    "0,name with commas": ("x.txt", "0,great shark, shark\n1,tench\n", ["great shark, shark", "tench"]),
    "places365": (
        "categories_places365.txt",
        "/a/airfield 0\n/a/airplane_cabin 1\n/a/apartment_building/outdoor 2\n/b/bank_vault 3\n",
        ["airfield", "airplane_cabin", "apartment_building/outdoor", "bank_vault"],
    ),
    "name,0": ("x.txt", "cat,0\ndog,1\n", ["cat", "dog"]),
    "wnid 0": ("x.txt", f"{FISH} 1\n{TENCH} 0\n", SYNSETS),
    "any order": ("x.txt", "2 bird\n0 airplane\n1 automobile\n", ["airplane", "automobile", "bird"]),
    "comment above numbers": ("x.txt", "# CIFAR-10\n0 airplane\n1 automobile\n", ["airplane", "automobile"]),
    "CSV with heading": ("x.csv", 'index,name\n1,"Washington, D.C."\n0,Paris\n', ["Paris", "Washington, D.C."]),
    "CSV without heading": ("x.csv", "0,cat\n1,dog\n", ["cat", "dog"]),
    "CSV, name first": ("x.csv", "name,id\ndog,1\ncat,0\n", ["cat", "dog"]),
    "CSV, id and wnid": (
        "x.csv",
        f'id,wnid,name\n1,{FISH},"goldfish, Carassius auratus"\n0,{TENCH},"tench, Tinca tinca"\n',
        SYNSETS,
    ),
    "CSV, wnid and name": (
        "x.csv",
        f'wnid,words\n{TENCH},"tench, Tinca tinca"\n{FISH},"goldfish, Carassius auratus"\n',
        SYNSETS,
    ),
    "CSV of pandas": ("x.csv", ",label\n0,cat\n1,dog\n", ["cat", "dog"]),
    "CSV of Excel": ("x.csv", "\ufeffclass id;Name\r\n0;Käfer\r\n1;Hund\r\n", ["Käfer", "Hund"]),
    "CSV of names": ("x.csv", 'class\n"Washington, D.C."\nParis\n', ["Washington, D.C.", "Paris"]),
    "CSV of names without heading": ("x.csv", "Washington\nParis\n", ["Washington", "Paris"]),
    "CSV, further columns": ("x.csv", "name,count,class_id\ncat,120,1\ndog,300,0\n", ["dog", "cat"]),
    "CSV, in the order of its lines": ("x.csv", "name,description\ncat,meows\ndog,barks\n", ["cat", "dog"]),
    "CSV, a heading that nobody knows": ("x.csv", "klasse,nummer\nKatze,1\nHund,0\n", ["Hund", "Katze"]),
    "CSV, digits": ("x.csv", "index,name\n0,7\n1,3\n", ["7", "3"]),
    "CSV in a .txt": ("x.txt", "class_id,class_name\n0,cat\n1,dog\n", ["cat", "dog"]),
    "TSV": ("x.tsv", "name\tid\nb, c\t1\na\t0\n", ["a", "b, c"]),
    "JSON list": ("x.json", '["tench", "10 yuan", "Washington, D.C."]', ["tench", "10 yuan", "Washington, D.C."]),
    "JSON of Open Model Zoo": ("x.json", '["digit 0",\n "digit 1"\n]\n', ["digit 0", "digit 1"]),
    "Keras": (
        "imagenet_class_index.json",
        f'{{"0": ["{TENCH}", "tench"], "1": ["{FISH}", "great_goldfish"]}}',
        [(TENCH, ("tench",)), (FISH, ("great_goldfish",))],
    ),
    "JSON index to name": ("x.json", '{"1": "dog", "0": "cat"}', ["cat", "dog"]),
    "JSON name to index": ("x.json", '{"dog": 1, "cat": 0}', ["cat", "dog"]),
    "JSON digits to index": ("x.json", '{"9": 0, "0": 1}', ["9", "0"]),
    "Hugging Face": (
        "config.json",
        '{"architectures": ["X"], "label2id": {"a": 0, "b": 1}, "id2label": {"0": "a", "1": "b"}, "num_channels": 3}',
        ["a", "b"],
    ),
    "timm": (
        "config.json",
        json.dumps(
            {
                "architecture": "resnet50",
                "num_classes": 2,
                "pretrained_cfg": {"input_size": [3, 224, 224]},
                "label_names": [TENCH, FISH],
                "label_descriptions": {TENCH: "tench, Tinca tinca", FISH: "goldfish, Carassius auratus"},
            }
        ),
        SYNSETS,
    ),
    "timm, MIDs": (
        "config.json",
        '{"pretrained_cfg": {"label_names": ["/m/1", "/m/2"], "label_descriptions": {"/m/1": "Cat", "/m/2": "Dog"}}}',
        ["Cat", "Dog"],
    ),
    "timm, names alone": ("config.json", '{"label_names": ["cat", "dog"]}', ["cat", "dog"]),
    "dataset_meta": ("dataset_meta.json", '{"label_map": {"0": "no", "1": "yes"}}', ["no", "yes"]),
    "what Python prints of a dictionary": (
        "imagenet1000_clsidx_to_labels.txt",
        "{0: 'tench, Tinca tinca',\n 1: \"jack-o'-lantern\",\n 2: 'caf\\xe9'}",
        ["tench, Tinca tinca", "jack-o'-lantern", "café"],
    ),
    "what Python prints of class_to_idx": ("x.txt", "{'cat': 0, 'dog': 1}", ["cat", "dog"]),
    "what Python prints of a list": ("x.txt", "['cat', 'dog',]", ["cat", "dog"]),
    "labelmap of SSD": (
        "labelmap_voc.prototxt",
        'item {\n  name: "none_of_the_above"\n  label: 0\n  display_name: "background"\n}\n'
        'item {\n  name: "aeroplane"\n  label: 1\n  display_name: "aeroplane"\n}\n',
        ["background", "aeroplane"],
    ),
    "labelmap of COCO": (
        "labelmap_coco.prototxt",
        'item { name: "none_of_the_above" label: 0 display_name: "background" }\n'
        'item { name: "13" label: 1 display_name: "stop sign" } # 12 is missing\n',
        ["background", "stop sign"],
    ),
    "labelmap of ILSVRC": (
        "labelmap_ilsvrc_clsloc.prototxt",
        f'item {{ name: "none_of_the_above" label: 0 display_name: "background" }}\n'
        f"item: {{ name: '{TENCH}', label: 1; display_name: 'tench, ' \"Tinca tinca\" }}\n",
        [("", ("background",)), SYNSETS[0]],
    ),
    "labelmap without display names": ("labelmap.prototxt", f'item {{ name: "{TENCH}" label: 0 }}', [SYNSETS[0]]),
    "map of TensorFlow": ("map.pbtxt", "item {\n id: 0\n name: 'cat'\n}\nitem { id: 1 name: 'dog' }", ["cat", "dog"]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path, form):
    file, text, expected = FORMS[form]
    assert read(tmp_path, text, file) == [one if isinstance(one, tuple) else ("", (one,)) for one in expected]


@pytest.mark.parametrize("form", [form for form in FORMS if "Excel" not in form])
@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_windows_and_old_macs(tmp_path, form, newline):
    """A byte order mark, other ends of lines, blank lines and blanks at the ends."""
    file, text, expected = FORMS[form]
    if file.endswith("json"):
        text = text.replace("\n", newline)
    else:
        text = text.replace("\n", f" {newline}{newline}") + newline
    found = read(tmp_path, f"\ufeff{text}", file)
    assert found == [one if isinstance(one, tuple) else ("", (one,)) for one in expected]


NAMES = [
    "0-9\n(0, 2)\n10 yuan\n3 musketeers",
    "10 yuan\n20 yuan\n50 yuan\n100 yuan",
    "1 yuan\n2 yuan\n3 yuan",
    "10 hands\n20 feet\n50 toes\n100 hairs",
    "1 jiao\n5 fen\n1 yuan\n5 yuan\n10 yuan\n20 yuan\n50 yuan\n100 yuan",
    "0-9\n10-19\n20-29",
    "0:00\n1:00\n2:00",
    "0.5 l\n1.5 l",
    "red 0\nred 1\nred 2\nblue 0\nblue 1\nblue 2",
    "level 1\nlevel 2\nlevel 3",
    "Boeing 707\nBoeing 717\nAirbus 310",
    "0\n1\n2\n3",
    "7\n3",
    "20 km/h\n30 km/h\nstop",
    "3 musketeers",
    "Washington, D.C.\nParis, Texas",
    "New York, NY\nParis, TX",
    "[unknown]\ncat\n[other]",
    "(0, 2)\n(4, 6)\n(8, 12)",
    "#1 fan\ncat",
    "00000000000000000001 a\n0 b",
    "crane\nmaillot\ncrane\nmaillot",
]


@pytest.mark.parametrize("text", NAMES)
def test_numbers_that_are_parts_of_names(tmp_path, text):
    assert names(tmp_path, text) == text.split("\n")


def test_what_is_taken_for_names_is_told(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    names(tmp_path, "10 yuan\n20 yuan\n")
    assert "the numbers that the lines begin with are taken for parts of the names" in caplog.text
    caplog.clear()
    names(tmp_path, "# my classes\ncat\n")
    assert "line 1: '# my classes' is taken for a name" in caplog.text
    caplog.clear()
    names(tmp_path, "# my classes\n0 cat\n")
    names(tmp_path, "cat\ndog\n")
    names(tmp_path, "0\n1\n2\n")
    assert not caplog.text


LINE_ADVICE = "If the numbers are parts of the names, write a JSON list"
FAULTS = {
    "starts at 1": ("1 cat\n2 dog\n3 fish\n", "line 1: numbers start at 1; ", "Number the classes from 0"),
    "one class, 1": ("1 c\n", "line 1: numbers start at 1; ", LINE_ADVICE),
    "ILSVRC's devkit": (f"{FOX} 1 kit_fox\n{FISH} 2 x\n", "line 1: numbers start at 1", ""),
    "starts at 5, in order": ("5 a\n6 b\n7 c\n", "line 1: numbers start at 5", ""),
    "gap": ("0 cat\n1 dog\n3 fish\n", "class 2 is missing (the numbers go from 0 to 3).", LINE_ADVICE),
    "gaps": ("0 a\n1 b\n3 c\n4 d\n6 e\n7 f", "class 2 and 1 more are missing", ""),
    "a few of many": ("0 a\n10 b\n20 c\n", "class 1 and 17 more are missing", ""),
    "double": ("0 cat\n1 dog\n1 fish\n", "line 3: '1 fish' has number 1, as line 2 has", LINE_ADVICE),
    "double after": ("cat 0\ndog 1\nfish 1\n", "line 3: 'fish 1' has number 1, as line 2 has", LINE_ADVICE),
    "starts at 1 after": ("cat 1\ndog 2\n", "line 1: numbers start at 1", ""),
    "typing error": ("0 a\n1 b\n2 c\n30 d\n", "class 3 and 26 more are missing", ""),
    "without number": ("0 a\n1 b\n2 c\nd\n", "line 4: 'd' has no number, others have one", ""),
    "mixed ids": (f"{TENCH} tench\ngoldfish\n{FOX} fox\n", "line 2: 'goldfish' has no WordNet id", "Known forms: "),
    "one id": (f"tench\n{FISH} goldfish\nfox\n", f"line 2: '{FISH} goldfish' has a WordNet id", "Known forms: "),
    "two backgrounds": (f"background\n{TENCH} tench\ndummy\n{FISH} x", "line 1: 'background' has no WordNet id", ""),
    "id without name": (f"{TENCH} tench\n{FISH}\n", "line 2: expected the name of a class", ""),
    "own, id missing": (f"0 {TENCH} tench\n1 goldfish\n2 - x\n", "line 2: 'goldfish' has no WordNet id", ""),
    "own, name missing": (f"0 {TENCH} tench\n1 {FISH} , ,\n", "line 2: expected the name of a class", ""),
    "columns": ("cat\tCatus\ndog\tLupus\n", "line 1: 'cat\\tCatus' has several columns", "Known forms: "),
    "nothing": ("", "expected a class a line, got none", ""),
    "blank": (" \n\t\n", "expected a class a line, got none", ""),
    "comments": ("# a\n# b\n", "expected a class a line, got comments only", ""),
    "escape": ("kit\x1b[2Jfox\n", "line 1: 'kit\\x1b[2Jfox': '\\x1b' is no character of a name", ""),
    "turned round": ("kit\u202exof\n", "line 1: 'kit\\u202exof': '\\u202e' is no character of a name", ""),
    "long line": ("a\n" + "x" * 5000, "line 2: ", "has 5000 characters; that is no name of a class"),
    "longer line": ("a\n" + "x" * 9000, "line 2: more than 8192 characters; that is no label list", ""),
    "web page": ("\n<!DOCTYPE html>\n<html>cat</html>", "is a web page or XML", ""),
    "JSON, unfinished": ('["a",\n "b"', "line 2, column ", "Known forms: "),
    "JSON of a number": ('{"names": 5}', "key 'names': numbers start at 5", ""),
    "JSON, no name": ('["a", 5]', "entry 2: expected a name, or a WordNet id and a name, got '5'", ""),
    "JSON, empty": ("[]", "expected classes, got an empty list", ""),
    "JSON, empty object": ("{}", "expected classes, got an empty object", ""),
    "JSON, empty name": ('["a", " "]', "entry 2: expected the name of a class, got none", ""),
    "JSON, starts at 1": ('{"1": "a", "2": "b"}', "key '1': numbers start at 1", ""),
    "JSON, gap": ('{"0": "a", "2": "b"}', "class 1 is missing", ""),
    "JSON, key twice": ('{"0": "a", "0": "b"}', "key '0': 'b' has number 0, as key '0' has", ""),
    "JSON, double": ('{"a": 0, "b": 0}', "key 'b': 'b' has number 0, as key 'a' has", ""),
    "JSON, negative": ('{"a": 0, "b": -1}', "key 'b': numbers start at -1", ""),
    "JSON, huge": ('{"a": 0, "b": 1' + "0" * 5000 + "}", "class 1 and 999999999999999998 more are missing", ""),
    "JSON, surrogate": ('["\\ud800"]', "entry 1: '\\ud800': '\\ud800' is no character of a name", ""),
    "JSON, escape": ('["\\u001b[2J"]', "entry 1: '\\x1b[2J': '\\x1b' is no character of a name", ""),
    "JSON, ids and names": ('{"n01440764": "tench"}', "key 'n01440764': expected indexes as keys", ""),
    "timm, no name": ('{"label_names": [[{}], "a"], "label_descriptions": {"a": "b"}}', "entry 1: expected a name", ""),
    "JSON, records": ('[{"id": 0, "name": "a"}]', "entry 1: expected a name", "Known forms: "),
    "Python, a set": ("{'cat', 'dog'}", "line 1, column 2: is no JSON", ""),
    "labelmap, no number": ('item { name: "a" }', "line 1: this item has no 'label: <number>'", ""),
    "labelmap, no name": ("item { label: 0 }", "line 1: expected the name of a class, got none", ""),
    "labelmap, unknown": ("item {\n nam: 'a' }", "line 2: expected name, label or display_name, got 'nam'", ""),
    "labelmap, cut off": ("item {\n name: 'a'", "line 2: expected name, label or display_name, got the end", ""),
    "labelmap, twice": ("item { name: 'a'\n name: 'b' label: 0 }", "line 2: this item has 'name' twice", ""),
    "labelmap, of TensorFlow": ("item { id: 1 name: 'a' }\nitem { id: 2 name: 'b' }", "line 1: numbers start at 1", ""),
    "labelmap, no text": ('item { name: "\\377" label: 0 }', "line 1: '\\377' is not UTF-8 text", ""),
    "labelmap, no token": ("item { name: 'a' label: 0 }\n%", "line 2: '%' is no part of a label map", ""),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_with_the_line_and_what_to_do(tmp_path, fault):
    text, begin, within = FAULTS[fault]
    with pytest.raises(DescriptorError) as caught:
        read(tmp_path, text.encode(errors="surrogatepass"))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'labels.txt'}: {begin}")
    assert within in message
    assert len(message.splitlines()) <= 2
    assert all(line.isprintable() and len(line) < 500 for line in message.splitlines())


TABLE_FAULTS = {
    "commas without quotes": ("0,cat\n1,Bonn, Rhein\n", "line 2: '1,Bonn, Rhein' has 3 columns, line 1 has 2."),
    "one more comma": ("Paris\nWashington, D.C.\n", "line 2: 'Washington, D.C.' has 2 columns, line 1 has 1."),
    "which column": ("cat,meows\ndog,barks\n", "line 1: 'cat,meows': it is not clear which column is what"),
    "which of three": ("0,cat,meows\n1,dog,barks\n", "line 1: '0,cat,meows': it is not clear which column is what"),
    "counts": ("cat,120\ndog,300\n", "line 1: 'cat,120': it is not clear"),
    "starts at 1": ("id,name\n1,cat\n2,dog\n", "line 2: numbers start at 1"),
    "gap": ("id,name\n0,cat\n10,dog\n", "class 1 and 8 more are missing"),
    "letter for 0": ("O,cat\n1,dog\n2,fish\n", "line 2: numbers start at 1"),
    "open quote": ('index,name\n0,"cat\n1,dog\n', "line 2: '0,\"cat':"),
    "heading only": ("index,name\n", "expected classes below the heading"),
    "no name": ("index,name\n0,cat\n1,\n", "line 3: expected the name of a class"),
}  # fmt: skip


@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_faults_of_tables(tmp_path, fault):
    text, begin = TABLE_FAULTS[fault]
    with pytest.raises(DescriptorError) as caught:
        read(tmp_path, text, "x.csv")
    assert str(caught.value).startswith(f"{tmp_path / 'x.csv'}: {begin}")


@pytest.mark.parametrize("text", ["[NaN, 1]", '"cat"', "3", "cat\ndog"])
def test_a_json_file_is_no_list_of_lines(tmp_path, text):
    with pytest.raises(DescriptorError, match="Known forms"):
        read(tmp_path, text, "x.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("cat\n".encode("utf-16"), "is UTF-16 text. Save it as UTF-8."),
        (b"\xfe\xff" + "cat\n".encode("utf-16-be"), "is UTF-16 text"),
        ("cat\n".encode("utf-32"), "is UTF-32 text"),
        ("cat\ndog\n".encode("utf-16-le"), "seems to be UTF-16 text"),
        ("cat\ndog\n".encode("utf-16-be"), "seems to be UTF-16 text"),
        ("cat\r\nmaté\n".encode("latin-1"), "line 2: byte 0xE9: is not UTF-8 text, perhaps Latin-1"),
        ("cat\rKäfer\r".encode("cp1252"), "line 2: byte 0xE4: is not UTF-8 text, perhaps Latin-1"),
        ("中文\n".encode("gbk"), "line 1: byte 0xD6: is not UTF-8 text, perhaps GBK"),
        (b"PK\3\4\0\0", "line 1: a byte 0x00: is no text"),
        (b"cat\n\x80\x04\x95\0", "line 2: a byte 0x00: is no text"),
        (b"a\n\xff\n", "line 2: byte 0xFF: is not UTF-8 text"),
    ],
)
def test_other_encodings_are_named(tmp_path, content, words):
    with pytest.raises(DescriptorError) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'labels.txt'}: {words}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 800 + b"]" * 800,
        b"[" * 960 + b"]" * 960,
        b"#" * ((16 << 20) + 1),
        b"\n" * (16 << 20),
        b"a\n" * (8 << 20),
        b"".join(b"%d a%d\n" % (number, number) for number in range(1, 300_000)),
        b"0 a\n" * 100_000,
        b"[" * 100_000,
        b"[" + b"[]," * 3_000_000 + b"[]]",
        b"{" * 100_000,
        b'{"a":' * 100_000,
        b'{"0": ' + b"9" * (1 << 20) + b"}",
        b"9" * (1 << 20),
        b"item{" * 500_000,
        b"item {name:" + b'"a"' * 500_000 + b" label: 0}",
        b"{'" + b"\\x41" * 200_000 + b"': 0",
        b"\t" * 8000 + b"a\t" * 4000 + b"0\n" * 9,
        b",".join([b"0"] * 4000) + b"\n" + b",".join([b"1"] * 4000),
        (b"0" + b" " * 8000 + b"x\n") * 500,
        (b"x" + b" " * 8000 + b"0\n") * 500,
    ],
    ids=lambda content: content[:12],
)
def test_hostile_files_come_to_an_end(tmp_path, content):
    """In labels or an error of few characters. That it is soon, the fuzz target measures; here a hang would show."""
    with contextlib.suppress(DescriptorError) as _:
        read(tmp_path, content)
