"""Which function translates which Caffe layer type."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import openvino as ov

from omz.converter.caffe.net import Layer

#: Takes a layer and its inputs, returns one output for each of the layer's tops.
Translator = Callable[[Layer, Sequence[ov.Output]], list[ov.Output]]

_TRANSLATORS: dict[str, Translator] = {}


def translates(*layer_types: str) -> Callable[[Translator], Translator]:
    """Register the decorated function for one or more Caffe layer types."""

    def register(translator: Translator) -> Translator:
        for layer_type in layer_types:
            if layer_type in _TRANSLATORS:
                raise ValueError(f"layer type {layer_type!r} already has a translator")
            _TRANSLATORS[layer_type] = translator
        return translator

    return register


def translator_of(layer_type: str) -> Translator:
    """Return the translator of a supported layer type."""
    return _TRANSLATORS[layer_type]


def is_supported(layer_type: str) -> bool:
    """Tell whether a layer type has a translator."""
    return layer_type in _TRANSLATORS


def supported_types() -> list[str]:
    """Return the layer types that have a translator, sorted."""
    return sorted(_TRANSLATORS)
