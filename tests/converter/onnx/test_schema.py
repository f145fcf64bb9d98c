"""The table of messages is that of the installed package ``onnx``."""

import onnx
from google.protobuf.descriptor import FieldDescriptor

from nets.fields import is_repeated
from omz.converter.onnx.schema import FIELDS, Field

IR_VERSION = 14
_TYPES = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}


def ours(field) -> Field:
    kind, values = _TYPES[field.type], 0
    if field.message_type:
        kind = field.message_type.full_name.removeprefix("onnx.")
    if field.enum_type:
        values = len(field.enum_type.values)
        assert sorted(value.number for value in field.enum_type.values) == list(range(values))
    group = field.containing_oneof.name if field.containing_oneof else ""
    return Field(field.number, field.name, kind, is_repeated(field), values, group)


def theirs() -> dict[str, dict[int, Field]]:
    found, pending = {}, [onnx.ModelProto.DESCRIPTOR]
    while pending:
        message = pending.pop()
        name = message.full_name.removeprefix("onnx.")
        if name not in found:
            found[name] = {field.number: ours(field) for field in message.fields}
            pending += [field.message_type for field in message.fields if field.message_type]
    return found


def test_messages_are_those_of_onnx():
    published = theirs()
    if onnx.IR_VERSION == IR_VERSION:
        assert published == FIELDS
    for name, fields in published.items():
        for number, field in fields.items():
            if onnx.IR_VERSION <= IR_VERSION or number in FIELDS.get(name, {}):
                assert FIELDS[name][number] == field, (name, field.name)
