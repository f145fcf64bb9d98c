"""What is wrong with a descriptor is told in one line: file, key path, what was expected."""

from __future__ import annotations

import copy
import errno
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from yaml.scanner import ScannerError

from omz.errors import DescriptorError
from omz.zoo import catalogue, yaml_file
from omz.zoo.model_files import Digest, GoogleDriveSource, HttpSource
from omz.zoo.schema import Model
from omz.zoo.validation import validated


def refusal(path: Path, root: Path) -> str:
    """Return the message that a descriptor is refused with, less the file's name, which must come first."""
    with pytest.raises(DescriptorError) as caught:
        catalogue.load_model(path, root)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1500
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_good_descriptor_is_read_whole(write, root):
    model = catalogue.load_model(write(), root)
    assert (model.name, str(model.subdirectory), model.directory) == (
        "net",
        "public/net",
        root / "public/net",
    )
    prototxt, caffemodel = model.files
    assert prototxt.digests == [Digest("sha256", "5a" * 32)]
    assert caffemodel.digests == [Digest("sha384", "c3" * 48)]
    assert prototxt.sources == [HttpSource(**{"$type": "http", "url": "https://example.com/net.prototxt"})]
    assert [str(source) for source in caffemodel.sources] == [
        "Google Drive file abc-DEF_123",
        "https://example.com/net.caffemodel",
        "bundled file files/net.caffemodel",
    ]
    assert isinstance(caffemodel.sources[0], GoogleDriveSource)
    assert model.precisions == ["FP16", "FP32"]
    assert model.quantization_output_precisions == ["FP16-INT8", "FP32-INT8"]
    assert model.quantizable is True


REPLACED = [
    # (what stands in the good descriptor, what takes its place, the key named, words of the message)
    (
        "description: A net",
        "descriptoin: A net",
        "descriptoin",
        "not a known key here. Did you mean 'description'?",
    ),
    ("    size: 12\n", "    size: 12\n    colour: red\n", "files[0].colour", "not a known key here"),
    ("      id: abc", "      identifier: 1\n      id: abc", "files[1].source.identifier", "not a known key"),
    ("  count: 1", "  cuont: 1", "postprocessing[0].cuont", "Did you mean 'count'?"),
    ("  top1: 81", "  top_1: 81", "specification.top_1", "Did you mean 'top1'?"),
    ("framework: caffe\n", "", "framework", "is missing"),
    ("    size: 12\n", "", "files[0].size", "is missing"),
    ("      id: abc-DEF_123\n", "", "files[1].source.id", "is missing"),
    ("    format: gztar\n", "", "postprocessing[1].format", "is missing"),
    (
        "    sha256: " + "5a" * 32 + "\n",
        "",
        "files[0]",
        "'checksum' (SHA-384), a 'sha256' or a 'sha256_prefix'",
    ),
    ("size: 12", "size: unknown", "files[0].size", None),
    ("size: 12", "size: Unknown", "files[0].size", "expected a whole number, got 'Unknown'"),
    ("size: 12", "size:", "files[0].size", "expected a number of bytes, or 'unknown', got nothing"),
    ("sha256: " + "5a" * 32, "sha256_prefix: 90CF2d6e", "files[0].sha256_prefix", None),
    (
        "sha256: " + "5a" * 32,
        "sha256_prefix: 90cf2d6",
        "files[0].sha256_prefix",
        "8 hexadecimal digits or more",
    ),
    ("sha256: " + "5a" * 32, "sha256_prefix: 12345678", "files[0].sha256_prefix", "expected text"),
    (
        "$type: bundled\n        path: files/net.caffemodel",
        "$type: huggingface\n        repo: timm/net.in1k\n        filename: model.safetensors",
        "",
        None,
    ),
    (
        "$type: bundled\n        path: files/net.caffemodel",
        "$type: huggingface\n        repo: net\n        filename: x",
        "files[1].original_source[1].repo",
        "expected a repository such as owner/name",
    ),
    (
        "$type: bundled\n        path: files/net.caffemodel",
        "$type: huggingface\n        repo: a/b\n        filename: ../x",
        "files[1].original_source[1].filename",
        "without '..'",
    ),
    (
        "framework: caffe\n",
        "framework: caffe\npytorch: {block: basic, layers: [2, 2, 2, 2]}\n",
        "",
        "'pytorch' section with framework 'pytorch' only",
    ),
    (
        "framework: caffe\n",
        "framework: pytorch\npytorch: {block: basic, layers: [2, 0, 2]}\n",
        "pytorch.layers[1]",
        "expected a number of at least 1",
    ),
    ("size: 12", "size: '12'", "files[0].size", "expected a whole number, got '12'"),
    ("size: 12", "size: true", "files[0].size", "expected a whole number, got True"),
    ("size: 12", "size: 12.0", "files[0].size", "expected a whole number, got 12.0"),
    ("size: 12", "size: -1", "files[0].size", "expected a number of at least 0"),
    ("size: 12", "size: 0x" + "f" * 9000, "files[0].size", "a huge number"),
    ("size: 12", "size: 12:59:59", "files[0].size", None),  # a valid YAML 1.1 number: 12 h in seconds
    ("5a" * 32, "5a" * 31, "files[0].sha256", "expected 64 hexadecimal digits (SHA-256), got '5a5a"),
    ("5a" * 32, "5a" * 31 + "zz", "files[0].sha256", "expected 64 hexadecimal digits"),
    ("C3" * 48, "C3" * 32, "files[1].checksum", "expected 96 hexadecimal digits (SHA-384)"),
    (
        "google_drive",
        "one_drive",
        "files[1].source",
        "expected a '$type' of ",
    ),
    ("      $type: google_drive\n", "", "files[1].source", "expected a mapping with the key '$type'"),
    ("regex_replace", "sed", "postprocessing[0]", "expected a '$type' of "),
    ("abc-DEF_123", "abc/../x", "files[1].source.id", "expected letters, digits"),
    (
        "https://example.com/net.prototxt",
        "ftp://example.com/x",
        "files[0].source",
        "expected an address such as",
    ),
    ("https://example.com/net.prototxt", "https:///x", "files[0].source", "expected an address"),
    ("https://example.com/net.prototxt", "[]", "files[0].source", "expected 1 or more entries, got a list"),
    ("source: https://example.com/net.prototxt", "source: 3", "files[0].source", "got 3"),
    ("files/net.caffemodel", "../net.caffemodel", "files[1].original_source[1].path", "without '..'"),
    ("name: net.prototxt", "name: ../net.prototxt", "files[0].name", "without '..', got '../net.prototxt'"),
    ("name: net.prototxt", "name: a/../../net.prototxt", "files[0].name", "without '..'"),
    ("name: net.prototxt", "name: /etc/passwd", "files[0].name", "relative path"),
    ("name: net.prototxt", "name: 'C:\\x'", "files[0].name", "relative path"),
    ("name: net.prototxt", 'name: "a\\nb"', "files[0].name", "relative path"),
    ("name: net.prototxt", "name: ''", "files[0].name", "relative path"),
    ("name: net.prototxt", "name: .", "files[0].name", "relative path"),
    ("name: net.prototxt", "name: net.caffemodel", "", "expected each file once; 'net.caffemodel'"),
    ("name: net.prototxt", "name: net.caffemodel/x", "", "'net.caffemodel' to be a file or a folder"),
    ("name: net.prototxt", "name: NET.caffemodel", "", "expected each file once; 'NET.caffemodel'"),
    ("name: net.prototxt", "name: net.caffemodel.orig", "", "expected each file once; 'net.caffemodel.orig'"),
    ("name: net.prototxt", "name: NET.caffemodel/x", "", "'NET.caffemodel' to be a file or a folder"),
    ("name: net.prototxt", "name: a/.omz.lock", "", "no file of the toolkit's own names; got 'a/.omz.lock'"),
    (
        "'dim: (10)'",
        f"'{'a' * 1001}'",
        "postprocessing[0].pattern",
        "expected text of at most 1000 characters",
    ),
    ("file: net.prototxt", "file: ../../x", "postprocessing[0].file", "without '..'"),
    ("'dim: (10)'", "'dim: (10'", "postprocessing[0].pattern", "expected a regular expression ("),
    ("'dim: 1'", "'dim: \\2'", "postprocessing[0]", "expected a 'replacement' that fits the pattern"),
    (
        "gztar",
        "rar",
        "postprocessing[1].format",
        "got 'rar'",
    ),
    ("framework: caffe", "framework: coffee", "framework", "got 'coffee'"),
    ("task_type: classification", "task_type: thinking", "task_type", "'classification'"),
    ("task_type: classification", "task_type: {a: b}", "task_type", "got a mapping"),
    ("quantizable: yes", "quantizable: 1", "quantizable", "expected yes or no, got 1"),
    (
        "shape: [1, 3, 8, 8]",
        "shape: [1, 3, 8, x]",
        "input_info[0].shape[3]",
        "expected a whole number, got 'x'",
    ),
    ("shape: [1, 3, 8, 8]", "shape: 8", "input_info[0].shape", "expected a list, got 8"),
    ("labels: [cat, dog]", "labels: 5", "model_info.labels", "list of class names, or the name of a list"),
    ("labels: [cat, dog]", "labels: ../x", "model_info.labels", "or the name of a list in models/labels"),
    ("labels: [cat, dog]", "labels: [cat, 5]", "model_info.labels", "list of class names"),
    ("  top1: 81", "  top1: 181", "specification.top1", "expected a number of at most 100"),
    ("  gflops: 1.5", "  gflops: .inf", "specification.gflops", "expected a finite number"),
    ("  gflops: 1.5", "  gflops: .nan", "specification.gflops", "expected a finite number"),
    (
        "  top5: 99.25",
        "  top5: 2024-02-29",
        "specification.top5",
        "expected a number, got datetime.date",
    ),
    ("files:\n", "1: 2\nfiles:\n", "", "expected keys that are text, got "),
    ("files:\n", "? [a, b]\n: c\nfiles:\n", "", "is not YAML: "),
    (
        "description: A net",
        "description: A net\ndescription: B",
        "",
        "line 2: is not YAML: key 'description' is there",
    ),
    ("    size: 12\n", "    size: 12\n    size: 13\n", "", "line 6: is not YAML: key 'size' is there twice"),
    (
        "    size: 12\n",
        "    <<: {size: 13}\n    size: 12\n",
        "",
        "line 5: is not YAML: merge keys ('<<') are not accepted",
    ),
    ("framework: caffe", "framework: dldt", None, None),
    (
        "framework: caffe",
        "framework: caffe\nconversion_to_onnx_args: [--x]",
        "",
        "'conversion_to_onnx_args' with",
    ),
    ("framework: caffe", "framework: caffe\nquantized: INT4", "quantized", "got 'INT4'"),
]


@pytest.mark.parametrize(
    ("old", "new", "key", "words"), REPLACED, ids=[f"{r[2]}-{r[1][:24]!r}" for r in REPLACED]
)
def test_one_line_names_key_and_expectation(good, write, root, old, new, key, words):
    assert old in good
    path = write(good.replace(old, new, 1))
    if words is None:  # looks odd, and is right
        catalogue.load_model(path, root)
        return
    message = refusal(path, root)
    assert words in message
    if key:
        assert message.startswith(f"key {key!r}: ")


def test_number_of_further_problems_is_told(good, write, root):
    message = refusal(
        write(good.replace("size: 12", "size: x").replace("framework: caffe", "framework: x")), root
    )
    assert message.endswith("(1 more)")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["FP32/net.xml", "FP32/net.bin", "FP16/net.xml", "FP16/net.bin", "net.json"], None),
        (["FP32/net.xml"], "an .xml and a .bin file in 'FP32'"),
        (["FP31/net.xml", "FP31/net.bin"], "got 'FP31'"),
    ],
)
def test_models_in_ir_need_both_files_in_known_folders(write, root, files, words):
    entries = [
        {"name": name, "size": 1, "sha256": "00" * 32, "source": f"https://example.com/{name}"}
        for name in files
    ]
    head = {
        "description": "x",
        "task_type": "detection",
        "framework": "dldt",
        "license": "x",
        "files": entries,
    }
    path = write(yaml.safe_dump(head))
    if words:
        assert words in refusal(path, root)
    else:
        assert catalogue.load_model(path, root).precisions == ["FP16", "FP32"]


def test_only_ir_goes_without_conversion(good, write, root):
    text = re.sub(r"model_optimizer_args:\n(  - .*\n)+", "", good)
    assert text != good
    assert "needs 'model_optimizer_args'" in refusal(write(text), root)


def test_quantized_weights_give_int8_precisions(good, write, root):
    model = catalogue.load_model(write(good.replace("quantizable: yes", "quantized: INT8")), root)
    assert model.precisions == ["FP16-INT8", "FP32-INT8"]
    assert model.quantization_output_precisions == []


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(20)
)
HOSTILE = {
    "empty": (b"", "expected a mapping with keys such as 'description' and 'files', got nothing"),
    "list": (b"- a\n- b\n", "expected a mapping with keys such as 'description' and 'files', got a list"),
    "text": (b"hello", "expected a mapping with keys such as 'description' and 'files', got 'hello'"),
    "not YAML": (b"a: [b\nc: d", "line 2: is not YAML: "),
    "tab": (b"a:\n\tb: c", "line 2: is not YAML: "),
    "binary": (bytes(range(256)) * 64, "is not YAML: "),
    "utf-8 broken": (b"description: \xff\xfe", "is not YAML: "),
    "two documents": (b"a: b\n---\nc: d\n", "is not YAML: "),
    "no such date": (b"description: 2001-99-99\n", "is not YAML: "),
    "too many digits": (b"size: " + b"9" * 5000, "is not YAML: "),
    "slow number": (b"size: 1" + b":59" * 80_000, "expected no value longer than 16384 characters"),
    "huge key": (b"? 0x" + b"f" * 9000 + b"\n: 1", "expected keys that are text, got "),
    "long line as key": (b"x" * 9000 + b": 1", "is not YAML: "),
    "long key": (b"? " + b"x" * 9000 + b"\n: 1", "is not a known key here"),
    "2 MB": (b"# comment\n" * 210_000, "larger than 262144 bytes; that is no descriptor"),
    "deep list": (b"a: " + b"[" * 10_000, "line 1: expected no more than 16 levels of nesting"),
    "deep mapping": (b"{a: " * 10_000, "line 1: expected no more than 16 levels of nesting"),
    "deep block": (b"- " * 10_000, "line 1: expected no more than 16 levels of nesting"),
    "bomb": (BOMB.encode(), "line 1: anchors and aliases are not accepted. Write the value out"),
    "alias": (b"a: *b\n", "line 1: anchors and aliases are not accepted. Write the value out"),
    "self": (b"&a [*a]\n", "line 1: anchors and aliases are not accepted. Write the value out"),
    "python tag": (
        b"description: !!python/object/apply:os.system ['touch /tmp/owned']\n",
        "line 1: tags such as 'tag:yaml.org,2002:python/object/apply:os.system' are not accepted",
    ),
    "own tag": (b"description: !mine x\n", "line 1: tags such as '!mine' are not accepted"),
    "odd tag": (b"size: !!int ''\n", "line 1: tags such as 'tag:yaml.org,2002:int' are not accepted"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_yaml_is_refused_in_one_line_and_at_once(write, root, case):
    content, words = HOSTILE[case]
    path = write(content)
    start = time.process_time()
    message = refusal(path, root)
    assert time.process_time() - start < 5  # a hang, not a speed limit: these take milliseconds
    assert message.startswith(words) or f" {words}" in message


class ParserWithABoundOfItsOwn(yaml.SafeLoader):
    """PyYAML's parser in Python, which has no bound on depth, with one that is hardly above ours."""

    LEVELS = 18

    def increase_depth(self) -> None:
        if self.flow_level + len(self.indents) > self.LEVELS:
            raise ScannerError(None, None, "that is too deep for me", self.get_mark())

    def fetch_flow_sequence_start(self) -> None:
        self.increase_depth()
        super().fetch_flow_sequence_start()

    def fetch_flow_mapping_start(self) -> None:
        self.increase_depth()
        super().fetch_flow_mapping_start()

    def fetch_block_entry(self) -> None:
        self.increase_depth()
        super().fetch_block_entry()


PARSERS = [yaml.SafeLoader, ParserWithABoundOfItsOwn]
PARSERS += [yaml.CSafeLoader] if yaml.__with_libyaml__ else []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "[{ä: ", "[ # deep\n"])
def test_bound_on_depth_is_ours_whichever_parser_reads(monkeypatch, write, root, opening, parser, encoding):
    monkeypatch.setattr(yaml_file, "_Loader", parser)
    for times in (17, 18, 19, 100, 3000):
        path = write(("# é\n" + opening * times).encode(encoding))
        line = 17 + 1 if "\n" in opening else 2
        assert refusal(path, root) == f"line {line}: expected no more than 16 levels of nesting"
    path = write(("# é\n" + opening * (8 if "{" in opening[1:] else 16)).encode(encoding))
    assert "levels" not in refusal(path, root)


@pytest.mark.parametrize(
    "text", ["*.prototxt", "a: *b & c", "- &x", "see [*] & <<", "!important", "R&D: *all*"]
)
def test_text_that_looks_like_an_alias_is_text(good, write, root, text):
    quoted = good.replace("'dim: (10)'", repr(re.escape(text))).replace("A net", f'"{text}"', 1)
    folded = good.replace("description: A net", f"description: >-\n  {text}\n  and so on")
    for content in (quoted, folded):
        assert text in catalogue.load_model(write(content), root).description


def test_unreadable_descriptor(write, root):
    folder = root / "public/net/model.yml"
    folder.mkdir(parents=True)
    assert refusal(folder, root) == f"cannot be read: {os.strerror(errno.EISDIR)}"


ODD_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**70, -(10**200), float("nan"), float("inf")])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../x", "http://a/b", "$type", "caffe", "(", "ab" * 48, "\ud800", "\x00", "x" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4) | st.integers() | st.sampled_from(["$type", "url", "id", "name"]), inner
        )
    ),
    max_leaves=6,
)


def places(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a structure of dicts and lists."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


@given(st.data())
def test_mutated_structure_gives_a_descriptor_error_or_a_model(good, data):
    """Whatever stands where, no other exception gets out, and the message is one line of bounded length."""

    content = yaml.safe_load(good)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(places(content)[1:]))
        node: Any = content
        for step in way:
            node = node[step]
        action = data.draw(st.sampled_from(["replace", "delete", "copy", "rename"]))
        if action == "delete":
            del node[last]
        elif action == "rename" and isinstance(node, dict):
            node[data.draw(ODD_VALUES.filter(lambda value: not isinstance(value, dict | list)))] = node.pop(
                last
            )
        elif action == "copy":
            source = content
            for step in data.draw(st.sampled_from(places(content))):
                source = source[step]
            node[last] = copy.deepcopy(source)
        else:
            node[last] = data.draw(ODD_VALUES)
    path = Path("models/net/model.yml")
    message = f"{path}: "
    try:
        assert validated(path, Model, content).precisions
    except DescriptorError as error:
        message = str(error)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 1500


@given(
    st.binary(max_size=400)
    | st.text(alphabet="abc: -[]{}&*!<>|'\"#%@`\n\t01.~", max_size=400).map(str.encode)
)
def test_any_bytes_give_a_descriptor_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "model.yml"
    path.write_bytes(content)
    with pytest.raises(DescriptorError) as caught:
        catalogue.load_model(path, path.parent.parent)
    assert "\n" not in str(caught.value)


def test_a_pattern_that_never_ends_does_not_delay_the_catalogue(good, write, root):
    """Even on no text at all it tries 10^12 ways; it runs in a process of its own, and only if it is wanted."""
    slow = "(?:" * 4 + "(?:a|)" + "{1000})" * 4 + "b"
    path = write(good.replace("'dim: (10)'", f"'{slow}'").replace("'dim: 1'", "'x'"))
    assert catalogue.load_model(path, root).postprocessing[0].pattern == slow


@pytest.mark.parametrize(
    ("pattern", "times", "problem"),
    [
        ("x" * 1000, 4, None),
        ("x" * 1000, 5, "expected patterns of at most 4000 characters in all; got 5000"),
        ("[a]" * 50, 2, None),
        ("(?i)" + "[ -\U0010ffff]" * 90, 8, "expected at most 100 '[' in all patterns; got 720"),
    ],
)
def test_patterns_are_bounded_before_any_is_compiled(good, write, root, pattern, times, problem):
    content = yaml.safe_load(good)
    content["postprocessing"] = [
        {"$type": "regex_replace", "file": "net.prototxt", "pattern": pattern, "replacement": ""}
        for _ in range(times)
    ]
    path = write(yaml.safe_dump(content))
    if problem:
        with pytest.raises(DescriptorError, match=re.escape(problem)):
            catalogue.load_model(path, root)
    else:
        catalogue.load_model(path, root)


def test_a_replacement_may_name_a_group(good, write, root):
    named = good.replace("'dim: (10)'", r"'(a)(?P<number>\d+)'")
    catalogue.load_model(write(named.replace("'dim: 1'", r"'\1\g<number>\2'")), root)
    with pytest.raises(DescriptorError, match="'replacement' that fits the pattern"):
        catalogue.load_model(write(named.replace("'dim: 1'", r"'\g<digits>'")), root)
