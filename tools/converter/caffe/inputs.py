"""What a network is fed with: its inputs and their shapes, however the prototxt states them.

Layers that read a data base, image files or memory are dropped, and what they would put out becomes an input. Their
shape is taken where the file states it in full; it is empty where it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from omz.converter.caffe.caffe_pb2 import LayerParameter, NetParameter
from omz.errors import ParseError

Shape = tuple[int, ...]


def legacy_inputs(message: NetParameter) -> dict[str, Shape]:
    """Read ``input:`` with ``input_shape``, or four ``input_dim`` each.

    Raises:
        ParseError: The numbers of names and shapes differ, or a name comes twice.
    """
    names = list(message.input)
    if len(set(names)) < len(names):
        raise ParseError(f"the input {Counter(names).most_common(1)[0][0]!r} is named twice")
    shapes: list[Shape] = [tuple(shape.dim) for shape in message.input_shape]
    if not shapes and message.input_dim:
        dims = list(message.input_dim)
        if len(dims) != 4 * len(names):
            raise ParseError(f"{len(dims)} input_dim for {len(names)} input: expected four for each")
        shapes = [tuple(dims[i : i + 4]) for i in range(0, len(dims), 4)]
    shapes = shapes or [()] * len(names)
    if len(shapes) != len(names):
        raise ParseError(f"{len(shapes)} input_shape for {len(names)} input: expected one for each")
    return dict(zip(names, shapes, strict=True))


def is_input(layer: LayerParameter) -> bool:
    """Tell whether a layer only feeds the net."""
    return layer.type in _STATED_SHAPES


def input_shapes(layer: LayerParameter) -> list[Shape]:
    """Return a shape for each top of a layer that feeds the net; ``()`` where none is stated.

    Raises:
        ParseError: The layer has neither one shape nor one for each top.
    """
    shapes = _STATED_SHAPES[layer.type](layer)
    tops = len(layer.top)
    if len(shapes) == 1 and layer.type in ("Input", "DummyData"):  # one shape serves all
        shapes *= tops
    if len(shapes) != tops:
        raise ParseError(
            f"layer {layer.name!r} ({layer.type}) has {tops} tops and {len(shapes)} shapes; "
            "expected one shape, or one for each"
        )
    return shapes


def _input(layer: LayerParameter) -> list[Shape]:
    return [tuple(shape.dim) for shape in layer.input_param.shape] or [()]


def _dummy_data(layer: LayerParameter) -> list[Shape]:
    parameters = layer.dummy_data_param
    if parameters.shape:
        return [tuple(shape.dim) for shape in parameters.shape]
    legacy = [parameters.num, parameters.channels, parameters.height, parameters.width]
    if len({len(sizes) for sizes in legacy}) > 1:
        raise ParseError(
            f"layer {layer.name!r} (DummyData): expected as many num as channels, height and width"
        )
    return list(zip(*legacy, strict=True)) or [()]


def _memory_data(layer: LayerParameter) -> list[Shape]:
    stated = layer.memory_data_param
    picture = (stated.batch_size, stated.channels, stated.height, stated.width)
    return _with_labels(layer, picture, stated.batch_size)


def _data(layer: LayerParameter) -> list[Shape]:
    stated = layer.data_param
    size = layer.transform_param.crop_size or stated.crop_size
    return _with_labels(layer, (stated.batch_size, _channels(layer), size, size), stated.batch_size)


def _image_data(layer: LayerParameter) -> list[Shape]:
    stated = layer.image_data_param
    cropped = layer.transform_param.crop_size or stated.crop_size
    height, width = cropped or stated.new_height, cropped or stated.new_width
    channels = 3 if stated.is_color else 1
    return _with_labels(layer, (stated.batch_size, channels, height, width), stated.batch_size)


def _unknown(layer: LayerParameter) -> list[Shape]:
    return [()] * len(layer.top)


def _channels(layer: LayerParameter) -> int:
    """Return the channels of a Data layer as far as its transformation tells them, else 0."""
    transform = layer.transform_param
    if transform.force_gray:
        return 1
    return 3 if transform.force_color or len(transform.mean_value) == 3 else 0


def _with_labels(layer: LayerParameter, picture: Shape, batch: int) -> list[Shape]:
    """Return the shape of the pictures, if it is known in full, and for the other tops that of labels."""
    shapes: list[Shape] = [picture if 0 not in picture else ()]
    return shapes + [(batch,) if batch else ()] * (len(layer.top) - 1)


_STATED_SHAPES: dict[str, Callable[[LayerParameter], list[Shape]]] = {
    "Input": _input,
    "DummyData": _dummy_data,
    "MemoryData": _memory_data,
    "Data": _data,
    "ImageData": _image_data,
    "HDF5Data": _unknown,
    "WindowData": _unknown,
}
