"""Read a pickle as data: an interpreter of the opcodes that PyTorch's files are made of, and of no others.

A pickle is a program; Python's own reader imports and calls whatever it names. This one knows no import and has no
way to call anything but the functions of the table that it is given. A name outside the table is an error.

It never recurses, and its work and memory are linear in what it reads:

- an opcode pushes at most one object; there are at most ``MAX_OPCODES`` of them;
- a call costs as many opcodes as its arguments have items, so that a list can't be copied a million times for free;
- the memo is a dictionary: a huge index is an entry like any other;
- a declared length is compared with the bytes that are there before anything is read;
- keys are strings and 64-bit integers: hashing a nested tuple would recurse, and equal hashes could be forged.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from omz.errors import ParseError

MAX_OPCODES = 1_000_000  # a ResNet-152 with its optimizer's state has some 100 000
MAX_PICKLE_BYTES = 32 << 20
MAX_STRING_BYTES = 1 << 20
MAX_STACK = 1 << 17  # a pickle writes lists and dictionaries 1000 items at a time
MAX_NAME_BYTES = 256
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Function:
    """A name that may be called.

    Attributes:
        name: For messages, such as ``torch.Size``.
        call: Takes the arguments as one tuple, checks them, and returns data. Raises ParseError.
    """

    name: str
    call: Callable[[tuple[object, ...]], object]


#: (module, name) -> a Function, or what the name stands for.
Names = Mapping[tuple[str, str], object]


def read_pickle(
    data: bytes | mmap.mmap,
    start: int,
    *,
    names: Names,
    load_persistent: Callable[[object], object] | None = None,
) -> tuple[object, int]:
    """Read one pickle.

    Args:
        data: Holds the pickle, and perhaps more behind it.
        start: Where it begins, in bytes.
        names: All that it may name.
        load_persistent: Turns a persistent id into what it stands for; without it there may be none.

    Returns:
        The object, of plain Python types and what ``names`` and ``load_persistent`` give; an OrderedDict is a dict.
        And the position of the first byte behind the pickle.

    Raises:
        ParseError: It is damaged, too large, or asks for anything that is not data; names the byte.
    """
    machine = _Machine(data, start, names, load_persistent)
    try:
        return machine.run(), machine.at
    except ParseError as error:
        error.args = (f"pickle at byte {machine.opcode_at}: {error}",)
        raise


class _Machine:
    """Pickle's stack machine: a stack, the positions of marks in it, and a memo."""

    def __init__(
        self,
        data: bytes | mmap.mmap,
        start: int,
        names: Names,
        load_persistent: Callable[[object], object] | None,
    ) -> None:
        self.data = data
        self.at = self.opcode_at = start
        self.end = min(len(data), start + MAX_PICKLE_BYTES)
        self.names = names
        self.load_persistent = load_persistent
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.floor = 0  # the innermost mark: what lies below belongs to others
        self.memo: dict[int, object] = {}
        self.left = MAX_OPCODES

    def run(self) -> object:
        if self.take(1) != b"\x80":
            raise ParseError("is not a pickle")
        if (protocol := self.number(1)) not in (2, 3, 4, 5):
            raise ParseError(f"is of protocol {protocol}; PyTorch writes 2 to 5")
        while True:
            if self.at >= self.end:
                raise self.cut_off()
            self.opcode_at = self.at
            opcode = self.data[self.at]
            self.at += 1
            if opcode == _STOP:
                if self.marks or len(self.stack) != 1:
                    raise ParseError("stops with unfinished objects")
                return self.stack[0]
            handler = _HANDLERS.get(opcode)
            if handler is None:
                raise ParseError(f"opcode 0x{opcode:02x} is none that PyTorch writes; refused")
            self.spend(1)
            handler(self)
            if len(self.stack) > MAX_STACK:
                raise ParseError(f"is nested too deeply: more than {MAX_STACK} unfinished objects")

    def spend(self, opcodes: int) -> None:
        self.left -= opcodes
        if self.left < 0:
            raise ParseError(f"has more than {MAX_OPCODES} operations; no checkpoint of weights does")

    def cut_off(self) -> ParseError:
        if self.end < len(self.data):
            return ParseError(f"is larger than {MAX_PICKLE_BYTES} bytes; no checkpoint of weights is")
        return ParseError("ends in the middle. Is the file cut off? Download it again.")

    # --- bytes of the pickle

    def take(self, size: int) -> bytes:
        stop = self.at + size
        if stop > self.end:
            raise self.cut_off()
        taken = self.data[self.at : stop]
        self.at = stop
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def string(self, size_of_length: int) -> bytes:
        length = self.number(size_of_length)
        if length > self.end - self.at:
            raise self.cut_off()
        if length > MAX_STRING_BYTES:
            raise ParseError(f"a string of {length} bytes; at most {MAX_STRING_BYTES} are read")
        return self.take(length)

    def text(self, size_of_length: int) -> str:
        return _decoded(self.string(size_of_length))

    def line(self) -> str:
        stop = self.data.find(b"\n", self.at, min(self.end, self.at + MAX_NAME_BYTES))
        if stop < 0:
            raise ParseError("a name has no end")
        name = _decoded(self.data[self.at : stop])
        self.at = stop + 1
        return name

    # --- the stack

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> object:
        if len(self.stack) <= self.floor:
            raise ParseError("takes an object from an empty stack")
        return self.stack.pop()

    def top(self) -> object:
        if len(self.stack) <= self.floor:
            raise ParseError("takes an object from an empty stack")
        return self.stack[-1]

    def mark(self) -> None:
        self.floor = len(self.stack)
        self.marks.append(self.floor)

    def pop_to_mark(self) -> list[object]:
        if not self.marks:
            raise ParseError("closes a list that it never opened")
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        self.floor = self.marks[-1] if self.marks else 0
        return items

    def tuple_of(self, size: int) -> None:
        if len(self.stack) - size < self.floor:
            raise ParseError("takes an object from an empty stack")
        self.stack[-size:] = [tuple(self.stack[-size:])]

    # --- containers

    def append(self, items: list[object]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise ParseError(f"appends to what is no list but {_kind(target)}")
        target.extend(items)

    def add(self, items: list[object]) -> None:
        target = self.top()
        if not isinstance(target, set):
            raise ParseError(f"adds to what is no set but {_kind(target)}")
        target.update(_key(item) for item in items)

    def set_items(self, items: list[object]) -> None:
        target = self.top()
        if not isinstance(target, dict):
            raise ParseError(f"sets items of what is no dictionary but {_kind(target)}")
        if len(items) % 2:
            raise ParseError("a dictionary's key has no value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    # --- memo

    def put(self, index: int) -> None:
        self.memo[index] = self.top()

    def get(self, index: int) -> None:
        value = self.memo.get(index, _MISSING)
        if value is _MISSING:
            raise ParseError(f"recalls object {index}, which it never stored")
        self.push(value)

    # --- what makes a pickle a program

    def find_name(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ParseError("a name is not text; refused")
        value = self.names.get((module, name), _MISSING)
        if value is _MISSING:
            raise ParseError(_refusal(module, name))
        self.push(value)

    def stack_name(self) -> None:
        name, module = self.pop(), self.pop()
        self.find_name(module, name)

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Function):
            raise ParseError(f"calls what is no function but {_kind(function)}; refused")
        if not isinstance(arguments, tuple):
            raise ParseError(f"calls {function.name} without a tuple of arguments")
        self.spend(sum(len(each) for each in arguments if isinstance(each, list | tuple | dict)))
        self.push(function.call(arguments))

    def set_attributes(self) -> None:
        """BUILD: a state_dict has ``_metadata``, the versions of its modules. A dict of ours has no attributes."""
        state, target = self.pop(), self.top()
        if not isinstance(target, dict) or not isinstance(state, dict):
            raise ParseError(f"sets attributes of {_kind(target)}; refused")

    def persistent(self) -> None:
        identifier = self.pop()
        if self.load_persistent is None:
            raise ParseError("refers to a storage where none can be")
        self.push(self.load_persistent(identifier))


def _key(value: object) -> str | int:
    if isinstance(value, str) or (isinstance(value, int) and -(2**63) <= value < 2**64):
        return value
    raise ParseError(f"a key is {_kind(value)}; only text and 64-bit integers are read")


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ParseError("a string is not UTF-8") from error


def _kind(value: object) -> str:
    """Return what kind of thing a value is, never the value: it may be endless."""
    return value.name if isinstance(value, Function) else f"a {type(value).__name__}"


def _refusal(module: str, name: str) -> str:
    full_name = ascii(f"{module[:100]}.{name[:100]}")[1:-1]
    refused = f"{full_name} is not data; refused, nothing was run."
    if module.startswith(("torch.nn.modules", "torchvision.", "timm.", "__main__")):
        return f"{refused} The file holds a whole model: save model.state_dict() instead."
    return f"{refused} If you trust the file, load it with PyTorch and save its state_dict alone."


def _float(machine: _Machine) -> None:
    machine.push(struct.unpack(">d", machine.take(8))[0])


def _integer(size: int) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.number(size))


def _long(size_of_length: int) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(int.from_bytes(machine.string(size_of_length), "little", signed=True))


def _constant(value: object) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(value)


_STOP = ord(".")
#: Opcodes by their byte; names as in pickletools.
_HANDLERS: dict[int, Callable[[_Machine], object]] = {
    0x95: lambda machine: machine.take(8),  # FRAME: a hint for readers of streams
    # constants and numbers
    ord("N"): _constant(None),
    0x88: _constant(True),  # NEWTRUE
    0x89: _constant(False),  # NEWFALSE
    ord("K"): _integer(1),  # BININT1
    ord("M"): _integer(2),  # BININT2
    ord("J"): lambda machine: machine.push(int.from_bytes(machine.take(4), "little", signed=True)),  # BININT
    0x8A: _long(1),  # LONG1
    0x8B: _long(4),  # LONG4
    ord("G"): _float,  # BINFLOAT
    # strings; the first two are what Python 2 wrote
    ord("U"): lambda machine: machine.push(machine.text(1)),  # SHORT_BINSTRING
    ord("T"): lambda machine: machine.push(machine.text(4)),  # BINSTRING
    0x8C: lambda machine: machine.push(machine.text(1)),  # SHORT_BINUNICODE
    ord("X"): lambda machine: machine.push(machine.text(4)),  # BINUNICODE
    0x8D: lambda machine: machine.push(machine.text(8)),  # BINUNICODE8
    ord("C"): lambda machine: machine.push(machine.string(1)),  # SHORT_BINBYTES
    ord("B"): lambda machine: machine.push(machine.string(4)),  # BINBYTES
    0x8E: lambda machine: machine.push(machine.string(8)),  # BINBYTES8
    # containers
    ord("("): _Machine.mark,
    ord(")"): _constant(()),
    ord("t"): lambda machine: machine.push(tuple(machine.pop_to_mark())),  # TUPLE
    0x85: lambda machine: machine.tuple_of(1),
    0x86: lambda machine: machine.tuple_of(2),
    0x87: lambda machine: machine.tuple_of(3),
    ord("]"): lambda machine: machine.push([]),
    ord("a"): lambda machine: machine.append([machine.pop()]),
    ord("e"): lambda machine: machine.append(machine.pop_to_mark()),  # APPENDS
    ord("}"): lambda machine: machine.push({}),
    ord("s"): _Machine.set_item,
    ord("u"): lambda machine: machine.set_items(machine.pop_to_mark()),  # SETITEMS
    0x8F: lambda machine: machine.push(set()),  # EMPTY_SET
    0x90: lambda machine: machine.add(machine.pop_to_mark()),  # ADDITEMS
    # memo
    ord("q"): lambda machine: machine.put(machine.number(1)),  # BINPUT
    ord("r"): lambda machine: machine.put(machine.number(4)),  # LONG_BINPUT
    0x94: lambda machine: machine.put(len(machine.memo)),  # MEMOIZE
    ord("h"): lambda machine: machine.get(machine.number(1)),  # BINGET
    ord("j"): lambda machine: machine.get(machine.number(4)),  # LONG_BINGET
    # names, calls, attributes and storages
    ord("c"): lambda machine: machine.find_name(machine.line(), machine.line()),  # GLOBAL
    0x93: _Machine.stack_name,  # STACK_GLOBAL
    ord("R"): _Machine.call,  # REDUCE
    ord("b"): _Machine.set_attributes,  # BUILD
    ord("Q"): _Machine.persistent,  # BINPERSID
}
