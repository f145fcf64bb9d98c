"""Whatever the names of classes are, each form of label files gives them back, and faulty numbers are told."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from hypothesis import assume, example, given
from hypothesis import strategies as st

from omz.errors import DescriptorError
from omz.zoo.label_files.wnids import WNID
from omz.zoo.labels import parse_labels

TENCH = "n01440764"


def read(folder: Path, content: str, file: str = "labels.txt") -> list[tuple[str, tuple[str, ...]]]:
    path = folder / file
    path.write_text(content, encoding="utf-8", newline="")
    return [(label.wnid, label.names) for label in parse_labels(path)]


def names(folder: Path, content: str, file: str = "labels.txt") -> list[str]:
    return [listed[0] for _, listed in read(folder, content, file)]


CHARACTERS = st.characters(
    exclude_categories=["Cc", "Cs", "Cn"], exclude_characters="\u2028\u2029\u202d\u202e"
)
# What begins with a WordNet id is no name: a list of those, with or without names, is a form of its own.
NAME = (
    st.text(CHARACTERS, min_size=1, max_size=12)
    | st.text("ab 019,:;=|.-'\"#/()[]{}", min_size=1, max_size=8)
).map(lambda text: " ".join(text.split())).filter(lambda text: text and not WNID.match(text))  # fmt: skip
NAMES_OF_A_LIST = st.lists(NAME, min_size=1, max_size=12).filter(
    lambda listed: len(listed) == 1 or len(set(listed)) > 1
)
RANDOM = st.randoms(use_true_random=False)
ID = st.integers(0, 10**8 - 1).map("n{:08}".format)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("labels")


def shuffled(rows: list[str], rng: random.Random) -> str:
    rows = list(rows)
    rng.shuffle(rows)
    return "\n".join(rows)


def is_plain(name: str) -> bool:
    return name[0].isalpha() and not any(character.isdigit() for character in (name[0], name[-1]))


@given(st.lists(NAME.filter(is_plain), min_size=1, max_size=12))
def test_names_alone_come_back(folder, listed):
    assert names(folder, "\n".join(listed)) == listed


def is_like_a_table(rows: list[str]) -> bool:
    """Tell whether all rows end in a mark and a number: what '0 a,1' says is not to be told."""
    return all(row[-1].isdigit() and any(mark in row for mark in ",;") for row in rows)


@given(NAMES_OF_A_LIST, RANDOM)
def test_numbers_before_names_order_them(folder, listed, rng):
    rows = [f"{index} {name}" for index, name in enumerate(listed)]
    marked = [name[0] in ",:;=|" for name in listed]
    assume(
        not all(marked) and not is_like_a_table(rows) and not any(name.startswith("- ") for name in listed)
    )
    assert names(folder, shuffled(rows, rng)) == listed


@given(NAMES_OF_A_LIST.filter(lambda listed: not any(name[0].isdigit() for name in listed)), RANDOM)
@example(["- 0"], random.Random(0))
def test_numbers_behind_names_order_them(folder, listed, rng):
    rows = [f"{name} {index}" for index, name in enumerate(listed)]
    assume(not all(name[-1] in ",:;=|" for name in listed))
    assume(not any(row[0] in "#[{<" or row.startswith("item") for row in rows) and not is_like_a_table(rows))
    assume(not all(name.startswith("/") for name in listed))
    assert names(folder, shuffled(rows, rng)) == listed


@given(
    st.lists(st.tuples(ID | st.just("-"), st.lists(NAME, min_size=1, max_size=3)), min_size=1, max_size=9),
    RANDOM,
)
def test_the_project_s_own_format_comes_back(folder, classes, rng):
    """Commas part names there, so that no name has one."""
    listed = [(wnid, [name.replace(",", "") or "x" for name in some]) for wnid, some in classes]
    listed = [(wnid, [" ".join(name.split()) or "x" for name in some]) for wnid, some in listed]
    rows = [f"{index} {wnid} {', '.join(some)}" for index, (wnid, some) in enumerate(listed)]
    text = f"# index wnid names\n{shuffled(rows, rng)}"
    assume(not is_like_a_table(rows))
    assert read(folder, text) == [(wnid.strip("-"), tuple(some)) for wnid, some in listed]


@given(st.lists(st.tuples(ID, NAME.filter(is_plain)), min_size=1, max_size=9))
def test_wordnet_ids_and_names_come_back(folder, classes):
    text = "\n".join(f"{wnid} {name}" for wnid, name in classes)
    expected = [tuple(filter(None, (part.strip() for part in name.split(",")))) for _, name in classes]
    assert read(folder, text) == [(wnid, some) for (wnid, _), some in zip(classes, expected, strict=True)]


@given(NAMES_OF_A_LIST, RANDOM, st.sampled_from(",;\t"), st.booleans())
def test_tables_come_back(folder, listed, rng, delimiter, name_first):
    rows = list(enumerate(listed))
    rng.shuffle(rows)
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter)
    for row in [("index", "name"), *rows]:
        writer.writerow(reversed(row) if name_first else row)
    assert names(folder, stream.getvalue(), "x.tsv" if delimiter == "\t" else "x.csv") == listed


@given(NAMES_OF_A_LIST, RANDOM, st.booleans())
def test_json_comes_back(folder, listed, rng, ascii_only):
    pairs = list(enumerate(listed))
    rng.shuffle(pairs)
    for value in (
        listed,
        dict(pairs),
        {"id2label": dict(pairs), "x": [1]},
        {i: [TENCH, n] for i, n in pairs},
    ):
        found = read(folder, json.dumps(value, ensure_ascii=ascii_only))
        joined = [", ".join(some) for _, some in found]
        parted = [", ".join(filter(None, map(str.strip, name.split(",")))) for name in listed]
        assume(all(parted))
        with_ids = isinstance(value, dict) and isinstance(value.get(0), list)
        assert joined == (parted if with_ids else listed)
    assume(len(set(listed)) == len(listed))
    assert names(folder, json.dumps({name: index for index, name in pairs})) == listed


@given(NAMES_OF_A_LIST, RANDOM)
def test_what_python_prints_comes_back(folder, listed, rng):
    pairs = list(enumerate(listed))
    rng.shuffle(pairs)
    assert names(folder, str(listed)) == listed
    assert names(folder, str(dict(pairs))) == listed
    assume(len(set(listed)) == len(listed))
    assert names(folder, str({name: index for index, name in pairs})) == listed


def label_map():
    """Return the class of Caffe's LabelMap messages, of protobuf's own making."""
    file = descriptor_pb2.FileDescriptorProto(name="labelmap.proto", package="labels", syntax="proto2")
    item = file.message_type.add(name="LabelMapItem")
    for number, (field, kind) in enumerate((("name", 9), ("label", 5), ("display_name", 9)), start=1):
        item.field.add(name=field, number=number, type=kind, label=1)
    whole = file.message_type.add(name="LabelMap")
    whole.field.add(name="item", number=1, type=11, label=3, type_name=".labels.LabelMapItem")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("labels.LabelMap"))


LABEL_MAP = label_map()


@given(NAMES_OF_A_LIST, RANDOM, st.booleans(), st.booleans())
def test_what_protobuf_writes_comes_back(folder, listed, rng, utf8, one_line):
    pairs = list(enumerate(listed))
    rng.shuffle(pairs)
    message = LABEL_MAP()
    for index, name in pairs:
        message.item.add(name=str(index), label=index, display_name=name)
    assert names(folder, text_format.MessageToString(message, as_utf8=utf8, as_one_line=one_line)) == listed


WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=6), min_size=2, max_size=40, unique=True)
WRITERS = {
    "0 name": lambda numbers, words: "\n".join(f"{n} {word}" for n, word in zip(numbers, words, strict=True)),
    "0: name": lambda numbers, words: "\n".join(
        f"{n}: {word}" for n, word in zip(numbers, words, strict=True)
    ),
    "name 0": lambda numbers, words: "\n".join(f"{word} {n}" for n, word in zip(numbers, words, strict=True)),
    "0,name": lambda numbers, words: "\n".join(f"{n},{word}" for n, word in zip(numbers, words, strict=True)),
    "own": lambda numbers, words: "\n".join(f"{n} - {word}" for n, word in zip(numbers, words, strict=True)),
    "JSON": lambda numbers, words: json.dumps(dict(zip(words, numbers, strict=True))),
    "labelmap": lambda numbers, words: "\n".join(
        f'item {{ name: "{word}" label: {n} }}' for n, word in zip(numbers, words, strict=True)
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
@given(data=st.data())
def test_one_gap_one_double_or_a_start_at_1_is_told_in_every_form(folder, writer, data):
    words = data.draw(WORDS)
    count = len(words)
    numbers = list(range(count))
    assert names(folder, WRITERS[writer](numbers, words)) == words
    fault = data.draw(st.sampled_from(["gap", "double", "shift"]))
    if fault == "double":
        one, other = data.draw(st.permutations(numbers))[:2]
        numbers[one] = other
    else:
        place = 0 if fault == "shift" else data.draw(st.integers(0, count - 1))
        numbers = [number + (number >= place) for number in numbers]
    numbers = data.draw(st.permutations(numbers))
    with pytest.raises(DescriptorError) as caught:
        read(folder, WRITERS[writer](numbers, words))
    message = str(caught.value)
    told = {"double": "has number", "gap": "start at 1" if 0 not in numbers else " missing ("}
    assert told.get(fault, "start at 1") in message
