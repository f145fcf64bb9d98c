"""A checkpoint is a program of a stranger: none of it is run, and none of it costs much."""

from __future__ import annotations

import pickle
import struct
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from converter.pytorch.make_fixtures import FIXTURES
from converter.pytorch.torch_files import (
    call,
    dictionary,
    floats,
    integer,
    items,
    legacy_file,
    name,
    program,
    storage,
    tensor,
    text,
    zip_file,
)

from omz.converter.pytorch.checkpoint import read_checkpoint
from omz.converter.pytorch.pickle_data import MAX_OPCODES as OPCODES
from omz.errors import ParseError

pytestmark = pytest.mark.slow  # seconds in all; the quick suite has the formats themselves

FORBIDDEN = {"exec", "compile", "import", "os.system", "os.exec", "subprocess.Popen", "pickle.find_class"}
_happened: list[str] = []
_listening = False


def _listen(event: str, _arguments: object) -> None:
    if _listening and event in FORBIDDEN:
        _happened.append(event)


sys.addaudithook(
    _listen
)  # Python's own word on what is run; a hook can't be taken off again, hence the switch


@pytest.fixture(autouse=True)
def nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    global _listening
    read_checkpoint(FIXTURES / "zip.pth")  # what the reader itself imports is imported now
    monkeypatch.chdir(tmp_path)
    _happened.clear()
    yield
    _listening = False
    assert not _happened
    assert not (tmp_path / "sentinel").exists()


def refused(content: bytes, *, mebibytes: float = 16) -> str:
    """Check that the file is refused in a line or two, in little time and memory; return the message."""
    path = Path("hostile.pth").absolute()
    path.write_bytes(content)
    size = len(content)
    del content
    start = time.process_time()
    message = failure(path)
    seconds = time.process_time() - start
    tracemalloc.start()
    failure(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) <= 2
    assert len(message) < len(str(path)) + 400
    assert message.isprintable()
    assert seconds < 3 + 3 * size / 1e6
    assert peak < mebibytes * 2**20
    return message.removeprefix(f"{path}: ")


def failure(path: Path) -> str:
    global _listening
    _listening = True
    try:
        with pytest.raises(ParseError) as caught:
            read_checkpoint(path)
    finally:
        _listening = False
    return str(caught.value)


def in_both_formats(body: bytes, protocol: int = 2) -> list[bytes]:
    pickled = program(body, protocol)
    stored = (
        {"0": (8, floats(8))} if b"FloatStorage" in body else {}
    )  # the legacy format has none that nobody names
    return [zip_file(pickled, {"0": floats(8)}), legacy_file(pickled, stored)]


def refused_in_both(body: bytes, protocol: int = 2, **limits: float) -> list[str]:
    return [refused(content, **limits) for content in in_both_formats(body, protocol)]


COMMAND = text("touch sentinel")
EVAL = text("open('sentinel', 'w')")


def short(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def stack_name(module: str, attribute: str) -> bytes:
    return short(module) + short(attribute) + b"\x93"


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    ("module", "attribute", "argument"),
    [
        ("posix", "system", COMMAND),
        ("os", "system", COMMAND),
        ("nt", "system", COMMAND),
        ("subprocess", "Popen", COMMAND),
        ("builtins", "eval", EVAL),
        ("builtins", "exec", EVAL),
        ("__builtin__", "eval", EVAL),
        ("builtins", "getattr", EVAL),
        ("builtins", "__import__", text("os")),
        ("importlib", "import_module", text("os")),
        ("operator", "attrgetter", text("system")),
        ("torch", "load", text("sentinel")),
        ("torch.hub", "load", text("sentinel")),
        ("torch.serialization", "load", text("sentinel")),
        ("torch._utils", "os.system", COMMAND),
        ("torch", "_utils._rebuild_tensor_v2", COMMAND),
        ("collections", "OrderedDict.fromkeys", COMMAND),
        ("collections", "namedtuple", EVAL),
        ("numpy.core.multiarray", "_reconstruct", EVAL),
        ("pickle", "loads", EVAL),
        ("", "", EVAL),
    ],
)
def test_a_name_that_is_not_data_is_named_and_refused(protocol, module, attribute, argument):
    function = name(module, attribute) if protocol == 2 else stack_name(module, attribute)
    for message in refused_in_both(call(function, argument), protocol):
        assert f"{module}.{attribute} is not data; refused, nothing was run." in message


class Runs:
    def __init__(self, value: object) -> None:
        self.value = value

    def __reduce__(self):
        return self.value

    def __call__(self) -> None:
        """So that the pickler takes it for a function."""


def getattr_chain() -> object:
    """Written by Python's own pickler: getattr(__import__('os'), 'system')('touch sentinel')."""
    module = Runs((__import__, ("os",)))
    return Runs((Runs((getattr, (module, "system"))), ("touch sentinel",)))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("make", [getattr_chain, lambda: Runs((eval, ("open('sentinel', 'w')",)))])
def test_programs_of_the_pickler(make, protocol):
    hostile = pickle.dumps({"state_dict": make(), "x": 1}, protocol)
    for content in (zip_file(hostile), legacy_file(hostile), hostile):
        assert "is not data; refused" in refused(content)


def test_protocols_of_text_are_refused():
    for protocol in (0, 1):
        hostile = pickle.dumps(Runs((eval, ("1",))), protocol)
        refused(zip_file(hostile))
        refused(hostile)
    assert "protocol 6" in refused_in_both(b"N", 6)[0]


ORDERED = name("collections", "OrderedDict")
TENSOR = tensor(storage("0", 8), (8,), (1,))
CHAIN = call(ORDERED)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (call(call(ORDERED), COMMAND), "calls what is no function but a dict"),
        (call(call(name("torch", "Size"), items(integer(1)))), "calls what is no function but a tuple"),
        (call(TENSOR), "calls what is no function but a Tensor"),
        (call(name("torch", "float32")), "calls what is no function"),
        (call(name("torch", "FloatStorage"), integer(1)), "calls what is no function"),
        (name("torch", "Size") + b"K\x01R", "without a tuple"),
        (call(text("posix.system"), COMMAND), "calls what is no function but a str"),
        (TENSOR + dictionary({"__class__": name("torch", "Size")}) + b"b", "sets attributes of a Tensor"),
        (ORDERED + dictionary({"call": COMMAND}) + b"b", "sets attributes of collections.OrderedDict"),
        (call(ORDERED) + items(b"N", dictionary({"x": b"N"})) + b"b", "sets attributes of a dict"),
        (text("x") + dictionary({"__setstate__": b"N"}) + b"b", "sets attributes of a str"),
        (call(ORDERED, integer(3)), "no list of pairs"),
        (call(ORDERED, b"](" + items(b"N", b"N") + b"e"), "no list of pairs"),
        (call(name("torch", "Size"), text("abc")), "no tuple"),
        (call(name("torch", "device"), b"N"), "no device"),
        (call(name("torch._utils", "_rebuild_tensor_v2"), b"N"), "1 arguments"),
        (call(name("torch._utils", "_rebuild_tensor"), *[b"N"] * 4), "no storage"),
        (call(name("torch._utils", "_rebuild_tensor_v3"), *[b"N"] * 7), "no storage"),
        (call(name("torch._utils", "_rebuild_parameter"), b"N", b"N", b"N"), "no tensor"),
    ],
)
def test_what_may_be_named_can_not_be_misused(body, reason):
    for message in refused_in_both(body):
        assert reason in message


@pytest.mark.parametrize(
    ("opcode", "what"),
    [
        (b"\x82\x01", "EXT1"),
        (b"\x83\x01\x00", "EXT2"),
        (b"\x84\x01\x00\x00\x00", "EXT4"),
        (b"(i" + b"posix\nsystem\n", "INST"),
        (b"(cposix\nsystem\no", "OBJ"),
        (b"\x81", "NEWOBJ"),
        (b"\x92", "NEWOBJ_EX"),
        (b"Psystem\n", "PERSID"),
        (b"2", "DUP"),
        (b"0", "POP"),
        (b"Vtext\n", "UNICODE"),
        (b"S'text'\n", "STRING"),
        (b"I1\n", "INT"),
        (b"p0\n", "PUT"),
        (b"\x96" + b"\xff" * 8, "BYTEARRAY8"),
        (b"\x97", "NEXT_BUFFER"),
        (b"\x98", "READONLY_BUFFER"),
        (b"\xff", "none"),
    ],
)
def test_other_opcodes_are_refused(opcode, what):
    refused_in_both(b"}" + opcode, 5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"(",
        b"NN",
        b"(N",
        b"t",
        b"u",
        b"e",
        b"a",
        b"s",
        b"R",
        b"b",
        b"Q",
        b"\x93",
        b"\x94",
        b"\x85",
        b"\x87",
        b"q\x00",
        b"h\x00",
        b"j\x00\x00\x00\x00",
        b"}(Nu",
        b"}(K\x01K\x02K\x03u",
        b"}(}Nu",
        b"})K\x01s",
        b"}K\x01(s",
        b"Na",
        b"N(Ne",
        b"N(K\x01K\x01u",
        b"]K\x01K\x02s",
        b"N(N\x90",
        b"\x8f(]\x90",
        b"}\x8a\x09" + b"\xff" * 8 + b"\x7fNs",
        b"X\x01\x00\x00\x00\xff",
        b"c\xff\n\xff\n",
        b"cos" + b"x" * 1000 + b"\nsystem\n",
        b"N" + short("system") + b"\x93",
        short("posix") + b"N\x93",
        ORDERED + short("x") + b"\x93",
    ],
)
def test_malformed_programs(body):
    refused_in_both(body, 4)


@pytest.mark.parametrize(
    "length",
    [
        b"X" + b"\xff" * 4,
        b"B" + b"\xff" * 4,
        b"T" + b"\xff" * 4,
        b"\x8b" + b"\xff" * 4,
        b"\x8d" + b"\xff" * 8,
        b"\x8e" + b"\xff" * 8,
        b"\x8d" + struct.pack("<Q", 1 << 40),
        b"\x8e" + struct.pack("<Q", (1 << 63) - 1),
        b"\x95" + b"\xff" * 8,
    ],
)
def test_huge_declared_lengths(length):
    refused_in_both(length, 4)


# --- bombs


def test_a_huge_memo_index_costs_nothing():
    body = b"}" + b"".join(b"r" + struct.pack("<I", (1 << 32) - 1 - index) for index in range(1000))
    for message in refused_in_both(body + b"j\x00\x00\x00\x00"):
        assert "recalls object 0" in message


@pytest.mark.parametrize(
    "body",
    [
        b"]" * 60_000,
        b"(" * 60_000,
        b"]" * 60_000 + b"a" * 59_999,
        b"N" + b"\x85" * 60_000,
        b"N" + b"\x85" * 60_000 + b"N\x86",
        b"}" + b"N" + b"\x85" * 60_000 + b"Ns",
        b"\x8f(N" + b"\x85" * 60_000 + b"\x90",
        ORDERED + b"]N" + b"\x85" * 60_000 + b"a\x85R",
        b"}q\x00" + b"X\x01\x00\x00\x00k}s" * 100,
        b"}N" + b"\x85" * 60_000 + b"b",
        items(text("storage"), b"N" + b"\x85" * 60_000) + b"Q",
    ],
    ids=lambda body: repr(body[:8]),
)
def test_deep_nesting(body):
    refused_in_both(body, 4)


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"]" * 1_000_000, b"(" * 1_000_000, b"N" + b"\x85" * 1_000_000 + b"N\x86"])
def test_nesting_a_million_deep(body):
    refused(zip_file(program(body)), mebibytes=200)


def test_wrappers_without_end():
    """A dictionary that is its own state_dict."""
    for message in refused_in_both(b"}q\x00" + text("state_dict") + b"h\x00s"):
        assert "wrapped more than" in message


def test_a_list_within_itself():
    refused_in_both(b"]q\x00h\x00a")


@pytest.mark.slow
def test_doubling_lists_stay_small():
    """x = [y, y], y = [z, z], ...: two to the power of 20 000 when spelt out."""
    body = b"]q\x00" + b"".join(b"](h\x00h\x00eq\x00" for _ in range(20_000))
    refused_in_both(b"](" + body + b"e")


@pytest.mark.slow
def test_copying_a_long_list_again_and_again():
    """Each call is a few bytes; each would copy 100 000 entries."""
    pairs = b"](" + b"".join(items(integer(index), b"N") for index in range(20_000)) + b"eq\x00"
    calls = (ORDERED + b"q\x01" + b"h\x00\x85R") + b"h\x01h\x00\x85R" * 100_000
    for message in refused_in_both(b"(" + pairs + calls + b"t", mebibytes=100):
        assert "operations" in message
    sizes = b"(" + b"K\x01" * 50_000 + b"tq\x00"
    many = name("torch", "Size") + b"q\x01" + b"h\x00\x85R" + b"h\x01h\x00\x85R" * 100_000
    for message in refused_in_both(b"(" + sizes + many + b"t", mebibytes=100):
        assert "operations" in message


@pytest.mark.slow
def test_too_many_operations():
    for message in refused_in_both(b"N\x85" + b"h\x00" * 10 + b"q\x00" * OPCODES, mebibytes=100):
        assert "recalls" in message
    for message in refused_in_both(b"Nq\x00" + b"q\x00" * OPCODES, mebibytes=100):
        assert "operations" in message


def test_a_pickle_that_is_too_large():
    message = refused(zip_file(program(b"X" + struct.pack("<I", 33 << 20) + bytes(33 << 20))))
    assert "data.pkl has" in message
    message = refused(legacy_file(program(b"X" + struct.pack("<I", 33 << 20) + bytes(33 << 20))))
    assert "larger than" in message


def test_a_string_that_is_too_large():
    for message in refused_in_both(b"X" + struct.pack("<I", 2 << 20) + bytes(2 << 20)):
        assert "string" in message


# --- storages and tensors that lie


FLOAT = name("torch", "FloatStorage")


@pytest.mark.parametrize(
    "identifier",
    [
        b"N",
        text("0"),
        integer(0),
        b")",
        b"}",
        items(text("storage")),
        items(text("module"), FLOAT, text("0"), text("cpu"), integer(8)),
        items(text("storage"), b"N", text("0"), text("cpu"), integer(8)),
        items(text("storage"), name("torch", "float32"), text("0"), text("cpu"), integer(8)),
        items(text("storage"), ORDERED, text("0"), text("cpu"), integer(8)),
        items(text("storage"), FLOAT, integer(0), text("cpu"), integer(8)),
        items(text("storage"), FLOAT, text("0"), b"N", integer(8)),
        items(text("storage"), FLOAT, text("0"), text("cpu"), text("8")),
        items(text("storage"), FLOAT, text("0"), text("cpu"), integer(-8)),
        items(text("storage"), FLOAT, text("0"), text("cpu"), integer(1 << 900)),
        items(text("storage"), FLOAT, text("0"), text("cpu"), integer(8), integer(1)),
        items(
            text("storage"),
            FLOAT,
            text("0"),
            text("cpu"),
            integer(8),
            items(text("v"), integer(-1), integer(1)),
        ),
        items(
            text("storage"),
            FLOAT,
            text("0"),
            text("cpu"),
            integer(8),
            items(text("v"), integer(7), integer(2)),
        ),
        items(
            text("storage"),
            FLOAT,
            text("0"),
            text("cpu"),
            integer(8),
            items(text("v"), integer(0), integer(-1)),
        ),
    ],
)
def test_persistent_ids_of_the_wrong_kind(identifier):
    for message in refused_in_both(identifier + b"Q"):
        assert "storage" in message


FAR = 1 << 62


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((9,), (1,), 0),
        ((8,), (1,), 1),
        ((1,), (1,), 8),
        ((), (), 8),
        ((2, 4), (5, 1), 0),
        ((8,), (2,), 0),
        ((8,), (1,), -1),
        ((8,), (-1,), 7),
        ((-8,), (1,), 0),
        ((2,), (FAR,), 0),
        ((3,), (1 << 63,), 0),
        ((2, 2), (FAR, FAR), 0),
        ((1,), (1,), FAR),
        ((1,), (1,), 1 << 64),
        ((FAR,), (0,), 0),
        ((1 << 32, 1 << 32), (0, 0), 0),
        ((0, FAR, FAR), (0, 0, 0), 0),
        ((8,), (), 0),
        ((), (1,), 0),
        ((1,) * 33, (1,) * 33, 0),
        ((1,) * 5000, (1,) * 5000, 0),
    ],
)
def test_tensors_outside_their_storage(shape, strides, offset):
    for message in refused_in_both(dictionary({"weight": tensor(storage("0", 8), shape, strides, offset)})):
        assert "tensor" in message


def test_sizes_that_are_no_integers():
    for bad in (text("8"), b"N", b"\x88", b"G" + struct.pack(">d", 8.0), TENSOR):
        arguments = [storage("0", 8), integer(0), items(bad), items(integer(1)), b"N", b"N"]
        refused_in_both(dictionary({"w": call(name("torch._utils", "_rebuild_tensor_v2"), *arguments)}))


def test_a_tensor_outside_its_part_of_a_storage():
    part = storage("0", 8, view=items(text("v"), integer(2), integer(3)))
    for message in refused_in_both(dictionary({"w": tensor(part, (4,), (1,))})):
        assert "outside" in message


def test_storages_that_are_missing_or_of_another_size():
    one = program(dictionary({"w": tensor(storage("0", 8), (8,), (1,))}))
    assert "not in the file" in refused(zip_file(one, {"1": floats(8)}))
    assert "not in the file" in refused(legacy_file(one))
    assert "no tensor has" in refused(legacy_file(one, {"1": (8, floats(8))}))
    assert "twice" in refused(legacy_file(one, {"0": (8, floats(8))}, keys=["0", "0"]))
    for count in (7, 9):
        assert "are declared" in refused(zip_file(one, {"0": floats(count)}))
    for count in (7, 9, -8, (1 << 63) - 1):
        assert "are declared" in refused(legacy_file(one, {"0": (count, floats(8))}))
    assert "Is the file cut off?" in refused(legacy_file(one, {"0": (8, floats(7))}))


def test_a_storage_that_grows_on_second_sight():
    two = {"a": tensor(storage("0", 8), (8,), (1,)), "b": tensor(storage("0", 80), (80,), (1,))}
    for message in refused_in_both(dictionary(two)):
        assert "are declared" in message
    wider = {
        "a": tensor(storage("0", 8), (8,), (1,)),
        "b": tensor(storage("0", 8, kind="DoubleStorage"), (8,), (1,)),
    }
    for message in refused_in_both(dictionary(wider)):
        assert "are declared" in message


def test_unknown_types_are_named():
    for kind in ("ComplexFloatStorage", "QInt8Storage", "float8_e4m3fn"):
        for message in refused_in_both(name("torch", kind)):
            assert f"torch.{kind} is not data" in message


# --- names and messages


def test_names_do_not_reach_the_terminal():
    for message in refused_in_both(stack_name("posix\x1b[2J", "system\r\x00"), 4):
        assert "posix\\x1b[2J.system\\r\\x00" in message


def test_names_of_tensors_do_not_reach_the_terminal():
    for message in refused_in_both(dictionary({"\x1b[2J\n" * 50: tensor(storage("0", 8), (9,), (1,))})):
        assert "\\x1b" in message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"N", "state_dict"),
        (integer(3), "state_dict"),
        (b"]", "state_dict"),
        (TENSOR, "state_dict"),
        (b"}", "no tensor"),
        (dictionary({"epoch": integer(3), "net": b"}"}), "'epoch', 'net'"),
        (dictionary({"state_dict": b"}"}), "no tensor"),
        (b"}K\x01" + TENSOR + b"s", "name is 1"),
    ],
)
def test_what_holds_no_state_dict(body, reason):
    for message in refused_in_both(body):
        assert reason in message


def test_a_whole_model_says_how_to_mend_it(tmp_path):
    message = refused((FIXTURES / "module.pth").read_bytes())
    assert "torch.nn.modules.container.Sequential" in message
    assert "model.state_dict()" in message


@pytest.mark.oracle
def test_a_whole_model_in_the_legacy_format(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(
        torch.nn.Sequential(torch.nn.Linear(1, 1)), tmp_path / "a", _use_new_zipfile_serialization=False
    )
    assert "model.state_dict()" in refused((tmp_path / "a").read_bytes())
