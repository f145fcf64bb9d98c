"""What the names in a PyTorch file mean: tensors, their storages, sizes and types. Nothing else has a meaning.

Tensors are described, not made: only those of the state_dict become arrays, once the storages are found in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omz.converter.pytorch.pickle_data import Function, Names
from omz.converter.pytorch.tensors import (
    ELEMENT_TYPES,
    MAX_ELEMENTS,
    Array,
    ElementType,
    Extent,
    MappedTensors,
)
from omz.errors import ParseError


@dataclass(frozen=True, slots=True)
class StorageType:
    """A class of storages, such as ``torch.FloatStorage``; an untyped one counts bytes."""

    element: ElementType


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """A run of elements in the file, as a persistent id describes it.

    Attributes:
        key: Of the whole storage in the file.
        element: What ``count``, ``first`` and ``length`` count.
        count: Elements of the whole storage.
        first: Where the part that is meant begins; files of PyTorch < 0.4 have storages that are parts of others.
        length: Elements of that part.
    """

    key: str
    element: ElementType
    count: int
    first: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor: its storage, and which elements of it in which order. Not checked before it is made an array."""

    element: ElementType
    storage: Storage
    offset: int
    shape: Sequence[object]
    strides: Sequence[object]

    def as_array(self, extents: dict[str, Extent], mapped: MappedTensors) -> Array:
        """Return the tensor as an array on the file.

        Args:
            extents: Where each storage is in the file, by key.
            mapped: The file.

        Raises:
            ParseError: Its storage is missing or of another size, or the tensor reaches outside of it.
        """
        storage, element = self.storage, self.element
        extent = extents.get(storage.key)
        if extent is None:
            raise ParseError(f"its storage {_short(storage.key)} is not in the file")
        declared = storage.count * storage.element.size_bytes
        if not declared <= extent.size < declared + storage.element.size_bytes:
            raise ParseError(
                f"its storage {_short(storage.key)} has {extent.size} bytes in the file, {declared} are declared"
            )
        start, size = (number * storage.element.size_bytes for number in (storage.first, storage.length))
        if start % element.size_bytes:
            raise ParseError(f"its storage {_short(storage.key)} starts within an element of {element.name}")
        first = start // element.size_bytes
        return mapped.view(
            element,
            extent,
            first=first + self.offset,
            stop=first + size // element.size_bytes,
            shape=self.shape,
            strides=self.strides,
        )


class StorageTable:
    """Reads persistent ids, and remembers each storage as it was first described."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}

    def load(self, identifier: object) -> Storage:
        """Return the storage of ``('storage', type, key, location, count[, view])``; the location is of no interest.

        ``view`` is None or (key, first, length), a part of the storage.

        Raises:
            ParseError: It is anything else.
        """
        match identifier:
            case ("storage", StorageType(element), str(key), str(), int(count)):
                storage = Storage(key, element, count, 0, count)
            case ("storage", StorageType(element), str(key), str(), int(count), None):
                storage = Storage(key, element, count, 0, count)
            case (
                "storage",
                StorageType(element),
                str(key),
                str(),
                int(count),
                (str(), int(first), int(length)),
            ):
                storage = Storage(key, element, count, first, length)
            case _:
                raise ParseError("a persistent id is not that of a storage")
        if not (
            0 <= storage.count <= MAX_ELEMENTS
            and 0 <= storage.first <= storage.first + storage.length <= count
        ):
            raise ParseError(
                f"storage {_short(key)} can't have {_short(count)} elements, or the part of it that is named"
            )
        self.storages.setdefault(key, storage)
        return storage


def _short(value: object) -> str:
    return ascii(value if isinstance(value, str) else hex(value) if isinstance(value, int) else "?")[:60]


def _ordered_dict(arguments: tuple[object, ...]) -> dict[str | int, object]:
    """OrderedDict(), or with a list of pairs as Python 2 wrote it."""
    match arguments:
        case ():
            return {}
        case (list(pairs),):
            items: dict[str | int, object] = {}
            for pair in pairs:
                match pair:
                    case [str() | int() as key, value] if isinstance(key, str) or -(2**63) <= key < 2**64:
                        items[key] = value
                    case _:
                        raise ParseError("OrderedDict is given what is no list of pairs")
            return items
        case _:
            raise ParseError("OrderedDict is given what is no list of pairs")


def _tensor(arguments: tuple[object, ...]) -> Tensor:
    """_rebuild_tensor(storage, offset, size, stride)."""
    match arguments:
        case (Storage() as storage, int(offset), tuple() | list() as shape, tuple() | list() as strides):
            return _made(storage.element, storage, offset, shape, strides)
        case _:
            raise ParseError("a tensor is described by what is no storage, offset, size and stride")


def _tensor_v2(arguments: tuple[object, ...]) -> Tensor:
    """_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks[, metadata])."""
    if not 6 <= len(arguments) <= 7:
        raise ParseError(f"a tensor is described by {len(arguments)} arguments")
    return _tensor(arguments[:4])


def _tensor_v3(arguments: tuple[object, ...]) -> Tensor:
    """_rebuild_tensor_v3(untyped storage, offset, size, stride, requires_grad, backward_hooks, dtype[, metadata])."""
    if not 7 <= len(arguments) <= 8 or not isinstance(arguments[6], ElementType):
        raise ParseError("a tensor is described by what is no storage, offset, size, stride and dtype")
    tensor = _tensor(arguments[:4])
    return Tensor(arguments[6], tensor.storage, tensor.offset, tensor.shape, tensor.strides)


def _made(
    element: ElementType, storage: Storage, offset: int, shape: Sequence[object], strides: Sequence[object]
) -> Tensor:
    if not 0 <= offset <= MAX_ELEMENTS:
        raise ParseError(f"a tensor's offset is {_short(offset)}")
    return Tensor(element, storage, offset, shape, strides)


def _parameter(most: int) -> Callable[[tuple[object, ...]], Tensor]:
    """Parameter(data[, requires_grad]) and its like, of at most ``most`` arguments: the data is what counts."""

    def call(arguments: tuple[object, ...]) -> Tensor:
        if not 1 <= len(arguments) <= most or not isinstance(arguments[0], Tensor):
            raise ParseError("a Parameter is made of what is no tensor")
        return arguments[0]

    return call


def _size(arguments: tuple[object, ...]) -> Sequence[object]:
    match arguments:
        case (tuple() | list() as sizes,):
            return tuple(sizes)
        case _:
            raise ParseError("torch.Size is given what is no tuple")


def _device(arguments: tuple[object, ...]) -> str:
    """A device beside the weights, such as an optimizer's: its type is all that is kept."""
    match arguments:
        case (str(kind),) | (str(kind), int()):
            return kind
        case _:
            raise ParseError("torch.device is given what is no device")


_FUNCTIONS: dict[tuple[str, str], Callable[[tuple[object, ...]], object]] = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor_v2,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_v3,
    ("torch._utils", "_rebuild_parameter"): _parameter(3),
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter(4),
    ("torch.nn.parameter", "Parameter"): _parameter(2),
    ("torch", "Size"): _size,
    ("torch", "device"): _device,
}
_STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
}
_UNTYPED = StorageType(ELEMENT_TYPES["uint8"])

#: All that a PyTorch file may name.
NAMES: Names = {
    **{name: Function(".".join(name), call) for name, call in _FUNCTIONS.items()},
    **{("torch", f"{kind}Storage"): StorageType(ELEMENT_TYPES[name]) for kind, name in _STORAGES.items()},
    **{("torch", name): element for name, element in ELEMENT_TYPES.items()},
    ("torch", "UntypedStorage"): _UNTYPED,
    ("torch.storage", "UntypedStorage"): _UNTYPED,
}
