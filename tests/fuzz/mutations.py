"""Changes that leave a file nearly what it was: plain flips of bytes rarely get past a parser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

import yaml
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from nets.fields import is_repeated

INTEGERS = [
    0,
    1,
    -1,
    2,
    3,
    4,
    5,
    7,
    8,
    31,
    33,
    127,
    128,
    255,
    256,
    65535,
    65536,
    1 << 20,
    1 << 24,
    (1 << 31) - 1,
]
INTEGERS += [
    -(1 << 31),
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 40,
    (1 << 62) - 1,
    (1 << 63) - 1,
    -(1 << 63),
    -2,
    -3,
]
FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    3.0,
    1e-45,
    1e-30,
    1e30,
    3.4e38,
    -3.4e38,
    float("inf"),
    float("-inf"),
]
FLOATS += [float("nan"), 1e-5, 1e5, 255.0]
STRINGS = [
    "",
    "a",
    "data",
    "data:1",
    "a/b",
    "x" * 300,
    "\u00e9\u4e2d",
    "\x00",
    "\x1b",
    "\ufeff",
    "a\nb",
    "'",
    '"',
    "%s",
]

_BOUNDS = {
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, (1 << 64) - 1),
}
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[-+.\w]+|[^\w\s]|\s+')


def mutated_message(message: Message, rng: Random, others: Sequence[Message] = ()) -> None:
    """Change a message in one to four places: values, repetitions, or a part of another message of its type."""
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
        if others and rng.random() < 0.2:
            _splice(message, rng.choice(others), rng)
        else:
            _change(_any_part(message, rng), rng, _strings(message))


def mutated_text(data: bytes, rng: Random) -> bytes:
    """Change tokens of a text: numbers, words, order, repetition."""
    tokens = _TOKEN.findall(data.decode("utf-8", errors="replace"))
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        if not tokens:
            break
        at, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        action = rng.randrange(7)
        if action == 0:
            del tokens[at : at + rng.choice([1, 1, 2, 5])]
        elif action == 1:
            tokens[at:at] = tokens[other : other + rng.choice([1, 2, 8, 40])]
        elif action == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif action == 3:
            tokens.insert(
                at, rng.choice(["{", "}", ":", "[", "]", "<", ">", "#", '"', "'", ",", ";", "\n", "-"])
            )
        elif action == 4:
            tokens[at : at + 1] = tokens[at : at + 1] * rng.choice([2, 10, 300])
        else:
            places = [n for n, token in enumerate(tokens) if re.fullmatch(r"[-+]?[\d.]+\w*", token)]
            tokens[rng.choice(places or [at])] = str(rng.choice([*INTEGERS, *FLOATS]))
    return "".join(tokens).encode("utf-8", errors="replace")


def mutated_wire(data: bytes, rng: Random) -> bytes:
    """Cut, repeat, swap or overwrite pieces of binary data."""
    content = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if not content:
            break
        at = rng.randrange(len(content))
        action = rng.randrange(4)
        if action == 0:
            del content[at : at + rng.choice([1, 2, 4, 64])]
        elif action == 1:
            content[at:at] = content[at : at + rng.choice([1, 8, 100])] * rng.choice([1, 1, 5])
        elif action == 2:
            content[at] = rng.choice([0, 1, 2, 7, 0x2A, 0x2D, 0x3A, 0x7F, 0x80, 0xFF, content[at] ^ 8])
        else:
            content[at : at + 10] = b"\xff" * 9 + bytes([rng.choice([0, 1, 0x7F])])
    return bytes(content)


def mutated_tree(tree: Any, rng: Random) -> Any:
    """Change one value, key or list of what a YAML file holds."""
    places = list(_places(tree))
    if not places:
        return rng.choice([tree, [], {}, None, "x"])
    container, key = rng.choice(places)
    value = container[key]
    action = rng.randrange(6)
    if action == 0:
        del container[key]
    elif action == 1:
        other, at = rng.choice(places)
        container[key] = yaml.safe_load(yaml.safe_dump(other[at]))  # a copy: YAML would write an alias
    elif action == 2 and isinstance(container, dict):
        container[rng.choice([str(k) for _, k in places] + STRINGS)] = container.pop(key)
    elif action == 3 and isinstance(value, list) and value:
        container[key] = value * rng.choice([2, 3, 50])
    elif action == 4 and isinstance(value, str) and value:
        at = rng.randrange(len(value))
        container[key] = (
            value[:at] + rng.choice([*STRINGS, *"$[](),=-{}.*/\\:~", value]) + value[at + rng.randrange(2) :]
        )
    else:
        container[key] = rng.choice([*INTEGERS, *FLOATS, *STRINGS, None, True, [], {}, [value], {"a": value}])
    return tree


def parsed_text(data: bytes, kind: type[Message]) -> Message | None:
    """Return the message of a text, or None if it is none."""
    message = kind()
    try:
        text_format.Parse(data.decode(), message, allow_unknown_field=True)
    except (text_format.ParseError, ValueError, RecursionError):
        return None
    return message


def parsed_wire(data: bytes, kind: type[Message]) -> Message | None:
    """Return the message of binary data, or None if it is none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        return None


def _places(tree: Any) -> Any:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield tree, key
        yield from _places(value)


def _any_part(message: Message, rng: Random) -> Message:
    """Return the message or one of those in it; deeper ones are rare where the choice is narrow."""
    while True:
        inner = [
            part
            for field, value in message.ListFields()
            if field.cpp_type == field.CPPTYPE_MESSAGE
            for part in (value if is_repeated(field) else [value])
        ]
        if not inner or rng.random() < 0.15:
            return message
        message = rng.choice(inner)


def _strings(message: Message) -> list[str]:
    """Return names in use: of blobs, layers and types; of tensors and operators in ONNX."""
    if graph := getattr(message, "graph", None):
        return [name for node in graph.node for name in (node.op_type, *node.input, *node.output)]
    layers = getattr(message, "layer", [])
    return [name for layer in layers for name in (layer.name, layer.type, *layer.bottom, *layer.top)]


def _change(message: Message, rng: Random, names: Sequence[str]) -> None:
    present = [field for field, _ in message.ListFields()]
    fields = present if present and rng.random() < 0.7 else message.DESCRIPTOR.fields
    if not fields:
        return
    field = rng.choice(list(fields))
    if is_repeated(field):
        _change_list(field, getattr(message, field.name), rng, names)
    elif rng.random() < 0.15:
        message.ClearField(field.name)
    elif field.cpp_type == field.CPPTYPE_MESSAGE:
        getattr(message, field.name).SetInParent()
        _change(getattr(message, field.name), rng, names)
    else:
        setattr(message, field.name, _value(field, rng, names))


def _change_list(field: FieldDescriptor, values: Any, rng: Random, names: Sequence[str]) -> None:
    count = len(values)
    at, other = (rng.randrange(count), rng.randrange(count)) if count else (0, 0)
    action = rng.randrange(5)
    if action == 0 and count:
        del values[at]
    elif action == 1 and count and field.cpp_type != field.CPPTYPE_MESSAGE:
        values[at] = _value(field, rng, names)
    elif action == 2 and count:
        one, two = list(values)[at], list(values)[other]
        kept = [two if n == at else one if n == other else value for n, value in enumerate(values)]
        copies = [type(v).FromString(v.SerializeToString()) if isinstance(v, Message) else v for v in kept]
        del values[:]
        values.extend(copies)
    elif action == 3 and count:
        values.extend([values[at]] * rng.choice([1, 1, 2, 40]))
    elif field.cpp_type == field.CPPTYPE_MESSAGE:
        _change(values.add(), rng, names)
    else:
        values.append(_value(field, rng, names))


def _value(field: FieldDescriptor, rng: Random, names: Sequence[str]) -> Any:
    if field.cpp_type == field.CPPTYPE_STRING:
        if field.type == field.TYPE_BYTES:
            return bytes(rng.choice([0, 1, 3, 4, 8, 16, 400]))
        return rng.choice([*names, *STRINGS] if rng.random() < 0.5 or not names else names)
    if field.cpp_type == field.CPPTYPE_ENUM:
        return rng.choice(field.enum_type.values).number
    if field.cpp_type == field.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if field.cpp_type in _BOUNDS:
        least, most = _BOUNDS[field.cpp_type]
        wanted = rng.choice(INTEGERS if rng.random() < 0.5 else INTEGERS[:9])
        return min(max(wanted, least), most)
    return rng.choice(FLOATS)


def _splice(message: Message, other: Message, rng: Random) -> None:
    """Insert a part of another net: a layer that reads what is there."""
    layers, donors = getattr(message, "layer", None), getattr(other, "layer", None)
    if not layers or not donors:
        message.MergeFrom(other)
        return
    layer = layers.add()
    layer.CopyFrom(rng.choice(list(donors)))
    blobs = [top for earlier in list(layers)[:-1] for top in earlier.top] or ["data"]
    for place in range(len(layer.bottom)):
        layer.bottom[place] = rng.choice(blobs)


def mutated_yaml(data: bytes, rng: Random) -> bytes:
    """Change what a YAML file holds, or its text."""
    if rng.random() < 0.3:
        return mutated_text(data, rng)
    try:
        tree = yaml.safe_load(data)
        for _ in range(rng.choice([1, 1, 2, 3])):
            tree = mutated_tree(tree, rng)
        return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode("utf-8", errors="replace")
    except (yaml.YAMLError, ValueError, RecursionError):  # deep trees and those that hold themselves, too
        return mutated_text(data, rng)


def mutated_lines(lines: list[str], rng: Random, letters: str, copies: Sequence[int] = (1,)) -> list[str]:
    """Swap, drop or repeat lines, or put a token into one.

    Args:
        lines: Of the file; at least one.
        rng: Chooses.
        letters: Beside :data:`STRINGS`, what may be put in.
        copies: How often what is repeated is there, one of these.
    """
    lines = list(lines)
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    action = rng.randrange(4)
    if action == 0:
        lines[at], lines[other] = lines[other], lines[at]
    elif action == 1:
        del lines[at]
    elif action == 2:
        lines[at:at] = lines[other : other + rng.choice([1, 3, 50])] * rng.choice(copies)
    else:
        place = rng.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:place] + rng.choice([*STRINGS, *letters]) + lines[at][place:]
    return lines
